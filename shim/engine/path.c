/* path.c - what is asked of a whole path: revocation and pins */
#include <gnutls/crypto.h>
#include <string.h>

#include "chain.h"

/* A list may be verified against one issuer after the other: cost it once. */
static enum signature
list_signature(
    struct chain *b, const struct crl *crl, const struct cert *issuer)
{
	size_t i;

	for (i = 0; i < b->nlisted; i++)
		if (b->listed[i].crl == crl && b->listed[i].issuer == issuer)
			return b->listed[i].state;
	if (b->nlisted == CHAIN_LISTS || b->signatures == 0)
		return SIGNATURE_WRONG;
	b->signatures--;
	b->listed[i].crl = crl;
	b->listed[i].issuer = issuer;
	b->listed[i].state = cert_verify_data(
	    issuer, &crl->algorithm, &crl->tbs, &crl->signature);
	b->nlisted++;
	return b->listed[i].state;
}

/* Why the list is nothing that issuer says now, or NULL. */
static const char *
list_fault(struct chain *b, const struct crl *crl, const struct cert *issuer)
{
	if ((issuer->usage & USAGE_CRL_SIGN) == 0)
		return "has an issuer that may not sign revocation lists "
		       "(keyUsage without cRLSign)";
	switch (list_signature(b, crl, issuer)) {
	case SIGNATURE_WRONG:
		return "has a revocation list that its issuer has not signed";
	case SIGNATURE_WEAK:
		return "has a revocation list that is signed with a weak "
		       "algorithm";
	default:
		break;
	}
	if (b->rules.now < crl->from)
		return "has a revocation list that is not yet valid";
	if (b->rules.now > crl->until)
		return "has a revocation list that is out of date";
	return NULL;
}

/*
 * One good list is enough, unless another one names the certificate: a list of
 * changes, of a part, or without a number or an end revokes and never clears.
 */
static struct reason
check_lists(struct chain *b, const struct cert *c, const struct cert *issuer)
{
	struct reason why = {
	    CAUSE_CRL, c, "has no revocation list of its issuer"};
	const struct crl *crl;
	const char *fault;
	bool good = false;
	size_t i;

	for (i = 0; b->crls != NULL && issuer != NULL && i < b->crls->n; i++) {
		crl = &b->crls->v[i];
		if (!der_same(&crl->issuer, &c->d.issuer))
			continue;
		fault = list_fault(b, crl, issuer);
		if (fault == NULL && !crl->mute && crl_has(crl, &c->d.serial))
			return (struct reason){CAUSE_REVOKED, c,
			    "has been revoked (revocation list)"};
		if (fault == NULL)
			fault = crl->fault;
		if (fault == NULL)
			good = true;
		else
			why.detail = fault;
	}
	return good ? REASON_NONE : why;
}

/* Of an anchor only what signed itself has an issuer that is known. */
static const struct cert *
issuer_at(const struct chain *b, size_t i)
{
	if (i + 1 < b->length)
		return b->path[i + 1];
	return b->path[i]->self_issued ? b->path[i] : NULL;
}

/* How many certificates from the peer's own on are looked up. */
static size_t
listed_count(const struct chain *b)
{
	const unsigned flags = b->values->verify_flags;

	if ((flags & VF_CRL_CHECK_CHAIN) != 0 && b->length > 1)
		return b->length - 1;
	return (flags & (VF_CRL_CHECK_LEAF | VF_CRL_CHECK_CHAIN)) != 0;
}

static struct reason
check_staple(struct chain *b, size_t i)
{
	const struct cert *c = b->path[i], *issuer = issuer_at(b, i);
	struct reason why = {CAUSE_OCSP, c, NULL};
	bool wanted = i == 0 && (b->values->ocsp_stapling == OCSP_REQUIRE ||
				    c->must_staple);

	if (c->staple.len == 0 && !wanted)
		return REASON_NONE;
	if (c->staple.len == 0)
		why.detail = c->must_staple
				 ? "says must-staple, and no OCSP answer came"
				 : "came without an OCSP answer";
	else if (issuer == NULL)
		why.detail = "has an OCSP answer and no issuer to verify it by";
	else
		switch (staple_read(c, issuer, &b->rules, &b->signatures,
		    &why.detail)) {
		case STAPLE_GOOD:
			return REASON_NONE;
		case STAPLE_REVOKED:
			why.cause = CAUSE_REVOKED;
			why.detail = "has been revoked (OCSP answer)";
			break;
		case STAPLE_UNUSABLE:
			break;
		}
	return why;
}

static struct reason
worse(struct reason a, struct reason b)
{
	return b.cause < a.cause ? b : a;
}

bool
path_pinned(const struct list *pins, const struct cert *c)
{
	unsigned char hash[32];
	const gnutls_datum_t d = {hash, sizeof hash};
	gnutls_datum_t text = {NULL, 0};
	bool found = false;
	size_t i;

	if (gnutls_hash_fast(
		GNUTLS_DIG_SHA256, c->d.key.p, c->d.key.len, hash) < 0 ||
	    gnutls_base64_encode2(&d, &text) < 0)
		return false;
	for (i = 0; i < pins->n && !found; i++)
		found = strlen(pins->v[i]) == 8 + text.size &&
			memcmp(pins->v[i] + 8, text.data, text.size) == 0;
	gnutls_free(text.data);
	return found;
}

static struct reason
check_pins(const struct chain *b)
{
	size_t i;

	if (b->values->pins.n == 0)
		return REASON_NONE;
	for (i = 0; i < b->length; i++)
		if (path_pinned(&b->values->pins, b->path[i]))
			return REASON_NONE;
	return (struct reason){CAUSE_PIN, b->path[0],
	    "has no key of pins in its verified chain"};
}

struct reason
path_check(struct chain *b)
{
	size_t i, n = listed_count(b);
	struct reason above, why = REASON_NONE;

	for (i = 0; i < n; i++)
		why = worse(why, check_lists(b, b->path[i], issuer_at(b, i)));
	/* refused in any case: then rather for what a list above says */
	for (i = n; why.cause == CAUSE_CRL && i + 1 < b->length; i++) {
		above = check_lists(b, b->path[i], issuer_at(b, i));
		if (above.cause == CAUSE_REVOKED)
			why = above;
	}
	for (i = 0; b->staples && (i == 0 || i + 1 < b->length); i++)
		why = worse(why, check_staple(b, i));
	return worse(why, check_pins(b));
}
