/* stream_out.c - the record path: plaintext into an open session, its end */

#include <linux/sock_diag.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>

#include "conn.h"
#include "deferred.h"
#include "ready.h"
#include "reserve.h"
#include "stream.h"
#include "thread.h"
#include "ticket.h"
#include "watch.h"

#define RECORD RECORD_SIZE
#define SEIZE_MS 100

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
	size_t room, most = left < OUTPUT_PLAIN ? left : OUTPUT_PLAIN;

	if (stream_roomy(c, most))
		return most;
	if (host->libc->getsockopt(
		fd, SOL_SOCKET, SO_MEMINFO, mem, &len) == -1)
		return most < RECORD ? most : RECORD;
	room = mem[SK_MEMINFO_SNDBUF] > mem[SK_MEMINFO_WMEM_QUEUED]
	    ? mem[SK_MEMINFO_SNDBUF] - mem[SK_MEMINFO_WMEM_QUEUED]
	    : 0;
	c->room = room;
	if (room > STREAM_FULL && room >= 2 * most + 4096)
		return most;
	if (room > STREAM_FULL)
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
		bool tickets = stream_expects(c, ready_waits());
		size_t k;
		int rv;

		if (tickets)
			stream_take_in(c, fd);
		rv = c->state == CONN_OPEN ? stream_lost(c) : c->err;
		if (rv < 0)
			return rv;
		k = budget(c, fd, left);
		if (k > 0)
			return (ssize_t)k;
		fd = table_number(fd, c);
		if (!wait_allowed(fd, p->flags))
			return -EAGAIN;
		tickets = stream_expects(c, ready_waits());
		rv = wait_writable(
		    c, fd, (short)(POLLOUT | (tickets ? POLLIN : 0)), p);
		if (rv < 0)
			return rv;
		if (c->state != CONN_OPEN)
			return c->err;
	}
}

/* Walks an iovec without changing it. */
struct walk {
	const struct iovec *iov;
	int n;
	size_t off;
};

static ssize_t
send_record(struct conn *c, const void *data, size_t len)
{
	ssize_t r = (ssize_t)record_seal(c, data, len);

	if (r > 0)
		return r;
	record_yield(c);
	r = gnutls_record_send(c->session, data, len);
	if (r > 0)
		record_sent(c, (size_t)r);
	return r;
}

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
		r = send_record(c, (const char *)w->iov->iov_base + w->off, k);
		if (r < 0 || c->out_lost)
			return stream_break(
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
	struct patience partly = *p;
	size_t done = 0;

	partly.timed = true; /* a part is the answer, SA_RESTART or not */
	for (; done < total; p = &partly) {
		ssize_t k;
		int rv;

		fd = table_number(fd, c); /* it may be another after a wait */
		rv = fd >= 0 ? wait_output(c, fd, p) : -EBADF;

		if (rv == 0 && c->state != CONN_OPEN)
			rv = c->err;
		if (rv < 0)
			return done > 0 ? (ssize_t)done : rv;
		k = wait_budget(c, fd, total - done, p);
		if (k < 0)
			return done > 0 ? (ssize_t)done : k;
		if (!reserve_enough())
			return done > 0 ? (ssize_t)done : -ENOMEM;
		stream_spend(c, (size_t)k);
		if (c->ticket_owed) {
			ticket_put(c);
			c->hurried = false; /* nothing goes before them */
		}
		rv = w->n > 1 && k <= RECORD
		    ? encrypt_joined(c, w, (size_t)k)
		    : encrypt(c, w, (size_t)k);
		if (rv < 0)
			return done > 0 ? (ssize_t)done : rv;
		conn_first_sends(c, fd);
		rv = wait_output(c, fd, p);
		if (rv < 0 && rv != -EAGAIN && rv != -EINTR)
			return done > 0 ? (ssize_t)done : rv;
		conn_first_sent(c, fd);
		done += (size_t)k; /* a tail in our queue counts as the kernel's */
		if (rv < 0)
			break;
	}
	return (ssize_t)done;
}

ssize_t
stream_send(struct conn *c, int fd, const struct iovec *iov, int n,
    const struct patience *p)
{
	struct walk w = {iov, n, 0};
	size_t total = stream_room(iov, n);
	ssize_t rv = turn_take(c, &c->tx, fd, p);

	if (rv < 0)
		return rv;
	if (c->state != CONN_OPEN || c->wr_shut) /* while it waited for tx */
		rv = c->err < 0 ? c->err : -EPIPE;
	else
		rv = send_all(c, fd, &w, total, p);
	turn_give(&c->tx);
	return rv;
}

/* The handshake still runs: what fits is kept until it has ended. */
static ssize_t
write_early(struct conn *c, const struct iovec *iov, int n, size_t room)
{
	size_t done = 0;
	int i;

	for (i = 0; i < n && done < room; i++) {
		size_t k = iov[i].iov_len;

		if (k > room - done)
			k = room - done;
		if (bytes_put(&c->early, iov[i].iov_base, k) < 0)
			return done > 0 ? (ssize_t)done : -ENOMEM;
		done += k;
	}
	return (ssize_t)done;
}

/* -EINPROGRESS: c is open, or the caller may wait until it is. */
static ssize_t
try_early(struct conn *c, int fd, const struct iovec *iov, int n, int flags)
{
	struct patience quick = {.flags = MSG_DONTWAIT};
	size_t total = stream_room(iov, n), room;
	int rv;

	if (c->state == CONN_OPEN && !bytes_left(&c->early))
		return -EINPROGRESS;
	/* what a "detect" rule's client speaks is not known yet */
	if (c->state == CONN_WATCHED || watch_undecided(c))
		return -EINPROGRESS;
	/*
	 * A server that may not wait could not know when to try again, and
	 * closes behind a short answer: as if TCP had taken it.
	 */
	if (!c->deferred &&
	    (c->side == SIDE_CLIENT || wait_allowed(fd, flags)))
		return -EINPROGRESS;
	rv = handshake_drive(c, fd, &quick);
	if (rv == 0)
		rv = deferred_flush(c, fd, &quick);
	if (rv != -EAGAIN)
		return rv < 0 ? rv : -EINPROGRESS;
	room = deferred_room(c);
	deferred_add(c);
	if (total <= room || !wait_allowed(fd, flags))
		return room > 0 ? write_early(c, iov, n, room) : -EAGAIN;
	return -EINPROGRESS;
}

static ssize_t
write_locked(
    struct conn *c, int fd, const struct iovec *iov, int n, int flags)
{
	struct patience p = {.flags = flags & (MSG_DONTWAIT | MSG_MORE)};
	size_t total = stream_room(iov, n);
	ssize_t rv;

	if (c->wr_shut || c->shut_later)
		return -EPIPE;
	if (c->state == CONN_FAILED && c->broken) { /* as TCP: said once */
		rv = c->err_told ? -EPIPE : c->err;
		c->err_told = true;
		return rv;
	}
	if (!c->wrote && total > 0)
		watch_hint(c, iov, n);
	rv = try_early(c, fd, iov, n, flags);
	if (rv != -EINPROGRESS)
		return rv;
	rv = stream_ready(c, fd, SO_SNDTIMEO, &p);
	if (rv == 0 && c->state == CONN_WATCHED)
		return 0; /* for stream_write to pass on */
	if (rv == 0)
		rv = deferred_flush(c, fd, &p);
	if (rv == 0 && total > 0)
		rv = stream_send(c, fd, iov, n, &p);
	return rv;
}

/*
 * A thread that writes until it is told to stop waits nowhere meanwhile, and
 * the other end may be its own: one that it has closed has to be met.
 */
static ssize_t
write_again(struct conn *c, int fd, const struct iovec *iov, int n, int flags)
{
	ssize_t rv = -EAGAIN;
	int round;

	for (round = 0; rv == -EAGAIN && round < 3 && deferred_any() &&
	     !wait_allowed(fd, flags); round++) {
		if (bytes_settle(&c->in) < 0 || bytes_settle(&c->out) < 0)
			return -ENOMEM;
		pthread_mutex_unlock(&c->lock);
		deferred_drive();
		conn_lock(c);
		rv = write_locked(c, fd, iov, n, flags);
	}
	return rv;
}

ssize_t
stream_written(struct conn *c, ssize_t rv, size_t total, int flags)
{
	c->lost_told |= rv == -EPIPE || rv == -ECONNRESET;
	if (rv == -EAGAIN || (rv >= 0 && (size_t)rv < total))
		c->out_shorts++;
	if (bytes_settle(&c->in) < 0 || bytes_settle(&c->out) < 0)
		conn_fail(c, -ENOMEM);
	pthread_mutex_unlock(&c->lock);
	if (rv == -EPIPE && !(flags & MSG_NOSIGNAL))
		raise(SIGPIPE);
	return rv;
}

ssize_t
stream_write(
    struct conn *c, int fd, const struct iovec *iov, int n, int flags)
{
	ssize_t rv;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	conn_lock(c);
	rv = write_locked(c, fd, iov, n, flags);
	if (rv == -EAGAIN)
		rv = write_again(c, fd, iov, n, flags);
	if (rv == 0 && c->state == CONN_WATCHED) {
		pthread_mutex_unlock(&c->lock);
		return watch_write(c, fd, iov, n, flags);
	}
	return stream_written(c, rv, stream_room(iov, n), flags);
}

int
stream_finish(struct conn *c)
{
	int rv;

	if (c->wr_shut)
		return 0;
	c->wr_shut = true;
	c->ticket_owed = false;
	if (c->session == NULL)
		return 0;
	record_yield(c);
	do
		rv = gnutls_bye(c->session, GNUTLS_SHUT_WR);
	while (rv == GNUTLS_E_AGAIN || rv == GNUTLS_E_INTERRUPTED);
	return rv < 0 || c->out_lost ? -EIO : 0;
}

int
stream_shut_write(struct conn *c, int fd)
{
	/* the FIN goes with close_notify, in one segment (conn_end.c) */
	struct patience quick = {
	    .flags = MSG_DONTWAIT | (*host->sealed ? 0 : MSG_MORE)};
	int rv = turn_take(c, &c->tx, fd, NULL);

	if (rv < 0)
		return rv;
	if (!c->wr_shut)
		rv = stream_finish(c);
	if (rv == 0)
		rv = wait_output(c, fd, &quick);
	turn_give(&c->tx);
	if (rv < 0)
		return rv;
	/* the kernel closes our side behind the last byte */
	rv = (int)as_engine(host->libc->shutdown(fd, SHUT_WR));
	/* a peer that is gone answered close_notify with a reset */
	return rv == -ENOTCONN ? 0 : rv;
}

/*
 * shutdown never waits: what the kernel does not take yet, and a close_notify
 * whose handshake has not ended, goes with later waits.
 */
static int
shut_write(struct conn *c, int fd)
{
	struct patience quick = {.flags = MSG_DONTWAIT};
	int rv = handshake_drive(c, fd, &quick);

	c->shut_later = true;
	/*
	 * TCP wakes a writer that waits for room.  Ours is told to leave what
	 * it has encrypted in the queue, before the end; one that is at work
	 * gets the time that takes.
	 */
	if (turn_seize(c, &c->tx, now_ms() + SEIZE_MS) == 0)
		turn_give(&c->tx);
	if (rv == 0)
		rv = conn_claim_use(c, SLOT_TX);
	if (rv == 0)
		rv = deferred_flush(c, fd, &quick);
	if (rv != -EAGAIN)
		return rv;
	deferred_add(c);
	return 0;
}

int
stream_shutdown(struct conn *c, int fd, int how)
{
	bool plain = how == SHUT_RD; /* for the kernel alone */
	int rv = 0;

	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return -EINVAL;
	conn_lock(c);
	plain |= c->state == CONN_FAILED || c->state == CONN_WATCHED ||
	    c->wr_shut;
	if (c->state == CONN_TCP) {
		rv = -ENOTCONN;
	} else {
		if (how != SHUT_WR)
			c->rd_shut = true;
		if (!plain)
			rv = shut_write(c, fd);
	}
	bytes_settle(&c->in);
	bytes_settle(&c->out);
	pthread_mutex_unlock(&c->lock);
	if (rv == 0 && plain)
		rv = (int)as_engine(host->libc->shutdown(fd, how));
	else if (rv == 0 && how == SHUT_RDWR)
		(void)host->libc->shutdown(fd, SHUT_RD);
	return rv;
}
