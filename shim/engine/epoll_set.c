/* epoll_set.c - one epoll set: its registrations, its doorbell */

#include <stdlib.h>
#include <string.h>

#include "epoll.h"
#include "alive.h"
#include "epoll_set.h"
#include "ours.h"
#include "thread.h"

static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

/* Which regs belong to which conn; unbound ones hang on `streams`. */
static pthread_mutex_t links = PTHREAD_MUTEX_INITIALIZER;
static bool held; /* both, over a fork */
static struct reg *streams;

/*
 * Fork.  Both locks are held for a moment only and taken before the fork, so
 * that lists are whole in the child.  A set's lock is held for longer and by
 * more: the child gives it a new one at its own first use, and forgets the
 * regs of a set that another thread was changing.
 */
void
epoll_before_fork(void)
{
	if (thread_at_work())
		return; /* a handler's fork: this very thread may hold them */
	pthread_mutex_lock(&making);
	pthread_mutex_lock(&links);
	held = true;
}

void
epoll_after_fork(bool child)
{
	if (child) {
		pthread_mutex_init(&making, NULL);
		pthread_mutex_init(&links, NULL);
		held = false;
	} else if (held) {
		held = false;
		pthread_mutex_unlock(&links);
		pthread_mutex_unlock(&making);
	}
}

static void
renew(struct set *s)
{
	pthread_mutex_lock(&making);
	if (s->forks != process_forks()) {
		if (pthread_mutex_trylock(&s->lock) != 0) {
			s->regs = NULL;
			s->nregs = s->cap = 0;
			s->hot = NULL;
			atomic_store(&s->stack, NULL);
		}
		pthread_mutex_init(&s->lock, NULL);
		s->forks = process_forks();
	}
	pthread_mutex_unlock(&making);
}

void
set_lock(struct set *s)
{
	if (__atomic_load_n(&s->forks, __ATOMIC_RELAXED) != process_forks())
		renew(s);
	pthread_mutex_lock(&s->lock);
}

static int
make_bell(struct set *s)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = s->base};
	s->bell = -1;
	if (ours_event(&s->bell) == -1)
		return -1;
	if (host->libc->epoll_ctl(s->epfd, EPOLL_CTL_ADD, s->bell, &ev) == -1) {
		ours_close(&s->bell);
		return -1;
	}
	return 0;
}

#define SET_IDS 0x1000000

static bool
has_session_of_another(const struct set *s)
{
	uint32_t i;

	for (i = 0; i < s->nregs; i++)
		if (s->regs[i]->live && !reg_passes(s->regs[i]) &&
		    s->regs[i]->by != process_pid())
			return true;
	return false;
}

/* The old one is the other's: two would swallow each other's rings. */
static int
change_bell(struct set *s)
{
	ours_close(&s->bell);
	atomic_store(&s->rung, false);
	return make_bell(s);
}

bool
set_take(struct set *s)
{
	pid_t me = process_pid();
	uint32_t i;

	if (s->pid == me)
		return true;
	if (!alive_is(s->pid, s->since))
		for (i = 0; i < s->nregs; i++)
			s->regs[i]->by = me;
	else if (has_session_of_another(s))
		return false;
	if (change_bell(s) == -1)
		return false;
	s->since = alive_ticks();
	s->pid = me;
	return true;
}

static struct set *
new_set(int epfd)
{
	struct set *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	atomic_store(&s->epfd, epfd);
	s->fds = 1;
	s->pid = process_pid();
	s->since = alive_ticks();
	s->forks = process_forks();
	pthread_mutex_init(&s->lock, NULL);
	/* no pointer has these bits, and few programs such numbers; the low 24
	   are an index */
	s->base = 0x7e5a000000000000ULL | ((uintptr_t)s << 8 & 0xffffff000000);
	if (make_bell(s) == -1) {
		free(s);
		return NULL;
	}
	host->set_class(epfd, FD_SET);
	return s;
}

#define DUPFD_QUERY 1027 /* F_DUPFD_QUERY, Linux 6.10: EINVAL before */
#define SEARCHED 4096

/*
 * A copy that was made while the set held no connection is none of ours yet.
 * Called with making held.
 */
static void
find_copies(struct set *s, int epfd)
{
	int fd;

	for (fd = 0; fd < SEARCHED; fd++)
		if (fd != epfd && host->class_of[fd] == FD_PASS &&
		    host->libc->fcntl(fd, DUPFD_QUERY, (long)epfd) == 1) {
			s->fds++;
			atomic_store(&fd_rows[fd].set, s);
			host->set_class(fd, FD_SET);
		}
}

struct set *
set_get(int epfd, bool make)
{
	struct set *s;

	if (epfd < 0 || epfd >= FD_MAX)
		return NULL;
	s = atomic_load(&fd_rows[epfd].set);
	if (s != NULL || !make)
		return s;
	pthread_mutex_lock(&making);
	s = atomic_load(&fd_rows[epfd].set);
	if (s == NULL && (s = new_set(epfd)) != NULL) {
		atomic_store(&fd_rows[epfd].set, s);
		find_copies(s, epfd);
	}
	pthread_mutex_unlock(&making);
	return s;
}

void
set_share(int from, int to)
{
	struct set *s;

	if (from < 0 || from >= FD_MAX || to >= FD_MAX)
		return;
	pthread_mutex_lock(&making);
	s = atomic_load(&fd_rows[from].set);
	if (s != NULL) {
		s->fds++;
		atomic_store(&fd_rows[to].set, s);
		host->set_class(to, FD_SET);
	}
	pthread_mutex_unlock(&making);
}

struct set *
set_forget(int epfd)
{
	struct set *s;
	int fd;

	if (epfd < 0 || epfd >= FD_MAX || atomic_load(&fd_rows[epfd].set) == NULL)
		return NULL;
	pthread_mutex_lock(&making);
	s = atomic_exchange(&fd_rows[epfd].set, NULL);
	if (s != NULL && --s->fds > 0) {
		for (fd = 0; fd < FD_MAX && atomic_load(&fd_rows[fd].set) != s; fd++)
			;
		atomic_store(&s->epfd, fd);
		s = NULL;
	}
	pthread_mutex_unlock(&making);
	return s;
}

/* Numbers are small and dense: the lowest bits spread them. */
static struct reg **
bucket_of(struct set *s, int fd)
{
	return &s->bucket[(uint32_t)fd & (s->cap - 1)];
}

static void
bucket_add(struct set *s, struct reg *r)
{
	struct reg **at = bucket_of(s, r->fd);

	r->next_of_fd = *at;
	*at = r;
	r->found = true;
}

static void
bucket_del(struct reg *r)
{
	struct reg **at;

	if (!r->found)
		return;
	at = bucket_of(r->set, r->fd);
	while (*at != r)
		at = &(*at)->next_of_fd;
	*at = r->next_of_fd;
	r->found = false;
}

struct reg *
set_find(struct set *s, int fd)
{
	struct reg *r = s->cap > 0 ? *bucket_of(s, fd) : NULL;

	while (r != NULL && r->fd != fd)
		r = r->next_of_fd;
	return r;
}

void
set_hide(struct reg *r)
{
	bucket_del(r);
	r->closed = true;
}

bool
set_is_bell(const struct set *s, uint64_t data)
{
	return data == s->base;
}

struct reg *
set_reg(struct set *s, uint64_t data)
{
	uint64_t i = data - s->base - 1;

	return data > s->base && i < s->nregs ? s->regs[i] : NULL;
}

bool
set_is_foreign(const struct set *s, uint64_t data)
{
	return data - s->base - 1 < SET_IDS && data - s->base - 1 >= s->nregs;
}

/* One that is hot or noted still is somebody's to look at: not yet. */
static struct reg *
spare(struct set *s)
{
	struct reg **at = &s->spare, *r;
	int tries;

	for (tries = 0; (r = *at) != NULL && tries < 8; tries++) {
		if (!r->hot && !atomic_load(&r->noted)) {
			*at = r->next_of_fd;
			return r;
		}
		at = &r->next_of_fd;
	}
	return NULL;
}

/* Twice the room, always a power of two. */
static int
widen(struct set *s)
{
	uint32_t cap = s->cap > 0 ? 2 * s->cap : 16, i;
	struct reg **regs = realloc(s->regs, cap * sizeof *regs);
	struct reg **bucket;

	if (regs == NULL)
		return -1;
	s->regs = regs;
	bucket = calloc(cap, sizeof *bucket);
	if (bucket == NULL)
		return -1;
	free(s->bucket);
	s->bucket = bucket;
	s->cap = cap;
	for (i = 0; i < s->nregs; i++)
		if (s->regs[i]->found)
			bucket_add(s, s->regs[i]);
	return 0;
}

static struct reg *
grow(struct set *s)
{
	struct reg *r;

	if (s->nregs == s->cap && widen(s) == -1)
		return NULL;
	r = calloc(1, sizeof *r);
	if (r == NULL)
		return NULL;
	r->set = s;
	r->index = s->nregs;
	s->regs[s->nregs++] = r;
	return r;
}

struct reg *
set_add(struct set *s, int fd)
{
	struct reg *r = spare(s);

	if (r == NULL)
		r = grow(s);
	if (r == NULL)
		return NULL;
	r->fd = fd;
	r->by = process_pid();
	r->closed = r->disarmed = r->told_out = false;
	r->live = true;
	bucket_add(s, r);
	return r;
}

void
set_del(struct reg *r)
{
	if (!r->live)
		return;
	reg_bind(r, NULL);
	bucket_del(r);
	r->live = false;
	r->next_of_fd = r->set->spare;
	r->set->spare = r;
}

static struct reg **
list_of(struct conn *c)
{
	return c != NULL ? &c->regs : &streams;
}

static void
unlink_reg(struct reg *r)
{
	struct reg **at = list_of(r->c);

	while (*at != NULL && *at != r)
		at = &(*at)->next_of_conn;
	if (*at == r)
		*at = r->next_of_conn;
}

void
reg_bind(struct reg *r, struct conn *c)
{
	pthread_mutex_lock(&links);
	unlink_reg(r);
	r->c = c;
	if (c != NULL) {
		r->next_of_conn = c->regs;
		c->regs = r;
	}
	pthread_mutex_unlock(&links);
}

void
reg_wait_stream(struct reg *r)
{
	pthread_mutex_lock(&links);
	r->c = NULL;
	r->next_of_conn = streams;
	streams = r;
	pthread_mutex_unlock(&links);
}

bool
reg_alone(const struct reg *r)
{
	bool alone;

	pthread_mutex_lock(&links);
	alone = r->c->regs == r && r->next_of_conn == NULL;
	pthread_mutex_unlock(&links);
	return alone;
}

void
reg_each(struct conn *c, int fd, void (*f)(struct reg *r, void *arg),
    void *arg)
{
	struct reg *r, *next;

	pthread_mutex_lock(&links);
	for (r = *list_of(c); r != NULL; r = next) {
		next = r->next_of_conn;
		if (c != NULL || (r->fd == fd && !r->closed))
			f(r, arg);
	}
	pthread_mutex_unlock(&links);
}

void
reg_note(struct reg *r)
{
	struct set *s = r->set;
	uint64_t one = 1;

	if (!atomic_exchange(&r->noted, true)) {
		r->next_noted = atomic_load(&s->stack);
		while (!atomic_compare_exchange_weak(
		    &s->stack, &r->next_noted, r))
			;
	}
	/* a child's bell is its parent's, who has nothing to look at */
	if (s->pid == process_pid() && !atomic_exchange(&s->rung, true))
		(void)!host->libc->write(s->bell, &one, sizeof one);
}

void
set_take_noted(struct set *s)
{
	struct reg *r = atomic_exchange(&s->stack, NULL), *next;

	for (; r != NULL; r = next) {
		next = r->next_noted;
		atomic_store(&r->noted, false);
		if (r->hot)
			continue;
		r->hot = true;
		r->next_hot = s->hot;
		s->hot = r;
	}
}

bool
set_is_hot(const struct set *s)
{
	return s->hot != NULL || atomic_load(&s->stack) != NULL;
}

void
set_quiet(struct set *s)
{
	uint64_t n;

	if (s->hot != NULL || !atomic_load(&s->rung) ||
	    s->pid != process_pid())
		return;
	(void)!host->libc->read(s->bell, &n, sizeof n);
	atomic_store(&s->rung, false);
	/* noted between the read and the store: its ring was swallowed */
	if (atomic_load(&s->stack) != NULL && !atomic_exchange(&s->rung, true)) {
		n = 1;
		(void)!host->libc->write(s->bell, &n, sizeof n);
	}
}

bool
reg_passes(const struct reg *r)
{
	return r->c == NULL || r->c->state == CONN_LISTEN;
}

int
reg_ctl(struct reg *r, int op, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.u64 = reg_id(r)};
	int rv = (int)as_engine(
	    host->libc->epoll_ctl(r->set->epfd, op, r->fd, &ev));

	/* what the kernel is not asked for now would be waited for in vain */
	if (rv < 0 && op == EPOLL_CTL_MOD)
		rv = (int)as_engine(
		    host->libc->epoll_ctl(r->set->epfd, op, r->fd, &ev));
	if (rv == 0)
		r->asked = events;
	return rv;
}
