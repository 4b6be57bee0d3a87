/* chain_file.h - for unit tests: a PEM file as what a peer sends */
#ifndef UNIT_CHAIN_FILE_H
#define UNIT_CHAIN_FILE_H

#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../policy/file.h"
#include "../../policy/pem.h"

struct chain_file {
	unsigned char *der; /* owned: what cert points into */
	gnutls_datum_t cert[128];
	size_t n;
};

static inline _Noreturn void
die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(2);
}

static inline void
chain_file_read(struct chain_file *c, const char *path)
{
	struct pem in = {NULL, 1, 1};
	size_t len, used = 0;
	struct fault f;
	char *text;
	long n;

	if (file_read(path, FILE_PUBLIC, FILE_MAX, &text, &len, &f, NULL, 0) ==
	    -1)
		die(f.text);
	in.p = text;
	c->n = 0;
	c->der = malloc(len);
	while (
	    c->n < 128 && (n = pem_next(&in, c->der + used, len - used)) > 0) {
		c->cert[c->n++] = (gnutls_datum_t){c->der + used, (unsigned)n};
		used += (size_t)n;
	}
	free(text);
}

#endif
