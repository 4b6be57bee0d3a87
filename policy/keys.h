/*
 * keys.h - the context keys as a table: what the reader, check, explain,
 * `tlsshim keys` and the manual loop over
 */
#ifndef POLICY_KEYS_H
#define POLICY_KEYS_H

#include <stdio.h>

#include "policy.h"

enum key_type {
	TYPE_BOOL,
	TYPE_INT,
	TYPE_ENUM,
	TYPE_FLAGS,
	TYPE_STRING,
	TYPE_PATH,
	TYPE_LIST,
	TYPE_IDENTITIES,
	TYPE_SNI,
};

struct key {
	const char *name; /* as in the policy; "session.resume" in session */
	enum key_type type;
	size_t offset; /* in struct rule_values */
	/* ENUM: the words of 0, 1, 2, ...; FLAGS: of bits 0, 1, 2, ... */
	const char *const *words;
	/* What is wrong with a value, or NULL; of a LIST, with one entry. */
	const char *(*check_text)(const char *value);
	const char *(*check_int)(int value);
	const char *text; /* for the manual */
};

extern const struct key keys[KEY_COUNT];

/* The built-in defaults, by enum side. */
extern const struct rule_values key_defaults[2];

/* NULL when no key has that name. */
const struct key *key_find(const char *name);

/* Where k's value lies in v. */
void *key_value(const struct key *k, struct rule_values *v);
const void *key_value_const(const struct key *k, const struct rule_values *v);

bool key_equal(const struct key *k, const struct rule_values *a,
    const struct rule_values *b);

/* Makes k's value in to that in from; what it points to is shared. */
void key_copy(const struct key *k, struct rule_values *to,
    const struct rule_values *from);

/* The number of word in k->words, or -1. */
int key_word(const struct key *k, const char *word);

/* Word for the type: "boolean", "integer", "list of strings", ... */
const char *key_type_text(const struct key *k);

/*
 * Writes k's value as the policy file would hold it: 30, "TLSv1.2",
 * ( "a", "b" ); "not set" where nothing is.
 */
void key_value_print(
    const struct key *k, const struct rule_values *v, FILE *out);

/*
 * The same as JSON: number, boolean, string, array, or null where nothing is
 * set.
 */
void key_value_print_json(
    const struct key *k, const struct rule_values *v, FILE *out);

/*
 * The entry of names (n of them) nearest to word by edit distance, or NULL
 * where none is near enough to be what was meant.
 */
const char *key_nearest(const char *word, const char *const *names, size_t n);

/* keys_print.c: the whole table, for people, programs and the manual */
void keys_print_text(FILE *out);
void keys_print_json(FILE *out);
void keys_print_man(FILE *out); /* the body of tlsshim-policy(5)'s KEYS */

#endif
