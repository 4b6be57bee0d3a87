/* epoll_wait.c - the waits of an epoll set */

#include <signal.h>
#include <time.h>

#include "call.h"
#include "deferred.h"
#include "epoll.h"
#include "epoll_report.h"
#include "log.h"

/*
 * After a fork a set may have connections of the other process: events of its
 * sessions would reach this one.
 */
static int
may_wait(struct set *s)
{
	bool may;

	if (s->pid == process_pid())
		return 0;
	set_lock(s);
	may = set_take(s);
	pthread_mutex_unlock(&s->lock);
	if (may)
		return 0;
	log_text(LOG_ERROR,
	    "an epoll set that holds governed connections of process "
	    "%d is used by process %d: one process may wait on it",
	    (int)s->pid, (int)process_pid());
	return -EBADF;
}

/* What the program asked for; times in ns, since no wait may end early. */
struct limit {
	int64_t until; /* -1 = for ever */
	bool fine;     /* it asked in ns: epoll_pwait2 */
	const sigset_t *mask;
};

static int64_t
time_left(const struct set *s, const struct limit *l, bool at_once)
{
	int64_t end = l->until, now = now_ns();
	int64_t deadline = s != NULL ? s->deadline * 1000000 : 0;

	if (at_once)
		return 0;
	if (deadline > 0 && (end < 0 || deadline < end))
		end = deadline;
	if (end < 0)
		return -1;
	return end > now ? end - now : 0;
}

static struct timespec
timespec_of(int64_t ns)
{
	return (struct timespec){ns / NS, ns % NS};
}

/*
 * Waits a slice for the set and for deferred handshakes.  0: look at the set
 * again; or a negative errno.
 */
static int
wait_both(struct set *s, int64_t left, const sigset_t *mask)
{
	struct pollfd p[33] = {{s->epfd, POLLIN, 0}};
	int64_t slice = deferred_slice() * 1000000LL;
	struct timespec ts =
	    timespec_of(left >= 0 && left < slice ? left : slice);
	int n, rv;

	deferred_drive();
	n = deferred_ask(p + 1, 32);
	rv = (int)as_engine(host->libc->ppoll(p, (nfds_t)n + 1, &ts, mask));
	deferred_leave();
	return rv < 0 ? rv : 0;
}

/* A sandbox may know only the call that the program makes itself. */
static int
wait_kernel(int epfd, struct epoll_event *ev, int n, int64_t left,
    const struct limit *l)
{
	int64_t ms = left < 0 ? -1 : (left + 999999) / 1000000;
	struct timespec ts = timespec_of(left < 0 ? 0 : left);
	int rv;

	CALL_WAIT_BEGIN(NULL);
	if (l->fine)
		rv = (int)as_engine(host->libc->epoll_pwait2(
		    epfd, ev, n, left < 0 ? NULL : &ts, l->mask));
	else
		rv = (int)as_engine(host->libc->epoll_pwait(epfd, ev, n,
		    ms > INT32_MAX ? INT32_MAX : (int)ms, l->mask));
	CALL_WAIT_END();
	return rv;
}

/* As wait_kernel, moving deferred handshakes meanwhile. */
static int
wait_events(struct set *s, struct epoll_event *ev, int n, int64_t left,
    const struct limit *l)
{
	int rv;

	if (!deferred_any())
		return wait_kernel(s->epfd, ev, n, left, l);
	rv = wait_both(s, left, l->mask);
	return rv < 0 ? rv : wait_kernel(s->epfd, ev, n, 0, l);
}

static int
wait_set(struct set *s, struct epoll_event *ev, int n, const struct limit *l)
{
	struct answer a = {ev, n, 0, 0};
	int rv = may_wait(s);

	if (rv < 0)
		return rv;
	for (;;) {
		int64_t left;

		set_lock(s);
		if (set_is_closed(s)) { /* by another thread */
			pthread_mutex_unlock(&s->lock);
			return -EBADF;
		}
		a.wait = ++s->waits;
		if (s->deadline > 0 && now_ms() >= s->deadline)
			epoll_note_late(s);
		/* the kernel's order first, but never the kernel alone */
		if (s->full)
			epoll_report_hot(s, &a);
		s->full = false;
		left = time_left(s, l, a.got > 0 || set_is_hot(s));
		pthread_mutex_unlock(&s->lock);
		if (a.got == n)
			return n;
		rv = wait_events(s, ev + a.got, n - a.got, left, l);
		if (rv < 0)
			return a.got > 0 ? a.got : rv;
		set_lock(s);
		epoll_report(s, &a, rv);
		if (a.got < n)
			epoll_report_hot(s, &a);
		else
			s->full = true;
		pthread_mutex_unlock(&s->lock);
		if (a.got > 0)
			return a.got;
		if (l->until >= 0 && now_ns() >= l->until)
			return 0;
	}
}

int
epoll_translate(int epfd, struct epoll_event *events, int n)
{
	struct answer a = {events, n, 0, 0};
	struct call k;

	if (call_enter(&k) == 0) {
		k.set = set_get(epfd, false);
		if (k.set == NULL) {
			a.got = n;
		} else {
			set_lock(k.set);
			a.wait = ++k.set->waits;
			epoll_report(k.set, &a, n);
			pthread_mutex_unlock(&k.set->lock);
		}
	}
	return (int)call_end(&k, a.got);
}

static int
wait_on(struct call *k, int epfd, struct epoll_event *ev, int n,
    const struct limit *l)
{
	struct set *s = k->set = set_get(epfd, false);

	if (n <= 0)
		return -EINVAL;
	if (ev == NULL)
		return -EFAULT;
	if (s != NULL)
		return wait_set(s, ev, n, l);
	return wait_kernel(epfd, ev, n, time_left(NULL, l, false), l);
}

static int
do_epoll_pwait(int epfd, struct epoll_event *ev, int n, int timeout,
    const sigset_t *mask)
{
	struct limit l = {
	    timeout < 0 ? -1 : now_ns() + timeout * 1000000LL, false, mask};
	struct call k;
	int rv = call_point(&k);

	if (rv == 0)
		rv = wait_on(&k, epfd, ev, n, &l);
	return (int)call_end(&k, rv);
}

static int
do_epoll_wait(int epfd, struct epoll_event *ev, int n, int timeout)
{
	return do_epoll_pwait(epfd, ev, n, timeout, NULL);
}

static int
do_epoll_pwait2(int epfd, struct epoll_event *ev, int n,
    const struct timespec *timeout, const sigset_t *mask)
{
	struct limit l = {-1, true, mask};
	struct call k;
	int rv = call_point(&k);

	if (rv == 0 && timeout != NULL && !is_time(timeout))
		rv = -EINVAL;
	if (rv == 0 && timeout != NULL)
		l.until = now_ns_after(timeout->tv_sec, timeout->tv_nsec);
	if (rv == 0)
		rv = wait_on(&k, epfd, ev, n, &l);
	return (int)call_end(&k, rv);
}

void
calls_epoll_wait(struct shim_calls *c)
{
	c->epoll_wait = do_epoll_wait;
	c->epoll_pwait = do_epoll_pwait;
	c->epoll_pwait2 = do_epoll_pwait2;
}
