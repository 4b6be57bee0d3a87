/* suite.h - the cipher suites that GnuTLS has and a policy can reach */
#ifndef SUITE_H
#define SUITE_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>

#define SUITES_MOST 400

struct suite {
	size_t index;      /* in GnuTLS's own table */
	unsigned id;       /* the two bytes, as a number */
	char name[64];     /* as OpenSSL calls it */
	const char *iana;  /* as GnuTLS does */
	gnutls_kx_algorithm_t kx; /* GNUTLS_KX_UNKNOWN: TLS 1.3 */
	gnutls_cipher_algorithm_t cipher;
	gnutls_mac_algorithm_t mac;
	gnutls_protocol_t version; /* the first that has it */
};

/* Fills v with at most most of them, in GnuTLS's order; returns how many. */
size_t suites_read(struct suite *v, size_t most);

/* The one in use, or the one with these two bytes; false: not there. */
bool suite_find(gnutls_session_t session, struct suite *out);
bool suite_find_id(unsigned id, struct suite *out);

/* "TLSv1.2": the first version that has it, by OpenSSL's word. */
const char *suite_protocol(const struct suite *s);

bool suite_is_13(const struct suite *s);
bool suite_is_psk(const struct suite *s); /* of TLS 1.2 */

/* "Kx=ECDH" and "Au=RSA" of OpenSSL's descriptions; "any" in TLS 1.3. */
const char *suite_exchange(const struct suite *s);
const char *suite_authentication(const struct suite *s);

/* "kx-ecdhe" and "auth-rsa" of Python's get_ciphers(). */
const char *suite_kea(const struct suite *s);
const char *suite_auth(const struct suite *s);

unsigned suite_bits(const struct suite *s);

#endif
