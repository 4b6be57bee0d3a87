/*
 * scan.h - a first reading of a policy's text, for what libconfig 1.5 takes
 * silently or explains badly
 *
 * It joins adjacent strings (a forgotten comma in a list of hosts makes one
 * wrong name), opens @include files unjudged, cuts numbers to 32 bits, ends a
 * string at \x00 and gives an element of a list the line of what follows it.
 */
#ifndef POLICY_SCAN_H
#define POLICY_SCAN_H

#include "policy.h"

/* The line of each plain value, in the order of the text. */
struct scan_lines {
	int *v; /* owned */
	size_t n;
};

/*
 * 0, or -1 and a fault with the line and what to write instead.  On success
 * out->v is the caller's, to release with free().
 */
int scan_text(const char *text, size_t len, const char *file,
    struct scan_lines *out, struct fault *f);

#endif
