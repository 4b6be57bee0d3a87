/*
 * match_fuzz.c - any rules and any connection: one decision that agrees with
 * itself
 *
 * The input is lines: side and flags, program, script, the address and port
 * of the peer, those of our end, names, search domains; then a policy's text.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "../../policy/arena.h"
#include "../../policy/matchers.h"
#include "../../policy/rule.h"
#include "fuzz.h"

enum { RULES = 16, NAMES = 6 };

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Everything that a decision hangs on, and what it borrows. */
struct question {
	struct policy p;
	struct rule rule[2][RULES];
	struct endpoint e;
	union address peer, local;
	char *line[7];
	const char *name[NAMES], *domain[NAMES];
};

/* "ADDRESS PORT"; NULL where it is none. */
static const struct sockaddr *
address_read(char *text, union address *out)
{
	char *port = strchr(text, ' ');
	in_port_t n = port != NULL ? htons((uint16_t)atoi(port + 1)) : 0;

	memset(out, 0, sizeof *out);
	if (port != NULL)
		*port = '\0';
	if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = n;
		return &out->sa;
	}
	if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = n;
		return &out->sa;
	}
	return NULL;
}

static size_t
words_read(char *text, const char **v)
{
	char *word;
	size_t n = 0;

	while (n < NAMES && (word = strsep(&text, " ")) != NULL)
		if (*word != '\0')
			v[n++] = word;
	return n;
}

static void
endpoint_read(struct question *q, struct feed *f)
{
	struct endpoint *e = &q->e;
	size_t i;

	for (i = 0; i < 7; i++)
		q->line[i] = feed_line(f);
	e->side = q->line[0][0] == 's' ? SIDE_SERVER : SIDE_CLIENT;
	q->p.unmatched = strchr(q->line[0], 'p') != NULL ? UNMATCHED_PLAIN
							 : UNMATCHED_REJECT;
	q->p.unnamed_skip = strchr(q->line[0], 'u') != NULL;
	q->p.ambiguous_latest = strchr(q->line[0], 'l') != NULL;
	e->program = q->line[1][0] != '\0' ? q->line[1] : NULL;
	e->script = q->line[2][0] != '\0' ? q->line[2] : NULL;
	e->peer = address_read(q->line[3], &q->peer);
	e->local = address_read(q->line[4], &q->local);
	e->names = q->name;
	e->nnames = words_read(q->line[5], q->name);
	e->search = q->domain;
	e->nsearch = words_read(q->line[6], q->domain);
}

static size_t
rules_read(struct question *q, struct reader *r, const config_t *tree,
    enum side side)
{
	static const char *const lists[] = {"client", "server"};
	config_setting_t *s = config_lookup(tree, lists[side]);
	struct bases b = {0};
	size_t n = 0;
	int i;

	if (s == NULL || setting_groups(r, s) == -1)
		return 0;
	for (i = 0; i < config_setting_length(s) && n < RULES; i++)
		n += rule_read(r, config_setting_get_elem(s, (unsigned)i), side,
			 &b, &q->rule[side][n]) == 0;
	return n;
}

/* Where all is known, the first rule that could be it is. */
static void
first_check(const struct question *q, const struct decision *d)
{
	const struct rule *rules = q->rule[q->e.side];
	size_t n =
	    q->e.side == SIDE_CLIENT ? q->p.nclient : q->p.nserver;
	const struct sockaddr *own =
	    q->e.side == SIDE_CLIENT ? q->e.peer : q->e.local;
	char canon[256];
	size_t i;

	if (q->e.program == NULL || q->e.peer == NULL || own == NULL ||
	    sockaddr_is_wildcard(own) || sockaddr_port(own) == 0)
		return;
	if (q->e.side == SIDE_CLIENT &&
	    (q->e.nnames != 1 || name_is_address(q->e.names[0]) ||
		name_canon(q->e.names[0], canon, sizeof canon) == -1))
		return;
	for (i = 0; i < n && !rule_could_match(&rules[i], &q->e); i++)
		;
	MUST(d->why == (i < n ? WHY_RULE : WHY_UNMATCHED));
	MUST(d->rule == (i < n ? &rules[i] : NULL));
}

static void
decision_check(const struct question *q, const struct decision *d)
{
	MUST(d->text[0] != '\0' && strchr(d->text, '\n') == NULL);
	switch (d->why) {
	case WHY_RULE:
		MUST(d->rule != NULL && d->action == d->rule->action &&
		     rule_could_match(d->rule, &q->e));
		break;
	case WHY_UNMATCHED:
		MUST(d->rule == NULL &&
		     d->action == (q->p.unmatched == UNMATCHED_PLAIN
					  ? ACTION_PLAIN
					  : ACTION_REJECT));
		break;
	case WHY_UNDECIDED:
	case WHY_AMBIGUOUS:
		MUST(d->action == ACTION_REJECT);
	}
	first_check(q, d);
}

/* The canonical form of a canonical form is itself. */
static void
names_check(const struct question *q)
{
	char one[256], two[256];
	size_t i;

	for (i = 0; i < q->e.nnames; i++)
		if (name_canon(q->name[i], one, sizeof one) == 0)
			MUST(name_canon(one, two, sizeof two) == 0 &&
			     strcmp(one, two) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed f = {data, size};
	struct question *q = calloc(1, sizeof *q);
	struct fault fault = {{0}, 0, {0}};
	struct reader r = {
	    .file = "fuzz.cfg", .arena = arena_new(), .f = &fault};
	struct decision d, again;
	config_t tree;
	char *text;
	size_t i;

	MUST(q != NULL && r.arena != NULL);
	endpoint_read(q, &f);
	text = malloc(f.left + 1);
	MUST(text != NULL);
	if (f.left > 0)
		memcpy(text, f.p, f.left);
	text[f.left] = '\0';
	if (parse_text(text, f.left, r.file, &tree, &fault) == 0) {
		q->p.file = r.file;
		q->p.client = q->rule[SIDE_CLIENT];
		q->p.server = q->rule[SIDE_SERVER];
		q->p.nclient = rules_read(q, &r, &tree, SIDE_CLIENT);
		q->p.nserver = rules_read(q, &r, &tree, SIDE_SERVER);
		policy_match(&q->p, &q->e, &d);
		policy_match(&q->p, &q->e, &again);
		MUST(d.action == again.action && d.rule == again.rule &&
		     strcmp(d.text, again.text) == 0);
		decision_check(q, &d);
		(void)policy_start(&q->p,
		    q->e.program != NULL ? q->e.program : "/bin/true",
		    q->e.script, &d);
		config_destroy(&tree);
	}
	names_check(q);
	for (i = 0; i < 7; i++)
		free(q->line[i]);
	free(text);
	arena_free(r.arena);
	free(q);
	return 0;
}
