/* pem.h - the certificates in a PEM file, as DER (RFC 7468) */
#ifndef POLICY_PEM_H
#define POLICY_PEM_H

#include <stddef.h>

struct pem {
	const char *p; /* where to go on; set to the file's first byte */
	int line;      /* of p, from 1 */
	int block;     /* where the latest certificate begins */
};

/*
 * The next certificate's DER goes to out, which holds len bytes (three
 * quarters of the file are enough).  Returns how many bytes it has, 0 when
 * there is none left, -1 when a block is malformed.
 */
long pem_next(struct pem *in, unsigned char *out, size_t len);

/* The same for blocks of another label, "X509 CRL" say. */
long pem_next_of(
    struct pem *in, const char *label, unsigned char *out, size_t len);

#endif
