/* word.h - the text of a policy, token by token */
#ifndef POLICY_WORD_H
#define POLICY_WORD_H

#include "policy.h"

enum token {
	T_START,
	T_END,
	T_STRING,
	T_NUMBER,
	T_BOOL,
	T_NAME,   /* of a setting */
	T_EQUALS, /* = or : */
	T_COMMA,
	T_SEMICOLON,
	T_OPEN,
	T_CLOSE,
	T_BAD,
};

/* A token as it stands in the text. */
struct word {
	enum token token;
	const char *s;
	size_t n;
	int line;
};

/* The text, NUL-terminated at end, and how far it has been read. */
struct text {
	const char *file, *p, *end;
	int line;
	struct fault *f;
};

/*
 * The next token, T_END at last; what it means is for the caller.  0, or -1
 * and a fault.
 */
int word_read(struct text *t, struct word *out);

/* How much of w a message shows. */
int word_shown(const struct word *w);

/* A fault at line; returns -1. */
int text_refuse(struct text *t, int line, const char *why);

#endif
