/* exhibit.h - what tlsshim verify is to judge, read from files */
#ifndef EXHIBIT_H
#define EXHIBIT_H

#include <stdbool.h>
#include <stddef.h>

#include "../shim/engine/verify.h"

#define INPUT_MAX ((size_t)16 << 20)

/* More than any peer may send: those beyond only have to be counted. */
#define EXHIBIT_CERTS 256

struct exhibit {
	struct presented p; /* points into what follows */
	gnutls_datum_t chain[EXHIBIT_CERTS], staple[EXHIBIT_CERTS];
	char *text, *answer; /* owned */
	unsigned char *der;  /* owned */
};

/*
 * All of a file, - being standard input, and a NUL after it; the caller's to
 * free.  NULL after saying why.  What is judged may belong to anybody, so
 * that nothing but its size (at most max bytes) is asked.
 */
char *input_read(const char *path, size_t max, size_t *len);

/* RFC 3339, or seconds since the epoch. */
bool time_read(const char *text, time_t *out);

/*
 * Reads a chain, and the OCSP answer in DER that is stapled to its first
 * certificate (NULL: none).  What is there but cannot be read is part of the
 * exhibit, and malformed.  0, or -1 after saying why; exhibit_free in any case.
 */
int exhibit_read(struct exhibit *x, const char *chain, const char *staple);
void exhibit_free(struct exhibit *x);

#endif
