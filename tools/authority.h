/*
 * authority.h - a throw-away CA with a server's and a client's certificate
 */
#ifndef AUTHORITY_H
#define AUTHORITY_H

#include <gnutls/x509.h>

#include "tools.h"

#define AUTHORITY_DAYS 30
#define AUTHORITY_NAME "tlsshim testbed CA " /* and six random digits */

struct subject {
	gnutls_x509_privkey_t key;       /* owned */
	gnutls_x509_crt_t crt;           /* owned */
	char name[64];                   /* common name */
	gnutls_datum_t crt_pem, key_pem; /* owned, by gnutls_malloc */
};

struct authority {
	struct subject ca, server, client;
};

/*
 * Makes all three: P-256, valid for AUTHORITY_DAYS, good for localhost, the
 * loopback addresses and hosts (names, *.names or addresses) alone, which is
 * also all that the CA may sign for.  0, or a GnuTLS code; release in either
 * case with authority_free.
 */
int authority_new(struct authority *a, const struct option_list *hosts);
void authority_free(struct authority *a);

#endif
