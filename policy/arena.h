/*
 * arena.h - the memory of one policy: taken in pieces, given back at once
 *
 * A policy is read once and never changes, so nothing in it needs an end of
 * its own.
 */
#ifndef POLICY_ARENA_H
#define POLICY_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);    /* NULL: out of memory */
void arena_free(struct arena *a); /* accepts NULL */

/* Zeroed memory that lives as long as the arena; NULL: out of memory. */
void *arena_alloc(struct arena *a, size_t n, size_t size);
char *arena_strdup(struct arena *a, const char *s);

#endif
