/*
 * ocsp.c - a stapled OCSP answer (RFC 6960), taken apart and judged
 *
 * GnuTLS 3.7.9 takes an answer whose responder it cannot place in the trust
 * list for no answer at all; here the issuer in the path found decides.
 */
#include <gnutls/crypto.h>
#include <string.h>

#include "chain.h"

/* 1.3.6.1.5.5.7.48.1.1 and 1.3.6.1.5.5.7.3.9 */
#define OID_BASIC "\x2b\x06\x01\x05\x05\x07\x30\x01\x01"
#define OID_SIGNING "\x2b\x06\x01\x05\x05\x07\x03\x09"

enum {
	ANSWER_BYTES = 64 * 1024,
	ANSWER_CERTS = 8,       /* of a responder, looked at */
	ANSWER_AGE = 7 * 86400, /* s, where it does not say how long */
	CLOCK_SKEW = 300,       /* s; a responder's clock may be ahead */
	CONSTRUCTED = DER_CONTEXT | DER_CONSTRUCTED,
};

struct answer {
	struct der tbs, algorithm, signature, certs;
	struct der_item responder; /* [1] Name or [2] hash of a key */
	struct der singles;
};

/* What one SingleResponse says. */
struct single {
	enum { SAYS_GOOD, SAYS_REVOKED, SAYS_UNKNOWN } says;
	time_t from, until; /* until 0: not said */
};

/* ResponseData ::= SEQUENCE { [0] version, responder, time, list, [1] } */
static bool
data_read(struct answer *a, struct der in)
{
	struct der_item item, list;
	time_t produced;

	if (der_take(&in, CONSTRUCTED | 0, &item) &&
	    (item.value.len != 3 || item.value.p[2] != 0))
		return false; /* RFC 6960 knows version 1 alone */
	if (!der_next(&in, &a->responder) ||
	    (a->responder.tag != (CONSTRUCTED | 1) &&
		a->responder.tag != (CONSTRUCTED | 2)) ||
	    !der_time(&in, &produced) || !der_take(&in, DER_SEQUENCE, &list))
		return false;
	a->singles = list.value;
	return in.len == 0 || (der_take(&in, CONSTRUCTED | 1, &item) &&
				  in.len == 0 &&
				  der_extensions_plain(item.value));
}

static bool
basic_read(struct answer *a, struct der in)
{
	struct der_item list, data, algorithm, signature, certs;

	if (!der_take(&in, DER_SEQUENCE, &list) || in.len != 0 ||
	    !der_take(&list.value, DER_SEQUENCE, &data) ||
	    !der_take(&list.value, DER_SEQUENCE, &algorithm) ||
	    !der_take(&list.value, DER_BITS, &signature) ||
	    signature.value.len < 2 || signature.value.p[0] != 0)
		return false;
	a->tbs = data.whole;
	a->algorithm = algorithm.whole;
	a->signature =
	    (struct der){signature.value.p + 1, signature.value.len - 1};
	if (der_take(&list.value, CONSTRUCTED | 0, &certs)) {
		in = certs.value;
		if (!der_take(&in, DER_SEQUENCE, &certs) || in.len != 0)
			return false;
		a->certs = certs.value;
	}
	return list.value.len == 0 && data_read(a, data.value);
}

/* OCSPResponse ::= SEQUENCE { ENUMERATED status, [0] { OID, OCTETS } } */
static bool
answer_read(struct answer *a, struct der in)
{
	struct der_item list, status, bytes, oid, octets;

	memset(a, 0, sizeof *a);
	return in.len <= ANSWER_BYTES && der_take(&in, DER_SEQUENCE, &list) &&
	       in.len == 0 && der_take(&list.value, DER_ENUM, &status) &&
	       status.value.len == 1 && status.value.p[0] == 0 &&
	       der_take(&list.value, CONSTRUCTED | 0, &bytes) &&
	       list.value.len == 0 &&
	       der_take(&bytes.value, DER_SEQUENCE, &list) &&
	       der_take(&list.value, DER_OID, &oid) &&
	       oid.value.len == sizeof OID_BASIC - 1 &&
	       memcmp(oid.value.p, OID_BASIC, sizeof OID_BASIC - 1) == 0 &&
	       der_take(&list.value, DER_OCTETS, &octets) &&
	       list.value.len == 0 && basic_read(a, octets.value);
}

/* The bits of the key of a subjectPublicKeyInfo, which hashes are made of. */
static struct der
key_bits(const struct cert *c)
{
	struct der in = c->d.key;
	struct der_item list, algorithm, bits;

	if (!der_take(&in, DER_SEQUENCE, &list) ||
	    !der_take(&list.value, DER_SEQUENCE, &algorithm) ||
	    !der_take(&list.value, DER_BITS, &bits) || bits.value.len < 1)
		return (struct der){NULL, 0};
	return (struct der){bits.value.p + 1, bits.value.len - 1};
}

static bool
hash_is(gnutls_digest_algorithm_t how, const struct der *data,
    const struct der *hash)
{
	unsigned char out[64];
	unsigned len = gnutls_hash_get_len(how);

	return data->len > 0 && len > 0 && len <= sizeof out &&
	       hash->len == len &&
	       gnutls_hash_fast(how, data->p, data->len, out) >= 0 &&
	       memcmp(out, hash->p, len) == 0;
}

/* 1.3.14.3.2.26 and 2.16.840.1.101.3.4.2.1 to .3; it is a name here, no
 * proof, so that SHA-1 will do. */
static gnutls_digest_algorithm_t
hash_of(struct der in)
{
	static const struct {
		const char *oid;
		size_t len;
		gnutls_digest_algorithm_t how;
	} known[] = {
	    {"\x2b\x0e\x03\x02\x1a", 5, GNUTLS_DIG_SHA1},
	    {"\x60\x86\x48\x01\x65\x03\x04\x02\x01", 9, GNUTLS_DIG_SHA256},
	    {"\x60\x86\x48\x01\x65\x03\x04\x02\x02", 9, GNUTLS_DIG_SHA384},
	    {"\x60\x86\x48\x01\x65\x03\x04\x02\x03", 9, GNUTLS_DIG_SHA512},
	};
	struct der_item oid;
	size_t i;

	if (der_take(&in, DER_OID, &oid))
		for (i = 0; i < sizeof known / sizeof known[0]; i++)
			if (oid.value.len == known[i].len &&
			    memcmp(oid.value.p, known[i].oid, known[i].len) ==
				0)
				return known[i].how;
	return GNUTLS_DIG_UNKNOWN;
}

/* CertID ::= SEQUENCE { algorithm, OCTETS name, OCTETS key, INTEGER } */
static bool
is_about(struct der id, const struct cert *c, const struct cert *issuer)
{
	const struct der bits = key_bits(issuer);
	struct der_item algorithm, name, key, serial;
	gnutls_digest_algorithm_t how;

	if (!der_take(&id, DER_SEQUENCE, &algorithm) ||
	    !der_take(&id, DER_OCTETS, &name) ||
	    !der_take(&id, DER_OCTETS, &key) ||
	    !der_take(&id, DER_INTEGER, &serial) || id.len != 0)
		return false;
	how = hash_of(algorithm.value);
	return how != GNUTLS_DIG_UNKNOWN &&
	       der_same(&serial.value, &c->d.serial) &&
	       hash_is(how, &issuer->d.subject, &name.value) &&
	       hash_is(how, &bits, &key.value);
}

/* CertStatus ::= CHOICE { [0] good, [1] revoked, [2] unknown } */
static bool
single_read(struct der in, struct single *out)
{
	struct der_item status, item;

	*out = (struct single){SAYS_UNKNOWN, 0, 0};
	if (!der_next(&in, &status) || !der_time(&in, &out->from))
		return false;
	if ((status.tag & ~(unsigned)DER_CONSTRUCTED) == (DER_CONTEXT | 0))
		out->says = SAYS_GOOD;
	else if ((status.tag & ~(unsigned)DER_CONSTRUCTED) == (DER_CONTEXT | 1))
		out->says = SAYS_REVOKED;
	if (der_take(&in, CONSTRUCTED | 0, &item) &&
	    (!der_time(&item.value, &out->until) || item.value.len != 0))
		return false;
	if (der_take(&in, CONSTRUCTED | 1, &item) &&
	    !der_extensions_plain(item.value))
		return false;
	return in.len == 0;
}

static bool
single_find(const struct answer *a, const struct cert *c,
    const struct cert *issuer, struct single *out)
{
	struct der in = a->singles;
	struct der_item list, id;

	while (der_take(&in, DER_SEQUENCE, &list))
		if (der_take(&list.value, DER_SEQUENCE, &id) &&
		    is_about(id.value, c, issuer))
			return single_read(list.value, out);
	return false;
}

/* ResponderID ::= CHOICE { [1] Name, [2] SHA-1 of the key } */
static bool
is_responder(const struct answer *a, const struct cert *c)
{
	const struct der bits = key_bits(c);
	struct der in = a->responder.value;
	struct der_item hash;

	if (a->responder.tag == (CONSTRUCTED | 1))
		return der_same(&in, &c->d.subject);
	return der_take(&in, DER_OCTETS, &hash) &&
	       hash_is(GNUTLS_DIG_SHA1, &bits, &hash.value);
}

/* May c, which came with the answer, speak for issuer (RFC 6960 4.2.2.2)? */
static bool
may_answer(struct cert *c, const struct cert *issuer, const struct rules *r,
    unsigned *signatures)
{
	if (!der_same(&c->d.issuer, &issuer->d.subject) || !cert_load(c) ||
	    !cert_has_purpose(c, OID_SIGNING, sizeof OID_SIGNING - 1) ||
	    cert_check_pinned(c, r).cause != CAUSE_NONE ||
	    cert_check_signature(c).cause != CAUSE_NONE || *signatures == 0)
		return false;
	--*signatures;
	return cert_signed_by(c, issuer);
}

static enum signature
answer_verify(const struct answer *a, const struct cert *by,
    unsigned *signatures)
{
	if (*signatures == 0)
		return SIGNATURE_WRONG;
	--*signatures;
	return cert_verify_data(by, &a->algorithm, &a->tbs, &a->signature);
}

/* By the issuer itself, or by whom it has appointed. */
static bool
is_signed(const struct answer *a, const struct cert *issuer,
    const struct rules *r, unsigned *signatures)
{
	struct der in = a->certs;
	struct der_item item;
	struct cert c;
	int n = 0;
	bool good;

	if (is_responder(a, issuer) &&
	    answer_verify(a, issuer, signatures) == SIGNATURE_GOOD)
		return true;
	while (n++ < ANSWER_CERTS && der_take(&in, DER_SEQUENCE, &item)) {
		if (!cert_read(&c, &item.whole) || !is_responder(a, &c))
			continue;
		good = may_answer(&c, issuer, r, signatures) &&
		       answer_verify(a, &c, signatures) == SIGNATURE_GOOD;
		cert_free(&c);
		if (good)
			return true;
	}
	return false;
}

time_t
staple_until(const struct der *staple)
{
	time_t until = 0, one;
	struct der_item list, id;
	struct answer a;
	struct single s;
	struct der in;

	if (!answer_read(&a, *staple))
		return 0;
	in = a.singles;
	while (der_take(&in, DER_SEQUENCE, &list)) {
		if (!der_next(&list.value, &id) || !single_read(list.value, &s))
			continue;
		one = s.until != 0 ? s.until : s.from + ANSWER_AGE;
		if (until == 0 || one < until)
			until = one;
	}
	return until;
}

enum staple
staple_read(const struct cert *c, const struct cert *issuer,
    const struct rules *r, unsigned *signatures, const char **detail)
{
	struct answer a;
	struct single s;

	if (!answer_read(&a, c->staple))
		*detail = "has an OCSP answer that cannot be read or is none";
	else if (!single_find(&a, c, issuer, &s))
		*detail = "has an OCSP answer about other certificates";
	else if (!is_signed(&a, issuer, r, signatures))
		*detail = "has an OCSP answer that nobody entitled has signed";
	else if (s.from > r->now + CLOCK_SKEW)
		*detail = "has an OCSP answer that is not yet valid";
	else if (r->now > (s.until != 0 ? s.until : s.from + ANSWER_AGE))
		*detail = "has an OCSP answer that is out of date";
	else if (s.says == SAYS_UNKNOWN)
		*detail = "is unknown to its issuer's OCSP responder";
	else
		return s.says == SAYS_GOOD ? STAPLE_GOOD : STAPLE_REVOKED;
	return STAPLE_UNUSABLE;
}
