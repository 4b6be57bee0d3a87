/*
 * cert.h - one certificate, taken apart: what path building and the checks
 * ask of it
 *
 * Borrows its DER; nothing is imported into GnuTLS before cert_load.
 */
#ifndef ENGINE_CERT_H
#define ENGINE_CERT_H

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <time.h>

#include "../../policy/der.h"
#include "../../policy/trust.h"

/*
 * Why a certificate or a path is refused.  Those further down are nearer to
 * acceptance: of several faults of one path the first counts, of several
 * paths the one whose fault comes last.
 */
enum cause {
	CAUSE_HANDSHAKE,
	CAUSE_PSK,
	CAUSE_VERSION,
	CAUSE_ABSENT,
	CAUSE_CHAIN_LIMIT,
	CAUSE_UNKNOWN_ISSUER,
	CAUSE_MALFORMED,
	CAUSE_CRITICAL_EXTENSION,
	CAUSE_WEAK_KEY,
	CAUSE_WEAK_SIGNATURE,
	CAUSE_NOT_A_CA,
	CAUSE_PATH_LENGTH,
	CAUSE_NOT_YET_VALID,
	CAUSE_EXPIRED,
	CAUSE_PURPOSE,
	CAUSE_PROFILE, /* x509_strict: "malformed" as well */
	CAUSE_NAME_CONSTRAINT,
	CAUSE_REVOKED,
	CAUSE_CRL,
	CAUSE_OCSP,
	CAUSE_NAME_MISMATCH,
	CAUSE_PIN,
	CAUSE_NOT_WANTED, /* check_host and the like: "peer_not_allowed" */
	CAUSE_NONE,
};

/* detail is a constant that completes the sentence about cert. */
struct reason {
	enum cause cause;
	const struct cert *cert; /* NULL: no one certificate is to blame */
	const char *detail;
};

#define REASON_NONE ((struct reason){CAUSE_NONE, NULL, ""})

enum extension {
	EXT_BASIC,
	EXT_USAGE,
	EXT_PURPOSES,
	EXT_ALT_NAMES,
	EXT_CONSTRAINTS,
	EXT_POLICIES,
	EXT_POLICY_MAPPINGS,
	EXT_ANY_POLICY,
	EXT_POLICY_CONSTRAINTS,
	EXT_SUBJECT_KEY,
	EXT_AUTHORITY_KEY,
	EXT_FEATURES, /* RFC 7633 */
	EXT_AUTHORITY_INFO,
	EXT_COUNT
};

/* keyUsage, RFC 5280 4.2.1.3: bit 0 is the first */
enum {
	USAGE_SIGNATURE = 1 << 0,
	USAGE_KEY_ENCIPHERMENT = 1 << 2,
	USAGE_CERT_SIGN = 1 << 5,
	USAGE_CRL_SIGN = 1 << 6,
};

struct cert {
	struct der der;
	struct der_cert d;
	const struct trust_cert *trusted; /* NULL: the peer sent it */
	struct {
		bool present, critical;
		struct der value;
	} ext[EXT_COUNT];
	bool malformed;        /* an extension or date, or comes twice */
	bool unknown_critical; /* an extension that nobody here processes */
	bool self_issued;      /* subject is issuer */
	bool must_staple;
	bool ca;
	int path_length; /* -1: not limited */
	unsigned usage;  /* all bits when the extension is absent */
	struct der subject_key, authority_key; /* len 0: not given */
	struct der staple; /* the OCSP answer sent with it; len 0: none */

	/* after cert_load */
	bool loaded, broken;
	gnutls_x509_crt_t crt; /* owned */
	gnutls_pubkey_t key;   /* owned */
	time_t from, until;
};

/* Takes der apart; false when it is no certificate at all. */
bool cert_read(struct cert *c, const struct der *der);

/* Lets GnuTLS import it; false when it does not want to. */
bool cert_load(struct cert *c);
void cert_free(struct cert *c); /* what c owns, not c */

/* Is the algorithm c is signed with one that GnuTLS can name?  If not, nobody
 * can say who signed it. */
bool cert_signature_known(const struct cert *c);

/* Did the holder of issuer's key sign c? */
bool cert_signed_by(const struct cert *c, const struct cert *issuer);

enum signature { SIGNATURE_GOOD, SIGNATURE_WEAK, SIGNATURE_WRONG };

/*
 * The same for tbs of a list or an answer; algorithm is an AlgorithmIdentifier
 * and must be good enough.
 */
enum signature cert_verify_data(const struct cert *issuer,
    const struct der *algorithm, const struct der *tbs,
    const struct der *signature);

/* Has c this key purpose (DER of an OID) in so many words? */
bool cert_has_purpose(const struct cert *c, const char *oid, size_t len);

/* Subject and issuer on one line, printable, cut to len. */
void cert_subject(const struct cert *c, char *buf, size_t len);
void cert_issuer(const struct cert *c, char *buf, size_t len);

/* All that is to be said of c alone, as the peer's own or as an issuer. */
struct rules {
	bool strict;     /* x509_strict */
	bool webpki;     /* webpki */
	bool transport;  /* suites that encrypt to the peer's key are on */
	const char *oid; /* the purpose: DER of a key purpose */
	size_t oid_len;
	time_t now;
	gnutls_sec_param_t level; /* what keys must reach */
};

/* Key and dates of a certificate that is trusted for its key alone. */
struct reason cert_check_pinned(const struct cert *c, const struct rules *r);
struct reason cert_check_peer(const struct cert *c, const struct rules *r);
struct reason cert_check_issuer(const struct cert *c, const struct rules *r);
/* webpki.c: what the CA/Browser Forum asks beyond all this */
struct reason webpki_check_peer(const struct cert *c);
struct reason webpki_check_issuer(const struct cert *c);
struct reason cert_check_signature(const struct cert *c);

/*
 * constraint.c: do the name constraints of ca let c's names pass?  leaf: c is
 * the peer's own.  *work counts comparisons down; at 0 nothing passes.
 */
struct reason constraint_check(
    const struct cert *ca, const struct cert *c, bool leaf, unsigned *work);

/* hostname.c */

/*
 * Is name (canonical: DNS name or address) one that c is for?  common_name:
 * look at it where c has no DNS name in a SAN.
 */
bool hostname_match(const struct cert *c, const char *name, bool common_name);

/* Is text, byte by byte but for the case of a mail address's host, among the
 * mail addresses (mail) or URIs of c's subjectAltName? */
bool hostname_has_text(const struct cert *c, bool mail, const char *text);

/* Has it any host name or address in a subjectAltName? */
bool hostname_has(const struct cert *c);

/* The names c is for, as text for a message. */
void hostname_list(const struct cert *c, char *buf, size_t len);

/* Is text one of c's DNS names, or an address of its in its shortest form? */
bool hostname_is_copy(const struct cert *c, const struct der *text);

/* The next common name of a subject, or false. */
bool common_name_next(struct der *rdns, struct der *out);

#endif
