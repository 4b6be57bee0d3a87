/*
 * verify_test.c - the cases of tests/badcerts as the policy would judge them
 */
#include <arpa/inet.h>
#include <gnutls/x509.h>

#include "../../policy/credentials.h"
#include "../../policy/file.h"
#include "../../shim/engine/verify.h"
#include "made.h"

#define CASES "tests/badcerts"
#define CHAIN_MAX 64

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

static void
die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(2);
}

static size_t
chain_read(const char *name, gnutls_datum_t *chain)
{
	gnutls_x509_crt_t *crt;
	char path[256], *text;
	struct fault f;
	unsigned i, n;
	gnutls_datum_t pem;
	size_t len;

	snprintf(path, sizeof path, CASES "/%s/chain.pem", name);
	if (file_read(path, FILE_PUBLIC, FILE_MAX, &text, &len, &f, NULL,
		0) == -1)
		die(f.text);
	pem = (gnutls_datum_t){(unsigned char *)text, (unsigned)len};
	if (gnutls_x509_crt_list_import2(
		&crt, &n, &pem, GNUTLS_X509_FMT_PEM, 0) < 0 || n > CHAIN_MAX)
		die(path);
	for (i = 0; i < n; i++) {
		gnutls_x509_crt_export2(
		    crt[i], GNUTLS_X509_FMT_DER, &chain[i]);
		gnutls_x509_crt_deinit(crt[i]);
	}
	gnutls_free(crt);
	free(text);
	return n;
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

static void
case_check(const struct row *row, enum setting s, const gnutls_datum_t *chain,
    size_t n)
{
	bool accepted = strcmp(row->want[s], "reject") != 0;
	char trust[256], host[256];
	struct credentials *c;
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
	if (name_canon(row->host, host, sizeof host) == -1)
		die(row->host);
	if (credentials_read(&r, &c, &f) == -1)
		die(f.text);
	rv = verify_chain(c, SIDE_CLIENT, host, chain, n, time(NULL), &v);
	report((rv == 0) == accepted && (rv == 0) == (v.cause == NULL) &&
		(rv == 0) == (v.text[0] == '\0') &&
		(rv == 0 || cause_fits(row->cause, v.cause)),
	    "%s %s: %s%s%s", row->name, setting_name[s],
	    rv == 0 ? "accepted" : v.cause, rv == 0 ? "" : ": ", v.text);
	credentials_free(c);
}

static void
row_check(const struct row *row)
{
	gnutls_datum_t chain[CHAIN_MAX];
	enum setting s;
	size_t i, n;

	if (row->crl[0] != '-' || row->staple[0] != '-') {
		printf("skip %s: revocation comes with a later issue\n",
		    row->name);
		return;
	}
	n = chain_read(row->name, chain);
	for (s = FULL; s <= NONE; s++)
		case_check(row, s, chain, n);
	for (i = 0; i < n; i++)
		gnutls_free(chain[i].data);
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
	return failures > 0;
}
