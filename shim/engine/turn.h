/*
 * turn.h - the right to receive or to send on a connection
 *
 * conn.h says what it guards; wait.h has what waits for it.
 */
#ifndef ENGINE_TURN_H
#define ENGINE_TURN_H

#include <stdatomic.h>
#include <stdint.h>

#include "thread.h"

/* A right that one thread at a time has, and on which others wait. */
struct turn {
	_Atomic uint32_t busy; /* the thread that has it or 0 */
	/*
	 * How often it was given while somebody waited; the futex word.  Who
	 * waits reads it before it gives up the lock, so that no giving is
	 * missed, be it taken again at once.
	 */
	_Atomic uint32_t gives;
	_Atomic uint32_t waiters;
	_Atomic uint32_t wanted; /* who has it gives it up instead of waiting */
};

/*
 * If nobody has it, this thread has it now.  For who has the conn's lock, or is
 * the process's only thread (quick.c).  Who reads busy without the lock learns
 * only whether it is this thread.
 */
static inline bool
turn_try(struct turn *t)
{
	if (atomic_load_explicit(&t->busy, memory_order_relaxed) != 0)
		return false;
	atomic_store_explicit(&t->busy, thread_id(), memory_order_relaxed);
	return true;
}

void turn_wake(struct turn *t); /* those who wait for it */

static inline void
turn_give(struct turn *t)
{
	atomic_store_explicit(&t->busy, 0, memory_order_relaxed);
	if (unlikely(
		atomic_load_explicit(&t->waiters, memory_order_relaxed) > 0))
		turn_wake(t);
}

#endif
