/* stream.c - the record path: plaintext out of an open session */

#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "argument.h"
#include "conn.h"
#include "deferred.h"
#include "errors.h"
#include "log.h"
#include "stream.h"
#include "watch.h"

#define RECORD RECORD_SIZE

int
stream_ready(struct conn *c, int fd, int option, struct patience *p)
{
	int rv;

	if (c->timeouts)
		p->until = wait_until(fd, option);
	p->timed = p->until > 0;
	if (c->state != CONN_OPEN) {
		rv = handshake_drive(c, fd, p);
		if (rv < 0)
			return rv;
	}
	if (c->state == CONN_WATCHED)
		return 0;
	rv = conn_claim_use(
	    c, option == SO_RCVTIMEO ? SLOT_RX : SLOT_TX);
	if (rv == 0 && (bytes_left(&c->early) > 0 || c->shut_later)) {
		struct patience quick = {.flags = MSG_DONTWAIT};

		rv = deferred_flush(c, fd, &quick);
		if (rv == -EAGAIN) /* later waits go on with it */
			rv = 0;
	}
	return rv;
}

int
stream_break(struct conn *c, int code)
{
	const struct tls_error *e = errors_find(code);
	char text[300];
	const char *what = gnutls_strerror(code);

	if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
		what = gnutls_alert_get_name(gnutls_alert_get(c->session));
	snprintf(text, sizeof text, "%s (%s)",
	    e->text != NULL ? e->text : "the TLS session broke",
	    what != NULL ? what : "unknown alert");
	log_write(&(struct log_line){.level = LOG_ERROR,
	    .verdict = "broken",
	    .side = c->side,
	    .peer = c->peer,
	    .cause = e->cause,
	    .name = c->name,
	    .rule = c->rule,
	    .text = text});
	conn_fail(c, -e->open);
	c->broken = true;
	c->err_told = c->lost_told;
	return c->err;
}

/* The ciphertext is used up: what does that mean to the reader? */
static ssize_t
at_end_of_input(struct conn *c)
{
	if (c->in_err != 0)
		return c->in_err;
	if (!c->in_eof)
		return -EAGAIN;
	if (c->rd_shut)
		return 0;
	if (c->rule->values.suppress_ragged_eofs) {
		c->rd_eof = true;
		return 0;
	}
	return stream_break(c, GNUTLS_E_PREMATURE_TERMINATION);
}

/*
 * RFC 8446, 6.1: user_canceled is no error, and close_notify follows it.  Java
 * ends every connection so; GnuTLS 3.7.9 takes it for fatal and reads no
 * further.  It came encrypted, so that nobody else has cut the data short.
 */
static bool
is_cancelled(const struct conn *c, ssize_t r)
{
	return r == GNUTLS_E_FATAL_ALERT_RECEIVED &&
	    gnutls_alert_get(c->session) == GNUTLS_A_USER_CANCELED &&
	    gnutls_protocol_get_version(c->session) == GNUTLS_TLS1_3;
}

/*
 * One record's plaintext into buf.  > 0, 0 at close_notify, -EAGAIN when
 * more ciphertext is needed, or a negative errno.  E_AGAIN alone may only
 * mean that a ticket or KeyUpdate was eaten: on until our pull ran dry.
 */
static ssize_t
decrypt(struct conn *c, void *buf, size_t len)
{
	if (c->rd_eof)
		return 0;
	for (;;) {
		ssize_t r;

		c->dry = false;
		r = gnutls_record_recv(c->session, buf, len);
		if (r > 0) {
			c->got_data = true;
			return r;
		}
		if (r == 0 || is_cancelled(c, r)) {
			c->rd_eof = true;
			return 0;
		}
		if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED) {
			if (c->dry)
				return at_end_of_input(c);
			continue;
		}
		if (r == GNUTLS_E_REHANDSHAKE)
			gnutls_alert_send(c->session, GNUTLS_AL_WARNING,
			    GNUTLS_A_NO_RENEGOTIATION);
		else if (gnutls_error_is_fatal((int)r))
			return stream_break(c, (int)r);
	}
}

/* Plaintext set aside by a peek or a poll comes first. */
static ssize_t
take(struct conn *c, void *buf, size_t len)
{
	size_t left = bytes_left(&c->plain);

	if (left == 0)
		return c->rd_shut ? 0 : decrypt(c, buf, len);
	if (len > left)
		len = left;
	memcpy(buf, bytes_at(&c->plain), len);
	bytes_take(&c->plain, len);
	return (ssize_t)len;
}

/* Sets one more record aside; as decrypt. */
static ssize_t
set_aside(struct conn *c)
{
	unsigned char *buf = thread_record();
	ssize_t r = buf != NULL ? decrypt(c, buf, RECORD) : -ENOMEM;
	int rv;

	if (r > 0 && (rv = bytes_put(&c->plain, buf, (size_t)r)) < 0)
		return rv;
	return r;
}

/* KeyUpdates and alerts that reading produced: out, if nobody else sends. */
static void
flush(struct conn *c, int fd)
{
	struct patience p = {.flags = MSG_DONTWAIT};

	if (bytes_left(&c->out) == 0 || turn_take(c, &c->tx, fd, NULL) < 0)
		return;
	(void)wait_output(c, fd, &p);
	turn_give(&c->tx);
}

bool
stream_readable(struct conn *c, int fd)
{
	struct patience p = {.flags = MSG_DONTWAIT};

	for (;;) {
		ssize_t r;

		if (conn_enough(c) || c->rd_eof || c->rd_shut ||
		    c->state != CONN_OPEN)
			return true;
		r = set_aside(c);
		if (r > 0)
			continue;
		if (r != -EAGAIN)
			return true;
		flush(c, fd);
		if (c->state == CONN_OPEN && wait_input(c, fd, &p) < 0)
			return c->in_err != 0;
	}
}

bool
stream_expects(const struct conn *c, int others)
{
	return others == 0 && conn_expects_tickets(c) && c->in_err == 0 &&
	    slot_owned(c->slot, c->stamp[SLOT_RX]) &&
	    bytes_left(&c->plain) == 0 && !c->rd_shut &&
	    !atomic_load(&c->rx.busy);
}

/* An end of file is left for the reader to judge. */
void
stream_take_in(struct conn *c, int fd)
{
	struct patience p = {.flags = MSG_DONTWAIT};

	while (bytes_left(&c->plain) == 0 && c->state == CONN_OPEN &&
	    !c->rd_eof && wait_input(c, fd, &p) > 0)
		(void)set_aside(c);
}

int
stream_lost(struct conn *c)
{
	if (c->in_err == 0 || c->rd_eof)
		return 0;
	c->rd_eof = true; /* said once, then the end */
	c->lost_told = true;
	return c->in_err;
}

/*
 * As much as a receive buffer may grow to: a peer that sends on while we
 * decrypt would never let us come to the end, nor memory.
 */
#define AHEAD (4 << 20)

/* Everything complete that has arrived, up to most bytes. */
static void
set_all_aside(struct conn *c, int fd, size_t most)
{
	struct patience p = {.flags = MSG_DONTWAIT};

	while (c->state == CONN_OPEN && bytes_left(&c->plain) < most) {
		ssize_t r = set_aside(c);

		if (r > 0)
			continue;
		if (r != -EAGAIN || wait_input(c, fd, &p) <= 0)
			break;
	}
	if (bytes_left(&c->plain) >= AHEAD)
		c->held_back = true;
}

ssize_t
stream_pending(struct conn *c, int fd)
{
	int n = 0;

	if (c->state == CONN_WATCHED)
		return host->libc->ioctl(fd, FIONREAD, &n) == -1 ? -errno : n;
	set_all_aside(c, fd, AHEAD);
	return (ssize_t)bytes_left(&c->plain);
}

/* How much a read of len waits for (sock_rcvlowat). */
static size_t
target(const struct conn *c, size_t len, int flags)
{
	size_t low = c->lowat > 1 ? c->lowat : 1;

	return flags & MSG_WAITALL || len < low ? len : low;
}

/* One segment of a scatter read, behind done bytes; least: wait for these. */
static ssize_t
fill_segment(struct conn *c, int fd, const struct iovec *v, size_t done,
    size_t least, const struct patience *p)
{
	size_t got = 0;
	static const struct patience quick = {.flags = MSG_DONTWAIT};

	while (got < v->iov_len) {
		bool wait = done + got < least;
		ssize_t r =
		    take(c, (char *)v->iov_base + got, v->iov_len - got);

		if (r > 0) {
			got += (size_t)r;
			continue;
		}
		if (r != -EAGAIN)
			return got > 0 ? (ssize_t)got : r;
		flush(c, fd);
		/*
		 * A short read means "drained" to callers under edge-
		 * triggered epoll, so the socket is asked until it is empty.
		 */
		r = wait_input(c, fd, wait ? p : &quick);
		if (c->state != CONN_OPEN)
			return got > 0 ? (ssize_t)got : c->err;
		if (r < 0)
			return got > 0 ? (ssize_t)got : r;
	}
	return (ssize_t)got;
}

static ssize_t
read_segments(struct conn *c, int fd, const struct iovec *iov, int n,
    int flags, const struct patience *p)
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

static ssize_t
copy_out(const struct bytes *b, const struct iovec *iov, int n, int flags)
{
	size_t done = 0, left = bytes_left(b);
	int i;

	for (i = 0; i < n && left > 0; i++) {
		size_t k = iov[i].iov_len < left ? iov[i].iov_len : left;

		if (!(flags & MSG_TRUNC)) /* recv(2): counted and not copied */
			memcpy(iov[i].iov_base, bytes_at(b) + done, k);
		done += k;
		left -= k;
	}
	return (ssize_t)done;
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

		set_all_aside(c, fd,
		    want < AHEAD	? want
			: least > AHEAD ? least
					: AHEAD);
		if (bytes_left(&c->plain) >= least)
			return copy_out(&c->plain, iov, n, flags);
		if (c->state != CONN_OPEN)
			return c->err;
		if (c->rd_eof || c->rd_shut)
			return copy_out(&c->plain, iov, n, flags);
		flush(c, fd);
		r = wait_input(c, fd, p);
		if (r < 0)
			return bytes_left(&c->plain) > 0
			    ? copy_out(&c->plain, iov, n, flags)
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
discard(struct conn *c, int fd, size_t len, int flags,
    const struct patience *p)
{
	struct iovec v = {thread_record(), 0};
	size_t done = 0, least = target(c, len, flags);

	if (v.iov_base == NULL)
		return -ENOMEM;
	while (done < len) {
		ssize_t r;

		v.iov_len = len - done < RECORD ? len - done : RECORD;
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
	if (c->held_back && bytes_left(&c->plain) == 0) {
		struct patience quick = {.flags = MSG_DONTWAIT};

		/* what is still there has no edge of the kernel's before it */
		c->held_back = false;
		if (bytes_left(&c->in) > 0)
			c->fresh = true;
		else
			(void)wait_input(c, fd, &quick);
	}
	flush(c, fd);
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

ssize_t
stream_read(
    struct conn *c, int fd, const struct iovec *iov, int n, int flags)
{
	struct patience p = {.flags = flags & MSG_DONTWAIT};
	ssize_t rv;

	pthread_mutex_lock(&c->lock);
	rv = stream_ready(c, fd, SO_RCVTIMEO, &p);
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

	pthread_mutex_lock(&c->lock);
	rv = stream_ready(c, fd, SO_RCVTIMEO, &p);
	if (rv == 0 && c->state == CONN_WATCHED) {
		rv = -EINVAL; /* callers fall back to read */
	} else if (rv == 0) {
		/* counted and not copied */
		rv = peek(c, fd, &v, 1, MSG_TRUNC, &p);
		if (rv > 0) {
			rv = put(arg, bytes_at(&c->plain), (size_t)rv);
			if (rv > 0)
				bytes_take(&c->plain, (size_t)rv);
		}
		rv = read_done(c, fd, rv);
	}
	leave(c, rv);
	return rv;
}
