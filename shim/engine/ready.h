/*
 * ready.h - what poll, select and epoll may say of a conn
 *
 * Readable: plaintext, end of file or an error is there to be read now.
 * Writable: the next write takes at least one byte.
 */
#ifndef ENGINE_READY_H
#define ENGINE_READY_H

#include "conn.h"

#define READY_OUT (POLLOUT | POLLWRNORM | POLLWRBAND)

/* Does the kernel's answer, of poll or epoll, tell of more than room? */
static inline bool
ready_came(uint32_t told)
{
	return (told & ~(uint32_t)READY_OUT) != 0;
}

struct readiness {
	short now;    /* true already, whatever the kernel says */
	short pass;   /* of the kernel's answer these bits are the truth */
	short ask;    /* what to ask the kernel for */
	int64_t until; /* a handshake's deadline, 0 = none */
	struct conn *counted; /* by ready_count; no reference */
};

/*
 * Drives c as far as it goes without waiting and fills *r for a caller that
 * asks for events (POLLIN ...).  look: what the kernel has for an open c is
 * taken.  Without, c is at rest where nothing is here already, and no recv()
 * is made that would find nothing: for who asks the kernel for the same
 * events anyway, or has its answer that nothing came.  Takes c's lock.
 */
void ready_check(struct conn *c, int fd, short events, bool look,
    struct readiness *r);

/*
 * The same, without a look, for a thread that listens to the bell (bell.h) and
 * is about to sleep: where nothing is true yet it is counted among those who
 * wait for c, until ready_uncount.
 */
void ready_count(struct conn *c, int fd, short events, struct readiness *r);
void ready_uncount(struct readiness *r);

/* How many threads of this process are in poll or select now. */
int ready_waits(void);

#endif
