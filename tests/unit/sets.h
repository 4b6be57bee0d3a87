/*
 * sets.h - for unit tests: epoll sets of a kernel that holds nothing but
 * sockets in memory and doorbells, and may refuse to change them
 */
#ifndef UNIT_SETS_H
#define UNIT_SETS_H

#include <sys/epoll.h>

#include "../../shim/engine/epoll.h"
#include "../../shim/engine/epoll_set.h"
#include "traffic.h"

#define SETS 64
#define DISARMED EPOLLEXCLUSIVE /* no event of one that asks once */
static struct epoll_event asked[SETS][MEMORY_END];
static bool in_set[SETS][MEMORY_END];
static size_t edge_at[SETS][MEMORY_END]; /* bytes that ever came, when told */
static unsigned mods;
static struct trouble mod_fails;
static unsigned refused; /* changes from mod_fails.at on */

static inline int
memory_set_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	if (op == EPOLL_CTL_MOD && ++mods >= mod_fails.at &&
	    mod_fails.at > 0 && mods - mod_fails.at < refused) {
		errno = mod_fails.err;
		return -1;
	}
	in_set[epfd % SETS][fd] = op != EPOLL_CTL_DEL;
	if (ev != NULL)
		asked[epfd % SETS][fd] = *ev;
	edge_at[epfd % SETS][fd] = SIZE_MAX;
	return 0;
}

/* Edge-triggered: is there news of fd?  Not while its peer sends nothing. */
static inline bool
is_edge(int epfd, int fd)
{
	const struct memory *m = memory_find(fd);
	size_t *told = &edge_at[epfd % SETS][fd];

	if (!(asked[epfd % SETS][fd].events & EPOLLET) || m == NULL ||
	    m->peer == NULL)
		return true;
	if (*told == m->peer->sent)
		return false;
	*told = m->peer->sent;
	return true;
}

static inline int
memory_set_look(int epfd, struct epoll_event *ev, int n)
{
	struct epoll_event *want = asked[epfd % SETS];
	int fd, got = 0;

	for (fd = 0; fd < MEMORY_END && got < n; fd++) {
		struct pollfd p = {fd, (short)want[fd].events, 0};

		if (!in_set[epfd % SETS][fd] || want[fd].events == DISARMED ||
		    memory_look(&p, 1) == 0 || !is_edge(epfd, fd))
			continue;
		ev[got].events = (uint32_t)(unsigned short)p.revents;
		ev[got++].data = want[fd].data;
		if (want[fd].events & EPOLLONESHOT)
			want[fd].events = DISARMED;
	}
	return got;
}

static const sigset_t *mask_seen; /* by the kernel, in the last wait */

static inline int
memory_set_wait(int epfd, struct epoll_event *ev, int n, int timeout,
    const sigset_t *mask)
{
	static unsigned looks; /* since one had nothing to tell, and slept */
	int got;

	mask_seen = mask;
	if (looks++ > 10000)
		memory_die("epoll_wait goes round and round");
	while ((got = memory_set_look(epfd, ev, n)) == 0 && timeout != 0)
		if (memory_idle == NULL || !memory_idle())
			memory_die("epoll_wait would wait for ever");
		else
			looks = 0;
	return got;
}

/* Behind pair_setup. */
static inline void
sets_setup(void)
{
	struct shim_calls *c = (struct shim_calls *)host->libc;

	c->epoll_ctl = memory_set_ctl;
	c->epoll_pwait = memory_set_wait;
	c->epoll_wait = NULL;
	calls_epoll(&tls);
}

/* A pair that is open, and the number of a new set that has one of its ends. */
static inline int
set_of(struct traffic *t, int side, uint32_t events)
{
	struct epoll_event ev = {.events = events};
	int ep = epoll_create1(EPOLL_CLOEXEC);

	memset(in_set, 0, sizeof in_set);
	start(t, "", "");
	tls.epoll_ctl(ep, EPOLL_CTL_ADD, t->p.fd[side], &ev);
	return ep;
}

#endif
