/* turn.c - the right to receive or to send, which one thread has at a time */

#include <limits.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>

#include "call.h"
#include "conn.h"
#include "epoll.h"
#include "ours.h"
#include "thread.h"

/*
 * The futex call by its number: libc's syscall() may be the host's, and the
 * real one is in the host's table.
 */
static long
futex(_Atomic uint32_t *word, int op, uint32_t val, int64_t left)
{
	struct timespec ts = {left / 1000, left % 1000 * 1000000};

	return host->libc->syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG,
	    (long)val, left >= 0 ? &ts : NULL, NULL, 0L);
}

struct sleep {
	struct turn *turn;
	int type; /* of cancellation, as the program has it */
};

static void
wait_left(void *arg)
{
	const struct sleep *s = arg;

	pthread_setcanceltype(s->type, NULL);
	atomic_fetch_sub(&s->turn->waiters, 1);
}

/*
 * A futex is no cancellation point, and the calls that wait for a turn are:
 * asynchronous cancellation for the time of one system call, as libc has it
 * inside its own.
 */
static int
sleep_on(struct turn *t, uint32_t gives, int64_t left)
{
	struct sleep s = {t, PTHREAD_CANCEL_DEFERRED};
	int rv;

	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &s.type);
	CALL_UNDO_BEGIN(wait_left, &s);
	CALL_WAIT_BEGIN(NULL);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	rv = (int)as_engine(futex(&t->gives, FUTEX_WAIT, gives, left));
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL);
	CALL_WAIT_END();
	CALL_UNDO_END(1);
	return rv;
}

/* Until it is given, if somebody has it.  0, -EAGAIN or -EINTR. */
static int
wait_once(struct conn *c, struct turn *t, const struct patience *p)
{
	int64_t left = p->until > 0 ? p->until - now_ms() : -1;
	uint32_t holder, gives;
	int rv = 0;

	atomic_fetch_add(&t->waiters, 1);
	gives = atomic_load(&t->gives);
	holder = atomic_load(&t->busy);
	/* ours: a signal handler came in between */
	if (holder == thread_id() || (p->until > 0 && left <= 0))
		rv = -EAGAIN;
	if (holder == 0 || rv < 0) {
		atomic_fetch_sub(&t->waiters, 1);
		return rv;
	}
	epoll_before_wait(c);
	pthread_mutex_unlock(&c->lock);
	rv = sleep_on(t, gives, left);
	conn_lock(c);
	return rv == -EINTR && !wait_goes_on(p) ? rv : 0;
}

static int
turn_wait(struct conn *c, struct turn *t, const struct patience *p)
{
	int rv = 0;

	while (rv == 0 && !turn_try(t))
		rv = wait_once(c, t, p);
	return rv;
}

int
turn_take(struct conn *c, struct turn *t, int fd, const struct patience *p)
{
	if (turn_try(t))
		return 0;
	if (p == NULL || !wait_allowed(table_number(fd, c), p->flags))
		return -EAGAIN;
	return turn_wait(c, t, p);
}

int
turn_pass(struct conn *c, struct turn *t, int fd, const struct patience *p)
{
	if (!wait_allowed(table_number(fd, c), p->flags))
		return -EAGAIN;
	return wait_once(c, t, p);
}

void
turn_wake(struct turn *t)
{
	atomic_fetch_add(&t->gives, 1);
	futex(&t->gives, FUTEX_WAKE, INT_MAX, -1);
}

/*
 * Writers that wait for room poll this too.  It is rung while somebody wants
 * a turn that a writer has, and quiet again with the last of these.
 */
static pthread_mutex_t bell_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int bell = -1;
static int ringing;

int
turn_bell(void)
{
	int fd;

	if (atomic_load(&bell) != -1)
		return atomic_load(&bell);
	pthread_mutex_lock(&bell_lock);
	if (atomic_load(&bell) == -1) {
		fd = eventfd(ringing > 0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (fd != -1 && ours_take(fd, &bell) == -1)
			host->libc->close(fd);
	}
	pthread_mutex_unlock(&bell_lock);
	return atomic_load(&bell);
}

static void
ring(bool on)
{
	uint64_t n = 1;
	int fd;

	pthread_mutex_lock(&bell_lock);
	ringing += on ? 1 : -1;
	fd = atomic_load(&bell);
	if (fd != -1 && on)
		(void)!host->libc->write(fd, &n, sizeof n);
	else if (fd != -1 && ringing == 0)
		(void)!host->libc->read(fd, &n, sizeof n);
	pthread_mutex_unlock(&bell_lock);
}

int
turn_seize(struct conn *c, struct turn *t, int64_t until)
{
	struct patience p = {.until = until, .timed = true};
	int rv;

	if (turn_try(t))
		return 0;
	if (atomic_load(&t->busy) == thread_id())
		return -EAGAIN;
	atomic_fetch_add(&t->wanted, 1);
	ring(true);
	do
		rv = turn_wait(c, t, &p);
	while (rv == -EINTR);
	atomic_fetch_sub(&t->wanted, 1);
	ring(false);
	return rv;
}

/* The parent's bell would be heard in the child. */
void
turn_forked(void)
{
	pthread_mutex_init(&bell_lock, NULL);
	ringing = 0;
	ours_close(&bell);
}
