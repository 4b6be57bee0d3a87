/* epoll_set.c - one epoll set: its numbers, its users, its doorbell */

#include <stdlib.h>
#include <string.h>

#include "epoll.h"
#include "alive.h"
#include "call.h"
#include "epoll_set.h"
#include "ours.h"
#include "thread.h"

static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
static struct set *all, *spares; /* making */
static bool held; /* it and links (reg.c), over a fork */

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
	reg_before_fork();
	held = true;
}

/*
 * In the child.  Where a handler's fork has interrupted the engine on this
 * very thread, that may hold more than its calls say: too many then, and such
 * a set is not used again.
 */
static void
count_anew(void)
{
	struct set *s;

	for (s = all; s != NULL; s = s->next) {
		uint32_t n = 1 + call_holds(s);
		uint32_t had = atomic_load(&s->refs);

		if (had > 0 && had != n) /* most pages stay the parent's too */
			atomic_store(&s->refs, n);
	}
}

void
epoll_after_fork(bool child)
{
	if (child) {
		pthread_mutex_init(&making, NULL);
		reg_after_fork(true);
		held = false;
		if (!thread_at_work())
			count_anew();
	} else if (held) {
		held = false;
		reg_after_fork(false);
		pthread_mutex_unlock(&making);
	}
}

static void
renew(struct set *s)
{
	pthread_mutex_lock(&making);
	if (s->forks != process_forks()) {
		if (pthread_mutex_trylock(&s->lock) != 0) {
			(void)set_hold(s); /* its regs are on lists still */
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

/* making held: one whose lock is whole, and all else anybody's guess. */
static struct set *
spare_set(void)
{
	struct set *s = spares;

	if (s != NULL) {
		spares = s->next_spare;
	} else if ((s = calloc(1, sizeof *s)) != NULL) {
		pthread_mutex_init(&s->lock, NULL);
		s->next = all;
		all = s;
	}
	return s;
}

/* making held */
static void
spare_add(struct set *s)
{
	s->next_spare = spares;
	spares = s;
}

static struct set *
new_set(int epfd)
{
	struct set *s = spare_set();

	if (s == NULL)
		return NULL;
	atomic_store(&s->epfd, epfd);
	s->fds = 1;
	s->pid = process_pid();
	s->since = alive_ticks();
	s->forks = process_forks();
	/* no pointer has these bits, and few programs such numbers; the low 24
	   are an index */
	s->base = 0x7e5a000000000000ULL | ((uintptr_t)s << 8 & 0xffffff000000);
	if (make_bell(s) == -1) {
		spare_add(s);
		return NULL;
	}
	atomic_store(&s->refs, 1);
	host->set_class(epfd, FD_SET);
	return s;
}

struct set *
set_hold(struct set *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

/* What it has had goes; the next one finds zeros. */
static void
wipe(struct set *s)
{
	const size_t from = offsetof(struct set, regs);
	uint32_t i;

	for (i = 0; i < s->nregs; i++)
		free(s->regs[i]);
	free(s->regs);
	free(s->bucket);
	memset((char *)s + from, 0, sizeof *s - from);
}

void
set_put(struct set *s)
{
	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	wipe(s);
	pthread_mutex_lock(&making);
	spare_add(s);
	pthread_mutex_unlock(&making);
}

/* It may be done with, or another number's by now: looked at again. */
static struct set *
set_of(int epfd)
{
	struct set *s;

	while ((s = atomic_load(&fd_rows[epfd].set)) != NULL) {
		if (!refs_take(&s->refs))
			continue;
		if (atomic_load(&fd_rows[epfd].set) == s)
			return s;
		set_put(s);
	}
	return NULL;
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
		if (fd != epfd &&
		    __atomic_load_n(&host->class_of[fd], __ATOMIC_RELAXED) ==
			FD_PASS &&
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
	s = set_of(epfd);
	if (s != NULL || !make)
		return s;
	pthread_mutex_lock(&making);
	s = atomic_load(&fd_rows[epfd].set);
	if (s == NULL && (s = new_set(epfd)) != NULL) {
		atomic_store(&fd_rows[epfd].set, s);
		find_copies(s, epfd);
	}
	if (s != NULL)
		(void)set_hold(s); /* it has a number, which making keeps */
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

void
set_close(struct set *s)
{
	uint32_t i;

	atomic_store(&s->epfd, -1);
	for (i = 0; i < s->nregs; i++)
		set_del(s->regs[i]);
	ours_close(&s->bell);
}

bool
set_is_closed(const struct set *s)
{
	return atomic_load(&s->epfd) == -1;
}
