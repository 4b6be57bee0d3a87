/* explain.c - a decision in words */
#include <stdio.h>

#include "explain.h"
#include "matchers.h"

#define SIZE sizeof((struct decision *)0)->text

const char *
action_word(enum action a)
{
	static const char *const words[] = {
	    [ACTION_TLS] = "tls",
	    [ACTION_PLAIN] = "plain",
	    [ACTION_REJECT] = "reject",
	    [ACTION_NATIVE] = "native",
	    [ACTION_DETECT] = "detect",
	};

	return words[a];
}

const struct sockaddr *
endpoint_own(const struct endpoint *e)
{
	return e->side == SIDE_CLIENT ? e->peer : e->local;
}

static void
own_text(const struct endpoint *e, char *buf, size_t len)
{
	const struct sockaddr *sa = endpoint_own(e);

	if (sa != NULL)
		sockaddr_text(sa, buf, len);
	else
		snprintf(buf, len, "an unknown address");
}

/* A rule for another path of the same program is the usual surprise.  Without
 * a path (explain, probe) there is nothing to say. */
static void
who_text(const struct endpoint *e, char *buf, size_t len)
{
	buf[0] = '\0';
	if (e->program != NULL && e->program[0] != '\0')
		snprintf(buf, len, " for %s", e->program);
}

void
explain_decided(const struct policy *p, const struct endpoint *e,
    const char *name, struct decision *out)
{
	const char *unmatched =
	    p->unmatched == UNMATCHED_PLAIN ? "plain" : "reject";
	const struct rule *r = out->rule;
	char own[128], who[SIZE];

	own_text(e, own, sizeof own);
	who_text(e, who, sizeof who);
	if (r != NULL)
		snprintf(out->text, SIZE, "%s:%d says %s", r->file, r->line,
		    action_word(r->action));
	else
		snprintf(out->text, SIZE,
		    "no rule matches %s%s%s%s; %s says unmatched = \"%s\"",
		    name != NULL ? name : "", name != NULL ? " at " : "", own,
		    who, p->file, unmatched);
}

void
explain_undecided(const struct endpoint *e, struct decision *out)
{
	const struct rule *r = out->rule;
	const struct matchers *m = r->match;
	char own[128];

	own_text(e, own, sizeof own);
	if (e->program == NULL && m->program.n > 0)
		snprintf(out->text, SIZE,
		    "%s: the program is not known; %s:%d (program \"%.100s\") "
		    "may apply",
		    own, r->file, r->line, m->program.v[0]);
	else if (e->side == SIDE_SERVER)
		snprintf(out->text, SIZE,
		    "%s: the peer is not known; %s:%d may apply, by its peer",
		    own, r->file, r->line);
	else
		snprintf(out->text, SIZE,
		    "%s has no known name; %s:%d (host %.200s) may apply: add "
		    "an address rule",
		    own, r->file, r->line,
		    m->host_text != NULL ? m->host_text : "");
}

void
explain_ambiguous(const struct endpoint *e, const char *one, const char *other,
    struct decision *out)
{
	char own[128];

	own_text(e, own, sizeof own);
	snprintf(out->text, SIZE,
	    "%s was looked up as \"%.100s\" and as \"%.100s\", and either may "
	    "be meant: set server_hostname in the rule",
	    own, one, other);
}
