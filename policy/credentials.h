/*
 * credentials.h - a rule's files, read: priority, identity and trust, parsed
 * once and shared by all its connections
 *
 * Immutable after credentials_read; any thread may use it without a lock.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdint.h>
#include <time.h>

#include "policy.h"

struct crls;  /* revocation lists: policy/crl.h */
struct psks;  /* pre-shared keys: policy/psk.h */
struct trust; /* anchors and intermediates: policy/trust.h */
struct ticket_keys; /* of tickets, in common: policy/ticket_keys.h */

struct credentials {
	const struct rule *rule;   /* borrowed from the policy */
	uint64_t number; /* no others of this process have had it */
	gnutls_priority_t priority; /* owned */
	gnutls_certificate_credentials_t x509; /* owned */
	struct trust *trust; /* owned; NULL: verify_mode none */
	struct crls *crls; /* owned; NULL: no crlfile, no crlpath */
	struct psks *psks; /* owned; NULL: no psk_file */
	size_t nidentities; /* of our own, in x509 */
	struct identity_pin *pins; /* owned: identity.c's */
	struct ticket_keys *ticket_keys; /* owned; NULL: none are named */
	unsigned char *_Atomic digest; /* owned: digest.c's */
	time_t expires; /* the first of our certificates; 0: none */
	const char *expires_name; /* its certfile; borrowed from the rule */
	/* owned, as are its entries: of the rules in rule's sni, in order */
	struct credentials **sni;
	size_t nsni;
};

/* Where to send somebody who wants to change k: its line, or the rule's. */
struct origin origin_of(const struct rule *r, enum key_index k);

/* Those of the rule that e, an entry of c's sni, stands for. */
const struct credentials *credentials_for(
    const struct credentials *c, const struct sni_entry *e);

/*
 * What c comes to: side, effective values, and what is in the files of trust,
 * revocation and identity, not where they lie.  DIGEST_SIZE bytes that live as
 * long as c, or NULL when out of memory.  Found out at the first call (the
 * system's bundle takes a while), once; any thread.
 */
#define DIGEST_SIZE 32
const unsigned char *credentials_digest(const struct credentials *c);

/* The level that profile, a value of security_profile, stands for. */
gnutls_sec_param_t profile_level(const char *profile);

/*
 * The GnuTLS priority string of v, built from versions, algorithms and
 * options (priority.c).  Writes at most len bytes; -1 and a fault when
 * nothing is left to negotiate or a token is not ours to accept.
 */
int priority_text(const struct rule_values *v, enum side side,
    const struct origin *origin, char *buf, size_t len, struct fault *f);

/* The same, parsed: on success *out is the caller's to deinit. */
int priority_new(
    const struct rule *r, gnutls_priority_t *out, struct fault *f);

#endif
