/* stream_in.c - the record path: what a program's reads get */

#include <string.h>
#include <sys/uio.h>

#include "argument.h"
#include "conn.h"
#include "intake.h"
#include "stream.h"
#include "watch.h"

/* How much a read of len waits for (sock_rcvlowat). */
static size_t
target(const struct conn *c, size_t len, int flags)
{
	size_t low = c->lowat > 1 ? c->lowat : 1;

	return flags & MSG_WAITALL || len < low ? len : low;
}

/* Waits as p says, for more of what some has come of. */
static ssize_t
wait_more(struct conn *c, int fd, size_t room, bool some,
    const struct patience *p)
{
	struct patience more = *p;

	more.some = some;
	return wait_input_for(c, fd, room, &more);
}

/* One segment of a scatter read, behind done bytes; least: wait for these. */
static ssize_t
fill_segment(struct conn *c, int fd, const struct iovec *v, size_t done,
    size_t least, const struct patience *p)
{
	size_t got = 0;
	static const struct patience quick = {.flags = MSG_DONTWAIT};
	bool drained = false; /* by this very call */

	while (got < v->iov_len) {
		bool wait = done + got < least;
		ssize_t r =
		    stream_take(c, (char *)v->iov_base + got, v->iov_len - got);

		if (r > 0) {
			got += (size_t)r;
			continue;
		}
		if (r != -EAGAIN)
			return got > 0 ? (ssize_t)got : r;
		stream_flush(c, fd);
		/*
		 * A short read means "drained" to callers under edge-
		 * triggered epoll, so the socket is asked until it is empty,
		 * or has said so itself by a short one: what comes later has
		 * an edge of its own.
		 */
		if (drained && !wait)
			return (ssize_t)got;
		r = wait_more(c, fd, v->iov_len - got, done + got > 0,
		    wait ? p : &quick);
		drained = c->drained;
		if (c->state != CONN_OPEN)
			return got > 0 ? (ssize_t)got : c->err;
		if (r < 0)
			return got > 0 ? (ssize_t)got : r;
	}
	return (ssize_t)got;
}

static ssize_t
read_segments(struct conn *c, int fd, const struct iovec *iov, int n, int flags,
    const struct patience *p)
{
	size_t done = 0, least = target(c, stream_room(iov, n), flags);
	int i;

	for (i = 0; i < n; i++) {
		struct iovec v = iov[i];
		ssize_t r;

		if (v.iov_len > CALL_MOST - done)
			v.iov_len = CALL_MOST - done;
		r = fill_segment(c, fd, &v, done, least, p);
		if (r <= 0 && v.iov_len > 0)
			return done > 0 ? (ssize_t)done : r;
		done += (size_t)r;
		if ((size_t)r < v.iov_len)
			break;
	}
	return (ssize_t)done;
}

size_t
stream_copy(const struct bytes *b, const struct iovec *iov, int n, int flags)
{
	size_t done = 0, left = bytes_left(b);
	int i;

	for (i = 0; i < n && left > 0; i++) {
		size_t k = iov[i].iov_len < left ? iov[i].iov_len : left;

		/* recv(2): counted and not copied; no bytes may go nowhere */
		if (!(flags & MSG_TRUNC) && k > 0)
			memcpy(iov[i].iov_base, bytes_at(b) + done, k);
		done += k;
		left -= k;
	}
	return done;
}

size_t
stream_room(const struct iovec *iov, int n)
{
	size_t total = 0;
	int i;

	for (i = 0; i < n && total < CALL_MOST; i++)
		total += iov[i].iov_len;
	return total < CALL_MOST ? total : CALL_MOST;
}

static ssize_t
peek(struct conn *c, int fd, const struct iovec *iov, int n, int flags,
    const struct patience *p)
{
	size_t want = stream_room(iov, n), least = target(c, want, flags);

	for (;;) {
		ssize_t r;

		stream_look_ahead(c, fd,
		    want < STREAM_AHEAD    ? want
		    : least > STREAM_AHEAD ? least
					   : STREAM_AHEAD);
		if (bytes_left(&c->plain) >= least)
			return (ssize_t)stream_copy(&c->plain, iov, n, flags);
		if (c->state != CONN_OPEN && bytes_left(&c->plain) == 0)
			return c->err;
		if (c->state != CONN_OPEN || c->rd_eof || c->rd_shut)
			return (ssize_t)stream_copy(&c->plain, iov, n, flags);
		stream_flush(c, fd);
		r = wait_more(c, fd, 0, bytes_left(&c->plain) > 0, p);
		if (r < 0)
			return bytes_left(&c->plain) > 0
				   ? (ssize_t)stream_copy(&c->plain, iov, n, flags)
				   : r;
	}
}

/* recv(2) of nothing still waits until something could be read. */
static ssize_t
read_nothing(struct conn *c, int fd, const struct patience *p)
{
	while (!stream_readable(c, fd)) {
		ssize_t r = wait_input(c, fd, p);

		if (r < 0)
			return r;
	}
	return c->state == CONN_OPEN ? 0 : c->err;
}

static ssize_t
discard(struct conn *c, int fd, size_t len, int flags, const struct patience *p)
{
	struct iovec v = {thread_record(), 0};
	size_t done = 0, least = target(c, len, flags);

	if (v.iov_base == NULL)
		return -ENOMEM;
	while (done < len) {
		ssize_t r;

		v.iov_len = len - done < RECORD_SIZE ? len - done : RECORD_SIZE;
		r = fill_segment(c, fd, &v, done, least, p);
		if (r <= 0)
			return done > 0 ? (ssize_t)done : r;
		done += (size_t)r;
		if ((size_t)r < v.iov_len)
			break;
	}
	return (ssize_t)done;
}

static ssize_t
read_open(struct conn *c, int fd, const struct iovec *iov, int n, int flags,
    const struct patience *p)
{
	if (stream_room(iov, n) == 0)
		return read_nothing(c, fd, p);
	if (flags & MSG_PEEK)
		return peek(c, fd, iov, n, flags, p);
	if (flags & MSG_TRUNC)
		return discard(c, fd, stream_room(iov, n), flags, p);
	return read_segments(c, fd, iov, n, flags, p);
}

/* What every read of an open session does behind its own part. */
static ssize_t
read_done(struct conn *c, int fd, ssize_t rv)
{
	if (rv < 0 && rv == c->in_err) {
		/*
		 * Said once, then the end.  Behind our own SHUT_RD the
		 * kernel answers the peer's close_notify with a reset: over
		 * TCP there would have been no data.
		 */
		c->rd_eof = true;
		if (c->rd_shut)
			rv = 0;
	}
	if (c->held_back && bytes_left(&c->plain) == 0 &&
	    c->state == CONN_OPEN) {
		struct patience quick = {.flags = MSG_DONTWAIT};

		/* what is still there has no edge of the kernel's before it */
		c->held_back = false;
		if (bytes_left(&c->in) > 0)
			c->fresh = true;
		else
			(void)wait_input(c, fd, &quick);
	}
	stream_flush(c, fd);
	return rv;
}

/* Unlocks. */
static void
leave(struct conn *c, ssize_t rv)
{
	if (bytes_settle(&c->in) < 0 && rv >= 0)
		conn_fail(c, -ENOMEM);
	bytes_settle(&c->out);
	pthread_mutex_unlock(&c->lock);
}

/*
 * What was set aside by a look ahead came before what has broken the session,
 * and is read before that is said.
 */
static int
read_ready(struct conn *c, int fd, struct patience *p)
{
	int rv = stream_ready(c, fd, SO_RCVTIMEO, p);

	if (rv < 0 && c->state == CONN_FAILED && bytes_left(&c->plain) > 0)
		rv = conn_claim_use(c, SLOT_RX);
	return rv;
}

ssize_t
stream_read(struct conn *c, int fd, const struct iovec *iov, int n, int flags)
{
	conn_lock(c);
	return stream_read_on(c, fd, iov, n, flags, 0);
}

ssize_t
stream_read_on(struct conn *c, int fd, const struct iovec *iov, int n,
    int flags, ssize_t so_far)
{
	struct patience p = {.flags = flags & MSG_DONTWAIT};
	ssize_t rv = so_far;

	if (rv < 0) {
		rv = read_done(c, fd, rv);
		leave(c, rv);
		return rv;
	}
	rv = read_ready(c, fd, &p);
	if (rv == 0 && c->state == CONN_WATCHED) {
		pthread_mutex_unlock(&c->lock);
		return watch_read(c, fd, iov, n, flags);
	}
	if (rv == 0) {
		rv = read_open(c, fd, iov, n, flags, &p);
		rv = read_done(c, fd, rv);
	}
	leave(c, rv);
	return rv;
}

ssize_t
stream_hand_on(struct conn *c, int fd, size_t len,
    ssize_t (*put)(void *arg, const void *data, size_t n), void *arg)
{
	struct patience p = {.flags = 0};
	struct iovec v = {NULL, len};
	ssize_t rv;

	conn_lock(c);
	rv = read_ready(c, fd, &p);
	if (rv == 0 && c->state == CONN_WATCHED) {
		rv = -EINVAL; /* callers fall back to read */
	} else if (rv == 0) {
		/* counted and not copied */
		rv = peek(c, fd, &v, 1, MSG_TRUNC, &p);
		if (rv > 0) {
			rv = put(arg, bytes_at(&c->plain), (size_t)rv);
			if (rv > 0)
				stream_taken(c, (size_t)rv);
		}
		rv = read_done(c, fd, rv);
	}
	leave(c, rv);
	return rv;
}
