/*
 * strict.c - what one certificate must be: as the peer's own and as an issuer
 *
 * RFC 5280 4.2 where x509_strict is on, as OpenSSL checks it under
 * X509_V_FLAG_X509_STRICT, which Python 3.13 sets.  As there, anchors are no
 * exception but for their own signature.
 */
#include <string.h>

#include "cert.h"

static struct reason
refuse(enum cause cause, const struct cert *c, const char *detail)
{
	return (struct reason){cause, c, detail};
}

/*
 * With an exponent of 1 anybody can sign; an even one is no key (RFC 8017
 * 3.1).
 */
static bool
exponent_is_good(const struct cert *c)
{
	gnutls_datum_t m = {NULL, 0}, e = {NULL, 0};
	bool good;

	if (gnutls_pubkey_export_rsa_raw2(
		c->key, &m, &e, GNUTLS_EXPORT_FLAG_NO_LZ) < 0)
		return false;
	good = e.size > 0 && (e.data[e.size - 1] & 1) != 0 &&
	       (e.size > 1 || e.data[0] > 1);
	gnutls_free(m.data);
	gnutls_free(e.data);
	return good;
}

/* DSA is in no cipher suite that we offer and no CA uses it. */
static bool
key_is_good(const struct cert *c, const struct rules *r)
{
	unsigned bits = 0;
	int algorithm = gnutls_pubkey_get_pk_algorithm(c->key, &bits);

	if (algorithm <= 0 || algorithm == GNUTLS_PK_DSA)
		return false;
	if ((algorithm == GNUTLS_PK_RSA || algorithm == GNUTLS_PK_RSA_PSS) &&
	    !exponent_is_good(c))
		return false;
	return gnutls_pk_bits_to_sec_param((gnutls_pk_algorithm_t)algorithm,
		   bits) >= r->level;
}

/* What holds for every certificate of a path. */
static struct reason
check_any(const struct cert *c, const struct rules *r)
{
	if (c->malformed)
		return refuse(CAUSE_MALFORMED, c, "has broken extensions or dates");
	if (c->unknown_critical)
		return refuse(CAUSE_CRITICAL_EXTENSION, c,
		    "has a critical extension that is unknown or must not "
		    "be critical");
	if (!key_is_good(c, r))
		return refuse(CAUSE_WEAK_KEY, c,
		    "has a key too weak for security_profile (medium: RSA "
		    "2048 bits, EC 224)");
	return REASON_NONE;
}

static struct reason
check_dates(const struct cert *c, const struct rules *r)
{
	if (r->now < c->from)
		return refuse(CAUSE_NOT_YET_VALID, c, "is not valid before");
	if (r->now > c->until)
		return refuse(CAUSE_EXPIRED, c, "has expired on");
	return REASON_NONE;
}

/*
 * ExtKeyUsageSyntax ::= SEQUENCE SIZE (1..MAX) OF OID.  anyExtendedKeyUsage
 * alone says nothing of TLS and is taken as such only without strictness.
 */
static struct reason
check_purpose(const struct cert *c, const struct rules *r)
{
	static const unsigned char any[] = {0x55, 0x1d, 0x25, 0x00};
	struct der in = c->ext[EXT_PURPOSES].value;
	struct der_item list, oid;
	bool found = false;

	if (!c->ext[EXT_PURPOSES].present)
		return REASON_NONE;
	if (!der_take(&in, DER_SEQUENCE, &list) || in.len != 0 ||
	    list.value.len == 0)
		return refuse(
		    CAUSE_MALFORMED, c, "has a broken extendedKeyUsage");
	while (list.value.len > 0) {
		if (!der_take(&list.value, DER_OID, &oid))
			return refuse(CAUSE_MALFORMED, c,
			    "has a broken extendedKeyUsage");
		if (oid.value.len == r->oid_len &&
		    memcmp(oid.value.p, r->oid, r->oid_len) == 0)
			found = true;
		if (!r->strict && oid.value.len == sizeof any &&
		    memcmp(oid.value.p, any, sizeof any) == 0)
			found = true;
	}
	if (!found)
		return refuse(CAUSE_PURPOSE, c,
		    "is not for this purpose (extendedKeyUsage)");
	return REASON_NONE;
}

static bool
name_is_empty(const struct der *name)
{
	return name->len <= 2;
}

/* The form alone: a careless CA rather than an attack. */
static struct reason
check_profile(const struct cert *c)
{
	struct der names = c->ext[EXT_ALT_NAMES].value;
	struct der_item list;

	if (c->d.version != 3)
		return refuse(CAUSE_PROFILE, c, "is not of X.509 version 3");
	if (name_is_empty(&c->d.issuer))
		return refuse(CAUSE_PROFILE, c, "names no issuer");
	/* who issued an anchor does not matter */
	if (!c->self_issued && c->trusted == NULL && c->authority_key.len == 0)
		return refuse(
		    CAUSE_PROFILE, c, "has no authorityKeyIdentifier");
	if (c->path_length >= 0 &&
	    (!c->ca || (c->usage & USAGE_CERT_SIGN) == 0))
		return refuse(
		    CAUSE_PROFILE, c, "limits the path without being a CA");
	if (c->ext[EXT_CONSTRAINTS].present && !c->ca)
		return refuse(
		    CAUSE_PROFILE, c, "constrains names without being a CA");
	if (c->ext[EXT_ALT_NAMES].present &&
	    (!der_take(&names, DER_SEQUENCE, &list) || names.len != 0 ||
		list.value.len == 0))
		return refuse(CAUSE_PROFILE, c, "has a broken subjectAltName");
	if (name_is_empty(&c->d.subject) && c->ext[EXT_ALT_NAMES].present &&
	    !c->ext[EXT_ALT_NAMES].critical)
		return refuse(CAUSE_PROFILE, c,
		    "has no subject and no critical subjectAltName");
	return REASON_NONE;
}

/*
 * keyCertSign on what is no CA: RFC 5280 4.2.1.9.  A CA certificate may be a
 * peer's own; whether its key may sign handshakes GnuTLS sees to.  It does so
 * for all others as well, but only once there is a handshake: every suite with
 * forward secrecy has the peer sign.
 */
static struct reason
check_peer_usage(const struct cert *c, const struct rules *r)
{
	if (c->ca)
		return REASON_NONE;
	if ((c->usage & (USAGE_SIGNATURE |
			    (r->transport ? USAGE_KEY_ENCIPHERMENT : 0))) == 0)
		return refuse(
		    CAUSE_PURPOSE, c, "is not for this purpose (keyUsage)");
	if (r->strict && c->ext[EXT_USAGE].present &&
	    (c->usage & USAGE_CERT_SIGN) != 0)
		return refuse(
		    CAUSE_PURPOSE, c, "may sign certificates but is no CA");
	return REASON_NONE;
}

static struct reason
check_ca(const struct cert *c, const struct rules *r)
{
	if (!c->ca)
		return refuse(
		    CAUSE_NOT_A_CA, c, "is not a CA (basicConstraints)");
	if ((c->usage & USAGE_CERT_SIGN) == 0)
		return refuse(CAUSE_NOT_A_CA, c,
		    "is not a CA (keyUsage without keyCertSign)");
	if (r->strict && c->d.version != 3)
		return refuse(
		    CAUSE_NOT_A_CA, c, "is not a CA (not of X.509 version 3)");
	if (r->strict && !c->ext[EXT_USAGE].present)
		return refuse(CAUSE_NOT_A_CA, c, "is not a CA (no keyUsage)");
	return REASON_NONE;
}

static struct reason
check_ca_profile(const struct cert *c)
{
	if (!c->ext[EXT_BASIC].critical)
		return refuse(CAUSE_PROFILE, c,
		    "is a CA without critical basicConstraints");
	if (name_is_empty(&c->d.subject))
		return refuse(CAUSE_PROFILE, c, "is a CA without a subject");
	if (c->subject_key.len == 0)
		return refuse(
		    CAUSE_PROFILE, c, "is a CA without subjectKeyIdentifier");
	return REASON_NONE;
}

static struct reason
worse(struct reason a, struct reason b)
{
	return b.cause < a.cause ? b : a;
}

bool
cert_has_purpose(const struct cert *c, const char *oid, size_t len)
{
	struct der in = c->ext[EXT_PURPOSES].value;
	struct der_item list, item;

	if (!c->ext[EXT_PURPOSES].present ||
	    !der_take(&in, DER_SEQUENCE, &list))
		return false;
	while (der_take(&list.value, DER_OID, &item))
		if (item.value.len == len && memcmp(item.value.p, oid, len) == 0)
			return true;
	return false;
}

struct reason
cert_check_pinned(const struct cert *c, const struct rules *r)
{
	return worse(check_any(c, r), check_dates(c, r));
}

struct reason
cert_check_peer(const struct cert *c, const struct rules *r)
{
	struct reason why = check_any(c, r);

	why = worse(why, check_dates(c, r));
	why = worse(why, check_purpose(c, r));
	why = worse(why, check_peer_usage(c, r));
	if (r->strict)
		why = worse(why, check_profile(c));
	if (r->webpki)
		why = worse(why, webpki_check_peer(c));
	return why;
}

struct reason
cert_check_issuer(const struct cert *c, const struct rules *r)
{
	struct reason why = check_any(c, r);

	why = worse(why, check_ca(c, r));
	why = worse(why, check_dates(c, r));
	why = worse(why, check_purpose(c, r));
	if (r->strict) {
		why = worse(why, check_profile(c));
		why = worse(why, check_ca_profile(c));
	}
	if (r->webpki)
		why = worse(why, webpki_check_issuer(c));
	return why;
}

/* Not asked of an anchor: who signed it does not matter. */
struct reason
cert_check_signature(const struct cert *c)
{
	int algorithm = gnutls_x509_crt_get_signature_algorithm(c->crt);

	if (!cert_signature_known(c))
		return refuse(CAUSE_WEAK_SIGNATURE, c,
		    "is signed with an algorithm that is not known");
	if (gnutls_sign_is_secure2((gnutls_sign_algorithm_t)algorithm,
		GNUTLS_SIGN_FLAG_SECURE_FOR_CERTS) == 0)
		return refuse(CAUSE_WEAK_SIGNATURE, c,
		    "is signed with a weak algorithm (MD5, SHA-1)");
	return REASON_NONE;
}
