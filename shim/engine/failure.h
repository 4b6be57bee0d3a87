/*
 * failure.h - what has failed, kept for a program that asks (tlsshim_error)
 */
#ifndef ENGINE_FAILURE_H
#define ENGINE_FAILURE_H

#include "conn.h"

struct failure {
	int err;           /* negative errno; 0: it was let pass */
	int code;          /* GnuTLS's, or 0 */
	unsigned status;   /* GNUTLS_CERT_* bits */
	const char *cause; /* as log lines have it */
	const char *text;
};

/*
 * Locked.  The last failure of c from now on (NULL: there is no connection),
 * and of this thread.  Without memory it is forgotten.
 */
void failure_note(struct conn *c, const struct failure *f);

/* Locked.  c's last failure, or NULL. */
const struct tlsshim_error *failure_of(const struct conn *c);

/* In what a conn owns. */
void failure_free(struct conn *c);

/* OpenSSL's words for a number of TLSSHIM_X509_*, or NULL. */
const char *failure_words(int verify_code);

/* thread.c: room for this thread's last one (size 0: none); NULL: no memory */
struct tlsshim_error *thread_failure(void);

#endif
