/*
 * wait.h - how a call may wait: turns, the socket, time (part of conn.h)
 */
#ifndef ENGINE_WAIT_H
#define ENGINE_WAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct conn;
struct turn;

/* How a call may wait. */
struct patience {
	int flags;     /* MSG_DONTWAIT: else the kernel decides by O_NONBLOCK;
			* MSG_MORE: of output */
	int64_t until; /* now_ms() deadline of SO_RCVTIMEO and friends; 0 none */
	bool timed;    /* the program has set such a timeout: EINTR is EINTR */
	bool allowed;  /* this very call has asked: it may wait */
	bool some;     /* bytes of this call have come: EINTR is EINTR, and they
			* are its answer (tcp_recvmsg_locked) */
	bool answer;   /* the peer is asked only now: nothing can be there yet */
};

/* Interrupted by a signal: does the program's call go on all the same? */
bool wait_goes_on(const struct patience *p);

/* turn.c */

/*
 * Takes turn t of c, or waits for it as p says (NULL: does not).  Locked;
 * unlocks while it waits, and may be cancelled then.  0, -EAGAIN (busy),
 * -EINTR.
 */
int turn_take(
    struct conn *c, struct turn *t, int fd, const struct patience *p);

/*
 * Waits as turn_take does, but takes nothing: until t has been given once, by
 * somebody who may have changed what the caller waits for.  0, -EAGAIN or
 * -EINTR.
 */
int turn_pass(
    struct conn *c, struct turn *t, int fd, const struct patience *p);

/*
 * As turn_take, but a writer that waits for room gives it up with -EPIPE and
 * what it has encrypted stays queued.  0 or -EAGAIN (not before until, or
 * the turn is this very thread's).
 */
int turn_seize(struct conn *c, struct turn *t, int64_t until);

/* What writers that wait for room poll beside their socket; -1: none. */
int turn_bell(void);
void turn_forked(void);

/* wait.c */

/*
 * One recv into buf, waiting as p says; rx held, not locked.  The other one
 * does not wait, and may be made with the lock as well.  A count or a negative
 * errno.
 */
ssize_t wait_receive(struct conn *c, int fd, unsigned char *buf, size_t len,
    const struct patience *p);
ssize_t wait_receive_now(
    struct conn *c, int fd, unsigned char *buf, size_t len);

/*
 * quick.c has made a recv in place of wait_receive, and that has said -EAGAIN:
 * what the program hears.  A wait that this was no answer to (the kernel had no
 * memory, or another process took the bytes) goes on; rx held, not locked.
 */
ssize_t wait_receive_again(struct conn *c, int fd, unsigned char *buf,
    size_t len, const struct patience *p);

/*
 * The flags of a look whether a byte is to come, or the end: a recv of one byte
 * that neither takes nor copies it (tcp(7), MSG_TRUNC).  One of no byte would
 * answer 0 to a signal that interrupts it.
 */
#define WAIT_LOOK (MSG_PEEK | MSG_TRUNC)

/*
 * One system call each, which does not wait and is no cancellation point.  fd
 * must stay the conn's meanwhile: the caller has its lock, with which it has
 * asked table_number, or is between table_use and table_used.
 */
ssize_t wait_take(int fd, void *buf, size_t len);
ssize_t wait_transmit(int fd, const void *buf, size_t len, int flags);

/*
 * Sends c->out.  Locked, tx held; unlocks while it sends.  0 when all is
 * gone, -EAGAIN when some is left, or a negative errno.
 */
int wait_output(struct conn *c, int fd, const struct patience *p);

/* The same, where a first send of it has been made, and what that has said. */
int wait_output_said(
    struct conn *c, int fd, const struct patience *p, const ssize_t *said);

/* One send, which does not wait; tx held, locked or not. */
ssize_t wait_send_now(
    struct conn *c, int fd, const unsigned char *buf, size_t len, int flags);

/*
 * Locked throughout: what the kernel takes of the queue at once goes out, if
 * nobody else sends.  An error is for wait_output to meet.
 */
void wait_output_now(struct conn *c);

/* Locked: what was being sent goes back to the queue's front. */
void wait_output_back(struct conn *c);

/*
 * Waits until the kernel would take output (POLLOUT), or for what else is in
 * events.  Locked, tx held; unlocks while it waits.  0, -EAGAIN when p->until
 * has passed, or a negative errno.
 */
int wait_writable(
    struct conn *c, int fd, short events, const struct patience *p);

/* Has the kernel only had no memory, and the connection is as it was? */
bool wait_passes(ssize_t rv);

/* Waits until fd is writable or until; 0, -EAGAIN or a negative errno. */
int wait_fd(int fd, short events, int64_t until);

/* Is a call on fd with these flags to wait?  Asks F_GETFL. */
bool wait_allowed(int fd, int flags);

/* The deadline that option (SO_RCVTIMEO, SO_SNDTIMEO) of fd sets; 0 none. */
int64_t wait_until(int fd, int option);

#endif
