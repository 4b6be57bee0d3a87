/*
 * cache_disk.h - a file of sessions, opened, judged and locked
 *
 * Each call by itself; CACHE_UNUSABLE where the file cannot be used, which is
 * logged once, or not be locked in time.  The counts are cache.h's.
 */
#ifndef ENGINE_CACHE_DISK_H
#define ENGINE_CACHE_DISK_H

#include "cache.h"

enum { CACHE_UNUSABLE = -1 };

/* 1 and *out, or 0: there is none. */
int cache_disk_take(const char *file, const unsigned char *key, int64_t now,
    struct cache_entry *out);
int cache_disk_put(const char *file, const struct cache_entry *e, int64_t now);
int cache_disk_forget(const char *file, const unsigned char *key);

#endif
