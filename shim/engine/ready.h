/*
 * ready.h - what poll, select and epoll may say of a conn
 *
 * Readable: plaintext, end of file or an error is there to be read now.
 * Writable: the next write takes at least one byte.
 */
#ifndef ENGINE_READY_H
#define ENGINE_READY_H

#include "conn.h"

struct readiness {
	short now;    /* true already, whatever the kernel says */
	short pass;   /* of the kernel's answer these bits are the truth */
	short ask;    /* what to ask the kernel for */
	int64_t until; /* a handshake's deadline, 0 = none */
};

/*
 * Drives c as far as it goes without waiting and fills *r for a caller that
 * asks for events (POLLIN ...).  Takes c's lock.
 */
void ready_check(struct conn *c, int fd, short events, struct readiness *r);

/* How many threads of this process are in poll or select now. */
int ready_waits(void);

/*
 * What those of them that wait for a handshake poll beside, -1: none.  It
 * rings when another thread's call has ended one, of which the kernel tells
 * nobody who asks for the peer's next byte.  The first to wake may hush it
 * before others have heard: they look again after READY_SLICE_MS.
 */
int ready_bell(void);
void ready_ring(void);
void ready_hush(void);
void ready_forked(void); /* in the child */

#define READY_SLICE_MS 100

#endif
