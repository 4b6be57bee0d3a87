/*
 * deferred.h - handshakes that nobody waits for: conns that a thread which
 * waits for something else must drive
 *
 * A client whose handshake is deferred is connected for the program while
 * its handshake still runs: writes are kept in conn->early.  A conn that was
 * closed before its handshake ended (or began) is here too, with a descriptor
 * of ours, until the peer has got what the program wrote and close_notify.
 *
 * The list holds a reference to each.  Its lock comes after conn->lock; who
 * drives has neither and leaves a conn whose lock is taken to whoever has it.
 */
#ifndef ENGINE_DEFERRED_H
#define ENGINE_DEFERRED_H

#include "conn.h"

/*
 * While handshakes are deferred, waits go in slices of so many ms: another
 * thread may have moved the very conn that this one waits for, and the bell
 * wakes one waiter only, not all.  A single thread wakes for deadlines alone.
 */
int deferred_slice(void);

/* Is anything on the list?  One load. */
extern _Atomic int deferred_count;

static inline bool
deferred_any(void)
{
	return atomic_load_explicit(&deferred_count, memory_order_relaxed) > 0;
}

/*
 * A listener of our own may bring some: what that takes is got now, since a
 * program may have used up its descriptors when the first one comes.
 */
void deferred_expect(void);

/* Locked (c): c is driven by others' waits from now on. */
void deferred_add(struct conn *c);

/* Drives all; no conn is locked by this thread.  Never waits. */
void deferred_drive(void);

/*
 * Fills what to ask the kernel for the list's sake; at most n entries.
 * Returns how many.
 */
int deferred_ask(struct pollfd *p, int n);

/*
 * A thread that waited with deferred_ask has what it wanted and leaves:
 * another one that waits takes the list over.
 */
void deferred_leave(void);

/* Before the process ends: drives until all is done or until has passed. */
void deferred_finish(int64_t until);

/* Locked: sends what was written early, as p allows.  0 or -errno. */
int deferred_flush(struct conn *c, int fd, const struct patience *p);

/* Locked: room for early writes of a deferred conn, in bytes. */
size_t deferred_room(const struct conn *c);

/*
 * Locked: the program closes fd, the last descriptor of c, before the
 * handshake has ended.  True if c goes on under a descriptor of ours.
 */
bool deferred_orphan(struct conn *c, int fd);

/* In a forked child: what the parent's waits drive is the parent's. */
void deferred_reset(void);

#endif
