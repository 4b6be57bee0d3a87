/*
 * psk.h - the pre-shared keys of psk_file
 *
 * A file of lines IDENTITY:HEX, as psktool(1) of GnuTLS writes it; an
 * identity that begins with '#' is the hexadecimal of one.  Immutable once
 * read; any thread may look things up.
 */
#ifndef POLICY_PSK_H
#define POLICY_PSK_H

#include "policy.h"

/*
 * RFC 4279, 5.3: at least 128 octets; OpenSSL takes 256.  RFC 9257, 4: a key
 * of less than 128 bits can be found by trying.
 */
#define PSK_IDENTITY_MOST 256
#define PSK_KEY_LEAST 16
#define PSK_KEY_MOST 512
#define PSK_MOST 65536 /* entries: each handshake looks at every one */

struct psk {
	const unsigned char *identity, *key; /* borrowed from the psks */
	size_t identity_len, key_len;
	int line;
};

struct psks {
	size_t n;             /* at least 1 */
	struct psk *v;        /* owned; sorted by identity, each once */
	unsigned char *bytes; /* owned: what v points into; wiped */
	size_t size;
	const struct psk *own; /* in v: what a client presents, or NULL */
};

/*
 * Pure: len bytes of text as the keys of a file.  On success *out is the
 * caller's, to release with psks_free; else -1 and a fault at file and line,
 * which never says what a key is.
 */
int psks_parse(const char *text, size_t len, const char *file,
    struct psks **out, struct fault *f);
void psks_free(struct psks *p); /* accepts NULL, wipes */

/*
 * The entry of an identity, or NULL.  How long that takes does not tell
 * whether there is one.
 */
const struct psk *psks_find(
    const struct psks *p, const void *identity, size_t len);

/*
 * Reads r's psk_file, if it has one (else *out is NULL), as a secret.  On
 * clients own is the key of psk_identity, or the only one.
 */
int psks_read(const struct rule *r, struct psks **out, struct fault *f);

/*
 * Do certificates count in handshakes of a rule with these values?  Beside
 * psk_file they do only where verify_mode says so.
 */
static inline bool
psk_alone(const struct rule_values *v)
{
	return v->psk_file != NULL && v->verify_mode == VERIFY_NONE;
}

#endif
