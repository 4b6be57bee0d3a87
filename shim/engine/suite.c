/* suite.c - cipher suites, by the names that GnuTLS and OpenSSL give them */
#include <stdio.h>
#include <string.h>

#include "suite.h"

/* What OpenSSL calls a cipher in the name of a suite; NULL: never offered. */
static const struct {
	gnutls_cipher_algorithm_t id;
	const char *name;
	unsigned bits;
} ciphers[] = {
    {GNUTLS_CIPHER_AES_128_GCM, "AES128-GCM", 128},
    {GNUTLS_CIPHER_AES_256_GCM, "AES256-GCM", 256},
    {GNUTLS_CIPHER_CHACHA20_POLY1305, "CHACHA20-POLY1305", 256},
    {GNUTLS_CIPHER_AES_128_CCM, "AES128-CCM", 128},
    {GNUTLS_CIPHER_AES_256_CCM, "AES256-CCM", 256},
    {GNUTLS_CIPHER_AES_128_CCM_8, "AES128-CCM8", 128},
    {GNUTLS_CIPHER_AES_256_CCM_8, "AES256-CCM8", 256},
    {GNUTLS_CIPHER_AES_128_CBC, "AES128", 128},
    {GNUTLS_CIPHER_AES_256_CBC, "AES256", 256},
    {GNUTLS_CIPHER_3DES_CBC, "DES-CBC3", 112},
    {GNUTLS_CIPHER_CAMELLIA_128_CBC, "CAMELLIA128", 128},
    {GNUTLS_CIPHER_CAMELLIA_256_CBC, "CAMELLIA256", 256},
    {GNUTLS_CIPHER_CAMELLIA_128_GCM, "CAMELLIA128-GCM", 128},
    {GNUTLS_CIPHER_CAMELLIA_256_GCM, "CAMELLIA256-GCM", 256},
};

static const struct {
	gnutls_kx_algorithm_t id;
	const char *prefix, *exchange, *authentication, *kea, *auth;
} exchanges[] = {
    {GNUTLS_KX_UNKNOWN, "", "any", "any", "kx-any", "auth-any"},
    {GNUTLS_KX_ECDHE_ECDSA, "ECDHE-ECDSA-", "ECDH", "ECDSA", "kx-ecdhe",
	"auth-ecdsa"},
    {GNUTLS_KX_ECDHE_RSA, "ECDHE-RSA-", "ECDH", "RSA", "kx-ecdhe",
	"auth-rsa"},
    {GNUTLS_KX_DHE_RSA, "DHE-RSA-", "DH", "RSA", "kx-dhe", "auth-rsa"},
    {GNUTLS_KX_RSA, "", "RSA", "RSA", "kx-rsa", "auth-rsa"},
    {GNUTLS_KX_ECDHE_PSK, "ECDHE-PSK-", "ECDHEPSK", "PSK", "kx-ecdhe-psk",
	"auth-psk"},
    {GNUTLS_KX_DHE_PSK, "DHE-PSK-", "DHEPSK", "PSK", "kx-dhe-psk",
	"auth-psk"},
};

#define COUNT(v) (sizeof(v) / sizeof(v)[0])

bool
suite_is_13(const struct suite *s)
{
	return s->version == GNUTLS_TLS1_3;
}

static int
exchange_find(const struct suite *s)
{
	size_t i;

	for (i = 0; i < COUNT(exchanges); i++)
		if (exchanges[i].id == s->kx)
			return (int)i;
	return -1;
}

static int
cipher_find(const struct suite *s)
{
	size_t i;

	for (i = 0; i < COUNT(ciphers); i++)
		if (ciphers[i].id == s->cipher)
			return (int)i;
	return -1;
}

const char *
suite_exchange(const struct suite *s)
{
	return exchanges[exchange_find(s)].exchange;
}

const char *
suite_authentication(const struct suite *s)
{
	return exchanges[exchange_find(s)].authentication;
}

const char *
suite_kea(const struct suite *s)
{
	return exchanges[exchange_find(s)].kea;
}

const char *
suite_auth(const struct suite *s)
{
	return exchanges[exchange_find(s)].auth;
}

bool
suite_is_psk(const struct suite *s)
{
	return s->kx == GNUTLS_KX_ECDHE_PSK || s->kx == GNUTLS_KX_DHE_PSK;
}

unsigned
suite_bits(const struct suite *s)
{
	return ciphers[cipher_find(s)].bits;
}

/* "-SHA256" of the handshake's hash for AEAD, of the MAC otherwise. */
static const char *
hash_suffix(const struct suite *s)
{
	const char *iana = s->iana;
	size_t n = strlen(iana);

	if (s->mac != GNUTLS_MAC_AEAD)
		return s->mac == GNUTLS_MAC_SHA1     ? "-SHA"
		       : s->mac == GNUTLS_MAC_SHA256 ? "-SHA256"
						     : "-SHA384";
	if (strstr(iana, "_GCM_") == NULL)
		return "";
	return n > 6 && strcmp(iana + n - 6, "SHA384") == 0 ? "-SHA384"
							    : "-SHA256";
}

static bool
is_ours(const struct suite *s)
{
	return cipher_find(s) >= 0 && exchange_find(s) >= 0 &&
	       (s->kx != GNUTLS_KX_UNKNOWN || suite_is_13(s)) &&
	       s->version >= GNUTLS_SSL3 && s->version <= GNUTLS_TLS1_3 &&
	       (s->mac == GNUTLS_MAC_AEAD || s->mac == GNUTLS_MAC_SHA1 ||
		   s->mac == GNUTLS_MAC_SHA256 || s->mac == GNUTLS_MAC_SHA384);
}

/* "ECDHE-RSA-" "AES128" "-SHA256"; those of TLS 1.3 are called as in RFC 8446. */
static void
name_set(struct suite *s)
{
	if (suite_is_13(s))
		snprintf(s->name, sizeof s->name, "%s", s->iana);
	else
		snprintf(s->name, sizeof s->name, "%s%s%s",
		    exchanges[exchange_find(s)].prefix,
		    ciphers[cipher_find(s)].name, hash_suffix(s));
}

/* Row i of GnuTLS's table; false behind the last.  name "": not ours. */
static bool
row_read(size_t i, struct suite *s)
{
	unsigned char id[2];

	memset(s, 0, sizeof *s);
	s->iana = gnutls_cipher_suite_info(
	    i, id, &s->kx, &s->cipher, &s->mac, &s->version);
	if (s->iana == NULL)
		return false;
	s->id = (unsigned)(id[0] << 8 | id[1]);
	s->index = i;
	if (is_ours(s))
		name_set(s);
	return true;
}

size_t
suites_read(struct suite *v, size_t most)
{
	size_t i, n = 0;

	for (i = 0; n < most && row_read(i, &v[n]); i++)
		n += v[n].name[0] != '\0';
	return n;
}

bool
suite_find(gnutls_session_t session, struct suite *out)
{
	bool tls13 = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3;
	gnutls_kx_algorithm_t kx =
	    tls13 ? GNUTLS_KX_UNKNOWN : gnutls_kx_get(session);
	gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(session);
	gnutls_mac_algorithm_t mac = gnutls_mac_get(session);
	size_t i;

	for (i = 0; row_read(i, out); i++)
		if (out->name[0] != '\0' && out->kx == kx &&
		    out->cipher == cipher && out->mac == mac)
			return true;
	return false;
}

bool
suite_find_id(unsigned id, struct suite *out)
{
	size_t i;

	for (i = 0; row_read(i, out); i++)
		if (out->name[0] != '\0' && out->id == id)
			return true;
	return false;
}

const char *
suite_protocol(const struct suite *s)
{
	return s->version == GNUTLS_SSL3     ? "SSLv3"
	       : s->version == GNUTLS_TLS1_0 ? "TLSv1.0"
	       : s->version == GNUTLS_TLS1_1 ? "TLSv1.1"
	       : s->version == GNUTLS_TLS1_2 ? "TLSv1.2"
					     : "TLSv1.3";
}
