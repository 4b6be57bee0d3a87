/* stream.c - the record path: plaintext in and out of an open session */

#include <limits.h>
#include <linux/sock_diag.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "conn.h"
#include "errors.h"
#include "log.h"

#define RECORD RECORD_SIZE
#define BATCH (3 * RECORD) /* plaintext encrypted for one send */

/* Brings c to OPEN, or says why it is not; locked. */
static int
ready(struct conn *c, int fd, int option, struct patience *p)
{
	int rv;

	if (c->timeouts)
		p->until = wait_until(fd, option);
	if (c->state != CONN_OPEN) {
		rv = handshake_drive(c, fd, p);
		if (rv < 0)
			return rv;
	}
	return conn_claim(c);
}

/* Reading met an error of GnuTLS: sticky, logged once. */
static int
break_session(struct conn *c, int code)
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
	return break_session(c, GNUTLS_E_PREMATURE_TERMINATION);
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
		if (r > 0)
			return r;
		if (r == 0) {
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
			return break_session(c, (int)r);
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
	struct patience p = {MSG_DONTWAIT, 0};

	if (bytes_left(&c->out) == 0 || turn_take(c, &c->tx, false) < 0)
		return;
	(void)wait_output(c, fd, &p);
	turn_give(&c->tx);
}

bool
stream_readable(struct conn *c, int fd)
{
	struct patience p = {MSG_DONTWAIT, 0};

	for (;;) {
		ssize_t r;

		if (bytes_left(&c->plain) > 0 || c->rd_eof || c->rd_shut ||
		    c->state != CONN_OPEN)
			return true;
		r = set_aside(c);
		if (r != -EAGAIN)
			return true;
		flush(c, fd);
		if (c->state == CONN_OPEN && wait_input(c, fd, &p) < 0)
			return c->in_err != 0;
	}
}

/* Everything complete that has arrived. */
static void
set_all_aside(struct conn *c, int fd, size_t most)
{
	struct patience p = {MSG_DONTWAIT, 0};

	while (c->state == CONN_OPEN && bytes_left(&c->plain) < most) {
		ssize_t r = set_aside(c);

		if (r > 0)
			continue;
		if (r != -EAGAIN || wait_input(c, fd, &p) <= 0)
			break;
	}
}

ssize_t
stream_pending(struct conn *c, int fd)
{
	set_all_aside(c, fd, SIZE_MAX);
	return (ssize_t)bytes_left(&c->plain);
}

/* One segment of a scatter read; *more: go on with the next one. */
static ssize_t
fill_segment(struct conn *c, int fd, const struct iovec *v, size_t done,
    int flags, const struct patience *p)
{
	size_t got = 0;
	static const struct patience quick = {MSG_DONTWAIT, 0};

	while (got < v->iov_len) {
		bool wait = done + got == 0 || (flags & MSG_WAITALL);
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
	size_t done = 0;
	int i;

	for (i = 0; i < n; i++) {
		ssize_t r = fill_segment(c, fd, &iov[i], done, flags, p);

		if (r <= 0 && iov[i].iov_len > 0)
			return done > 0 ? (ssize_t)done : r;
		done += (size_t)r;
		if ((size_t)r < iov[i].iov_len)
			break;
	}
	return (ssize_t)done;
}

static ssize_t
copy_out(const struct bytes *b, const struct iovec *iov, int n)
{
	size_t done = 0, left = bytes_left(b);
	int i;

	for (i = 0; i < n && left > 0; i++) {
		size_t k = iov[i].iov_len < left ? iov[i].iov_len : left;

		memcpy(iov[i].iov_base, bytes_at(b) + done, k);
		done += k;
		left -= k;
	}
	return (ssize_t)done;
}

static size_t
room_of(const struct iovec *iov, int n)
{
	size_t total = 0;
	int i;

	for (i = 0; i < n; i++)
		total += iov[i].iov_len;
	return total;
}

static ssize_t
peek(struct conn *c, int fd, const struct iovec *iov, int n, int flags,
    const struct patience *p)
{
	size_t want = room_of(iov, n);

	for (;;) {
		ssize_t r;

		set_all_aside(c, fd, want);
		if (bytes_left(&c->plain) >= want ||
		    (bytes_left(&c->plain) > 0 && !(flags & MSG_WAITALL)))
			return copy_out(&c->plain, iov, n);
		if (c->state != CONN_OPEN)
			return c->err;
		if (c->rd_eof || c->rd_shut)
			return copy_out(&c->plain, iov, n);
		flush(c, fd);
		r = wait_input(c, fd, p);
		if (r < 0)
			return bytes_left(&c->plain) > 0
			    ? copy_out(&c->plain, iov, n)
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
	size_t done = 0;

	if (v.iov_base == NULL)
		return -ENOMEM;
	while (done < len) {
		ssize_t r;

		v.iov_len = len - done < RECORD ? len - done : RECORD;
		r = fill_segment(c, fd, &v, done, flags, p);
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
	if (room_of(iov, n) == 0)
		return read_nothing(c, fd, p);
	if (flags & MSG_PEEK)
		return peek(c, fd, iov, n, flags, p);
	if (flags & MSG_TRUNC)
		return discard(c, fd, room_of(iov, n), flags, p);
	return read_segments(c, fd, iov, n, flags, p);
}

ssize_t
stream_read(
    struct conn *c, int fd, const struct iovec *iov, int n, int flags)
{
	struct patience p = {flags & MSG_DONTWAIT, 0};
	ssize_t rv;

	pthread_mutex_lock(&c->lock);
	rv = ready(c, fd, SO_RCVTIMEO, &p);
	if (rv == 0) {
		rv = read_open(c, fd, iov, n, flags, &p);
		if (rv < 0 && rv == c->in_err) /* said once, then the end */
			c->rd_eof = true;
		flush(c, fd);
	}
	if (bytes_settle(&c->in) < 0 && rv >= 0)
		conn_fail(c, -ENOMEM);
	bytes_settle(&c->out);
	pthread_mutex_unlock(&c->lock);
	return rv;
}

/*
 * How much plaintext to encrypt now.  The kernel's room is asked first: a
 * tail that it does not take would have to be flushed by somebody later, and
 * a blocking send that a signal ends would leave one too.  Twice the record
 * (the kernel counts its own overhead) and 4 KB left none of 59,223 records
 * split.  Between two questions the room only grows but for what we send.
 */
static size_t
budget(struct conn *c, int fd, size_t left)
{
	uint32_t mem[SK_MEMINFO_VARS];
	socklen_t len = sizeof mem;
	size_t room, most = left < BATCH ? left : BATCH;

	if (c->room >= 2 * most + 4096)
		return most;
	if (host->libc->getsockopt(
		fd, SOL_SOCKET, SO_MEMINFO, mem, &len) == -1)
		return most < RECORD ? most : RECORD;
	room = mem[SK_MEMINFO_SNDBUF] > mem[SK_MEMINFO_WMEM_QUEUED]
	    ? mem[SK_MEMINFO_SNDBUF] - mem[SK_MEMINFO_WMEM_QUEUED]
	    : 0;
	c->room = room;
	if (room >= 2 * most + 4096)
		return most;
	if (room > 4096 + 512)
		return (room - 4096) / 2 < most ? (room - 4096) / 2 : most;
	if (host->libc->poll(&(struct pollfd){fd, POLLOUT, 0}, 1, 0) == 1)
		return room / 4 > 0 && room / 4 < most ? room / 4 : 1;
	return 0;
}

/* Room for at least a byte, waited for if p allows; 0 or -errno. */
static ssize_t
wait_budget(struct conn *c, int fd, size_t left, const struct patience *p)
{
	for (;;) {
		size_t k = budget(c, fd, left);
		int rv;

		if (k > 0)
			return (ssize_t)k;
		if (!wait_allowed(fd, p->flags))
			return -EAGAIN;
		rv = wait_writable(c, fd, p);
		if (rv < 0)
			return rv;
		if (c->state != CONN_OPEN)
			return c->err;
	}
}

/* What went to the kernel takes more of its room than its own length. */
static void
spend(struct conn *c, size_t plain)
{
	size_t used = 2 * plain + 512;

	c->room = c->room > used ? c->room - used : 0;
}

/* Walks an iovec without changing it. */
struct walk {
	const struct iovec *iov;
	int n;
	size_t off;
};

static int
encrypt(struct conn *c, struct walk *w, size_t len)
{
	while (len > 0) {
		size_t k = w->iov->iov_len - w->off;
		ssize_t r;

		if (k == 0) {
			w->iov++;
			w->off = 0;
			continue;
		}
		if (k > len)
			k = len;
		if (k > RECORD)
			k = RECORD;
		r = gnutls_record_send(
		    c->session, (const char *)w->iov->iov_base + w->off, k);
		if (r < 0 || c->out_lost)
			return break_session(
			    c, r < 0 ? (int)r : GNUTLS_E_MEMORY_ERROR);
		w->off += (size_t)r;
		len -= (size_t)r;
	}
	return 0;
}

/* A short iovec list is one record: small pieces are joined first. */
static int
encrypt_joined(struct conn *c, struct walk *w, size_t len)
{
	unsigned char *joined = thread_record();
	size_t n = 0;
	struct iovec v = {joined, len};
	struct walk one = {&v, 1, 0};

	if (joined == NULL)
		return -ENOMEM;
	while (n < len) {
		size_t k = w->iov->iov_len - w->off;

		if (k == 0) {
			w->iov++;
			w->off = 0;
			continue;
		}
		if (k > len - n)
			k = len - n;
		memcpy(joined + n, (char *)w->iov->iov_base + w->off, k);
		w->off += k;
		n += k;
	}
	return encrypt(c, &one, len);
}

static ssize_t
send_all(struct conn *c, int fd, struct walk *w, size_t total,
    const struct patience *p)
{
	size_t done = 0;

	while (done < total) {
		ssize_t k;
		int rv = wait_output(c, fd, p);

		if (rv == 0 && c->state != CONN_OPEN)
			rv = c->err;
		if (rv < 0)
			return done > 0 ? (ssize_t)done : rv;
		k = wait_budget(c, fd, total - done, p);
		if (k < 0)
			return done > 0 ? (ssize_t)done : k;
		spend(c, (size_t)k);
		rv = w->n > 1 && k <= RECORD
		    ? encrypt_joined(c, w, (size_t)k)
		    : encrypt(c, w, (size_t)k);
		if (rv < 0)
			return done > 0 ? (ssize_t)done : rv;
		rv = wait_output(c, fd, p);
		if (rv < 0 && rv != -EAGAIN && rv != -EINTR)
			return done > 0 ? (ssize_t)done : rv;
		done += (size_t)k; /* a tail in our queue counts as the kernel's */
		if (rv < 0)
			break;
	}
	return (ssize_t)done;
}

static ssize_t
write_open(struct conn *c, int fd, const struct iovec *iov, int n, int flags,
    const struct patience *p)
{
	struct walk w = {iov, n, 0};
	size_t total = room_of(iov, n);
	ssize_t rv;

	if (c->wr_shut)
		return -EPIPE;
	if (total == 0)
		return 0;
	if (total > SSIZE_MAX)
		return -EINVAL;
	rv = turn_take(c, &c->tx, wait_allowed(fd, flags));
	if (rv < 0)
		return rv;
	rv = send_all(c, fd, &w, total, p);
	turn_give(&c->tx);
	return rv;
}

ssize_t
stream_write(
    struct conn *c, int fd, const struct iovec *iov, int n, int flags)
{
	struct patience p = {flags & MSG_DONTWAIT, 0};
	ssize_t rv;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	pthread_mutex_lock(&c->lock);
	rv = ready(c, fd, SO_SNDTIMEO, &p);
	if (rv == 0)
		rv = write_open(c, fd, iov, n, flags, &p);
	if (bytes_settle(&c->in) < 0 || bytes_settle(&c->out) < 0)
		conn_fail(c, -ENOMEM);
	pthread_mutex_unlock(&c->lock);
	if (rv == -EPIPE && !(flags & MSG_NOSIGNAL))
		raise(SIGPIPE);
	return rv;
}

int
stream_finish(struct conn *c)
{
	int rv;

	if (c->wr_shut)
		return 0;
	c->wr_shut = true;
	if (c->session == NULL)
		return 0;
	do
		rv = gnutls_bye(c->session, GNUTLS_SHUT_WR);
	while (rv == GNUTLS_E_AGAIN || rv == GNUTLS_E_INTERRUPTED);
	return rv < 0 || c->out_lost ? -EIO : 0;
}

static int
shut_write(struct conn *c, int fd)
{
	struct patience p = {0, 0};
	int rv = handshake_drive(c, fd, &p);

	if (rv == 0)
		rv = conn_claim(c);
	if (rv < 0)
		return rv;
	rv = turn_take(c, &c->tx, true);
	if (rv < 0)
		return rv;
	if (!c->wr_shut) {
		rv = stream_finish(c);
		/* the kernel closes our side behind the last byte */
		while (rv == 0 && wait_output(c, fd, &p) == -EAGAIN)
			rv = wait_fd(fd, POLLOUT, 0);
	}
	turn_give(&c->tx);
	return rv;
}

int
stream_shutdown(struct conn *c, int fd, int how)
{
	int rv = 0;

	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return -EINVAL;
	pthread_mutex_lock(&c->lock);
	if (c->state == CONN_TCP)
		rv = -ENOTCONN;
	if (rv == 0 && how != SHUT_RD && c->state != CONN_FAILED)
		rv = shut_write(c, fd);
	if (rv == 0 && how != SHUT_WR)
		c->rd_shut = true;
	bytes_settle(&c->in);
	bytes_settle(&c->out);
	pthread_mutex_unlock(&c->lock);
	if (rv < 0)
		return rv;
	return (int)as_engine(host->libc->shutdown(fd, how));
}
