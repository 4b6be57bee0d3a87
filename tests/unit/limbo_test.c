/*
 * limbo_test.c - x509-limbo and BetterTLS cases, and where we disagree
 *
 * tests/limbo-disagree.tsv lists each case that is judged otherwise than the
 * suite wants, with the reason; a new one fails here, and so does one that is
 * listed and agrees.  deadline: 300 s
 */
#include <unistd.h>

#include "../../policy/credentials.h"
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
row_accepts(const struct row *row, const char *folder, struct verdict *v)
{
	bool server = strcmp(row->kind, "SERVER") == 0;
	enum side side = server ? SIDE_CLIENT : SIDE_SERVER;
	char path[512], name[256], trust[512];
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
	if (row->depth[0] != '-')
		r.values.verify_depth = atoi(row->depth);
	if (name_canon(row->name, name, sizeof name) == -1)
		snprintf(name, sizeof name, "%s", row->name);
	rv = verify_chain(&c, side, name, chain.cert, chain.n,
	    row->when[0] != '-' ? atol(row->when) : SOME_TIME, v);
	trust_free(t);
	free(chain.der);
	return rv == 0;
}

/* Is id in the list of disagreements? */
static bool
listed(const char *list, const char *id)
{
	size_t n = strlen(id);
	const char *p;

	for (p = list; (p = strstr(p, id)) != NULL; p++)
		if ((p == list || p[-1] == '\n') && p[n] == '\t')
			return true;
	return false;
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

static void
table_check(FILE *table, const char *folder, const char *list)
{
	size_t cases = 0, agree = 0, wrong_accepts = 0, unlisted = 0;
	char line[1024], family[256] = "", now[256];
	struct verdict v;
	struct row row;

	for (;;) {
		bool more = fgets(line, sizeof line, table) != NULL &&
			    row_read(line, &row);

		if (more)
			family_of(row.id, now, sizeof now);
		if (cases > 0 && (!more || strcmp(now, family) != 0)) {
			report(unlisted == 0,
			    "%s: %zu of %zu agree, %zu wrong accepts", family,
			    agree, cases, wrong_accepts);
			cases = agree = wrong_accepts = unlisted = 0;
		}
		if (!more)
			break;
		strcpy(family, now);
		bool accepted = row_accepts(&row, folder, &v);
		bool good = accepted == (strcmp(row.want, "SUCCESS") == 0);

		cases++;
		agree += good;
		wrong_accepts += accepted && !good;
		if (good == !listed(list, row.id))
			continue;
		unlisted++;
		printf("# %s\t%s\t%s\t%s\n", row.id, row.want,
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
	table_check(table, folder, list);
	fclose(table);
	free(list);
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command) != 0 || failures > 0;
}
