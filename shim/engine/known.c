/* known.c - verdicts that hold still: the same chain by the same credentials */

#include <gnutls/crypto.h>
#include <stdatomic.h>
#include <string.h>

#include "engine.h"
#include "known.h"

#define MOST 16 /* servers that a program comes back to */
#define PATH 8  /* longer ones are verified each time */

/* A step of a path: the peer's at a place, or the credentials' own. */
struct step {
	int place; /* -1: at */
	struct der at;
};

APART static struct known {
	struct known_key key;
	time_t since, until; /* until 0: free */
	unsigned status;
	size_t npath;
	struct step path[PATH];
} known[MOST];

static atomic_flag busy = ATOMIC_FLAG_INIT; /* guards known and turn */
static unsigned turn;

static int
hash_bytes(gnutls_hash_hd_t h, const void *data, size_t len)
{
	if (gnutls_hash(h, &len, sizeof len) < 0)
		return -1;
	return len > 0 && gnutls_hash(h, data, len) < 0 ? -1 : 0;
}

static int
hash_shown(gnutls_hash_hd_t h, const struct presented *p)
{
	size_t i;
	int rv = 0;

	for (i = 0; i < p->n && rv == 0; i++) {
		rv = hash_bytes(h, p->chain[i].data, p->chain[i].size);
		if (rv == 0 && i < VERDICT_PATH && p->staple != NULL)
			rv = hash_bytes(
			    h, p->staple[i].data, p->staple[i].size);
	}
	return rv;
}

bool
known_key(const struct credentials *c, enum side side, const char *name,
    const struct presented *p, struct known_key *out)
{
	gnutls_hash_hd_t h;
	int rv;

	if (p->n == 0 || gnutls_hash_init(&h, GNUTLS_DIG_SHA256) < 0)
		return false;
	rv = hash_bytes(h, &c->number, sizeof c->number);
	if (rv == 0)
		rv = hash_bytes(h, &side, sizeof side);
	if (rv == 0)
		rv = hash_bytes(h, name, strlen(name));
	if (rv == 0)
		rv = hash_shown(h, p);
	gnutls_hash_deinit(h, out->digest);
	return rv == 0;
}

static void
give(const struct known *k, const struct presented *p, struct verdict *out)
{
	size_t i;

	memset(out, 0, sizeof *out);
	out->status = k->status;
	out->until = k->until;
	out->npath = k->npath;
	for (i = 0; i < k->npath; i++) {
		const struct step *s = &k->path[i];

		out->path[i] = s->at;
		if (s->place >= 0)
			out->path[i] = (struct der){p->chain[s->place].data,
			    p->chain[s->place].size};
	}
}

bool
known_find(const struct known_key *key, const struct presented *p,
    struct verdict *out)
{
	const struct known *k;
	bool found = false;

	if (atomic_flag_test_and_set(&busy))
		return false;
	for (k = known; k < known + MOST && !found; k++) {
		found = k->until > p->now && k->since <= p->now &&
		    memcmp(&k->key, key, sizeof *key) == 0;
		if (found)
			give(k, p, out);
	}
	atomic_flag_clear(&busy);
	return found;
}

static struct step
step_of(const struct der *d, const struct presented *p)
{
	struct step s = {-1, *d};
	size_t i;

	for (i = 0; i < p->n; i++)
		if (d->p == p->chain[i].data)
			s.place = (int)i;
	return s;
}

void
known_add(const struct known_key *key, const struct presented *p,
    const struct verdict *v)
{
	struct known *k;
	size_t i;

	if (v->until <= p->now || v->npath == 0 || v->npath > PATH ||
	    atomic_flag_test_and_set(&busy))
		return;
	k = &known[turn++ % MOST];
	k->key = *key;
	k->since = p->now;
	k->until = v->until;
	k->status = v->status;
	k->npath = v->npath;
	for (i = 0; i < v->npath; i++)
		k->path[i] = step_of(&v->path[i], p);
	atomic_flag_clear(&busy);
}
