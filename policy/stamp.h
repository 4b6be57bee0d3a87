/*
 * stamp.h - which files a policy and its credentials were read from, and
 * whether they are still the same
 */
#ifndef POLICY_STAMP_H
#define POLICY_STAMP_H

#include <sys/stat.h>

#include "policy.h"

struct stamp; /* one file or folder: its name and what stat said */

struct stamps {
	struct stamp *v; /* owned */
	size_t n;
};

/*
 * Between the two every file that this thread reads by file.h is noted in s,
 * also one that could not be read.  They do not nest.
 */
void stamps_begin(struct stamps *s);
void stamps_end(void);

/* Has any of them changed, come, or gone?  Asks stat of each. */
bool stamps_changed(const struct stamps *s);
void stamps_free(struct stamps *s); /* makes it empty */

/* file.c, policy.c: path is looked at; st: what was found, NULL: ask. */
void stamp_note(const char *path, const struct stat *st);

#endif
