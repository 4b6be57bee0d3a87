/*
 * epoll.h - sets that hold governed descriptors
 *
 * The kernel's registration of a governed descriptor carries the id of our
 * reg and asks for what TLS waits for; what comes back drives the connection
 * and is reported or swallowed.  Descriptors that are not governed are in the
 * same kernel set with the program's own data.
 *
 * Locks (conn.h has their order): a set's lock guards its regs, links which
 * of them belong to which conn.  links is held for a look at a list, and no
 * other lock is taken under it.  epoll_note takes links alone.
 */
#ifndef ENGINE_EPOLL_H
#define ENGINE_EPOLL_H

#include "conn.h"

void calls_epoll(struct shim_calls *c);
void calls_epoll_wait(struct shim_calls *c); /* epoll_wait.c */

/*
 * Something changed outside epoll_wait (plaintext is left, output is queued):
 * look at c's level-triggered registrations again; edge: at all of them,
 * since bytes arrived or the handshake ended.
 */
void epoll_note(struct conn *c, bool edge);

/* The same for all registrations of r's conn but r, which has been looked at. */
void epoll_note_others(struct reg *r);

/*
 * Locked, before a wait in a call on c: what the call has changed so far is
 * told now, since it may not end for long.
 */
void epoll_tell(struct conn *c);

static inline void
epoll_before_wait(struct conn *c)
{
	if (unlikely(c->regs != NULL || atomic_load(&c->polled) > 0) &&
	    conn_changed(c))
		epoll_tell(c);
}

/* abi.h's events. */
int epoll_translate(int epfd, struct epoll_event *events, int n);

/* fd, registered before it was connected, is c now. */
void epoll_connected(int fd, struct conn *c);

/* fd is being closed; last: and c with it. */
void epoll_closing(int fd, struct conn *c, bool last);

/*
 * Around a fork, by process.c; before world is taken.  In a child the sets of
 * its parent are left alone in the kernel, where they are the parent's too.
 */
void epoll_before_fork(void);
void epoll_after_fork(bool child);

/* to, if it is not negative, is a copy of the set fd, if that is one; to. */
int epoll_copied(int fd, int to);

/* The set itself is closed. */
void epoll_close_set(int epfd);

#endif
