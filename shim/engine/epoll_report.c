/* epoll_report.c - what a set has to report */

#include "ahead.h"
#include "epoll.h"
#include "epoll_report.h"
#include "ready.h"

/* HUP and ERR cannot be declined: they are told once, and swallowed. */
#define NOTHING EPOLLONESHOT

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
 * What r has to report, given what the kernel said of it, by a look at what it
 * has or without (ready.h).  Drives the conn.  Set locked.
 */
static uint32_t
examine(struct reg *r, uint32_t kernel, bool look)
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
		ask(r, NOTHING);
		return 0;
	}
	fd = r->closed ? table_fd(c) : r->fd;
	if (fd == -1)
		return 0;
	ready_check(c, fd, poll_bits(r->events), look, &now);
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
		ask(r, NOTHING);
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

/* Does the answer say all that a level-triggered r has to say? */
static bool
is_told(const struct answer *a, const struct reg *r)
{
	return is_named(a, r) && !(r->events & EPOLLET);
}

/* Reports a reg of the hot list; true: it stays on it. */
static bool
report_noted(struct answer *a, struct reg *r)
{
	uint32_t told;

	if (!r->live)
		return false;
	if (a->got == a->n)
		return true;
	if (is_told(a, r))
		return buffered(r);
	told = examine(r, kernel_now(r), true);
	report(a, r, told);
	return told != 0 && buffered(r);
}

/*
 * next, and those behind it on the hot list, are about to be looked at.  The
 * kernel's answer has gone first: most of these are told by it.
 */
ALWAYS void
approach_hot(const struct answer *a, const struct reg *next)
{
	const struct reg *second = next != NULL ? next->next_hot : NULL;

	if (next != NULL && next->c != NULL && !is_told(a, next))
		ahead_keys(next->c);
	if (second != NULL && second->c != NULL && !is_told(a, second))
		ahead_conn(second->c);
	if (second != NULL && second->next_hot != NULL)
		ahead_reg(second->next_hot);
}

void
epoll_report_hot(struct set *s, struct answer *a)
{
	struct reg *r, *next, *rest = NULL;

	set_take_noted(s);
	r = s->hot;
	s->hot = NULL;
	for (; r != NULL; r = next) {
		next = r->next_hot;
		approach_hot(a, next);
		r->hot = report_noted(a, r);
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

#define STEPS 6 /* so far ahead an event's reg is asked for; ahead.h */

/* Event i of n is about to be looked at; those behind it go a step further. */
ALWAYS void
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

void
epoll_report(struct set *s, struct answer *a, int n)
{
	struct epoll_event *from = a->ev + a->got;
	int i;

	for (i = n > 1 ? -STEPS : 0; i < n; i++) {
		approach(s, from, i, n);
		if (i >= 0)
			translate_one(s, a, from[i]);
	}
}

void
epoll_note_late(struct set *s)
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
