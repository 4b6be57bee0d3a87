/*
 * cache_pick.h - which of the entries of a cache to take, and which to give
 * up: the same in memory and in a file.  Pure.
 */
#ifndef ENGINE_CACHE_PICK_H
#define ENGINE_CACHE_PICK_H

#include "cache.h"

/*
 * The entry for key to take, or -1.  *stays: it is not to be removed, only
 * counted as used once more.
 */
int cache_pick(const struct cache_head *v, size_t n, const unsigned char *key,
    int64_t now, bool *stays);

/*
 * The place for e.  What of its key it replaces is no longer used then;
 * *full: the place was another's, whose time had not come.
 */
size_t cache_place(struct cache_head *v, size_t n, const struct cache_head *e,
    int64_t now, bool *full);

/* The next one after at (-1: the first) that is key's, or -1. */
int cache_next(const struct cache_head *v, size_t n, int at,
    const unsigned char *key);

#endif
