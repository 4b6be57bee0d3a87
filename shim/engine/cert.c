/* cert.c - one certificate, taken apart */
#include <stdio.h>
#include <string.h>

#include "cert.h"

/*
 * Extensions that are processed, and so may be critical; those marked bare
 * must not be (RFC 5280 4.2.1.1, 4.2.1.2), or are not processed.  Certificate
 * policies matter only where an explicit policy is asked for, and
 * policyConstraints can ask for it: critical, it refuses the certificate.
 */
static const struct {
	const char *oid;
	size_t len;
	bool bare;
} extensions[EXT_COUNT] = {
    [EXT_BASIC] = {"\x55\x1d\x13", 3, false},
    [EXT_USAGE] = {"\x55\x1d\x0f", 3, false},
    [EXT_PURPOSES] = {"\x55\x1d\x25", 3, false},
    [EXT_ALT_NAMES] = {"\x55\x1d\x11", 3, false},
    [EXT_CONSTRAINTS] = {"\x55\x1d\x1e", 3, false},
    [EXT_POLICIES] = {"\x55\x1d\x20", 3, false},
    [EXT_POLICY_MAPPINGS] = {"\x55\x1d\x21", 3, false},
    [EXT_ANY_POLICY] = {"\x55\x1d\x36", 3, false},
    [EXT_POLICY_CONSTRAINTS] = {"\x55\x1d\x24", 3, true},
    [EXT_SUBJECT_KEY] = {"\x55\x1d\x0e", 3, true},
    [EXT_AUTHORITY_KEY] = {"\x55\x1d\x23", 3, true},
    /* 1.3.6.1.5.5.7.1.24 and .1 */
    [EXT_FEATURES] = {"\x2b\x06\x01\x05\x05\x07\x01\x18", 8, false},
    [EXT_AUTHORITY_INFO] = {"\x2b\x06\x01\x05\x05\x07\x01\x01", 8, true},
};

/* Extension ::= SEQUENCE { OID, critical BOOLEAN DEFAULT FALSE, OCTETS } */
static bool
extension_read(struct cert *c, struct der in)
{
	struct der_item oid, flag, value;
	bool critical = false;
	size_t i;

	if (!der_take(&in, DER_OID, &oid))
		return false;
	if (der_take(&in, DER_BOOLEAN, &flag)) {
		if (flag.value.len != 1)
			return false;
		critical = flag.value.p[0] != 0;
	}
	if (!der_take(&in, DER_OCTETS, &value) || in.len != 0)
		return false;
	for (i = 0; i < EXT_COUNT; i++)
		if (oid.value.len == extensions[i].len &&
		    memcmp(oid.value.p, extensions[i].oid, oid.value.len) == 0)
			break;
	if (i == EXT_COUNT) {
		c->unknown_critical |= critical;
		return true;
	}
	if (c->ext[i].present)
		return false;
	c->ext[i].present = true;
	c->ext[i].critical = critical;
	c->ext[i].value = value.value;
	c->unknown_critical |= critical && extensions[i].bare;
	return true;
}

static bool
extensions_read(struct cert *c)
{
	struct der in = c->d.rest;
	struct der_item item, list;

	/* [1] and [2]: unique identifiers, of no use to anybody */
	while (in.len > 0 && (in.p[0] == 0x81 || in.p[0] == 0x82))
		if (!der_next(&in, &item))
			return false;
	if (in.len == 0)
		return true;
	if (!der_take(&in, DER_CONTEXT | DER_CONSTRUCTED | 3, &item) ||
	    in.len != 0 || !der_take(&item.value, DER_SEQUENCE, &list) ||
	    item.value.len != 0)
		return false;
	while (list.value.len > 0)
		if (!der_take(&list.value, DER_SEQUENCE, &item) ||
		    !extension_read(c, item.value))
			return false;
	return true;
}

/* BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE, INTEGER OPT } */
static bool
basic_read(struct cert *c)
{
	struct der in = c->ext[EXT_BASIC].value;
	struct der_item list, item;

	if (!der_take(&in, DER_SEQUENCE, &list) || in.len != 0)
		return false;
	in = list.value;
	if (der_take(&in, DER_BOOLEAN, &item))
		c->ca = item.value.len == 1 && item.value.p[0] != 0;
	if (in.len == 0)
		return true;
	if (!der_take(&in, DER_INTEGER, &item) || in.len != 0 ||
	    item.value.len == 0 || (item.value.p[0] & 0x80) != 0)
		return false;
	/* longer than any path: no limit */
	c->path_length = item.value.len > 1 ? 255 : item.value.p[0];
	return true;
}

/* Bit 0 is the most significant bit of the first byte. */
static bool
usage_read(struct cert *c)
{
	struct der in = c->ext[EXT_USAGE].value;
	struct der_item bits;
	int i;

	if (!der_take(&in, DER_BITS, &bits) || in.len != 0 ||
	    bits.value.len < 1 || bits.value.p[0] > 7)
		return false;
	c->usage = 0;
	for (i = 0; bits.value.len > 1 && i < 8; i++)
		if ((bits.value.p[1] & 0x80 >> i) != 0)
			c->usage |= 1u << i;
	return true;
}

static bool
keys_read(struct cert *c)
{
	struct der in = c->ext[EXT_SUBJECT_KEY].value;
	struct der_item item, list;

	if (c->ext[EXT_SUBJECT_KEY].present) {
		if (!der_take(&in, DER_OCTETS, &item) || in.len != 0)
			return false;
		c->subject_key = item.value;
	}
	in = c->ext[EXT_AUTHORITY_KEY].value;
	if (!c->ext[EXT_AUTHORITY_KEY].present)
		return true;
	if (!der_take(&in, DER_SEQUENCE, &list) || in.len != 0)
		return false;
	if (der_take(&list.value, DER_CONTEXT, &item))
		c->authority_key = item.value;
	return true;
}

/* GnuTLS takes times without seconds, too. */
static bool
validity_read(const struct cert *c)
{
	struct der in = c->d.validity;
	time_t from, until;

	return der_time(&in, &from) && der_time(&in, &until) && in.len == 0;
}

/* Features ::= SEQUENCE OF INTEGER; 5 is status_request (RFC 7633 6). */
static bool
features_read(struct cert *c)
{
	struct der in = c->ext[EXT_FEATURES].value;
	struct der_item list, item;

	if (!der_take(&in, DER_SEQUENCE, &list) || in.len != 0)
		return false;
	while (list.value.len > 0) {
		if (!der_take(&list.value, DER_INTEGER, &item))
			return false;
		c->must_staple |= item.value.len == 1 && item.value.p[0] == 5;
	}
	return true;
}

bool
cert_read(struct cert *c, const struct der *der)
{
	memset(c, 0, sizeof *c);
	c->der = *der;
	c->path_length = -1;
	c->usage = ~0u;
	if (!der_cert(der->p, der->len, &c->d))
		return false;
	c->self_issued = der_same(&c->d.subject, &c->d.issuer);
	c->malformed = !extensions_read(c) || !validity_read(c) ||
		       (c->ext[EXT_BASIC].present && !basic_read(c)) ||
		       (c->ext[EXT_USAGE].present && !usage_read(c)) ||
		       (c->ext[EXT_FEATURES].present && !features_read(c)) ||
		       !keys_read(c);
	return true;
}

static bool
import(struct cert *c)
{
	const gnutls_datum_t d = {
	    (unsigned char *)c->der.p, (unsigned)c->der.len};

	if (gnutls_x509_crt_init(&c->crt) < 0 ||
	    gnutls_x509_crt_import(c->crt, &d, GNUTLS_X509_FMT_DER) < 0 ||
	    gnutls_pubkey_init(&c->key) < 0 ||
	    gnutls_pubkey_import_x509(c->key, c->crt, 0) < 0)
		return false;
	c->from = gnutls_x509_crt_get_activation_time(c->crt);
	c->until = gnutls_x509_crt_get_expiration_time(c->crt);
	return c->from != (time_t)-1 && c->until != (time_t)-1;
}

bool
cert_load(struct cert *c)
{
	if (!c->loaded) {
		c->loaded = true;
		c->broken = !import(c);
	}
	return !c->broken;
}

void
cert_free(struct cert *c)
{
	if (c->crt != NULL)
		gnutls_x509_crt_deinit(c->crt);
	if (c->key != NULL)
		gnutls_pubkey_deinit(c->key);
	c->crt = NULL;
	c->key = NULL;
}

bool
cert_signature_known(const struct cert *c)
{
	return gnutls_x509_crt_get_signature_algorithm(c->crt) > 0;
}

/*
 * Whether the algorithm is good enough is judged elsewhere, so that the log
 * can say "weak" instead of "wrong".
 */
bool
cert_signed_by(const struct cert *c, const struct cert *issuer)
{
	const gnutls_datum_t tbs = {
	    (unsigned char *)c->d.tbs.p, (unsigned)c->d.tbs.len};
	const gnutls_datum_t signature = {
	    (unsigned char *)c->d.signature.p, (unsigned)c->d.signature.len};
	int algorithm = gnutls_x509_crt_get_signature_algorithm(c->crt);

	return algorithm > 0 &&
	       gnutls_pubkey_verify_data2(issuer->key,
		   (gnutls_sign_algorithm_t)algorithm,
		   GNUTLS_VERIFY_ALLOW_BROKEN, &tbs, &signature) >= 0;
}

static void
name_text(gnutls_datum_t *dn, int rv, char *buf, size_t len)
{
	snprintf(buf, len, "%.*s", rv < 0 ? 0 : (int)dn->size,
	    rv < 0 ? "" : (const char *)dn->data);
	gnutls_free(dn->data);
	der_text_clean(buf);
}

void
cert_subject(const struct cert *c, char *buf, size_t len)
{
	gnutls_datum_t dn = {NULL, 0};
	int rv = -1;

	if (c->crt != NULL)
		rv = gnutls_x509_crt_get_dn3(c->crt, &dn, 0);
	name_text(&dn, rv, buf, len);
}

void
cert_issuer(const struct cert *c, char *buf, size_t len)
{
	gnutls_datum_t dn = {NULL, 0};
	int rv = -1;

	if (c->crt != NULL)
		rv = gnutls_x509_crt_get_issuer_dn3(c->crt, &dn, 0);
	name_text(&dn, rv, buf, len);
}
