/* calls_ready.c - poll and select over governed and other descriptors */

#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>

#include "ahead.h"
#include "call.h"
#include "deferred.h"
#include "ready.h"

#define FEW 16   /* entries that need no memory of their own */
#define EXTRA 32 /* deferred handshakes that a wait moves along */

/* One wait: what the program asked, what the kernel is asked instead. */
struct wait {
	struct pollfd *user;
	struct pollfd *kernel;
	struct readiness *r; /* of governed entries; ask 0 and pass ~0 else */
	nfds_t n;
	int64_t until; /* ns, -1 = for ever */
	const sigset_t *mask;
	struct ear ear; /* for what other threads do to these */
	int bell;
	uint32_t forks; /* process_forks() as of its beginning */
};

#define STEPS 4 /* so far ahead memory is asked for; ahead.h */

static inline const struct conn *
soon(const struct wait *w, nfds_t i)
{
	return i + STEPS < w->n ? table_peek(w->user[i + STEPS].fd) : NULL;
}

/* What to ask the kernel now; returns how many are ready already. */
static int
prepare(struct wait *w, int64_t *deadline)
{
	int ready = 0;
	nfds_t i;

	for (i = 0; i < w->n; i++) {
		struct readiness *r = &w->r[i];
		const struct conn *next = soon(w, i);
		struct conn *c;

		if (next != NULL)
			ahead_conn(next);
		c = table_get(w->user[i].fd);
		w->kernel[i] = w->user[i];
		w->kernel[i].revents = 0;
		*r = (struct readiness){.pass = ~0};
		if (c == NULL)
			continue;
		if (w->ear.on)
			ready_count(c, w->user[i].fd, w->user[i].events, r);
		else
			ready_check(c, w->user[i].fd, w->user[i].events, false,
			    r);
		call_note(c);
		conn_put(c);
		w->kernel[i].events = r->ask;
		/* nothing to ask: HUP and ERR would wake us for nothing */
		if (r->ask == 0 && r->pass == 0)
			w->kernel[i].fd = -1;
		if (r->now != 0)
			ready++;
		if (r->until > 0 && (*deadline < 0 || r->until < *deadline))
			*deadline = r->until;
	}
	return ready;
}

/* The kernel spoke: what does it mean for those that TLS is under? */
static void
refresh(struct wait *w)
{
	nfds_t i;

	for (i = 0; i < w->n; i++) {
		const struct conn *next = soon(w, i);
		struct conn *c;

		if (next != NULL && w->kernel[i + STEPS].revents != 0)
			ahead_keys(next);
		if (w->kernel[i].revents == 0)
			continue;
		c = table_get(w->user[i].fd);
		if (c == NULL)
			continue;
		ready_check(c, w->user[i].fd, w->user[i].events,
		    ready_came((unsigned short)w->kernel[i].revents),
		    &w->r[i]);
		call_note(c);
		conn_put(c);
	}
}

static int
collect(struct wait *w)
{
	int ready = 0;
	nfds_t i;

	for (i = 0; i < w->n; i++) {
		w->user[i].revents = (short)(w->r[i].now |
		    (w->kernel[i].revents & w->r[i].pass));
		if (w->user[i].revents != 0)
			ready++;
	}
	return ready;
}

static int
cancellable_poll(struct pollfd *p, nfds_t n, const struct timespec *limit,
    const sigset_t *mask)
{
	int rv;

	CALL_WAIT_BEGIN(NULL);
	rv = (int)as_engine(host->libc->ppoll(p, n, limit, mask));
	CALL_WAIT_END();
	return rv;
}

static int
wait_kernel(struct wait *w, bool at_once, int64_t deadline_ms)
{
	struct timespec ts = {0, 0}, *limit = &ts;
	int64_t left = w->until < 0 ? -1 : w->until - now_ns();
	int64_t slice = deferred_slice() * 1000000LL;
	nfds_t n = w->n;
	int extra;

	if (at_once || (w->until >= 0 && left < 0))
		left = 0;
	if (deadline_ms >= 0) {
		int64_t d = deadline_ms * 1000000 - now_ns();

		if (left < 0 || d < left)
			left = d < 0 ? 0 : d;
	}
	if (w->ear.on)
		w->kernel[n++] = (struct pollfd){w->bell, POLLIN, 0};
	if (w->ear.dull && (left < 0 || left > BELL_SLICE_MS * 1000000LL)) {
		left = BELL_SLICE_MS * 1000000LL;
		deadline_ms = 0; /* there is a limit */
	}
	extra = deferred_ask(w->kernel + n, EXTRA - 1);
	if (extra > 0 && (left < 0 || left > slice)) {
		left = slice;
		deadline_ms = 0; /* there is a limit */
	}
	if (left < 0 && w->until < 0 && deadline_ms < 0) {
		limit = NULL;
	} else if (left > 0) {
		ts.tv_sec = left / NS;
		ts.tv_nsec = left % NS;
	}
	return cancellable_poll(w->kernel, n + (nfds_t)extra, limit, w->mask);
}

/* Counted before conns are looked at, under whose locks others read it. */
static _Atomic int waits;

int
ready_waits(void)
{
	return atomic_load(&waits);
}

/*
 * Where other threads run they may take from the kernel what is waited for.
 * A call that will not sleep hears nothing.
 */
static void
listen_to(struct wait *w)
{
	w->ear = (struct ear){false};
	if (!single_threaded() && (w->until < 0 || now_ns() < w->until))
		w->bell = bell_listen(&w->ear);
}

static void
awake(struct wait *w)
{
	nfds_t i;

	if (!w->ear.on)
		return;
	bell_leave(&w->ear);
	for (i = 0; i < w->n; i++)
		if (w->forks == process_forks()) /* a child's counts are new */
			ready_uncount(&w->r[i]);
}

/* By the end of the call, or who leaves it by a jump. */
static void
wait_over(void *arg)
{
	struct wait *w = arg;

	awake(w);
	if (w->n > FEW) {
		free(w->kernel);
		free(w->r);
	}
	atomic_fetch_sub(&waits, 1);
}

static int
wait_loop(struct wait *w)
{
	for (;;) {
		int64_t deadline = -1;
		int ready, rv;

		deferred_drive();
		listen_to(w);
		ready = prepare(w, &deadline);

		rv = wait_kernel(w, ready > 0, deadline);
		awake(w);
		if (rv < 0)
			return rv;
		if (rv > 0)
			refresh(w);
		ready = collect(w);
		if (ready > 0) {
			deferred_leave();
			return ready;
		}
		if (w->until >= 0 && now_ns() >= w->until)
			return 0;
	}
}

static int
wait_on(struct pollfd *fds, nfds_t n, int64_t until, const sigset_t *mask)
{
	struct pollfd few[FEW + EXTRA];
	struct readiness rfew[FEW];
	struct wait w = {.user = fds,
	    .kernel = few,
	    .r = rfew,
	    .n = n,
	    .until = until,
	    .mask = mask,
	    .forks = process_forks()};
	int rv = -ENOMEM;

	if (n > FEW) {
		w.kernel = calloc(n + EXTRA, sizeof w.kernel[0]);
		w.r = calloc(n, sizeof w.r[0]);
	}
	atomic_fetch_add(&waits, 1);
	CALL_UNDO_BEGIN(wait_over, &w);
	if (w.kernel != NULL && w.r != NULL)
		rv = wait_loop(&w);
	CALL_UNDO_END(1);
	return rv;
}

static int
do_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	struct call k;
	int rv = call_point(&k);

	if (rv == 0)
		rv = wait_on(fds, n,
		    timeout < 0 ? -1 : now_ns() + timeout * 1000000LL, NULL);
	return (int)call_end(&k, rv);
}

static int
do_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
    const sigset_t *mask)
{
	struct call k;
	int rv = call_point(&k);

	if (rv == 0 && timeout != NULL && !is_time(timeout))
		rv = -EINVAL;
	if (rv == 0)
		rv = wait_on(fds, n,
		    timeout == NULL
			? -1
			: now_ns_after(timeout->tv_sec, timeout->tv_nsec),
		    mask);
	return (int)call_end(&k, rv);
}

static int
do_poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size)
{
	if (size / sizeof *fds < n)
		abort();
	return do_poll(fds, n, timeout);
}

static int
do_ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
    const sigset_t *mask, size_t size)
{
	if (size / sizeof *fds < n)
		abort();
	return do_ppoll(fds, n, timeout, mask);
}

/*
 * select: the same wait.  Sets are read as words, since a program may hand
 * in more than FD_SETSIZE descriptors, and FD_SET would be fortified.
 */
#define WORD (8 * sizeof(unsigned long))

static bool
bit(const fd_set *s, int fd)
{
	const unsigned long *w = (const unsigned long *)s;

	return s != NULL && (w[(size_t)fd / WORD] >> ((size_t)fd % WORD) & 1);
}

static void
clear(fd_set *s, int n)
{
	if (s != NULL)
		memset(s, 0, ((size_t)n + WORD - 1) / WORD * sizeof(long));
}

static int
put(fd_set *s, int fd, bool on)
{
	unsigned long *w = (unsigned long *)s;

	if (s == NULL || !on)
		return 0;
	w[(size_t)fd / WORD] |= 1UL << ((size_t)fd % WORD);
	return 1;
}

/* What select(2) means by its three sets, in poll's words (fs/select.c). */
#define SEL_IN (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR)
#define SEL_OUT (POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR)
#define SEL_EX POLLPRI

static nfds_t
list(struct pollfd *p, int n, const fd_set *r, const fd_set *w,
    const fd_set *e)
{
	nfds_t k = 0;
	int fd;

	for (fd = 0; fd < n; fd++) {
		short ev = (short)((bit(r, fd) ? POLLIN | POLLRDNORM : 0) |
		    (bit(w, fd) ? POLLOUT | POLLWRNORM : 0) |
		    (bit(e, fd) ? POLLPRI : 0));

		if (ev != 0)
			p[k++] = (struct pollfd){fd, ev, 0};
	}
	return k;
}

static int
unlist(struct pollfd *p, nfds_t k, int n, fd_set *r, fd_set *w,
    fd_set *e)
{
	int ready = 0;
	nfds_t i;

	for (i = 0; i < k; i++)
		if (p[i].revents & POLLNVAL)
			return -EBADF;
	clear(r, n);
	clear(w, n);
	clear(e, n);
	for (i = 0; i < k; i++) {
		short re = p[i].revents;
		int before = ready;

		ready += put(r, p[i].fd, p[i].events & POLLIN && re & SEL_IN);
		ready +=
		    put(w, p[i].fd, p[i].events & POLLOUT && re & SEL_OUT);
		ready += put(e, p[i].fd, p[i].events & POLLPRI && re & SEL_EX);
		/* a hang-up that no set asked for: select sleeps on */
		if (re != 0 && ready == before)
			p[i].fd = -1;
	}
	return ready;
}

/* A cancelled thread leaves no memory behind. */
static __attribute__((noinline)) int
wait_or_free(struct pollfd *p, nfds_t n, int64_t until, const sigset_t *mask)
{
	int rv;

	CALL_UNDO_BEGIN(free, p);
	rv = wait_on(p, n, until, mask);
	CALL_UNDO_END(0);
	return rv;
}

static int
select_on(int n, fd_set *r, fd_set *w, fd_set *e, int64_t until,
    const sigset_t *mask)
{
	struct pollfd *p;
	nfds_t k;
	int rv;

	if (n < 0)
		return -EINVAL;
	if (n > FD_MAX)
		n = FD_MAX;
	p = calloc((size_t)n + 1, sizeof *p);
	if (p == NULL)
		return -ENOMEM;
	k = list(p, n, r, w, e);
	do
		rv = wait_or_free(p, k, until, mask);
	while (rv > 0 && (rv = unlist(p, k, n, r, w, e)) == 0);
	if (rv == 0) {
		clear(r, n);
		clear(w, n);
		clear(e, n);
	}
	free(p);
	return rv;
}

/* Linux's select says in its timeout what is left of it. */
static int
do_select(int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *timeout)
{
	struct call k;
	int64_t until = -1, left, sec;
	int rv = call_point(&k);

	if (rv == 0 && timeout != NULL &&
	    (timeout->tv_sec < 0 || timeout->tv_usec < 0))
		rv = -EINVAL;
	if (rv == 0 && timeout != NULL) {
		if (__builtin_add_overflow(timeout->tv_sec,
			timeout->tv_usec / 1000000, &sec))
			sec = INT64_MAX;
		until = now_ns_after(sec, timeout->tv_usec % 1000000 * 1000);
	}
	if (rv == 0)
		rv = select_on(n, r, w, e, until, NULL);
	if (timeout != NULL && rv != -EINVAL) {
		left = until - now_ns();
		left = left > 0 ? left : 0;
		timeout->tv_sec = left / NS;
		timeout->tv_usec = left % NS / 1000;
	}
	return (int)call_end(&k, rv);
}

static int
do_pselect(int n, fd_set *r, fd_set *w, fd_set *e,
    const struct timespec *timeout, const sigset_t *mask)
{
	struct call k;
	int64_t until = -1;
	int rv = call_point(&k);

	if (rv == 0 && timeout != NULL && !is_time(timeout))
		rv = -EINVAL;
	if (rv == 0 && timeout != NULL)
		until = now_ns_after(timeout->tv_sec, timeout->tv_nsec);
	if (rv == 0)
		rv = select_on(n, r, w, e, until, mask);
	return (int)call_end(&k, rv);
}

void
calls_ready(struct shim_calls *c)
{
	c->poll = do_poll;
	c->ppoll = do_ppoll;
	c->__poll_chk = do_poll_chk;
	c->__ppoll_chk = do_ppoll_chk;
	c->select = do_select;
	c->pselect = do_pselect;
}
