/* loading.h - one policy while it is read: load.c, top.c and policy.c */
#ifndef POLICY_LOADING_H
#define POLICY_LOADING_H

#include "rule.h"

/* One file of a policy; the first is the one it is named by. */
struct part {
	const char *file;
	config_t tree;
	struct part *next;
};

struct loading {
	struct reader r;
	struct policy *p;   /* filled; its memory is the arena's */
	struct part *parts; /* owned: released by load */
	struct bases bases;
	unsigned written; /* top-level keys that the main file sets: bits */
	const char *include_dir; /* absolute, or NULL */
};

/* Which file a top-level key stands in. */
enum { IN_MAIN = 1, IN_INCLUDED = 2, IN_USER = 4 };

/* The first of top_keys[], in its order, as bits of written. */
enum { TOP_VERSION, TOP_UNMATCHED, TOP_UNNAMED, TOP_AMBIGUOUS, TOP_LOG };

/*
 * Reads the top-level keys of a file that stands in place; contexts and rules
 * are only seen to be lists.  0, or -1 and a fault.
 */
int top_read(struct loading *l, config_setting_t *root, unsigned place);
bool top_written(const struct loading *l, int key);

/* Reads the policy that file begins into l->p.  0, or -1 and a fault. */
int load(struct loading *l, const char *file, unsigned place);

#endif
