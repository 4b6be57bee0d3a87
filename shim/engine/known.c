/* known.c - verdicts that hold still: the same chain by the same credentials */

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "known.h"

#define MOST 16 /* servers that a program comes back to */
#define PATH 8  /* longer ones are verified each time */
#define BYTES 32768 /* of what was shown; what is longer is verified as well */

/* A step of a path: the peer's at a place, or the credentials' own. */
struct step {
	int place; /* -1: at */
	struct der at;
};

APART static struct known {
	uint64_t number; /* of the credentials */
	enum side side;
	size_t len;
	unsigned char *text; /* owned: name and what was shown, see walk */
	time_t since, until; /* until 0: free */
	unsigned status;
	size_t npath;
	struct step path[PATH];
} known[MOST];

static atomic_flag busy = ATOMIC_FLAG_INIT; /* guards known and turn */
static unsigned turn;

/* What is done with each piece in its order; false: no further. */
typedef bool piece(unsigned char **at, const void *data, size_t len);

static bool
piece_count(unsigned char **at, const void *data, size_t len)
{
	*at += len;
	return true;
}

static bool
piece_put(unsigned char **at, const void *data, size_t len)
{
	if (len > 0)
		memcpy(*at, data, len);
	*at += len;
	return true;
}

static bool
piece_same(unsigned char **at, const void *data, size_t len)
{
	bool same = len == 0 || memcmp(*at, data, len) == 0;

	*at += len;
	return same;
}

static inline bool
walk_bytes(piece *f, unsigned char **at, const void *data, size_t len)
{
	return f(at, &len, sizeof len) && f(at, data, len);
}

/* Each length before its bytes: nothing else reads the same. */
static inline bool
walk(const struct known_case *k, piece *f, unsigned char **at)
{
	const struct presented *p = k->shown;
	bool on = walk_bytes(f, at, k->name, strlen(k->name));
	size_t i;

	for (i = 0; i < p->n && on; i++) {
		on = walk_bytes(f, at, p->chain[i].data, p->chain[i].size);
		if (on && i < VERDICT_PATH && p->staple != NULL)
			on = walk_bytes(
			    f, at, p->staple[i].data, p->staple[i].size);
	}
	return on;
}

static size_t
length(const struct known_case *k)
{
	unsigned char *at = NULL;

	(void)walk(k, piece_count, &at);
	return (size_t)at;
}

/* By len first, so that the pieces end where known's do. */
static bool
is_same(const struct known *e, const struct known_case *k, size_t len)
{
	unsigned char *at = e->text;

	return e->number == k->cred->number && e->side == k->side &&
	    e->len == len && walk(k, piece_same, &at);
}

static void
give(const struct known *k, const struct presented *p, struct verdict *out)
{
	size_t i;

	verdict_init(out);
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
known_find(const struct known_case *k, struct verdict *out)
{
	const struct presented *p = k->shown;
	const struct known *e;
	bool found = false;
	size_t len;

	if (p->n == 0 || atomic_flag_test_and_set(&busy))
		return false;
	len = length(k);
	for (e = known; e < known + MOST && !found; e++) {
		found = e->until > p->now && e->since <= p->now &&
		    is_same(e, k, len);
		if (found)
			give(e, p, out);
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

/* With busy; text is e's from now on. */
static void
fill(struct known *e, const struct known_case *k, const struct verdict *v,
    unsigned char *text, size_t len)
{
	size_t i;

	free(e->text);
	e->text = text;
	e->len = len;
	(void)walk(k, piece_put, &text);
	e->number = k->cred->number;
	e->side = k->side;
	e->since = k->shown->now;
	e->until = v->until;
	e->status = v->status;
	e->npath = v->npath;
	for (i = 0; i < v->npath; i++)
		e->path[i] = step_of(&v->path[i], k->shown);
}

void
known_add(const struct known_case *k, const struct verdict *v)
{
	const struct presented *p = k->shown;
	unsigned char *text;
	size_t len;

	if (p->n == 0 || v->until <= p->now || v->npath == 0 ||
	    v->npath > PATH)
		return;
	len = length(k);
	text = len <= BYTES ? malloc(len) : NULL;
	if (text == NULL)
		return;
	if (atomic_flag_test_and_set(&busy)) {
		free(text);
		return;
	}
	fill(&known[turn++ % MOST], k, v, text, len);
	atomic_flag_clear(&busy);
}
