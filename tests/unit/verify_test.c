/*
 * verify_test.c - the cases of tests/badcerts as the policy would judge them
 */
#include <gnutls/ocsp.h>
#include <gnutls/x509.h>

#include "../../policy/credentials.h"
#include "../../policy/crl.h"
#include "../../policy/trust.h"
#include "../../shim/engine/verify.h"
#include "chain_file.h"
#include "made.h"

#define CASES "tests/badcerts"

struct row {
	char *name, *host, *want[3], *cause, *crl, *staple;
};

/* The columns of expected.tsv; false for a line that is no case. */
static bool
row_read(char *line, struct row *r)
{
	char *field[16] = {NULL}, *p = line;
	size_t n = 0;

	while (n < 16 && (field[n] = strsep(&p, "\t\n")) != NULL)
		n++;
	if (n < 12 || strcmp(field[0], "case") == 0)
		return false;
	*r = (struct row){field[0], field[2], {field[3], field[4], field[5]},
	    field[6], field[10], field[11]};
	return true;
}

/* "purpose,handshake" means either. */
static bool
cause_fits(const char *wanted, const char *cause)
{
	size_t n = strlen(cause);

	for (; *wanted != '\0'; wanted += strcspn(wanted, ",")) {
		wanted += *wanted == ',';
		if (strncmp(wanted, cause, n) == 0 &&
		    (wanted[n] == ',' || wanted[n] == '\0'))
			return true;
	}
	return false;
}

/* The three settings of the table. */
enum setting { FULL, CA_ONLY, NONE };
static const char *const setting_name[] = {"full", "ca_only", "none"};

/* notAfter, or nextUpdate; -1 where GnuTLS cannot read it. */
static time_t
cert_until(const struct der *der)
{
	const gnutls_datum_t d = {(void *)der->p, (unsigned)der->len};
	gnutls_x509_crt_t c;
	time_t until = -1;

	gnutls_x509_crt_init(&c);
	if (gnutls_x509_crt_import(c, &d, GNUTLS_X509_FMT_DER) == 0)
		until = gnutls_x509_crt_get_expiration_time(c);
	gnutls_x509_crt_deinit(c);
	return until;
}

static time_t
answer_until(const gnutls_datum_t *staple)
{
	gnutls_ocsp_resp_t a;
	time_t until = -1;

	gnutls_ocsp_resp_init(&a);
	if (gnutls_ocsp_resp_import(a, staple) == 0)
		(void)gnutls_ocsp_resp_get_single(a, 0, NULL, NULL, NULL, NULL,
		    NULL, NULL, &until, NULL, NULL);
	gnutls_ocsp_resp_deinit(a);
	return until;
}

static time_t
list_until(unsigned char *der, size_t len)
{
	const gnutls_datum_t d = {der, (unsigned)len};
	gnutls_x509_crl_t l;
	time_t until = -1;

	gnutls_x509_crl_init(&l);
	if (gnutls_x509_crl_import(l, &d, GNUTLS_X509_FMT_DER) == 0)
		until = gnutls_x509_crl_get_next_update(l);
	gnutls_x509_crl_deinit(l);
	return until;
}

/* The first to lapse of a path and of what else speaks for it (0: nothing). */
static time_t
soonest(const struct verdict *v, time_t other)
{
	time_t until = other, one;
	size_t i;

	for (i = 0; i < v->npath; i++) {
		one = cert_until(&v->path[i]);
		if (until == 0 || one < until)
			until = one;
	}
	return until;
}

static void
case_check(
    const struct row *row, enum setting s, const struct chain_file *chain)
{
	bool accepted = strcmp(row->want[s], "reject") != 0;
	char trust[256], host[256], crl[256], *text = NULL;
	struct presented p = {
	    .chain = chain->cert, .n = chain->n, .now = time(NULL)};
	gnutls_datum_t staple[128] = {{NULL, 0}};
	struct credentials *c;
	size_t len;
	struct verdict v;
	struct rule r;
	struct fault f;
	int rv;

	made_rule(&r, SIDE_CLIENT);
	snprintf(trust, sizeof trust, CASES "/%s/trust.pem", row->name);
	r.values.cafile = trust;
	r.values.system_trust = false;
	r.values.check_hostname = s == FULL;
	r.values.verify_mode = s == NONE ? VERIFY_NONE : VERIFY_REQUIRED;
	if (row->crl[0] != '-') {
		snprintf(crl, sizeof crl, CASES "/%s/crl.pem", row->name);
		r.values.crlfile = crl;
		r.values.verify_flags |= VF_CRL_CHECK_LEAF;
	}
	if (row->staple[0] != '-') {
		snprintf(crl, sizeof crl, CASES "/%s/staple.der", row->name);
		if (file_read(crl, FILE_PUBLIC, FILE_MAX, &text, &len, &f, NULL,
			0) == -1)
			die(f.text);
		staple[0] = (gnutls_datum_t){(void *)text, (unsigned)len};
		p.staple = staple;
	}
	if (name_canon(row->host, host, sizeof host) == -1)
		die(row->host);
	if (credentials_read(&r, &c, &f) == -1)
		die(f.text);
	rv = verify_peer(c, SIDE_CLIENT, host, &p, &v);
	report((rv == 0) == accepted && (rv == 0) == (v.cause == NULL) &&
		   (rv == 0) == (v.text[0] == '\0') &&
		   (rv == 0 || cause_fits(row->cause, v.cause)),
	    "%s %s: %s%s%s", row->name, setting_name[s],
	    rv == 0 ? "accepted" : v.cause, rv == 0 ? "" : ": ", v.text);
	if (rv == 0)
		report(v.until == soonest(&v, s == NONE || text == NULL
						  ? 0
						  : answer_until(staple)),
		    "%s %s: until %lld", row->name, setting_name[s],
		    (long long)v.until);
	credentials_free(c);
	free(text);
}

static void
row_check(const struct row *row)
{
	struct chain_file chain;
	char path[256];
	enum setting s;

	snprintf(path, sizeof path, CASES "/%s/chain.pem", row->name);
	chain_file_read(&chain, path);
	for (s = FULL; s <= NONE; s++)
		case_check(row, s, &chain);
	free(chain.der);
}

/* A case with one thing changed in the rule; NULL cause: accepted. */
struct change {
	const char *what, *name, *host;
	enum side side;
	unsigned take, give; /* verify_flags */
	int depth;
	bool common_name;
	enum verify_mode mode;
	const char *cause;
};

static const struct change changes[] = {
    {"depth 2", "deep-chain-8", "good.tls.test", SIDE_CLIENT, 0, 0, 2, false,
	VERIFY_REQUIRED, "chain_limit"},
    {"depth 30", "deep-chain-30", "good.tls.test", SIDE_CLIENT, 0, 0, 30, false,
	VERIFY_REQUIRED, NULL},
    {"depth 0", "sha1-leaf", "good.tls.test", SIDE_CLIENT, 0, 0, 0, false,
	VERIFY_REQUIRED, "weak_signature"},
    {"common name", "cn-only", "good.tls.test", SIDE_CLIENT, 0, 0, 14, true,
	VERIFY_REQUIRED, NULL},
    {"common name under constraints", "nc-excluded-cn-only", "good.tls.test",
	SIDE_CLIENT, 0, 0, 14, true, VERIFY_REQUIRED, "name_constraint"},
    {"common name, but an address", "cn-is-ip", "127.0.0.1", SIDE_CLIENT, 0, 0,
	14, true, VERIFY_REQUIRED, "name_mismatch"},
    {"no name known", "ok-ec", "", SIDE_CLIENT, 0, 0, 14, false,
	VERIFY_REQUIRED, "name_mismatch"},
    {"optional is required on clients", "self-signed", "good.tls.test",
	SIDE_CLIENT, 0, 0, 14, false, VERIFY_OPTIONAL, "unknown_issuer"},
    {"a server's certificate as a client's", "ok-ec", "", SIDE_SERVER, 0, 0, 14,
	false, VERIFY_REQUIRED, "purpose"},
    {"a client's certificate", "eku-client-only", "", SIDE_SERVER, 0, 0, 14,
	false, VERIFY_REQUIRED, NULL},
    {"a client's certificate that is sent must verify", "ok-ec", "",
	SIDE_SERVER, 0, 0, 14, false, VERIFY_OPTIONAL, "purpose"},
    {"no x509_strict", "ku-certsign-leaf-not-ca", "good.tls.test", SIDE_CLIENT,
	VF_X509_STRICT, 0, 14, false, VERIFY_REQUIRED, "purpose"},
    {"no partial_chain, a trusted leaf that signed itself",
	"self-signed-but-trusted-leaf", "good.tls.test", SIDE_CLIENT,
	VF_PARTIAL_CHAIN, 0, 14, false, VERIFY_REQUIRED, NULL},
};

static void
change_check(const struct change *k)
{
	struct chain_file chain;
	char path[256], trust[256];
	struct credentials *c;
	struct verdict v;
	struct rule r;
	struct fault f;
	int rv;

	snprintf(path, sizeof path, CASES "/%s/chain.pem", k->name);
	snprintf(trust, sizeof trust, CASES "/%s/trust.pem", k->name);
	chain_file_read(&chain, path);
	made_rule(&r, SIDE_CLIENT); /* needs no identity */
	r.values.cafile = trust;
	r.values.system_trust = false;
	r.values.check_hostname = k->side == SIDE_CLIENT;
	r.values.verify_mode = k->mode;
	r.values.verify_depth = k->depth;
	r.values.hostname_checks_common_name = k->common_name;
	r.values.verify_flags = (r.values.verify_flags & ~k->take) | k->give;
	if (credentials_read(&r, &c, &f) == -1)
		die(f.text);
	rv = verify_chain(
	    c, k->side, k->host, chain.cert, chain.n, time(NULL), &v);
	report(k->cause == NULL ? rv == 0
				: rv == -1 && strcmp(v.cause, k->cause) == 0,
	    "%s, %s: %s%s%s", k->name, k->what, rv == 0 ? "accepted" : v.cause,
	    rv == 0 ? "" : ": ", v.text);
	credentials_free(c);
	free(chain.der);
}

/* An intermediate in the trust list: an anchor only under partial_chain. */
static void
partial_check(bool partial)
{
	struct chain_file chain;
	struct trust *t = trust_new();
	struct credentials c = {0};
	struct verdict v;
	struct rule r;
	struct fault f;
	int rv;

	chain_file_read(&chain, CASES "/ok-ec/chain.pem");
	if (trust_add_file(t, CASES "/ok-wildcard/chain.pem",
		&(struct origin){0}, &f) == -1)
		die(f.text);
	trust_sort(t);
	made_rule(&r, SIDE_CLIENT);
	c.rule = &r;
	c.trust = t;
	if (!partial)
		r.values.verify_flags &= ~(unsigned)VF_PARTIAL_CHAIN;
	rv = verify_chain(
	    &c, SIDE_CLIENT, "good.tls.test", chain.cert, 1, time(NULL), &v);
	report(partial ? rv == 0
		       : rv == -1 && strcmp(v.cause, "unknown_issuer") == 0,
	    "an intermediate as anchor, partial_chain %s: %s",
	    partial ? "on" : "off", v.text);
	trust_free(t);
	free(chain.der);
}

/* No certificate, too many, rubbish, and rubbish behind a good one. */
static void
odd_check(void)
{
	unsigned char rubbish[] = "\x30\x03\x02\x01\x00";
	gnutls_datum_t many[200];
	struct chain_file chain;
	struct credentials *c;
	struct verdict v;
	struct rule r;
	struct fault f;
	size_t i;

	chain_file_read(&chain, CASES "/ok-ec/chain.pem");
	made_rule(&r, SIDE_CLIENT);
	r.values.cafile = CASES "/ok-ec/trust.pem";
	r.values.system_trust = false;
	if (credentials_read(&r, &c, &f) == -1)
		die(f.text);
	report(verify_chain(c, SIDE_CLIENT, "good.tls.test", NULL, 0, 0, &v) ==
		       -1 &&
		   strcmp(v.cause, "peer_not_allowed") == 0 &&
		   v.alert == GNUTLS_A_CERTIFICATE_REQUIRED,
	    "no certificate: %s", v.text);
	for (i = 0; i < 200; i++)
		many[i] = chain.cert[0];
	report(verify_chain(c, SIDE_CLIENT, "good.tls.test", many, 200,
		   time(NULL), &v) == -1 &&
		   strcmp(v.cause, "chain_limit") == 0,
	    "200 certificates: %s", v.text);
	many[0] = (gnutls_datum_t){rubbish, 5};
	report(verify_chain(c, SIDE_CLIENT, "good.tls.test", many, 2,
		   time(NULL), &v) == -1 &&
		   strcmp(v.cause, "malformed") == 0,
	    "rubbish first: %s", v.text);
	many[0] = chain.cert[0];
	many[1] = (gnutls_datum_t){rubbish, 5};
	many[2] = chain.cert[1];
	report(verify_chain(c, SIDE_CLIENT, "good.tls.test", many, 3,
		   time(NULL), &v) == 0,
	    "rubbish between does not matter");
	r.values.verify_mode = VERIFY_OPTIONAL;
	report(verify_chain(c, SIDE_SERVER, "", NULL, 0, 0, &v) == 0 &&
		   verify_chain(c, SIDE_CLIENT, "", NULL, 0, 0, &v) == -1,
	    "optional: a client may show no certificate, a server not");
	r.values.verify_mode = VERIFY_REQUIRED;
	report(verify_chain(c, SIDE_SERVER, "", NULL, 0, 0, &v) == -1 &&
		   strcmp(v.cause, "peer_not_allowed") == 0,
	    "required: a client may not: %s", v.text);
	credentials_free(c);
	free(chain.der);
}

/* Whatever single bit of a certificate changes, it is refused. */
static void
bits_check(void)
{
	struct chain_file chain;
	struct credentials *c;
	struct verdict v;
	struct rule r;
	struct fault f;
	size_t i, accepted = 0;

	chain_file_read(&chain, CASES "/ok-ec/chain.pem");
	made_rule(&r, SIDE_CLIENT);
	r.values.cafile = CASES "/ok-ec/trust.pem";
	r.values.system_trust = false;
	if (credentials_read(&r, &c, &f) == -1)
		die(f.text);
	for (i = 0; i < chain.cert[0].size * 8; i++) {
		chain.cert[0].data[i / 8] ^= (unsigned char)(1 << i % 8);
		accepted += verify_chain(c, SIDE_CLIENT, "good.tls.test",
				chain.cert, chain.n, time(NULL), &v) == 0;
		chain.cert[0].data[i / 8] ^= (unsigned char)(1 << i % 8);
	}
	report(accepted == 0, "%zu of %zu changed bits accepted", accepted, i);
	credentials_free(c);
	free(chain.der);
}

/* *der is the list of a case, to be freed; it does not name ok-ec. */
static size_t
list_read(unsigned char **der)
{
	struct pem in = {NULL, 1, 1};
	struct fault f;
	char *text;
	size_t len;
	long n;

	if (file_read(CASES "/crl-revoked/crl.pem", FILE_PUBLIC, FILE_MAX, &text,
		&len, &f, NULL, 0) == -1)
		die(f.text);
	in.p = text;
	*der = malloc(len);
	n = pem_next_of(&in, "X509 CRL", *der, len);
	free(text);
	if (n <= 0)
		die("no list");
	return (size_t)n;
}

/* A list of der alone; whether ok-ec is accepted by it at now, and *v. */
static bool
list_accepts(struct credentials *c, const struct chain_file *chain,
    const unsigned char *der, size_t len, time_t now, struct verdict *v)
{
	unsigned char *copy = malloc(len + (len == 0));
	struct crl list;
	struct crls lists = {.v = &list, .n = 1};
	int rv;

	memcpy(copy, der, len); /* so that a byte beyond its end is seen */
	lists.n = crl_parse(&list, copy, len);
	c->crls = &lists;
	rv = verify_chain(c, SIDE_CLIENT, "good.tls.test", chain->cert,
	    chain->n, now, v);
	c->crls = NULL;
	if (lists.n > 0)
		free(list.serial);
	free(copy);
	return rv == 0;
}

/* Whatever bit of a revocation list changes, and wherever it is cut. */
static void
list_bits_check(void)
{
	struct chain_file chain;
	const time_t now = time(NULL);
	struct credentials *c;
	struct verdict v;
	struct rule r;
	struct fault f;
	unsigned char *der;
	size_t i, len = list_read(&der), changed = 0, cut = 0;

	chain_file_read(&chain, CASES "/ok-ec/chain.pem");
	made_rule(&r, SIDE_CLIENT);
	r.values.cafile = CASES "/ok-ec/trust.pem";
	r.values.system_trust = false;
	r.values.verify_flags |= VF_CRL_CHECK_LEAF;
	if (credentials_read(&r, &c, &f) == -1)
		die(f.text);
	report(list_accepts(c, &chain, der, len, now, &v),
	    "a list of another one");
	report(v.until == soonest(&v, list_until(der, len)),
	    "is taken until %lld, its nextUpdate %lld", (long long)v.until,
	    (long long)list_until(der, len));
	for (i = 0; i < len * 8; i++) {
		der[i / 8] ^= (unsigned char)(1 << i % 8);
		changed += list_accepts(c, &chain, der, len, now, &v);
		der[i / 8] ^= (unsigned char)(1 << i % 8);
	}
	for (i = 0; i < len; i++)
		cut += list_accepts(c, &chain, der, i, now, &v);
	report(changed == 0 && cut == 0,
	    "lists: %zu changed, %zu cut ones accepted", changed, cut);
	credentials_free(c);
	free(chain.der);
	free(der);
}

/* Issuers pad serial numbers: what is revoked is found all the same. */
static void
padded_check(void)
{
	static unsigned char plain[] = {4, 0x7e}, padded[] = {0, 0, 4, 0x7e},
			     high[] = {0, 0x84};
	const struct der one = {plain, 2}, two = {padded, 4}, three = {high, 2};
	unsigned char *der;
	size_t len = list_read(&der);
	struct crl list;

	report(crl_parse(&list, der, len) && crl_has(&list, &one) &&
		   crl_has(&list, &two) && !crl_has(&list, &three),
	    "serial numbers in any form");
	free(list.serial);
	free(der);
}

static void
clean_check(void)
{
	static const char *const rows[][2] = {
	    {"plain", "plain"},
	    {"a\nb\x1b[1m\"\x7f", "a?b?[1m??"},
	    {"b\xc3\xbc", "b\xc3\xbc"},
	    {"\xe2\x82\xac\xf0\x9f\x98\x80", "\xe2\x82\xac\xf0\x9f\x98\x80"},
	    {"\xff\xc3", "??"},
	    {"\xc0\xafx", "??x"},
	    {"\xed\xa0\x80", "???"},
	    {"\xe2\x82", "??"},
	    {"\xc2\x9b" "1m", "??1m"},
	};
	char text[64];
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(text, sizeof text, "%s", rows[i][0]);
		der_text_clean(text);
		report(strcmp(text, rows[i][1]) == 0, "clean text %zu: %s", i,
		    text);
	}
}

int
main(void)
{
	FILE *table = fopen(CASES "/expected.tsv", "r");
	char line[4096];
	struct row row;
	size_t rows = 0;

	if (table == NULL)
		die(CASES "/expected.tsv cannot be read");
	while (fgets(line, sizeof line, table) != NULL)
		if (row_read(line, &row)) {
			row_check(&row);
			rows++;
		}
	fclose(table);
	report(rows >= 55, "%zu rows read", rows);
	for (rows = 0; rows < sizeof changes / sizeof changes[0]; rows++)
		change_check(&changes[rows]);
	partial_check(true);
	partial_check(false);
	odd_check();
	bits_check();
	list_bits_check();
	padded_check();
	clean_check();
	return failures > 0;
}
