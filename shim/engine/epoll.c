/* epoll.c - registrations of governed descriptors: epoll_ctl, and changes */

#include "call.h"
#include "epoll.h"
#include "epoll_report.h"

/* Edge-triggered ones ask for everything; the rest for what TLS waits for. */
static uint32_t
first_question(const struct reg *r)
{
	if (reg_passes(r))
		return r->events;
	if (r->events & EPOLLET)
		return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	return r->events & (EPOLLIN | EPOLLOUT | EPOLLRDHUP);
}

static int
ctl_add(struct set *s, struct conn *c, int fd, const struct epoll_event *ev)
{
	struct reg *r;
	int rv;

	if (set_find(s, fd) != NULL)
		return -EEXIST;
	if ((ev->events & EPOLLEXCLUSIVE) &&
	    (ev->events & (EPOLLRDHUP | EPOLLONESHOT)))
		return -EINVAL;
	r = set_add(s, fd);
	if (r == NULL)
		return -ENOMEM;
	r->events = ev->events;
	r->data = ev->data.u64;
	if (c != NULL)
		reg_bind(r, c);
	else
		reg_wait_stream(r);
	rv = reg_ctl(r, EPOLL_CTL_ADD, first_question(r));
	if (rv < 0)
		set_del(r);
	else if (!reg_passes(r) && epoll_has_news(r))
		reg_note(r);
	return rv;
}

static int
ctl_mod(struct reg *r, const struct epoll_event *ev)
{
	int rv;

	if ((r->events | ev->events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	r->events = ev->events;
	r->data = ev->data.u64;
	r->disarmed = r->told_out = false;
	r->wait = 0; /* another question than a wait under way has answered */
	rv = reg_ctl(r, EPOLL_CTL_MOD, first_question(r));
	if (rv == 0 && !reg_passes(r) && epoll_has_news(r))
		reg_note(r);
	return rv;
}

static int
ctl_del(struct reg *r)
{
	int rv = (int)as_engine(
	    host->libc->epoll_ctl(r->set->epfd, EPOLL_CTL_DEL, r->fd, NULL));

	set_del(r);
	return rv;
}

/* k's conn is fd's, and its set is found. */
static int
control(struct call *k, int epfd, int op, int fd, struct epoll_event *ev)
{
	struct conn *c = k->c;
	bool stream = c == NULL && fd >= 0 && fd < FD_MAX &&
	    __atomic_load_n(&host->class_of[fd], __ATOMIC_RELAXED) == FD_STREAM;
	bool adds = op == EPOLL_CTL_ADD && (c != NULL || stream);
	struct set *s = k->set = set_get(epfd, adds);
	struct reg *r;
	int rv = 1;

	if (s == NULL)
		return c != NULL && op == EPOLL_CTL_ADD ? -ENOMEM : 1;
	if (op != EPOLL_CTL_DEL && ev == NULL)
		return -EFAULT;
	set_lock(s);
	r = set_find(s, fd);
	if (set_is_closed(s)) {
		rv = -EBADF;
	} else if (adds) {
		(void)set_take(s); /* its bell must ring for what comes */
		rv = ctl_add(s, c, fd, ev);
	} else if (op == EPOLL_CTL_MOD && r != NULL) {
		rv = ctl_mod(r, ev);
	} else if (op == EPOLL_CTL_DEL && r != NULL) {
		rv = ctl_del(r);
	}
	pthread_mutex_unlock(&s->lock);
	return rv;
}

static int
do_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	struct call k;
	int rv = call_enter(&k);

	if (rv == 0) {
		k.c = table_get(fd);
		rv = control(&k, epfd, op, fd, ev);
		if (rv == 1) /* none of ours */
			rv = (int)as_engine(
			    host->libc->epoll_ctl(epfd, op, fd, ev));
	}
	return (int)call_end(&k, rv);
}

/*
 * The set is not locked here: an EPOLL_CTL_MOD at the same time looks for news
 * itself, behind what it writes.
 */
static void
note_one(struct reg *r, void *arg)
{
	const bool *edge = arg;

	if (*edge || !(r->events & EPOLLET))
		reg_note(r);
}

void
epoll_note(struct conn *c, bool edge)
{
	reg_each(c, -1, note_one, &edge);
}

void
epoll_tell(struct conn *c)
{
	c->noted_state = c->state;
	c->fresh = false;
	conn_tell(c);
	epoll_note(c, true);
}

static void
note_other(struct reg *r, void *arg)
{
	if (r != arg)
		reg_note(r);
}

void
epoll_note_others(struct reg *r)
{
	reg_each(r->c, -1, note_other, r);
}

/* Each with a reference to its set. */
struct found {
	struct reg *reg[16];
	int n;
};

static void
collect(struct reg *r, void *arg)
{
	struct found *f = arg;

	if (f->n == 16)
		return;
	f->reg[f->n++] = r;
	(void)set_hold(r->set); /* under links: epoll_set.h */
}

/* r's set, locked by the caller, who is done with it. */
static void
leave(struct reg *r)
{
	struct set *s = r->set;

	pthread_mutex_unlock(&s->lock);
	set_put(s);
}

void
epoll_connected(int fd, struct conn *c)
{
	struct found f = {.n = 0};
	int i;

	reg_each(NULL, fd, collect, &f);
	for (i = 0; i < f.n; i++) {
		struct reg *r = f.reg[i];

		set_lock(r->set);
		if (r->live && r->c == NULL) {
			reg_bind(r, c);
			(void)reg_ctl(r, EPOLL_CTL_MOD, first_question(r));
			reg_note(r);
		}
		leave(r);
	}
}

/*
 * A dup keeps the registration alive, under a number that is no longer the
 * program's to name; the last close takes it out even where another process
 * keeps the kernel's file open.  A child closes its copy alone: the kernel's
 * registration is its parent's.
 */
void
epoll_closing(int fd, struct conn *c, bool last)
{
	struct found f = {.n = 0};
	int i;

	reg_each(c, fd, collect, &f);
	for (i = 0; i < f.n; i++) {
		struct reg *r = f.reg[i];

		set_lock(r->set);
		if (last && r->live && !r->closed &&
		    r->by == process_pid())
			(void)ctl_del(r);
		else if (last)
			set_del(r);
		else if (r->fd == fd)
			set_hide(r);
		leave(r);
	}
}

int
epoll_copied(int fd, int to)
{
	if (to >= 0)
		set_share(fd, to);
	return to;
}

/*
 * A socket that was registered and is not connected (one that was refused,
 * say): its number is about to be another's.  Where a copy of it lives this is
 * sooner than the kernel would.
 */
static void
forget_stream(int fd)
{
	struct found f = {.n = 0};
	int i;

	reg_each(NULL, fd, collect, &f);
	for (i = 0; i < f.n; i++) {
		struct reg *r = f.reg[i];

		set_lock(r->set);
		if (r->live && r->c == NULL && r->fd == fd) {
			if (r->by == process_pid())
				(void)ctl_del(r);
			else
				set_del(r);
		}
		leave(r);
	}
}

/* The memory is who is still in a call on the set's to give back. */
void
epoll_close_set(int epfd)
{
	struct set *s = set_forget(epfd);

	forget_stream(epfd);
	if (s == NULL)
		return;
	set_lock(s);
	set_close(s);
	pthread_mutex_unlock(&s->lock);
	set_put(s);
}

void
calls_epoll(struct shim_calls *c)
{
	c->epoll_ctl = do_epoll_ctl;
	calls_epoll_wait(c);
}
