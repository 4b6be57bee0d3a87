/* unprotected.c - may a program start that cannot be preloaded?  pure */
#include <stdio.h>
#include <string.h>

#include "matchers.h"

/* What becomes of any connection of program at all, on one side. */
static void
side_decide(const struct policy *p, enum side side, const char *program,
    const char *script, struct decision *out)
{
	const struct endpoint e = {
	    .side = side, .program = program, .script = script};

	policy_match(p, &e, out);
}

static bool
is_named(const struct decision *d)
{
	return d->rule != NULL && d->rule->match->program.n > 0;
}

/*
 * All its connections are plain on this side; or a rule for this very program
 * says so for the other, and only what is said of any program speaks against.
 */
static bool
is_free(const struct decision *d, const struct decision *other)
{
	return d->action == ACTION_PLAIN ||
	       (other->action == ACTION_PLAIN && is_named(other) &&
		   !is_named(d));
}

static void
explain_reject(
    const struct policy *p, const struct decision *d, char *text, size_t len)
{
	if (d == NULL)
		snprintf(
		    text, len, "%s says on_unprotected = \"reject\"", p->file);
	else if (d->rule == NULL)
		snprintf(text, len, "%s says unmatched = \"reject\"", p->file);
	else
		snprintf(text, len, "%s:%d governs connections of %s",
		    d->rule->file, d->rule->line,
		    is_named(d) ? "this program" : "any program");
}

enum start
policy_start(const struct policy *p, const char *program, const char *script,
    struct decision *out)
{
	struct decision side[2];
	const struct decision *against = NULL;
	size_t i;

	for (i = 0; i < 2; i++)
		side_decide(p, i == 0 ? SIDE_CLIENT : SIDE_SERVER, program,
		    script, &side[i]);
	for (i = 2; i-- > 0;)
		if (!is_free(&side[i], &side[1 - i]))
			against = &side[i];
	*out = against != NULL ? *against : side[0];
	if (against == NULL && (p->on_unprotected != UNPROTECTED_REJECT ||
				   is_named(&side[0]) || is_named(&side[1])))
		return START_FREE;
	explain_reject(p, against, out->text, sizeof out->text);
	return p->on_unprotected == UNPROTECTED_ALLOW ? START_WARNED
						      : START_REFUSED;
}
