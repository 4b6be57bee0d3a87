/* reg.c - the registrations of an epoll set, and the lists they are on */

#include <stdlib.h>

#include "epoll_set.h"

#define SET_IDS 0x1000000

/* Which regs belong to which conn; unbound ones hang on `streams`. */
static pthread_mutex_t links = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct reg *) streams;

void
reg_before_fork(void)
{
	pthread_mutex_lock(&links);
}

void
reg_after_fork(bool child)
{
	if (child)
		pthread_mutex_init(&links, NULL);
	else
		pthread_mutex_unlock(&links);
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
	r->wait = 0; /* what the one before was named by */
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

static _Atomic(struct reg *) *
list_of(struct conn *c)
{
	return c != NULL ? &c->regs : &streams;
}

static void
unlink_reg(struct reg *r)
{
	_Atomic(struct reg *) *at = list_of(r->c);
	struct reg *other;

	while ((other = *at) != NULL && other != r)
		at = &other->next_of_conn;
	if (other == r)
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

/* A child's bell is its parent's, who has nothing to look at. */
static void
ring(struct set *s)
{
	uint64_t one = 1;

	if (s->pid == process_pid() && !atomic_exchange(&s->rung, true))
		(void)!host->libc->write(s->bell, &one, sizeof one);
}

void
reg_note(struct reg *r)
{
	struct set *s = r->set;

	if (!atomic_exchange(&r->noted, true)) {
		r->next_noted = atomic_load(&s->stack);
		while (!atomic_compare_exchange_weak(
		    &s->stack, &r->next_noted, r))
			;
	}
	ring(s);
}

static void
heat(struct reg *r)
{
	if (r->hot)
		return;
	r->hot = true;
	r->next_hot = r->set->hot;
	r->set->hot = r;
}

void
reg_heat(struct reg *r)
{
	heat(r);
	ring(r->set);
}

void
set_take_noted(struct set *s)
{
	struct reg *r = atomic_exchange(&s->stack, NULL), *next;

	for (; r != NULL; r = next) {
		next = r->next_noted;
		atomic_store(&r->noted, false);
		heat(r);
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
	return r->c == NULL || r->c->listens;
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
