/* authority.c - a throw-away CA with a server's and a client's certificate */
#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <string.h>
#include <time.h>

#include "authority.h"

#define HOUR 3600

/* Reading a chain of calls that each may fail: the first error counts. */
#define TRY(call)                      \
	do {                           \
		int try_rv = (call);   \
		if (try_rv < 0)        \
			return try_rv; \
	} while (0)

static int
id_of(gnutls_x509_crt_t crt, unsigned char *id, size_t *len)
{
	return gnutls_x509_crt_get_key_id(crt, 0, id, len);
}

/* What all three have in common: key, version 3, serial, dates, SKI, AKI. */
static int
subject_begin(struct subject *s, const struct subject *issuer)
{
	time_t now = time(NULL);
	unsigned char serial[16], id[64];
	size_t len = sizeof(id);
	char dn[80];

	TRY(gnutls_x509_privkey_init(&s->key));
	TRY(gnutls_x509_privkey_generate(s->key, GNUTLS_PK_ECDSA,
	    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	TRY(gnutls_x509_crt_init(&s->crt));
	TRY(gnutls_x509_crt_set_version(s->crt, 3));
	TRY(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial)));
	serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, full length */
	TRY(gnutls_x509_crt_set_serial(s->crt, serial, sizeof(serial)));
	/* an hour of slack for a container whose clock is behind */
	TRY(gnutls_x509_crt_set_activation_time(s->crt, now - HOUR));
	TRY(gnutls_x509_crt_set_expiration_time(
	    s->crt, now + (time_t)AUTHORITY_DAYS * 24 * HOUR));
	snprintf(dn, sizeof(dn), "CN=%s", s->name);
	TRY(gnutls_x509_crt_set_dn(s->crt, dn, NULL));
	TRY(gnutls_x509_crt_set_key(s->crt, s->key));
	TRY(id_of(s->crt, id, &len));
	TRY(gnutls_x509_crt_set_subject_key_id(s->crt, id, len));
	len = sizeof(id);
	TRY(id_of(issuer->crt, id, &len));
	return gnutls_x509_crt_set_authority_key_id(s->crt, id, len);
}

static int
subject_sign(struct subject *s, const struct subject *issuer)
{
	return gnutls_x509_crt_sign2(
	    s->crt, issuer->crt, issuer->key, GNUTLS_DIG_SHA256, 0);
}

/* An address as 4 or 16 bytes; 0 if host is a name. */
static unsigned
address_read(const char *host, unsigned char out[16])
{
	if (inet_pton(AF_INET, host, out) == 1)
		return 4;
	return inet_pton(AF_INET6, host, out) == 1 ? 16 : 0;
}

static int
permit_name(gnutls_x509_name_constraints_t nc, const char *name)
{
	gnutls_datum_t d;

	/* a constraint covers all below it, so *.a.test needs a.test */
	if (strncmp(name, "*.", 2) == 0)
		name += 2;
	d = (gnutls_datum_t){(unsigned char *)name, (unsigned)strlen(name)};
	return gnutls_x509_name_constraints_add_permitted(
	    nc, GNUTLS_SAN_DNSNAME, &d);
}

static int
permit_block(gnutls_x509_name_constraints_t nc, const char *cidr)
{
	gnutls_datum_t d;
	int rv;

	TRY(gnutls_x509_cidr_to_rfc5280(cidr, &d));
	rv = gnutls_x509_name_constraints_add_permitted(
	    nc, GNUTLS_SAN_IPADDRESS, &d);
	gnutls_free(d.data);
	return rv;
}

static int
permit_all(gnutls_x509_name_constraints_t nc, const struct option_list *hosts)
{
	unsigned char address[16];
	char cidr[80];
	size_t i;

	TRY(permit_name(nc, "localhost"));
	TRY(permit_block(nc, "127.0.0.0/8"));
	TRY(permit_block(nc, "::1/128"));
	for (i = 0; i < hosts->n; i++) {
		unsigned n = address_read(hosts->v[i], address);

		snprintf(cidr, sizeof(cidr), "%s/%u", hosts->v[i], n * 8);
		TRY(n > 0 ? permit_block(nc, cidr)
			  : permit_name(nc, hosts->v[i]));
	}
	return 0;
}

static int
ca_new(struct subject *ca, const struct option_list *hosts)
{
	gnutls_x509_name_constraints_t nc;
	unsigned char mark[3] = {0};
	int rv;

	/* each CA has its own name: "unknown issuer" then says which */
	TRY(gnutls_rnd(GNUTLS_RND_NONCE, mark, sizeof(mark)));
	snprintf(ca->name, sizeof(ca->name), AUTHORITY_NAME "%02x%02x%02x",
	    mark[0], mark[1], mark[2]);
	TRY(subject_begin(ca, ca));
	TRY(gnutls_x509_crt_set_basic_constraints(ca->crt, 1, 0));
	TRY(gnutls_x509_crt_set_key_usage(
	    ca->crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN));
	TRY(gnutls_x509_name_constraints_init(&nc));
	rv = permit_all(nc, hosts);
	if (rv >= 0)
		rv = gnutls_x509_crt_set_name_constraints(ca->crt, nc, 1);
	gnutls_x509_name_constraints_deinit(nc);
	TRY(rv);
	return subject_sign(ca, ca);
}

static int
name_add(gnutls_x509_crt_t crt, const char *host)
{
	unsigned char address[16];
	unsigned n = address_read(host, address);

	return gnutls_x509_crt_set_subject_alt_name(crt,
	    n > 0 ? GNUTLS_SAN_IPADDRESS : GNUTLS_SAN_DNSNAME,
	    n > 0 ? (void *)address : host, n > 0 ? n : (unsigned)strlen(host),
	    GNUTLS_FSAN_APPEND);
}

static int
leaf_new(struct subject *s, const struct subject *ca, const char *purpose,
    const struct option_list *names)
{
	size_t i;

	TRY(subject_begin(s, ca));
	TRY(gnutls_x509_crt_set_basic_constraints(s->crt, 0, -1));
	TRY(gnutls_x509_crt_set_key_usage(
	    s->crt, GNUTLS_KEY_DIGITAL_SIGNATURE));
	TRY(gnutls_x509_crt_set_key_purpose_oid(s->crt, purpose, 0));
	for (i = 0; i < names->n; i++)
		TRY(name_add(s->crt, names->v[i]));
	return subject_sign(s, ca);
}

static int
subject_print(struct subject *s)
{
	TRY(gnutls_x509_crt_export2(s->crt, GNUTLS_X509_FMT_PEM, &s->crt_pem));
	return gnutls_x509_privkey_export2_pkcs8(
	    s->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &s->key_pem);
}

int
authority_new(struct authority *a, const struct option_list *hosts)
{
	struct option_list server = *hosts;
	static const struct option_list client = {1, {"client.localhost"}};

	memset(a, 0, sizeof(*a));
	if (server.n + 3 > sizeof(server.v) / sizeof(server.v[0]))
		return GNUTLS_E_SHORT_MEMORY_BUFFER;
	server.v[server.n++] = "localhost";
	server.v[server.n++] = "127.0.0.1";
	server.v[server.n++] = "::1";
	strcpy(a->server.name, "tlsshim testbed server");
	strcpy(a->client.name, "tlsshim testbed client");
	TRY(ca_new(&a->ca, hosts));
	TRY(leaf_new(&a->server, &a->ca, GNUTLS_KP_TLS_WWW_SERVER, &server));
	TRY(leaf_new(&a->client, &a->ca, GNUTLS_KP_TLS_WWW_CLIENT, &client));
	TRY(subject_print(&a->ca));
	TRY(subject_print(&a->server));
	return subject_print(&a->client);
}

static void
subject_free(struct subject *s)
{
	if (s->key_pem.data != NULL)
		gnutls_memset(s->key_pem.data, 0, s->key_pem.size);
	gnutls_free(s->key_pem.data);
	gnutls_free(s->crt_pem.data);
	gnutls_x509_privkey_deinit(s->key);
	if (s->crt != NULL)
		gnutls_x509_crt_deinit(s->crt);
}

void
authority_free(struct authority *a)
{
	subject_free(&a->ca);
	subject_free(&a->server);
	subject_free(&a->client);
}
