/* wait.c - every place where the engine waits, and nothing else */

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "call.h"
#include "conn.h"
#include "deferred.h"
#include "thread.h"

int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * The futex call by its number: libc's syscall() may be the host's, and the
 * real one is in the host's table.
 */
static long
futex(_Atomic uint32_t *word, int op, uint32_t val)
{
	return host->libc->syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG,
	    (long)val, NULL, NULL, 0L);
}

int
turn_take(struct conn *c, struct turn *t, bool wait)
{
	uint32_t none = 0;

	while (!atomic_compare_exchange_strong(&t->busy, &none, 1)) {
		long rv;
		int e;

		if (!wait || thread_nested()) /* it may be our own */
			return -EAGAIN;
		atomic_fetch_add(&t->waiters, 1);
		pthread_mutex_unlock(&c->lock);
		thread_wait_begin();
		rv = futex(&t->busy, FUTEX_WAIT, 1);
		e = errno;
		thread_wait_end();
		pthread_mutex_lock(&c->lock);
		atomic_fetch_sub(&t->waiters, 1);
		if (rv == -1 && e == EINTR)
			return -EINTR;
		none = 0;
	}
	return 0;
}

void
turn_give(struct turn *t)
{
	atomic_store(&t->busy, 0);
	if (atomic_load(&t->waiters) > 0)
		futex(&t->busy, FUTEX_WAKE, INT_MAX);
}

bool
wait_allowed(int fd, int flags)
{
	int fl;

	if (flags & MSG_DONTWAIT)
		return false;
	fl = host->libc->fcntl(fd, F_GETFL, 0L);
	return fl != -1 && !(fl & O_NONBLOCK);
}

int64_t
wait_until(int fd, int option)
{
	struct timeval tv = {0, 0};
	socklen_t len = sizeof tv;

	if (host->libc->getsockopt(fd, SOL_SOCKET, option, &tv, &len) == -1)
		return 0;
	if (tv.tv_sec == 0 && tv.tv_usec == 0)
		return 0;
	return now_ms() + (int64_t)tv.tv_sec * 1000 +
	    (tv.tv_usec + 999) / 1000;
}

/* While handshakes are deferred every wait is one for them too. */
#define MOST_DEFERRED 64

int
wait_fd(int fd, short events, int64_t until)
{
	struct pollfd p[1 + MOST_DEFERRED] = {{fd, events, 0}};

	for (;;) {
		int timeout = -1, n = 0, rv;
		bool slice;

		deferred_drive();
		if (until > 0) {
			int64_t left = until - now_ms();

			if (left <= 0)
				return -EAGAIN;
			timeout = left > INT_MAX ? INT_MAX : (int)left;
		}
		n = deferred_ask(p + 1, MOST_DEFERRED);
		slice = n > 0 && (timeout < 0 || timeout > deferred_slice());
		if (slice)
			timeout = deferred_slice();
		rv = host->libc->poll(p, (nfds_t)n + 1, timeout);
		if (rv == -1)
			return -errno;
		if (p[0].revents != 0) {
			deferred_leave();
			return 0;
		}
		if (rv == 0 && !slice)
			return -EAGAIN;
	}
}

/* One recv, waiting as p says; the caller holds rx and not the lock. */
static ssize_t
receive(int fd, unsigned char *buf, size_t len, const struct patience *p)
{
	if (p->until > 0 || deferred_any()) {
		ssize_t rv;

		/* most often it is there already: one call instead of two */
		rv = as_engine(host->libc->recv(fd, buf, len, MSG_DONTWAIT));
		if (rv != -EAGAIN || !wait_allowed(fd, p->flags))
			return rv;
		rv = wait_fd(fd, POLLIN, p->until);
		if (rv < 0)
			return rv;
		return as_engine(host->libc->recv(fd, buf, len, MSG_DONTWAIT));
	}
	return as_engine(
	    host->libc->recv(fd, buf, len, p->flags & MSG_DONTWAIT));
}

ssize_t
wait_input(struct conn *c, int fd, const struct patience *p)
{
	unsigned char *buf = thread_input();
	ssize_t n;
	int rv;

	if (buf == NULL)
		return -ENOMEM;
	if (c->in_err != 0)
		return c->in_err;
	if (c->in_eof)
		return 0;
	if (atomic_load(&c->rx.busy)) {
		bool wait = wait_allowed(fd, p->flags);

		rv = turn_take(c, &c->rx, wait);
		if (rv == 0)
			turn_give(&c->rx);
		return rv < 0 ? rv : 1;
	}
	rv = turn_take(c, &c->rx, false);
	if (rv < 0)
		return rv;
	if (bytes_settle(&c->in) < 0 || bytes_settle(&c->out) < 0) {
		turn_give(&c->rx);
		return -ENOMEM;
	}
	pthread_mutex_unlock(&c->lock);
	CALL_WAIT_BEGIN(&c->rx);
	n = table_is(fd, c) ? receive(fd, buf, BUFFER_SIZE, p) : -EBADF;
	CALL_WAIT_END();
	pthread_mutex_lock(&c->lock);
	c->fresh |= n >= 0;
	if (n > 0 && bytes_left(&c->in) == 0)
		bytes_borrow(&c->in, buf, (size_t)n, BUFFER_SIZE);
	else if (n > 0 && (rv = bytes_put(&c->in, buf, (size_t)n)) < 0)
		n = c->in_err = rv;
	else if (n == 0)
		c->in_eof = true;
	else if (n != -EAGAIN && n != -EINTR && n != -EBADF)
		c->in_err = (int)n;
	turn_give(&c->rx);
	return n;
}

int
wait_output(struct conn *c, int fd, const struct patience *p)
{
	/*
	 * Another process writes: an answer to a KeyUpdate that this one has
	 * read stays unsaid, which no peer waits for (RFC 8446, 4.6.3).
	 */
	if (bytes_left(&c->out) > 0 &&
	    !slot_claim(c->slot, SLOT_TX, &c->stamp[SLOT_TX]))
		bytes_free(&c->out);
	while (bytes_left(&c->out) > 0) {
		/*
		 * What GnuTLS adds meanwhile (an answer to KeyUpdate) must
		 * not move the bytes being sent: they leave the queue first.
		 */
		struct bytes now = c->out;
		struct bytes later;
		ssize_t n;

		c->out = (struct bytes){0};
		pthread_mutex_unlock(&c->lock);
		thread_wait_begin();
		n = table_is(fd, c) ? as_engine(host->libc->send(fd,
					  bytes_at(&now), bytes_left(&now),
					  MSG_NOSIGNAL | p->flags))
				    : -EBADF;
		if (n == -EAGAIN && p->until > 0 && wait_allowed(fd, p->flags)) {
			/* while waiting this thread may drive others */
			n = bytes_settle(&now);
			if (n == 0)
				n = wait_fd(fd, POLLOUT, p->until);
			if (n == 0)
				n = -EINPROGRESS; /* try again */
		}
		thread_wait_end();
		pthread_mutex_lock(&c->lock);
		if (n > 0)
			bytes_take(&now, (size_t)n);
		later = c->out;
		c->out = now;
		if (bytes_left(&later) > 0 &&
		    bytes_put(&c->out, bytes_at(&later),
			bytes_left(&later)) < 0)
			c->out_lost = true;
		bytes_free(&later);
		if (n == -EINPROGRESS)
			continue;
		if (n < 0)
			return (int)n;
		if (bytes_left(&c->out) > 0 &&
		    (!wait_allowed(fd, p->flags) || p->until > 0)) {
			if (p->until == 0 || p->until <= now_ms())
				return -EAGAIN;
		}
	}
	return 0;
}

int
wait_writable(
    struct conn *c, int fd, short events, const struct patience *p)
{
	int rv;

	if (bytes_settle(&c->in) < 0 || bytes_settle(&c->out) < 0)
		return -ENOMEM;
	pthread_mutex_unlock(&c->lock);
	CALL_WAIT_BEGIN(&c->tx);
	rv = table_is(fd, c) ? wait_fd(fd, events, p->until) : -EBADF;
	CALL_WAIT_END();
	pthread_mutex_lock(&c->lock);
	return rv;
}
