/*
 * verify_test.c - the cases of tests/badcerts as the policy would judge them
 */
#include "../../policy/credentials.h"
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

static void
case_check(
    const struct row *row, enum setting s, const struct chain_file *chain)
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
	rv = verify_chain(c, SIDE_CLIENT, host, chain->cert, chain->n,
	    time(NULL), &v);
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
	struct chain_file chain;
	char path[256];
	enum setting s;

	if (row->crl[0] != '-' || row->staple[0] != '-') {
		printf("skip %s: revocation comes with a later issue\n",
		    row->name);
		return;
	}
	snprintf(path, sizeof path, CASES "/%s/chain.pem", row->name);
	chain_file_read(&chain, path);
	for (s = FULL; s <= NONE; s++)
		case_check(row, s, &chain);
	free(chain.der);
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
