/* cache_pick.c - which of the entries of a cache to take or to give up */

#include <string.h>

#include "cache_pick.h"

int
cache_next(const struct cache_head *v, size_t n, int at,
    const unsigned char *key)
{
	size_t i;

	for (i = (size_t)(at + 1); i < n; i++)
		if (v[i].used && memcmp(v[i].key, key, CACHE_KEY) == 0)
			return (int)i;
	return -1;
}

/* A clock that was set back makes an entry of the future, which is none. */
static bool
is_live(const struct cache_head *h, int64_t now)
{
	return now < h->until && now >= h->since &&
	    (h->version != CACHE_TLS13 || h->uses < CACHE_USES);
}

/* The least used, and of those the latest. */
static bool
is_better(const struct cache_head *a, const struct cache_head *b)
{
	return a->uses != b->uses ? a->uses < b->uses : a->stored > b->stored;
}

/*
 * RFC 8446, C.4: a ticket should be used once, so that nobody can tell by it
 * that two connections have the same client.  But tickets get lost (a client
 * that ends before they have come), and then the last one has to do.
 */
int
cache_pick(const struct cache_head *v, size_t n, const unsigned char *key,
    int64_t now, bool *stays)
{
	int i, best = -1, live = 0;

	for (i = cache_next(v, n, -1, key); i != -1;
	     i = cache_next(v, n, i, key)) {
		if (!is_live(&v[i], now))
			continue;
		live++;
		if (best == -1 || is_better(&v[i], &v[best]))
			best = i;
	}
	*stays = best != -1 && (live == 1 || v[best].version != CACHE_TLS13);
	return best;
}

/* The worst of key's entries, where there are as many as there may be. */
static int
place_of_key(struct cache_head *v, size_t n, const struct cache_head *e,
    int64_t now)
{
	int i, worst = -1, live = 0;

	for (i = cache_next(v, n, -1, e->key); i != -1;
	     i = cache_next(v, n, i, e->key)) {
		/* one that was used has its successor here */
		if (!is_live(&v[i], now) || v[i].uses > 0 ||
		    v[i].version != e->version || e->version != CACHE_TLS13) {
			v[i].used = false;
			continue;
		}
		live++;
		if (worst == -1 || is_better(&v[worst], &v[i]))
			worst = i;
	}
	return live >= CACHE_PER_KEY ? worst : -1;
}

size_t
cache_place(struct cache_head *v, size_t n, const struct cache_head *e,
    int64_t now, bool *full)
{
	int own = place_of_key(v, n, e, now);
	size_t i, oldest = 0;

	*full = false;
	if (own != -1)
		return (size_t)own;
	for (i = 0; i < n; i++) {
		if (!v[i].used || !is_live(&v[i], now))
			return i;
		if (v[i].stored < v[oldest].stored)
			oldest = i;
	}
	*full = true;
	return oldest;
}
