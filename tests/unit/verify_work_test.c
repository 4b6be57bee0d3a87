/*
 * verify_work_test.c - a peer that sends a maze of authorities costs little
 *
 * Ten authorities that have all signed each other are some ten million paths,
 * each of them in order but for its end.
 */
#include <gnutls/x509.h>
#include <time.h>

#include "../../policy/credentials.h"
#include "../../policy/trust.h"
#include "../../shim/engine/verify.h"
#include "chain_file.h"
#include "made.h"

enum { AUTHORITIES = 10, CERTS = AUTHORITIES * (AUTHORITIES - 1) + 1 };

static gnutls_x509_privkey_t key[AUTHORITIES];
static gnutls_datum_t maze[CERTS];

static gnutls_x509_privkey_t
key_new(void)
{
	gnutls_x509_privkey_t k;

	if (gnutls_x509_privkey_init(&k) < 0 ||
	    gnutls_x509_privkey_generate(k, GNUTLS_PK_ECDSA,
		GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) < 0)
		die("no key");
	return k;
}

static void
set_name(gnutls_x509_crt_t c, int authority)
{
	char cn[32];

	snprintf(cn, sizeof cn, "authority %d", authority);
	gnutls_x509_crt_set_dn_by_oid(
	    c, GNUTLS_OID_X520_COMMON_NAME, 0, cn, (unsigned)strlen(cn));
}

static void
set_key_id(gnutls_x509_crt_t c, gnutls_x509_privkey_t subject,
    gnutls_x509_privkey_t issuer)
{
	unsigned char id[64];
	size_t len = sizeof id;

	gnutls_x509_privkey_get_key_id(subject, 0, id, &len);
	gnutls_x509_crt_set_subject_key_id(c, id, len);
	len = sizeof id;
	gnutls_x509_privkey_get_key_id(issuer, 0, id, &len);
	gnutls_x509_crt_set_authority_key_id(c, id, len);
}

/* who < 0: the peer's own certificate. */
static gnutls_datum_t
cert_new(int who, int by)
{
	gnutls_x509_privkey_t own = who < 0 ? key_new() : key[who];
	gnutls_x509_crt_t c, issuer;
	gnutls_datum_t der;
	unsigned char serial = (unsigned char)(1 + (who + 1) * 10 + by);

	gnutls_x509_crt_init(&c);
	gnutls_x509_crt_init(&issuer);
	set_name(issuer, by);
	gnutls_x509_crt_set_key(issuer, key[by]);
	gnutls_x509_crt_set_version(c, 3);
	gnutls_x509_crt_set_serial(c, &serial, 1);
	gnutls_x509_crt_set_activation_time(c, time(NULL) - 3600);
	gnutls_x509_crt_set_expiration_time(c, time(NULL) + 3600);
	gnutls_x509_crt_set_key(c, own);
	if (who >= 0) {
		set_name(c, who);
		gnutls_x509_crt_set_basic_constraints(c, 1, -1);
		gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_KEY_CERT_SIGN);
	} else {
		set_name(c, 99);
		gnutls_x509_crt_set_subject_alt_name(
		    c, GNUTLS_SAN_DNSNAME, "good.tls.test", 13, 0);
	}
	set_key_id(c, own, key[by]);
	if (gnutls_x509_crt_sign2(c, issuer, key[by], GNUTLS_DIG_SHA256, 0) <
		0 ||
	    gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_DER, &der) < 0)
		die("no certificate");
	gnutls_x509_crt_deinit(c);
	gnutls_x509_crt_deinit(issuer);
	if (who < 0)
		gnutls_x509_privkey_deinit(own);
	return der;
}

static void
maze_make(void)
{
	size_t n = 0;
	int i, j;

	for (i = 0; i < AUTHORITIES; i++)
		key[i] = key_new();
	maze[n++] = cert_new(-1, 0);
	for (i = 0; i < AUTHORITIES; i++)
		for (j = 0; j < AUTHORITIES; j++)
			if (i != j)
				maze[n++] = cert_new(i, j);
}

static void
maze_judge(const char *what, const struct trust *t, bool accepted)
{
	struct credentials c = {0};
	clock_t before = clock();
	struct verdict v;
	struct rule r;
	double seconds;
	int rv;

	made_rule(&r, SIDE_CLIENT);
	c.rule = &r;
	c.trust = (struct trust *)t;
	rv = verify_chain(
	    &c, SIDE_CLIENT, "good.tls.test", maze, CERTS, time(NULL), &v);
	seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
	report((rv == 0) == accepted && seconds < 2,
	    "%s: %s in %.3f s of CPU, %s", what, rv == 0 ? "accepted" : v.cause,
	    seconds, v.text);
}

int
main(void)
{
	struct trust *other = trust_new(), *last = trust_new();
	gnutls_datum_t root;
	struct fault f;
	struct der_cert d;
	size_t i;

	maze_make();
	root = cert_new(AUTHORITIES - 1, AUTHORITIES - 1);
	if (trust_add_file(other, "tests/badcerts/ok-ec/trust.pem",
		&(struct origin){0}, &f) == -1 ||
	    !der_cert(root.data, root.size, &d))
		die(f.text);
	trust_sort(other);
	last->cert = calloc(1, sizeof *last->cert);
	last->cert[0] =
	    (struct trust_cert){{root.data, root.size}, d.subject, "made"};
	last->n = 1;
	maze_judge("a maze without an exit", other, false);
	maze_judge("a maze with an exit", last, true);
	trust_free(other);
	trust_free(last);
	for (i = 0; i < CERTS; i++)
		gnutls_free(maze[i].data);
	for (i = 0; i < AUTHORITIES; i++)
		gnutls_x509_privkey_deinit(key[i]);
	gnutls_free(root.data);
	return failures > 0;
}
