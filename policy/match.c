/* match.c - which rule decides about a connection; pure */
#include <fnmatch.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "explain.h"
#include "keys.h"
#include "matchers.h"

/* A name as rules are asked about it. */
struct name {
	char text[256]; /* canonical; "" = not known */
	bool whole;     /* ended in a dot: no search domains */
};

/* Does a matcher hold? */
enum hold { HOLD_NO, HOLD_YES, HOLD_UNKNOWN };

/* Where a name leads. */
struct outcome {
	const struct rule *rule;      /* NULL: unmatched */
	const struct rule *undecided; /* differs from rule's verdict, or NULL */
};

/* A glob's '*' does not cross a '/', as in a shell. */
static enum hold
program_holds(const struct list *globs, const struct endpoint *e)
{
	size_t i;

	if (globs->n == 0)
		return HOLD_YES;
	for (i = 0; i < globs->n; i++)
		if ((e->program != NULL &&
			fnmatch(globs->v[i], e->program, FNM_PATHNAME) == 0) ||
		    (e->script != NULL &&
			fnmatch(globs->v[i], e->script, FNM_PATHNAME) == 0))
			return HOLD_YES;
	return e->program == NULL ? HOLD_UNKNOWN : HOLD_NO;
}

static enum hold
networks_hold(const struct network *v, size_t n, const struct sockaddr *sa)
{
	size_t i;

	if (n == 0)
		return HOLD_YES;
	if (sa == NULL)
		return HOLD_UNKNOWN;
	for (i = 0; i < n; i++)
		if (network_has(&v[i], sa))
			return HOLD_YES;
	return HOLD_NO;
}

/*
 * Linux takes a connect() to the wildcard address for one to this host, so
 * the rules for loopback hold as well.
 */
static enum hold
address_holds(const struct matchers *m, const struct endpoint *e)
{
	const struct sockaddr_in v4 = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct sockaddr_in6 v6 = {
	    .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	const struct sockaddr *sa = endpoint_own(e);
	enum hold h = networks_hold(m->addresses, m->naddresses, sa);

	if (h != HOLD_NO || e->side != SIDE_CLIENT || !sockaddr_is_wildcard(sa))
		return h;
	return networks_hold(m->addresses, m->naddresses,
	    sockaddr_is_v4(sa) ? (const struct sockaddr *)&v4
			       : (const struct sockaddr *)&v6);
}

static enum hold
port_holds(const struct matchers *m, const struct sockaddr *sa)
{
	size_t i;
	int port;

	if (m->nports == 0)
		return HOLD_YES;
	if (sa == NULL)
		return HOLD_UNKNOWN;
	port = sockaddr_port(sa);
	for (i = 0; i < m->nports; i++)
		if (port >= m->ports[i].low && port <= m->ports[i].high)
			return HOLD_YES;
	return HOLD_NO;
}

bool
host_has(const struct host *h, const char *name)
{
	size_t n = strlen(name), m = strlen(h->name);

	if (!h->suffix)
		return strcmp(name, h->name) == 0;
	return n > m && name[n - m - 1] == '.' &&
	       strcmp(name + n - m, h->name) == 0;
}

static bool
hosts_have(const struct matchers *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->nhosts; i++)
		if (host_has(&m->hosts[i], name))
			return true;
	return false;
}

/* A name without a dot may mean one in any of the search domains. */
static enum hold
host_holds(
    const struct matchers *m, const struct endpoint *e, const struct name *name)
{
	char longer[512];
	size_t i;

	if (m->nhosts == 0)
		return HOLD_YES;
	if (name == NULL)
		return HOLD_UNKNOWN;
	if (hosts_have(m, name->text))
		return HOLD_YES;
	if (name->whole || strchr(name->text, '.') != NULL)
		return HOLD_NO;
	for (i = 0; i < e->nsearch; i++) {
		snprintf(
		    longer, sizeof longer, "%s.%s", name->text, e->search[i]);
		if (hosts_have(m, longer))
			return HOLD_YES;
	}
	return HOLD_NO;
}

static enum hold
rule_holds(
    const struct rule *r, const struct endpoint *e, const struct name *name)
{
	const struct matchers *m = r->match;
	enum hold each[5];
	enum hold all = HOLD_YES;
	size_t i;

	each[0] = program_holds(&m->program, e);
	each[1] = address_holds(m, e);
	each[2] = port_holds(m, endpoint_own(e));
	each[3] = networks_hold(m->peers, m->npeers, e->peer);
	each[4] = host_holds(m, e, name);
	for (i = 0; i < 5; i++) {
		if (each[i] == HOLD_NO)
			return HOLD_NO;
		if (each[i] == HOLD_UNKNOWN)
			all = HOLD_UNKNOWN;
	}
	return all;
}

static bool
values_equal(const struct rule *a, const struct rule *b)
{
	size_t i;

	for (i = 0; i < KEY_COUNT; i++)
		if (!key_equal(&keys[i], &a->values, &b->values))
			return false;
	return true;
}

static enum action
action_of(const struct policy *p, const struct rule *r)
{
	if (r != NULL)
		return r->action;
	return p->unmatched == UNMATCHED_PLAIN ? ACTION_PLAIN : ACTION_REJECT;
}

/* Do both mean the same for the connection?  NULL stands for unmatched. */
static bool
same_end(const struct policy *p, const struct rule *a, const struct rule *b)
{
	enum action one = action_of(p, a);

	if (a == b)
		return true;
	if (one != action_of(p, b))
		return false;
	if (one == ACTION_PLAIN || one == ACTION_REJECT)
		return true;
	return values_equal(a, b);
}

/*
 * The first rule that holds.  Rules before it that might hold are undecided;
 * the first of those that would have led elsewhere counts.  name NULL: none
 * is known.
 */
static struct outcome
lead(const struct policy *p, const struct endpoint *e, const struct name *name)
{
	const struct rule *rules =
	    e->side == SIDE_CLIENT ? p->client : p->server;
	size_t n = e->side == SIDE_CLIENT ? p->nclient : p->nserver;
	bool skip = p->unnamed_skip && e->side == SIDE_CLIENT;
	struct outcome out = {NULL, NULL};
	size_t i, end = n;

	for (i = 0; i < n && out.rule == NULL; i++)
		if (rule_holds(&rules[i], e, name) == HOLD_YES) {
			out.rule = &rules[i];
			end = i;
		}
	for (i = 0; i < end; i++) {
		if (rule_holds(&rules[i], e, name) != HOLD_UNKNOWN ||
		    same_end(p, &rules[i], out.rule))
			continue;
		if (skip && rules[i].match->nhosts > 0 && e->program != NULL)
			continue;
		out.undecided = &rules[i];
		break;
	}
	return out;
}

/* The i-th name as rules are asked about it; false for what is no name. */
static bool
name_read(const struct endpoint *e, size_t i, struct name *out)
{
	const char *given = e->names[i];

	if (name_is_address(given) ||
	    name_canon(given, out->text, sizeof out->text) == -1)
		return false;
	out->whole = given[strlen(given) - 1] == '.';
	return true;
}

/* The first name that counts from the i-th on; its index, or e->nnames. */
static size_t
name_next(const struct endpoint *e, size_t i, struct name *out)
{
	if (e->side != SIDE_CLIENT)
		return e->nnames;
	while (i < e->nnames && !name_read(e, i, out))
		i++;
	return i;
}

static void
rejected_set(
    const struct rule *r, enum verdict_why why, struct decision *out)
{
	out->action = ACTION_REJECT;
	out->why = why;
	out->rule = r;
}

/* The name to verify: the policy's, else what the program looked up. */
static void
name_set(const struct name *name, struct decision *out)
{
	const char *pinned =
	    out->rule != NULL ? out->rule->values.server_hostname : NULL;
	const char *text =
	    name != NULL && out->action == ACTION_TLS ? name->text : "";
	size_t n = strnlen(text, sizeof out->name - 1);

	if (pinned != NULL &&
	    name_canon(pinned, out->name, sizeof out->name) == 0)
		return;
	/* by hand: for each connection of a server, mostly none at all */
	memcpy(out->name, text, n);
	out->name[n] = '\0';
}

static void
decided_set(const struct policy *p, const struct rule *r,
    const struct name *name, struct decision *out)
{
	out->action = action_of(p, r);
	out->why = r != NULL ? WHY_RULE : WHY_UNMATCHED;
	out->rule = r;
	name_set(name, out);
}

/*
 * Looks for a name after the i-th that makes a difference: it leads to
 * another end, or there is more than one name to verify.  Returns a rule that
 * the difference is about, or NULL.
 */
static const struct rule *
other_find(const struct policy *p, const struct endpoint *e, size_t i,
    const struct name *one, const struct outcome *first, struct name *other)
{
	const struct rule *r = first->rule;
	bool verified = action_of(p, r) == ACTION_TLS &&
			r->values.check_hostname &&
			r->values.server_hostname == NULL;
	struct outcome o;

	while ((i = name_next(e, i + 1, other)) < e->nnames) {
		if (strcmp(one->text, other->text) != 0 && verified)
			return r;
		o = lead(p, e, other);
		if (o.undecided == first->undecided && same_end(p, r, o.rule))
			continue;
		if (r != NULL)
			return r;
		return o.rule != NULL        ? o.rule
		       : o.undecided != NULL ? o.undecided
					     : first->undecided;
	}
	return NULL;
}

/* The names that the decision was made by, "" for none. */
struct names {
	struct name one, other;
};

static void
decide(const struct policy *p, const struct endpoint *e, struct decision *out,
    struct names *n)
{
	const struct rule *differs = NULL;
	struct outcome first;
	size_t i;
	bool named;

	memset(out, 0, sizeof *out);
	i = name_next(e, 0, &n->one);
	named = i < e->nnames;
	if (!named)
		n->one.text[0] = '\0';
	first = lead(p, e, named ? &n->one : NULL);
	if (named && !p->ambiguous_latest)
		differs = other_find(p, e, i, &n->one, &first, &n->other);
	if (differs != NULL)
		rejected_set(differs, WHY_AMBIGUOUS, out);
	else if (first.undecided != NULL)
		rejected_set(first.undecided, WHY_UNDECIDED, out);
	else
		decided_set(p, first.rule, named ? &n->one : NULL, out);
}

void
policy_decide(
    const struct policy *p, const struct endpoint *e, struct decision *out)
{
	struct names n;

	decide(p, e, out, &n);
}

void
policy_match(
    const struct policy *p, const struct endpoint *e, struct decision *out)
{
	struct names n;

	decide(p, e, out, &n);
	switch (out->why) {
	case WHY_AMBIGUOUS:
		explain_ambiguous(e, n.one.text, n.other.text, out);
		break;
	case WHY_UNDECIDED:
		explain_undecided(e, out);
		break;
	default:
		explain_decided(p, e,
		    n.one.text[0] != '\0' ? n.one.text : NULL, out);
	}
}

bool
rule_could_match(const struct rule *r, const struct endpoint *e)
{
	const struct sockaddr *sa = endpoint_own(e);
	struct name name;
	struct matchers any = *r->match;
	struct rule loose = *r;
	size_t i;

	/* What is not known yet can become anything. */
	if (sa == NULL || sockaddr_is_wildcard(sa))
		any.naddresses = 0;
	if (sa == NULL || sockaddr_port(sa) == 0)
		any.nports = 0;
	loose.match = &any;
	i = name_next(e, 0, &name);
	if (e->side != SIDE_CLIENT || i == e->nnames)
		return rule_holds(&loose, e, NULL) != HOLD_NO;
	for (; i < e->nnames; i = name_next(e, i + 1, &name))
		if (rule_holds(&loose, e, &name) != HOLD_NO)
			return true;
	return false;
}
