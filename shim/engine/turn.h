/*
 * turn.h - the right to receive or to send on a connection
 *
 * What takes and gives it is in conn.h, and so is what guards it.
 */
#ifndef ENGINE_TURN_H
#define ENGINE_TURN_H

#include <stdatomic.h>
#include <stdint.h>

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

#endif
