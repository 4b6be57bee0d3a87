/* algorithm.c - signatures over what GnuTLS does not take apart for us */
#include <stdio.h>
#include <string.h>

#include "cert.h"

#define RSA_PSS "1.2.840.113549.1.1.10"

static bool
oid_text(const struct der *oid, char *buf, size_t len)
{
	unsigned long v = 0;
	size_t i, n;

	if (oid->len == 0)
		return false;
	n = (size_t)snprintf(
	    buf, len, "%d.%d", oid->p[0] / 40, oid->p[0] % 40);
	for (i = 1; i < oid->len; i++) {
		if (v > 1ul << 40)
			return false;
		v = v << 7 | (oid->p[i] & 0x7f);
		if ((oid->p[i] & 0x80) != 0)
			continue;
		n += (size_t)snprintf(buf + n, len - n, ".%lu", v);
		v = 0;
		if (n + 1 >= len)
			return false;
	}
	return true;
}

/* RSASSA-PSS-params: [0] hashAlgorithm; without it, it is SHA-1. */
static gnutls_sign_algorithm_t
pss_read(struct der in)
{
	static const unsigned char sha2[] = {
	    0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02};
	struct der_item list, hash, algorithm, oid;

	if (!der_take(&in, DER_SEQUENCE, &list) ||
	    !der_take(&list.value, DER_CONTEXT | DER_CONSTRUCTED, &hash) ||
	    !der_take(&hash.value, DER_SEQUENCE, &algorithm) ||
	    !der_take(&algorithm.value, DER_OID, &oid) ||
	    oid.value.len != sizeof sha2 + 1 ||
	    memcmp(oid.value.p, sha2, sizeof sha2) != 0)
		return GNUTLS_SIGN_UNKNOWN;
	switch (oid.value.p[sizeof sha2]) {
	case 1:
		return GNUTLS_SIGN_RSA_PSS_SHA256;
	case 2:
		return GNUTLS_SIGN_RSA_PSS_SHA384;
	case 3:
		return GNUTLS_SIGN_RSA_PSS_SHA512;
	default:
		return GNUTLS_SIGN_UNKNOWN;
	}
}

static gnutls_sign_algorithm_t
algorithm_read(const struct der *algorithm)
{
	struct der in = *algorithm;
	struct der_item list, oid;
	char text[128];

	if (!der_take(&in, DER_SEQUENCE, &list) ||
	    !der_take(&list.value, DER_OID, &oid) ||
	    !oid_text(&oid.value, text, sizeof text))
		return GNUTLS_SIGN_UNKNOWN;
	if (strcmp(text, RSA_PSS) == 0)
		return pss_read(list.value);
	return gnutls_oid_to_sign(text);
}

enum signature
cert_verify_data(const struct cert *issuer, const struct der *algorithm,
    const struct der *tbs, const struct der *signature)
{
	const gnutls_datum_t data = {
	    (unsigned char *)tbs->p, (unsigned)tbs->len};
	const gnutls_datum_t sig = {
	    (unsigned char *)signature->p, (unsigned)signature->len};
	gnutls_sign_algorithm_t how = algorithm_read(algorithm);

	if (how == GNUTLS_SIGN_UNKNOWN ||
	    gnutls_sign_is_secure2(how, GNUTLS_SIGN_FLAG_SECURE_FOR_CERTS) == 0)
		return SIGNATURE_WEAK;
	return gnutls_pubkey_verify_data2(issuer->key, how, 0, &data, &sig) >= 0
		   ? SIGNATURE_GOOD
		   : SIGNATURE_WRONG;
}
