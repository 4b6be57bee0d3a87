/* epoll_wait.c - what a set has to report */

#include <signal.h>
#include <time.h>

#include "ahead.h"
#include "call.h"
#include "deferred.h"
#include "epoll.h"
#include "epoll_set.h"
#include "log.h"
#include "ready.h"

#define AGAIN_MS 10 /* until output is tried again for which there was no memory */

#define STATE_BITS \
	(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLRDNORM | \
	    EPOLLWRNORM | EPOLLWRBAND | EPOLLERR | EPOLLHUP)

/* epoll's bits have poll's values, RDHUP included (eventpoll.h). */
static short
poll_bits(uint32_t events)
{
	return (short)(events & STATE_BITS);
}

/* What the kernel should be asked, given what it is asked now. */
static uint32_t
question(const struct reg *r, const struct readiness *now)
{
	const uint32_t all = EPOLLIN | EPOLLOUT | EPOLLRDHUP;
	uint32_t want = (uint32_t)now->ask & all, spare;

	if (r->events & EPOLLET)
		return all | EPOLLET;
	/* IN may stay asked where the program wants it: TCP would tell too */
	spare = want | (r->events & (EPOLLIN | EPOLLRDHUP));
	return want | (r->asked & spare);
}

/*
 * The kernel is asked anew where the question has changed.  Where it would
 * not hear it (ENOMEM) r is looked at again at once: nobody else would tell.
 */
static void
ask(struct reg *r, uint32_t events)
{
	int rv;

	if (r->closed || r->asked == events)
		return;
	rv = reg_ctl(r, EPOLL_CTL_MOD, events);
	if (rv < 0 && rv != -ENOENT && rv != -EBADF)
		reg_note(r);
}

/*
 * Edge-triggered: bytes that TLS alone needed are no news of the socket, and
 * OUT alone is none unless a write has met the end of the room meanwhile.
 */
static uint32_t
news(struct reg *r, uint32_t told)
{
	if (!(r->events & EPOLLET) || !(told & EPOLLOUT))
		return told;
	if (!ready_came(told) &&
	    r->told_out && r->shorts == r->c->out_shorts)
		return 0;
	r->told_out = true;
	r->shorts = r->c->out_shorts;
	return told;
}

/*
 * What a look at r has moved is the news of its conn's other regs too: the
 * kernel has nothing left to wake their sets by.
 */
static void
share(struct reg *r, enum conn_state seen)
{
	if (reg_alone(r))
		return;
	conn_lock(r->c);
	r->c->noted_state = seen; /* what has come since is still to be told */
	pthread_mutex_unlock(&r->c->lock);
	epoll_note_others(r);
}

/*
 * OUT is the kernel's to tell, who was not asked while TLS was busy.  The next
 * wait would hear of it: too late for who looks once a round, without waiting.
 */
static uint32_t
writable(const struct reg *r, int fd, const struct readiness *now)
{
	struct pollfd p = {fd, POLLOUT, 0};

	if ((r->events & EPOLLET) || (r->asked & EPOLLOUT) ||
	    !(now->pass & POLLOUT) || host->libc->poll(&p, 1, 0) != 1)
		return 0;
	return (uint32_t)(unsigned short)p.revents;
}

/*
 * What r has to report, given what the kernel said of it, and whether something
 * may have come (ready.h).  Drives the conn.  Set locked.
 */
static uint32_t
examine(struct reg *r, uint32_t kernel, bool came)
{
	struct conn *c = r->c;
	struct readiness now;
	enum conn_state seen;
	uint32_t told;
	bool changed;
	int fd;

	if (!r->live || c == NULL)
		return 0;
	if (r->disarmed) {
		ask(r, 0);
		return 0;
	}
	fd = r->closed ? table_fd(c) : r->fd;
	if (fd == -1)
		return 0;
	ready_check(c, fd, poll_bits(r->events), came, &now);
	conn_lock(c);
	seen = c->state;
	changed = conn_changed(c);
	c->fresh = false;
	if (changed)
		conn_tell(c);
	if (c->out_again)
		now.until = now_ms() + AGAIN_MS;
	pthread_mutex_unlock(&c->lock);
	if (changed)
		share(r, seen);
	if (now.until > 0 &&
	    (r->set->deadline == 0 || now.until < r->set->deadline))
		r->set->deadline = now.until;
	kernel |= writable(r, fd, &now);
	ask(r, question(r, &now));
	told = ((uint32_t)(unsigned short)now.now |
		   (kernel & (uint32_t)(unsigned short)now.pass)) &
	    (r->events | EPOLLERR | EPOLLHUP);
	return news(r, told & STATE_BITS);
}

bool
epoll_has_news(const struct reg *r)
{
	struct readiness now;

	ready_check(r->c, r->fd, poll_bits(r->events), false, &now);
	if (reg_alone(r)) { /* nobody else is to be told what this look saw */
		conn_lock(r->c);
		if (conn_changed(r->c))
			conn_tell(r->c);
		r->c->noted_state = r->c->state;
		r->c->fresh = false;
		pthread_mutex_unlock(&r->c->lock);
	}
	return now.until > 0 || now.now != 0 ||
	    ((uint32_t)now.ask & (EPOLLIN | EPOLLOUT | EPOLLRDHUP) &
		~r->asked) != 0;
}

/* What the kernel would say of one that was noted, where that matters. */
static uint32_t
kernel_now(const struct reg *r)
{
	struct pollfd p = {r->fd, POLLRDHUP, 0};

	if (r->closed || !(r->events & (EPOLLET | EPOLLRDHUP)))
		return 0;
	if (r->events & EPOLLET)
		p.events |= POLLOUT;
	return host->libc->poll(&p, 1, 0) == 1
	    ? (uint32_t)(unsigned short)p.revents
	    : 0;
}

/* The answer of one epoll_wait, as it grows. */
struct answer {
	struct epoll_event *ev;
	int n; /* room */
	int got;
	unsigned wait; /* its number in the set */
};

static bool
is_named(const struct answer *a, const struct reg *r)
{
	return r->wait == a->wait && r->place < a->got;
}

/* A reg is named once in an answer, whoever told of it. */
static void
report(struct answer *a, struct reg *r, uint32_t told)
{
	if (told == 0)
		return;
	if (is_named(a, r)) {
		a->ev[r->place].events |= told;
		return;
	}
	r->wait = a->wait;
	r->place = a->got;
	a->ev[a->got].events = told;
	a->ev[a->got++].data.u64 = r->data;
	if (r->events & EPOLLONESHOT) {
		r->disarmed = true;
		ask(r, 0);
	}
}

/* Does the conn hold something that the kernel no longer tells of? */
static bool
buffered(struct reg *r)
{
	struct conn *c = r->c;
	bool yes;

	if (!r->live || c == NULL || (r->events & EPOLLET) || r->disarmed)
		return false;
	conn_lock(c);
	yes = conn_buffered(c);
	pthread_mutex_unlock(&c->lock);
	return yes;
}

/* True: r is to be looked at again by the next wait. */
static bool
look_again(struct answer *a, struct reg *r)
{
	uint32_t told;

	if (!r->live)
		return false;
	if (a->got == a->n)
		return true;
	/* this wait has looked at it already: an edge is told once */
	if (is_named(a, r) && !(r->events & EPOLLET) && !r->disarmed)
		return true;
	told = examine(r, kernel_now(r), true);
	report(a, r, told);
	return told != 0 && buffered(r);
}

/* next, and those behind it on the hot list, are about to be looked at. */
AHEAD void
approach_hot(const struct reg *next)
{
	const struct reg *second = next != NULL ? next->next_hot : NULL;

	if (next != NULL && next->c != NULL)
		ahead_keys(next->c);
	if (second != NULL && second->c != NULL)
		ahead_conn(second->c);
	if (second != NULL && second->next_hot != NULL)
		ahead_reg(second->next_hot);
}

/*
 * Regs that were noted or reported before: some of them have news.  One with
 * nothing to tell is looked at again when it is noted, which a new question
 * does too: what a program has read a part of and asks about no more, or asks
 * only for room, must not keep its waits awake.
 */
static void
report_hot(struct set *s, struct answer *a)
{
	struct reg *r, *next, *rest = NULL;

	set_take_noted(s);
	r = s->hot;
	s->hot = NULL;
	for (; r != NULL; r = next) {
		next = r->next_hot;
		approach_hot(next);
		r->hot = look_again(a, r);
		if (r->hot) {
			r->next_hot = rest;
			rest = r;
		}
	}
	s->hot = rest;
	set_quiet(s);
}

/* The kernel's event: reported, translated or swallowed. */
static void
translate_one(struct set *s, struct answer *a, struct epoll_event e)
{
	struct reg *r = set_reg(s, e.data.u64);
	uint32_t told;

	if (set_is_bell(s, e.data.u64) || set_is_foreign(s, e.data.u64))
		return;
	if (r == NULL) {
		a->ev[a->got++] = e;
		return;
	}
	if (!r->live)
		return;
	if (reg_passes(r)) {
		a->ev[a->got].events = e.events;
		a->ev[a->got++].data.u64 = r->data;
		return;
	}
	told = examine(r, e.events, ready_came(e.events));
	report(a, r, told);
	if (told != 0 && buffered(r))
		reg_heat(r);
}

static inline const struct reg *
reg_at(struct set *s, const struct epoll_event *e, int i, int n)
{
	return i >= 0 && i < n ? set_reg(s, e[i].data.u64) : NULL;
}

#define STEPS 6 /* so far ahead an event's reg is asked for */

/* i of n events is about to be looked at. */
AHEAD void
approach(struct set *s, const struct epoll_event *e, int i, int n)
{
	const struct reg *far = reg_at(s, e, i + STEPS, n);
	const struct reg *nearer = reg_at(s, e, i + 4, n);
	const struct reg *near = reg_at(s, e, i + 2, n);

	if (far != NULL)
		ahead_reg(far);
	if (nearer != NULL && nearer->c != NULL)
		ahead_conn(nearer->c);
	if (near != NULL && near->c != NULL)
		ahead_keys(near->c);
}

/* The kernel's events, in place. */
static void
translate(struct set *s, struct answer *a, int n)
{
	struct epoll_event *from = a->ev + a->got;
	int i;

	for (i = n > 1 ? -STEPS : 0; i < n; i++) {
		approach(s, from, i, n);
		if (i >= 0)
			translate_one(s, a, from[i]);
	}
}

/* A handshake that took too long fails when somebody looks at it. */
static void
note_late(struct set *s)
{
	uint32_t i;

	s->deadline = 0;
	for (i = 0; i < s->nregs; i++)
		if (s->regs[i]->live && s->regs[i]->c != NULL &&
		    (s->regs[i]->c->out_again ||
			(s->regs[i]->c->deadline > 0 &&
			    s->regs[i]->c->state == CONN_HANDSHAKE)))
			reg_note(s->regs[i]);
}

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
			note_late(s);
		/* the kernel's order first, but never the kernel alone */
		if (s->full)
			report_hot(s, &a);
		s->full = false;
		left = time_left(s, l, a.got > 0 || set_is_hot(s));
		pthread_mutex_unlock(&s->lock);
		if (a.got == n)
			return n;
		rv = wait_events(s, ev + a.got, n - a.got, left, l);
		if (rv < 0)
			return a.got > 0 ? a.got : rv;
		set_lock(s);
		translate(s, &a, rv);
		if (a.got < n)
			report_hot(s, &a);
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
			translate(k.set, &a, n);
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
