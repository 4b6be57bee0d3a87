/*
 * errors.h - from a GnuTLS code to an errno, a cause word and a sentence
 */
#ifndef ENGINE_ERRORS_H
#define ENGINE_ERRORS_H

#include <stddef.h>

struct tls_error {
	int code;       /* GNUTLS_E_* */
	int connecting; /* errno while the handshake runs */
	int open;       /* errno of a later read or write */
	const char *cause;
	const char *text;
};

/* Never NULL: an unlisted code has an answer too.  Any thread. */
const struct tls_error *errors_find(int code);

/* Row i in order, NULL after the last: for tlsshim(1). */
const struct tls_error *errors_row(size_t i);

#endif
