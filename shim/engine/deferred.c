/* deferred.c - handshakes that nobody waits for */

#include <string.h>
#include <sys/single_threaded.h>
#include <sys/uio.h>

#include "call.h"
#include "deferred.h"
#include "ours.h"
#include "own.h"
#include "stream.h"

#define SILENT_MS 300 /* for a ClientHello to come after close() */
#define EARLY_MAX (256 * 1024) /* of one conn */

/* The list; its count is read without the lock to keep the usual path free. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct conn *first;
_Atomic int deferred_count;
static _Atomic bool driving;

/*
 * Rung when the list changes while threads wait with what they read of it
 * before; the first to wake reads it anew.
 */
static _Atomic int bell = -1;
static _Atomic bool rung;

/*
 * The bell is of the process that this one has forked from, whose waits are
 * not ours to wake.  A new one comes where one is needed: most children never
 * do, and a close costs them a system call and a page.
 */
static _Atomic bool inherited;

static int
own_bell(void)
{
	return atomic_load(&inherited) ? -1 : atomic_load(&bell);
}

static void
ring(void)
{
	uint64_t one = 1;

	if (own_bell() != -1 && !atomic_exchange(&rung, true))
		(void)!host->libc->write(bell, &one, sizeof one);
}

static void
hush(void)
{
	uint64_t n;

	if (atomic_load(&rung)) {
		(void)!host->libc->read(bell, &n, sizeof n);
		atomic_store(&rung, false);
	}
}

void
deferred_leave(void)
{
	if (deferred_any())
		ring();
}

int
deferred_slice(void)
{
	return __libc_single_threaded ? 1000 : 10;
}

void
deferred_expect(void)
{
	if (own_bell() != -1)
		return;
	pthread_mutex_lock(&lock);
	if (atomic_load(&inherited)) {
		ours_close(&bell);
		atomic_store(&inherited, false);
	}
	if (bell == -1)
		(void)ours_event(&bell);
	pthread_mutex_unlock(&lock);
}

void
deferred_add(struct conn *c)
{
	if (c->listed) {
		ring();
		return;
	}
	c->listed = true;
	atomic_fetch_add(&c->refs, 1);
	deferred_expect();
	pthread_mutex_lock(&lock);
	c->next_deferred = first;
	first = c;
	atomic_fetch_add(&deferred_count, 1);
	pthread_mutex_unlock(&lock);
	ring();
}

/* c's lock held; the reference is the caller's. */
static void
unlist(struct conn *c)
{
	struct conn **at = &first;

	pthread_mutex_lock(&lock);

	while (*at != NULL && *at != c)
		at = &(*at)->next_deferred;
	if (*at == c)
		*at = c->next_deferred;
	c->listed = false;
	atomic_fetch_sub(&deferred_count, 1);
	pthread_mutex_unlock(&lock);
}

static int
fd_of(struct conn *c)
{
	return c->orphan > 0 ? c->orphan : table_fd(c);
}

int
deferred_flush(struct conn *c, int fd, const struct patience *p)
{
	while (bytes_left(&c->early) > 0) {
		struct iovec v = {bytes_at(&c->early), bytes_left(&c->early)};
		ssize_t n = stream_send(c, fd, &v, 1, p);

		if (n < 0)
			return (int)n;
		bytes_take(&c->early, (size_t)n);
	}
	if (c->shut_later) {
		int rv = stream_shut_write(c, fd);

		if (rv < 0)
			return rv;
		c->shut_later = false;
	}
	return 0;
}

size_t
deferred_room(const struct conn *c)
{
	size_t used = bytes_left(&c->early);

	return used < EARLY_MAX ? EARLY_MAX - used : 0;
}

static void
end_orphan(struct conn *c)
{
	conn_let_go(c, c->orphan);
	ours_close(&c->orphan);
}

static int64_t
closing_time(const struct conn *c)
{
	return now_ms() + (int64_t)c->rule->values.close_timeout * 1000;
}

/* 1, 0 at the end of what came, or a negative errno. */
static int
hello_came(int fd)
{
	char byte;

	return (int)as_engine(host->libc->recv(
	    fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT));
}

/* Locked.  True when nothing is left to do for c here. */
static bool
advance(struct conn *c)
{
	struct patience p = {.flags = MSG_DONTWAIT};
	int fd = fd_of(c), rv;

	if (fd == -1)
		return true;
	if (c->orphan > 0 && c->state == CONN_PRE) {
		rv = hello_came(fd);
		if (rv == -EAGAIN && now_ms() < c->deadline)
			return false;
		if (rv <= 0) { /* nobody is disappointed: not logged */
			end_orphan(c);
			return true;
		}
		c->deadline = closing_time(c);
	}
	rv = handshake_drive(c, fd, &p);
	if (rv == 0)
		rv = deferred_flush(c, fd, &p);
	bytes_settle(&c->in);
	bytes_settle(&c->out);
	if (rv == -EAGAIN || rv == -EINTR)
		return false;
	if (c->orphan > 0)
		end_orphan(c);
	else if (rv < 0 && c->state == CONN_OPEN)
		conn_fail(c, rv);
	return true;
}

/*
 * One thread at a time drives, without the list's lock, which comes after a
 * conn's: only this function takes a conn off the list, and others put theirs
 * before the first, so that what it walks along does not change.
 */
void
deferred_drive(void)
{
	struct conn *c, *next;
	bool done;

	if (!deferred_any() || atomic_exchange(&driving, true))
		return;
	pthread_mutex_lock(&lock);
	hush();
	c = first;
	pthread_mutex_unlock(&lock);
	for (; c != NULL; c = next) {
		next = c->next_deferred;
		if (!conn_trylock(c))
			continue;
		done = advance(c);
		if (done)
			unlist(c); /* from here on others may list it again */
		pthread_mutex_unlock(&c->lock);
		if (done) {
			call_note(c);
			conn_put(c);
		}
	}
	atomic_store(&driving, false);
}

int
deferred_ask(struct pollfd *p, int n)
{
	struct conn *c;
	int k = 0;

	if (!deferred_any())
		return 0;
	pthread_mutex_lock(&lock);
	if (own_bell() != -1)
		p[k++] = (struct pollfd){bell, POLLIN, 0};
	for (c = first; c != NULL && k < n; c = c->next_deferred) {
		short ev = POLLIN;

		if (conn_trylock(c)) {
			if (bytes_left(&c->out) > 0 ||
			    c->state == CONN_TCP || c->state == CONN_OPEN)
				ev = POLLOUT;
			pthread_mutex_unlock(&c->lock);
		}
		p[k++] = (struct pollfd){fd_of(c), ev, 0};
	}
	pthread_mutex_unlock(&lock);
	return k;
}

/* Is there a conn that the program has written to, or one that it closed? */
static bool
worth_waiting(bool closed)
{
	struct conn *c;
	bool yes = false;

	pthread_mutex_lock(&lock);
	for (c = first; c != NULL && !yes; c = c->next_deferred)
		yes = bytes_left(&c->early) > 0 || c->state == CONN_OPEN ||
		    c->side == SIDE_CLIENT || (closed && c->orphan > 0);
	pthread_mutex_unlock(&lock);
	return yes;
}

void
deferred_finish(int64_t until)
{
	struct pollfd p[64];
	int64_t soon = now_ms() + SILENT_MS;

	while (deferred_any() && worth_waiting(now_ms() < soon) &&
	    now_ms() < until) {
		int64_t left = until - now_ms();
		int n;

		deferred_drive();
		n = deferred_ask(p, 64);
		if (n > 0)
			(void)host->libc->poll(
			    p, (nfds_t)n, left < 50 ? (int)left : 50);
	}
}

void
deferred_reset(void)
{
	struct conn *c, *next;

	pthread_mutex_init(&lock, NULL);
	atomic_store(&driving, false);
	for (c = first; c != NULL; c = next) {
		next = c->next_deferred;
		c->listed = false;
		if (c->orphan > 0)
			ours_close(&c->orphan);
	}
	first = NULL;
	atomic_store(&deferred_count, 0);
	if (bell != -1)
		atomic_store(&inherited, true);
	atomic_store(&rung, false);
}

/*
 * Closing a TCP connection that no byte was exchanged on is no error to its
 * peer; closing one with an unanswered ClientHello would be.
 */
static bool
peer_waits(struct conn *c, int fd)
{
	int rv;

	if (c->side == SIDE_CLIENT)
		return c->deferred;
	if (c->state == CONN_HANDSHAKE)
		return true;
	/* its ClientHello may be on the way; a port scan sends none */
	rv = hello_came(fd);
	return rv > 0 || rv == -EAGAIN;
}

/*
 * Nobody waits for it any more: it has as long as a closing one has, or, as
 * long as it has said nothing, what a ClientHello may take to come.
 */
static void
limit(struct conn *c)
{
	int64_t until =
	    c->state == CONN_PRE ? now_ms() + SILENT_MS : closing_time(c);

	if (c->deadline == 0 || c->deadline > until)
		c->deadline = until;
}

bool
deferred_orphan(struct conn *c, int fd)
{
	if (c->state != CONN_PRE && c->state != CONN_HANDSHAKE &&
	    !(c->state == CONN_OPEN && bytes_left(&c->early) > 0))
		return false;
	if (c->cred == NULL || c->linger_set || !peer_waits(c, fd))
		return false;
	if (ours_copy(fd, &c->orphan) == -1)
		return false;
	/* the wire sees no more waiting than the kernel's own would be */
	host->libc->fcntl(c->orphan, F_SETFL, O_RDWR | O_NONBLOCK);
	c->shut_later = !c->wr_shut;
	limit(c);
	c->ending = true; /* table_is: no number of the program's is asked */
	deferred_add(c);
	return true;
}
