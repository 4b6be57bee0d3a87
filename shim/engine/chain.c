/* chain.c - a path from the peer's certificate to an anchor */
#include <stdlib.h>
#include <string.h>

#include "chain.h"

static struct cert *
cert_add(struct chain *b, const struct der *der)
{
	struct cert *c;

	if (b->n == CHAIN_CERTS) {
		b->limited = true;
		return NULL;
	}
	c = calloc(1, sizeof *c);
	if (c == NULL || !cert_read(c, der)) {
		free(c);
		b->unreadable = true;
		return NULL;
	}
	b->cert[b->n++] = c;
	return c;
}

static struct cert *
cert_find(struct chain *b, const struct der *der)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (der_same(&b->cert[i]->der, der))
			return b->cert[i];
	return NULL;
}

static void
staple_keep(struct cert *c, const struct presented *p, size_t i)
{
	if (p->staple != NULL && p->staple[i].size > 0 && c->staple.len == 0)
		c->staple = (struct der){p->staple[i].data, p->staple[i].size};
}

size_t
chain_most(const struct rule_values *v)
{
	size_t whole = (size_t)v->verify_depth + 2;

	return whole > CHAIN_SENT ? whole : CHAIN_SENT;
}

bool
chain_read(struct chain *b, const struct presented *p, struct reason *why)
{
	const gnutls_datum_t *sent = p->chain;
	size_t i, n = p->n, bytes = 0;

	*why = (struct reason){CAUSE_CHAIN_LIMIT, NULL,
	    "the peer sent more certificates than we look at"};
	for (i = 0; i < n; i++)
		bytes += sent[i].size;
	if (n > chain_most(b->values) || bytes > CHAIN_BYTES)
		return false;
	b->edge = calloc(CHAIN_CERTS, CHAIN_CERTS);
	*why = (struct reason){
	    CAUSE_MALFORMED, NULL, "the peer's certificate cannot be read"};
	for (i = 0; b->edge != NULL && i < n; i++) {
		const struct der der = {sent[i].data, sent[i].size};
		struct cert *c = cert_find(b, &der);

		if (c == NULL)
			c = cert_add(b, &der);
		if (c == NULL && i == 0)
			return false;
		if (c == NULL)
			continue;
		c->trusted = trust_has(b->trust, &der, &c->d.subject);
		staple_keep(c, p, i);
	}
	b->sent = b->n;
	return b->n > 0 && cert_load(b->cert[0]);
}

void
chain_free(struct chain *b)
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		cert_free(b->cert[i]);
		free(b->cert[i]);
	}
	free(b->edge);
	b->edge = NULL;
	b->n = 0;
}

static size_t
index_of(const struct chain *b, const struct cert *c)
{
	size_t i;

	for (i = 0; b->cert[i] != c; i++)
		;
	return i;
}

/* A signature is verified once, however many paths hold it. */
static bool
signed_by(struct chain *b, struct cert *c, struct cert *issuer)
{
	signed char *known =
	    &b->edge[index_of(b, c) * CHAIN_CERTS + index_of(b, issuer)];

	if (*known == 0) {
		if (b->signatures == 0) {
			b->limited = true;
			return false;
		}
		b->signatures--;
		*known = cert_signed_by(c, issuer) ? 1 : -1;
	}
	return *known == 1;
}

/* With partial_chain whatever is trusted; else what signed itself. */
static bool
is_anchor(struct chain *b, struct cert *c)
{
	if (c->trusted == NULL)
		return false;
	return b->partial ||
	       (c->self_issued && cert_load(c) && signed_by(b, c, c));
}

/* The same holder twice in a path proves nothing more (RFC 4158 2.4.2). */
static bool
on_path(const struct chain *b, const struct cert *c)
{
	size_t i;

	for (i = 0; i < b->length; i++)
		if (der_same(&b->path[i]->d.subject, &c->d.subject) &&
		    der_same(&b->path[i]->d.key, &c->d.key))
			return true;
	return false;
}

/* Intermediates that count (RFC 5280 6.1.4 l): not the self-issued. */
static int
intermediates(const struct chain *b)
{
	size_t i;
	int n = 0;

	for (i = 1; i < b->length; i++)
		n += !b->path[i]->self_issued;
	return n;
}

static void
worsen(struct reason *why, struct reason by)
{
	if (by.cause < why->cause)
		*why = by;
}

/* What speaks against c as the issuer of the path's end. */
static struct reason
check_step(struct chain *b, const struct cert *c)
{
	const struct reason short_path = {CAUSE_PATH_LENGTH, c,
	    "allows fewer CAs below it (pathLenConstraint)"};
	struct reason why = b->why[b->length - 1];
	size_t i;

	worsen(&why, cert_check_signature(b->path[b->length - 1]));
	worsen(&why, cert_check_issuer(c, &b->rules));
	if (c->path_length >= 0 && intermediates(b) > c->path_length)
		worsen(&why, short_path);
	for (i = 0; i < b->length; i++)
		worsen(
		    &why, constraint_check(c, b->path[i], i == 0, &b->names));
	return why;
}

static void
show(struct chain *b)
{
	memcpy(b->shown, b->path, b->length * sizeof b->path[0]);
	b->nshown = b->length;
}

/* A path has reached an anchor; true ends the search. */
static bool
arrived(struct chain *b)
{
	struct reason why = b->why[b->length - 1];

	if (why.cause == CAUSE_NONE)
		why = path_check(b);
	if (!b->reached || why.cause > b->best.cause) {
		b->best = why;
		show(b);
	}
	b->reached = true;
	return why.cause == CAUSE_NONE;
}

static void
note_end(struct chain *b, bool forged)
{
	if (b->ended != NULL && b->length <= b->ended_at)
		return;
	b->ended = b->path[b->length - 1];
	b->ended_at = b->length;
	b->ended_forged = forged;
	if (!b->reached)
		show(b);
}

/*
 * In which turn to try c as the issuer of end: what is trusted first, and
 * those first whose key identifiers agree.  They are a hint, no condition.
 */
static int
turn_of(const struct cert *c, const struct cert *end)
{
	int turn = c->trusted != NULL ? 0 : 3;

	if (end->authority_key.len == 0 || c->subject_key.len == 0)
		return turn + 1;
	return der_same(&end->authority_key, &c->subject_key) ? turn : turn + 2;
}

enum { TURNS = 6 };

static bool walk(struct chain *b);

static bool
step(struct chain *b, struct cert *c, bool *forged)
{
	struct cert *end = b->path[b->length - 1];
	struct reason why;
	bool found;

	if (on_path(b, c))
		return false;
	if (b->steps == 0 || b->length == CHAIN_LENGTH ||
	    (!c->self_issued && !is_anchor(b, c) &&
		intermediates(b) >= b->depth)) {
		b->limited = true;
		return false;
	}
	b->steps--;
	if (!cert_load(c) || !cert_load(end)) {
		b->unreadable = true;
		return false;
	}
	if (!b->lax && cert_check_signature(end).cause != CAUSE_NONE)
		return false;
	if (!signed_by(b, end, c) && cert_signature_known(end)) {
		*forged = true;
		return false;
	}
	why = check_step(b, c);
	if (!b->lax && why.cause != CAUSE_NONE)
		return false;
	b->path[b->length] = c;
	b->why[b->length++] = why;
	found = is_anchor(b, c) ? arrived(b) : walk(b);
	if (!found)
		b->length--;
	return found;
}

/* Goes on from the end of the path over every possible issuer. */
static bool
walk(struct chain *b)
{
	const struct cert *end = b->path[b->length - 1];
	bool forged = false, any = false;
	int turn;
	size_t i;

	for (turn = 0; turn < TURNS; turn++)
		for (i = 0; i < b->n; i++) {
			struct cert *c = b->cert[i];

			if (!der_same(&c->d.subject, &end->d.issuer) ||
			    turn_of(c, end) != turn)
				continue;
			any |= c != end;
			if (step(b, c, &forged))
				return true;
		}
	if (!any || forged)
		note_end(b, forged);
	return false;
}

/* Adds what the trust list has of the issuers asked for, once. */
static void
trusted_add(struct chain *b)
{
	const struct trust_cert *t;
	struct cert *c;
	size_t i, n;

	for (i = 0; i < b->n; i++) {
		if (b->partial && b->cert[i]->trusted != NULL)
			continue; /* a path ends there */
		n = trust_find(b->trust, &b->cert[i]->d.issuer, &t);
		for (; n > 0; n--, t++) {
			if (cert_find(b, &t->der) != NULL)
				continue;
			c = cert_add(b, &t->der);
			if (c != NULL)
				c->trusted = t;
		}
	}
}

static bool
search(struct chain *b, bool lax)
{
	b->lax = lax;
	b->steps = CHAIN_STEPS;
	b->path[0] = b->cert[0];
	b->why[0] = REASON_NONE;
	b->length = 1;
	return is_anchor(b, b->path[0]) ? arrived(b) : walk(b);
}

static struct reason
unknown_issuer(const struct chain *b)
{
	const struct cert *end = b->ended != NULL ? b->ended : b->cert[0];

	if (b->limited)
		return (struct reason){CAUSE_CHAIN_LIMIT, end,
		    "leads further than verify_depth or our limits allow"};
	if (b->unreadable)
		return (struct reason){CAUSE_MALFORMED, NULL,
		    "a certificate of the peer's chain cannot be read"};
	if (b->ended_forged)
		return (struct reason){CAUSE_UNKNOWN_ISSUER, end,
		    "is not signed by the issuer it names"};
	if (end->self_issued)
		return (struct reason){CAUSE_UNKNOWN_ISSUER, end,
		    "is self-signed and not trusted"};
	return (struct reason){CAUSE_UNKNOWN_ISSUER, end,
	    "has an issuer that is neither trusted nor sent by the peer"};
}

struct reason
chain_find(struct chain *b)
{
	b->signatures = CHAIN_SIGNATURES;
	b->names = CHAIN_NAMES;
	trusted_add(b);
	if (search(b, false))
		return REASON_NONE;
	search(b, true);
	return b->reached ? b->best : unknown_issuer(b);
}
