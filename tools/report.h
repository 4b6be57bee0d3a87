/*
 * report.h - what is wrong or weak in a policy, each thing once
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "../policy/policy.h"

struct report {
	size_t n;
	struct fault *v; /* owned */
};

/* Adds a copy of f unless it is there already; exits when out of memory. */
void report_add(struct report *r, const struct fault *f);
void report_free(struct report *r);

/* The faults of every file that a rule of p names (credentials_read). */
void report_add_files(struct report *r, const struct policy *p);

/* weak.c: every place where p is weaker than the built-in defaults. */
void report_add_weak(struct report *r, const struct policy *p);

/* "file:line: sentence" lines, or a JSON array. */
void report_print(const struct report *r, FILE *out);
void report_print_json(const struct report *r, FILE *out);

/* In file and text, what is called from is called to (apply's staged file). */
void report_rename(struct report *r, const char *from, const char *to);

#endif
