/*
 * crl.h - the revocation lists that a rule names, taken apart
 *
 * Own DER: GnuTLS 3.7.9 drops a list that an intermediate issued, or takes it
 * unverified, and needs seconds for a large one.  Whether a list counts for a
 * certificate (issuer, signature, dates) is judged by who asks.  Immutable
 * once crls_read has run: any thread, no lock.
 */
#ifndef POLICY_CRL_H
#define POLICY_CRL_H

#include "der.h"
#include "policy.h"

struct crl {
	struct der tbs, issuer, algorithm, signature; /* whole TLVs but the last */
	time_t from, until;
	struct der *serial; /* owned; of what is revoked, sorted */
	size_t n;
	const char *fault; /* "has a revocation list that ...": why it never
			    * clears a certificate, a constant; or NULL */
	bool mute;         /* nor is what it names known to be revoked */
};

struct crls {
	struct crl *v; /* owned */
	size_t n;
	unsigned char **block; /* owned: what the slices point into */
	size_t nblock;
};

/*
 * What r's crlfile and crlpath name: PEM or one in DER.  *out is the
 * caller's, NULL where r names none.  A file without any list is a fault, a
 * folder without is not: its lists may be yet to come.
 */
int crls_read(const struct rule *r, struct crls **out, struct fault *f);
void crls_free(struct crls *c); /* NULL accepted */

/* Adds every list of text, which came from path.  0, or -1 and a fault. */
int crls_add(struct crls *c, const char *text, size_t len, const char *path,
    struct fault *f);

/* Takes one list apart; false when it is none.  Its serials are the caller's
 * to free. */
bool crl_parse(struct crl *out, const unsigned char *der, size_t len);

/* Is serial (the contents of an INTEGER) in the list? */
bool crl_has(const struct crl *c, const struct der *serial);

#endif
