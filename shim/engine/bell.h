/*
 * bell.h - wakes threads that sleep in poll or select
 *
 * What one thread's call takes from the kernel, another one's poll does not
 * see there any more.  Over TCP it would: what the call has left is still in
 * the socket.  So who is about to sleep in a process that has other threads
 * listens before it looks at its connections, counts itself on each (conn.h,
 * polled) and polls the bell too; who changes what such a connection has to
 * say rings.  A count is made more under conn->lock, with a look that found
 * nothing to tell, and whoever changes that has the lock too; it is made less
 * by who holds no reference any more, and so outlives the conn.
 *
 * Rounds
 *	One bell for all would be silenced by the first who wakes, before the
 *	others have looked (poll looks again when it wakes), or be heard twice
 *	by one.  There are two: a ring makes the one that is listened to
 *	readable and begins a round in which the other is listened to.  The
 *	last who leaves the bell that was rung silences it.  Until then there
 *	is no ring but a note of one; who is in a signal handler may keep the
 *	others from theirs as long, and these look again every BELL_SLICE_MS.
 */
#ifndef ENGINE_BELL_H
#define ENGINE_BELL_H

#include <stdbool.h>

#define BELL_SLICE_MS 100

/* One thread's wait. */
struct ear {
	bool on;
	bool dull; /* may miss a ring: look again after BELL_SLICE_MS */
	unsigned round;
};

/*
 * From now on e hears.  The number to poll for POLLIN, or -1 (dull is set);
 * bell_leave follows, when e's thread is awake.  Any thread; no lock of
 * conn.h's but conn->lock may be held.
 */
int bell_listen(struct ear *e);
void bell_leave(struct ear *e);

void bell_ring(void); /* likewise; all who listen wake */

/* In the child, which has nobody who listens. */
void bell_forked(void);

#endif
