/*
 * limbo_test.c - x509-limbo and BetterTLS cases, and where we disagree
 *
 * tests/limbo-disagree.tsv lists each case that is judged otherwise than the
 * suite wants, by default and under webpki, with the reason; a new one fails here, and so does one that is
 * listed and agrees.
 */
#include <unistd.h>

#include "../../policy/credentials.h"
#include "../../policy/crl.h"
#include "../../policy/trust.h"
#include "../../shim/engine/verify.h"
#include "chain_file.h"
#include "made.h"

#define SOURCE "../shared/data/limbo/limbo-subset.json"
#define LISTED "tests/limbo-disagree.tsv"

/* Cases without a time of their own are valid for a thousand years. */
#define SOME_TIME 1795219200 /* 2026-11-21 */

struct row {
	char *number, *id, *kind, *want, *when, *depth, *name;
};

static bool
row_read(char *line, struct row *r)
{
	char *p = line;

	r->number = strsep(&p, "\t\n");
	r->id = strsep(&p, "\t\n");
	r->kind = strsep(&p, "\t\n");
	r->want = strsep(&p, "\t\n");
	r->when = strsep(&p, "\t\n");
	r->depth = strsep(&p, "\t\n");
	r->name = strsep(&p, "\t\n");
	return r->name != NULL;
}

static bool
row_accepts(const struct row *row, const char *folder, bool webpki,
    struct verdict *v)
{
	bool server = strcmp(row->kind, "SERVER") == 0;
	enum side side = server ? SIDE_CLIENT : SIDE_SERVER;
	char path[512], name[256], trust[512], crl[512];
	struct chain_file chain;
	struct credentials c = {0};
	struct trust *t = trust_new();
	struct rule r;
	struct fault f;
	int rv;

	snprintf(path, sizeof path, "%s/%s.chain.pem", folder, row->number);
	snprintf(trust, sizeof trust, "%s/%s.trust.pem", folder, row->number);
	chain_file_read(&chain, path);
	if (trust_add_file(t, trust, &(struct origin){0}, &f) == -1)
		die(f.text);
	trust_sort(t);
	made_rule(&r, side);
	c.rule = &r;
	c.trust = t;
	r.values.verify_mode = VERIFY_REQUIRED;
	r.values.check_hostname = server && strcmp(row->name, "-") != 0;
	if (webpki)
		r.values.verify_flags |= VF_WEBPKI;
	if (row->depth[0] != '-')
		r.values.verify_depth = atoi(row->depth);
	if (name_canon(row->name, name, sizeof name) == -1)
		snprintf(name, sizeof name, "%s", row->name);
	snprintf(crl, sizeof crl, "%s/%s.crl.pem", folder, row->number);
	if (access(crl, R_OK) == 0) {
		r.values.crlfile = crl;
		r.values.verify_flags |= VF_CRL_CHECK_LEAF;
		if (crls_read(&r, &c.crls, &f) == -1)
			die(f.text);
	}
	rv = verify_chain(&c, side, name, chain.cert, chain.n,
	    row->when[0] != '-' ? atol(row->when) : SOME_TIME, v);
	trust_free(t);
	crls_free(c.crls);
	free(chain.der);
	return rv == 0;
}

/* Is the line "policy id ..." in the list of disagreements? */
static bool
listed(const char *list, const char *policy, const char *id)
{
	char line[256];
	const char *p;

	snprintf(line, sizeof line, "%s\t%s\t", policy, id);
	p = strstr(list, line);
	return p != NULL && (p == list || p[-1] == '\n');
}

static char *
list_read(void)
{
	struct fault f;
	char *text;
	size_t len;

	if (file_read(
		LISTED, FILE_PUBLIC, FILE_MAX, &text, &len, &f, NULL, 0) == -1)
		die(f.text);
	return text;
}

/* The part of the id before the last "::". */
static void
family_of(const char *id, char *buf, size_t len)
{
	const char *p, *end = id;

	for (p = id; (p = strstr(p, "::")) != NULL; p += 2)
		end = p;
	snprintf(buf, len, "%.*s", (int)(end - id), id);
}

/* What the issue asks of the cases that are no BetterTLS ones. */
static struct {
	size_t success, accepted, failure, refused;
} core;

static void
core_count(const struct row *row, bool accepted)
{
	bool good = strcmp(row->want, "SUCCESS") == 0;

	if (strncmp(row->id, "bettertls::", 11) == 0 ||
	    strcmp(row->kind, "SERVER") != 0)
		return;
	core.success += good;
	core.accepted += good && accepted;
	core.failure += !good;
	core.refused += !good && !accepted;
}

static void
table_check(
    FILE *table, const char *folder, const char *list, const char *policy)
{
	size_t cases = 0, agree = 0, wrong_accepts = 0, unlisted = 0;
	bool webpki = strcmp(policy, "webpki") == 0;
	char line[1024], family[256] = "", now[256];
	struct verdict v;
	struct row row;

	memset(&core, 0, sizeof core);
	for (;;) {
		bool more = fgets(line, sizeof line, table) != NULL &&
			    row_read(line, &row);

		if (more)
			family_of(row.id, now, sizeof now);
		if (cases > 0 && (!more || strcmp(now, family) != 0)) {
			report(unlisted == 0,
			    "%s %s: %zu of %zu agree, %zu wrong accepts",
			    policy, family, agree, cases, wrong_accepts);
			cases = agree = wrong_accepts = unlisted = 0;
		}
		if (!more)
			break;
		strcpy(family, now);
		/* the forum's rules are for servers; BetterTLS breaks them */
		if (webpki && (strncmp(row.id, "bettertls::", 11) == 0 ||
				  strcmp(row.kind, "SERVER") != 0))
			continue;
		bool accepted = row_accepts(&row, folder, webpki, &v);
		bool good = accepted == (strcmp(row.want, "SUCCESS") == 0);

		core_count(&row, accepted);
		cases++;
		agree += good;
		wrong_accepts += accepted && !good;
		if (good == !listed(list, policy, row.id))
			continue;
		unlisted++;
		printf("# %s\t%s\t%s\t%s\t%s\n", policy, row.id, row.want,
		    accepted ? "accepted" : v.cause, v.text);
	}
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");
	char folder[256], command[600];
	FILE *table;
	char *list;

	if (access(SOURCE, R_OK) == -1) {
		printf("skip limbo: %s is missing\n", SOURCE);
		return 0;
	}
	snprintf(folder, sizeof folder, "%s/limbo.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(folder) == NULL)
		die("no temporary folder");
	snprintf(command, sizeof command, "python3 tests/limbo.py %s %s",
	    SOURCE, folder);
	if (system(command) != 0)
		die(command);
	snprintf(command, sizeof command, "%s/cases.tsv", folder);
	table = fopen(command, "r");
	if (table == NULL)
		die(command);
	list = list_read();
	table_check(table, folder, list, "default");
	report(core.accepted >= 55 && core.refused >= 91,
	    "default: accepts %zu of %zu, refuses %zu of %zu", core.accepted,
	    core.success, core.refused, core.failure);
	rewind(table);
	table_check(table, folder, list, "webpki");
	report(core.accepted + core.refused >= 185,
	    "webpki: right about %zu of %zu", core.accepted + core.refused,
	    core.success + core.failure);
	fclose(table);
	free(list);
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command) != 0 || failures > 0;
}
