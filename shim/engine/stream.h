/*
 * stream.h - what both directions of the record path share (locked, all)
 */
#ifndef ENGINE_STREAM_H
#define ENGINE_STREAM_H

#include "conn.h"

/*
 * Brings c to OPEN and claims it; p->until becomes the deadline that option
 * (SO_RCVTIMEO or SO_SNDTIMEO) sets.  0 or a negative errno.
 */
int stream_ready(struct conn *c, int fd, int option, struct patience *p);

/*
 * GnuTLS gave a fatal code: FAILED, logged once.  Returns the negative errno.
 */
int stream_break(struct conn *c, int code);

/*
 * Encrypts and sends in an open session, as p allows; a count or a negative
 * errno.  Takes tx.
 */
ssize_t stream_send(struct conn *c, int fd, const struct iovec *iov, int n,
    const struct patience *p);

/*
 * The rest of a read by quick.c, which has got so_far, 0 or a negative errno; and
 * what every write of total bytes does with its answer.  Both unlock.
 */
ssize_t stream_read_on(struct conn *c, int fd, const struct iovec *iov, int n,
    int flags, ssize_t so_far);
ssize_t stream_written(struct conn *c, ssize_t rv, size_t total, int flags);

/*
 * Queues close_notify if that has not been done; when all output is gone, the
 * kernel's side is shut too.  0, -EAGAIN (the rest later) or -errno.
 */
int stream_shut_write(struct conn *c, int fd);

/*
 * One record's plaintext, or what of it was set aside before, into buf: a
 * count, 0 at the end, -EAGAIN when more ciphertext is needed, or a negative
 * errno.
 */
ssize_t stream_take(struct conn *c, void *buf, size_t len);

/*
 * As much as a receive buffer may grow to: a peer that sends on while we
 * decrypt would never let us come to the end, nor memory.
 */
#define STREAM_AHEAD (4 << 20)

/*
 * Sets aside everything complete that has arrived, up to most bytes; fd -1: that
 * we have taken from the kernel already.
 */
void stream_look_ahead(struct conn *c, int fd, size_t most);

/*
 * The least that a first answer about the amount may be where there is more:
 * most messages that a program waits for are shorter.
 */
#define STREAM_FEW (32 << 10)

/* Open: is what is set aside such an answer already?  It is given, then. */
bool stream_count_few(struct conn *c);

/*
 * n bytes of what is set aside have been read.  An answer about the amount was
 * about these too: one that happens to be the same is a new one, and may be
 * short, with an edge to come.
 */
static inline void
stream_taken(struct conn *c, size_t n)
{
	bytes_take(&c->plain, n);
	c->counted = 0;
}

/* Sets one more record aside; answers as stream_take, > 0 for some bytes. */
ssize_t stream_set_aside(struct conn *c);

/* KeyUpdates and alerts that reading produced: out, if nobody else sends. */
void stream_flush(struct conn *c, int fd);

/*
 * Between two questions about the kernel's room (stream_out.c) it only grows
 * but for what we send, which takes more of it than its own length.
 */
#define STREAM_FULL (4096 + 512) /* no more than this is none, for a byte too */

static inline bool
stream_roomy(const struct conn *c, size_t plain)
{
	return c->room > STREAM_FULL && c->room >= 2 * plain + 4096;
}

static inline void
stream_spend(struct conn *c, size_t plain)
{
	size_t used = 2 * plain + 512;

	c->room = c->room > used ? c->room - used : 0;
}

/* stream_in.c: the bytes that an iovec holds, CALL_MOST at most. */
size_t stream_room(const struct iovec *iov, int n);

/*
 * stream_in.c: copies what b and iov have room for (MSG_TRUNC: counts it);
 * b keeps it.
 */
size_t stream_copy(
    const struct bytes *b, const struct iovec *iov, int n, int flags);

#endif
