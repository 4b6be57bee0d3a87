/* context.h - the values of a policy's context, or the built-in ones */
#ifndef CONTEXT_H
#define CONTEXT_H

#include "../policy/credentials.h"
#include "tools.h"

struct context_choice {
	const char *policy, *context, *ca; /* NULL: not given */
	enum side side;
	bool wrong; /* set: the command line is, and not a file */
	struct rule rule;
	struct policy *read; /* owned */
	char path[PATH_MAX];
};

/* Sets c->rule.  0, or -1 and said. */
int context_find(const struct subcommand *self, struct context_choice *c);

/*
 * The same, and what it loads of trust and algorithms; identities are left
 * out.  NULL after saying why.  The caller's, for context_unload.
 */
struct credentials *context_load(
    const struct subcommand *self, struct context_choice *c);
void context_unload(struct context_choice *c, struct credentials *cred);

#endif
