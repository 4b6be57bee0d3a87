/*
 * verify_work_test.c - a peer that sends a maze of authorities costs little, nor
 * does one that sends very long chains or lists of names
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

enum {
	AUTHORITIES = 10,
	CERTS = AUTHORITIES * (AUTHORITIES - 1) + 1,
	LINE = 99,     /* certificates one above the other */
	NAMES = 12000, /* in one certificate */
	TREES = 300,   /* of name constraints above it */
};

static gnutls_x509_privkey_t key[LINE + 1];
static gnutls_datum_t maze[CERTS], line[LINE + 1];

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

static int names, trees; /* how many of them cert_new puts in */

/* NameConstraints: excluded trees, none of which any name is in. */
static void
set_trees(gnutls_x509_crt_t c)
{
	gnutls_x509_name_constraints_t nc;
	char text[32];
	int i;

	gnutls_x509_name_constraints_init(&nc);
	for (i = 0; i < trees; i++) {
		gnutls_datum_t d = {(unsigned char *)text,
		    (unsigned)snprintf(
			text, sizeof text, "excluded%d.test", i)};

		gnutls_x509_name_constraints_add_excluded(
		    nc, GNUTLS_SAN_DNSNAME, &d);
	}
	gnutls_x509_crt_set_name_constraints(c, nc, 1);
	gnutls_x509_name_constraints_deinit(nc);
}

/* GnuTLS is slow at adding them one by one: the extension is made whole. */
static void
set_names(gnutls_x509_crt_t c)
{
	static const unsigned char good[] = "\x82\x0dgood.tls.test";
	const size_t len = ((size_t)names + 1) * (sizeof good - 1);
	static unsigned char ext[NAMES * sizeof good + 64];
	size_t n = 5, i;

	/* a sequence of len bytes, then names of 13 letters each */
	memcpy(ext, "\x30\x83", 2);
	ext[2] = (unsigned char)(len >> 16);
	ext[3] = (unsigned char)(len >> 8);
	ext[4] = (unsigned char)len;
	for (i = 0; i < (size_t)names; i++)
		n += (size_t)sprintf(
		    (char *)ext + n, "\x82\x0dn%07zu.test", i);
	memcpy(ext + n, good, sizeof good - 1);
	gnutls_x509_crt_set_extension_by_oid(c, "2.5.29.17", ext, 5 + len, 0);
}

/* who < 0: the peer's own certificate. */
static gnutls_datum_t
cert_new(int who, int by)
{
	gnutls_x509_privkey_t own = who < 0 ? key_new() : key[who];
	gnutls_x509_crt_t c, issuer;
	gnutls_datum_t der;
	const unsigned char serial[] = {
	    1, (unsigned char)(who + 2), (unsigned char)by};

	gnutls_x509_crt_init(&c);
	gnutls_x509_crt_init(&issuer);
	set_name(issuer, by);
	gnutls_x509_crt_set_key(issuer, key[by]);
	gnutls_x509_crt_set_version(c, 3);
	gnutls_x509_crt_set_serial(c, serial, sizeof serial);
	gnutls_x509_crt_set_activation_time(c, time(NULL) - 3600);
	gnutls_x509_crt_set_expiration_time(c, time(NULL) + 3600);
	gnutls_x509_crt_set_key(c, own);
	if (who >= 0) {
		set_name(c, who);
		gnutls_x509_crt_set_basic_constraints(c, 1, -1);
		gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_KEY_CERT_SIGN);
		if (trees > 0)
			set_trees(c);
	} else {
		set_name(c, 999);
		gnutls_x509_crt_set_subject_alt_name(
		    c, GNUTLS_SAN_DNSNAME, "good.tls.test", 13, 0);
		if (names > 0)
			set_names(c);
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

/*
 * cause NULL: accepted.  Without a bound on the work the maze takes hours;
 * with it each takes under 1 s of CPU, and a busy machine with sanitizers
 * has taken 2.4.
 */
static void
judge(const char *what, const struct trust *t, const gnutls_datum_t *chain,
    size_t n, int depth, const char *cause)
{
	struct credentials c = {0};
	clock_t before = clock();
	struct verdict v;
	struct rule r;
	double seconds;
	int rv;

	made_rule(&r, SIDE_CLIENT);
	r.values.verify_depth = depth;
	c.rule = &r;
	c.trust = (struct trust *)t;
	rv = verify_chain(
	    &c, SIDE_CLIENT, "good.tls.test", chain, n, time(NULL), &v);
	seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
	report((cause == NULL ? rv == 0
			      : rv == -1 && strcmp(v.cause, cause) == 0) &&
		   seconds < 30,
	    "%s: %s in %.3f s of CPU, %.200s", what,
	    rv == 0 ? "accepted" : v.cause, seconds, v.text);
}

/* *t trusts the certificate of cert alone. */
static void
trust_one(struct trust *t, const gnutls_datum_t *cert)
{
	struct der_cert d;

	if (!der_cert(cert->data, cert->size, &d))
		die("no certificate");
	t->cert = calloc(1, sizeof *t->cert);
	t->cert[0] =
	    (struct trust_cert){{cert->data, cert->size}, d.subject, "made"};
	t->n = 1;
}

static void
line_check(const struct trust *other)
{
	struct trust *end = trust_new();
	int i;

	for (i = AUTHORITIES; i <= LINE; i++)
		key[i] = key_new();
	line[0] = cert_new(-1, 0);
	for (i = 0; i < LINE; i++)
		line[1 + i] = cert_new(i, i + 1);
	trust_one(end, &line[LINE]);
	judge("a line of 99", end, line, LINE, 14, "chain_limit");
	judge("a line of 99 by verify_depth", end, line, LINE, 100, NULL);
	judge("a line of 99 to nowhere", other, line, LINE, 14, "chain_limit");
	judge("a line of 99 and its anchor", end, line, LINE + 1, 100, NULL);
	trust_free(end);
}

static void
names_check(void)
{
	gnutls_datum_t chain[2];
	struct trust *t = trust_new();

	names = NAMES;
	chain[0] = cert_new(-1, 0);
	chain[1] = cert_new(0, 1);
	trust_one(t, &chain[1]);
	judge("12000 names", t, chain, 2, 14, NULL);
	gnutls_free(chain[1].data);
	free(t->cert);
	trees = TREES;
	chain[1] = cert_new(0, 1);
	trust_one(t, &chain[1]);
	judge("12000 names under 300 constraints", t, chain, 2, 14,
	    "chain_limit");
	names = trees = 0;
	gnutls_free(chain[0].data);
	gnutls_free(chain[1].data);
	trust_free(t);
}

int
main(void)
{
	struct trust *other = trust_new(), *last = trust_new();
	gnutls_datum_t root;
	struct fault f;
	size_t i;

	maze_make();
	root = cert_new(AUTHORITIES - 1, AUTHORITIES - 1);
	if (trust_add_file(other, "tests/badcerts/ok-ec/trust.pem",
		&(struct origin){0}, &f) == -1)
		die(f.text);
	trust_sort(other);
	trust_one(last, &root);
	judge("a maze without an exit", other, maze, CERTS, 89, "chain_limit");
	judge("a maze with an exit", last, maze, CERTS, 89, NULL);
	judge("more than are looked at", last, maze, 41, 14, "chain_limit");
	line_check(other);
	names_check();
	trust_free(other);
	trust_free(last);
	for (i = 0; i < CERTS; i++)
		gnutls_free(maze[i].data);
	for (i = 0; i <= LINE; i++) {
		gnutls_free(line[i].data);
		gnutls_x509_privkey_deinit(key[i]);
	}
	gnutls_free(root.data);
	return failures > 0;
}
