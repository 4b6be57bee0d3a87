/* reserve.c - memory for what cannot do without */

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "reserve.h"

/* Pages that nobody has touched are nobody's memory. */
#define SIZE RESERVE_SIZE
#define pool reserve_pool
#define STEP (256 << 10) /* what a handshake takes in between, and some more */

/* Blocks lie one behind the other; a free one is joined with its next. */
struct block {
	size_t size; /* with this head; 0: from here on never used */
	size_t used;
};
_Static_assert(sizeof(struct block) == 16, "keeps the alignment of malloc");

/* In .bss it would part what a fork writes (engine.h). */
APART _Alignas(16) unsigned char pool[SIZE];
static atomic_flag busy = ATOMIC_FLAG_INIT; /* guards the blocks */
static _Atomic size_t taken;

/*
 * Not for ever: the child of a fork may find it taken by a thread that it does
 * not have.  What it then cannot give back it loses.
 */
static bool
lock(void)
{
	int i;

	for (i = 0; atomic_flag_test_and_set(&busy); i++) {
		if (i == 1000)
			return false;
		sched_yield();
	}
	return true;
}

static void
unlock(void)
{
	atomic_flag_clear(&busy);
}

static struct block *
at(size_t off)
{
	return (struct block *)(pool + off);
}

static void
join(struct block *b, size_t off)
{
	size_t next = off + b->size;

	while (next < SIZE && at(next)->size > 0 && !at(next)->used) {
		b->size += at(next)->size;
		next = off + b->size;
	}
	if (next < SIZE && at(next)->size == 0)
		b->size = SIZE - off;
}

/* The first place with room for size, cut to it; NULL: none. */
static struct block *
find(size_t size)
{
	size_t off = 0;

	while (off + size <= SIZE) {
		struct block *b = at(off);

		if (b->size == 0) { /* the rest */
			b->size = size;
			return b;
		}
		if (!b->used)
			join(b, off);
		if (!b->used && b->size >= size) {
			if (b->size > size) {
				at(off + size)->size = b->size - size;
				at(off + size)->used = 0;
				b->size = size;
			}
			return b;
		}
		off += b->size;
	}
	return NULL;
}

void *
reserve_get(size_t n)
{
	size_t size = (n + 2 * sizeof(struct block) - 1) & ~(size_t)15;
	struct block *b;

	if (n > SIZE || !lock())
		return NULL;
	b = find(size);
	if (b != NULL) {
		b->used = 1;
		atomic_fetch_add(&taken, b->size);
	}
	unlock();
	return b != NULL ? b + 1 : NULL;
}

size_t
reserve_size(const void *p)
{
	const struct block *b = (const struct block *)p - 1;

	return b->size - sizeof *b;
}

void
reserve_put(void *p)
{
	struct block *b = (struct block *)p - 1;

	explicit_bzero(p, reserve_size(p)); /* keys, perhaps */
	if (!lock())
		return;
	b->used = 0;
	atomic_fetch_sub(&taken, b->size);
	unlock();
}

OFTEN bool
reserve_enough(void)
{
	void *volatile p; /* a compiler takes an unused one for granted */

	if (SIZE - atomic_load(&taken) >= 2 * STEP)
		return true;
	p = malloc(STEP); /* it may have been long ago */
	free(p);
	return p != NULL;
}
