/*
 * engine_amount_test.c - programs that wait in an epoll set for as much as
 * FIONREAD says
 */
#include <sys/ioctl.h>

#include "../../shim/engine/stream.h"
#include "sets.h"

/*
 * A program reads a part, at the wake-up of that number (0: none), and waits
 * until FIONREAD says that all the rest is there, which it is from the first.
 */
static int
gathers(int ep, int fd, int want, int reads_at)
{
	struct epoll_event some[4]; /* what a full answer names is hot still */
	int n = 0, wakes;

	for (wakes = 1; wakes < 20 && tls.epoll_wait(ep, some, 4, 0) == 1;
	     wakes++) {
		if (wakes == reads_at)
			want -= (int)tls.recv(fd, in, 10, 0);
		(void)tls.ioctl(fd, FIONREAD, &n);
		if (n >= want)
			return wakes;
	}
	return 0;
}

static void
test_amounts_that_are_awaited(void)
{
	static const uint32_t kinds[] = {EPOLLIN, EPOLLIN | EPOLLET};
	static const int amounts[] = {100, 40000, 200000, 600000};
	struct traffic t;
	int i, k, reads_at, ep, wakes;

	memory_test = "an amount that is awaited";
	memory_idle = NULL;
	for (i = 0; i < 2; i++)
		for (k = 0; k < 4; k++)
			for (reads_at = 0; reads_at < 4; reads_at++) {
				ep = set_of(&t, SERVER, kinds[i]);
				(void)put(&t, CLIENT, (size_t)amounts[k], 0);
				wakes = gathers(ep, t.p.fd[SERVER], amounts[k],
				    reads_at);
				result(wakes > 0,
				    "%d, a part read at %d: wake-up %d",
				    amounts[k], reads_at, wakes);
				pair_close(&t.p);
				tls.close(ep);
			}
}

/*
 * Edge-triggered: at every edge as much is read as FIONREAD says, and the next
 * edge is waited for.  Has all come at the last one?
 */
static bool
reads_counted(struct traffic *t, int ep)
{
	struct epoll_event one;
	int n;

	while (tls.epoll_wait(ep, &one, 1, 0) == 1) {
		n = 0;
		if (tls.ioctl(t->p.fd[SERVER], FIONREAD, &n) == -1 ||
		    (n > 0 && get(t, CLIENT, (size_t)n, 0) != n))
			return false;
	}
	return t->got[CLIENT] == t->sent[CLIENT];
}

/*
 * A program that trusts an amount takes no more than that and waits: where the
 * answer was short there is an edge, whatever came before.
 */
static void
test_amounts_that_are_read(void)
{
	struct epoll_event one, ev = {.events = EPOLLIN | EPOLLET};
	int i, ep, n = 0, fd;
	struct traffic t;

	memory_idle = NULL;
	for (i = 0; i < 2; i++) {
		memory_test = "an amount that is read";
		ep = epoll_create1(EPOLL_CLOEXEC);
		memset(in_set, 0, sizeof in_set);
		start(&t, TLS13, TLS13);
		fd = t.p.fd[SERVER];
		tls.epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
		(void)put(&t, CLIENT, STREAM_FEW, 0);
		result(reads_counted(&t, ep), "the least that is short");
		if (i == 0) { /* the same amount, all of it taken in before */
			(void)put(&t, CLIENT, 300, 0);
			(void)put(&t, CLIENT, 200000, 0);
			(void)tls.epoll_wait(ep, &one, 1, 0);
			(void)get(&t, CLIENT, 300, 0);
			(void)put(&t, CLIENT, 1, 0);
			result(reads_counted(&t, ep), "the same again");
		} else { /* less than wakes it */
			t.p.c[SERVER]->lowat = 60000;
			(void)put(&t, CLIENT, 700000, 0);
			(void)tls.epoll_wait(ep, &one, 1, 0);
			(void)get(&t, CLIENT, 20000, 0);
			(void)tls.ioctl(fd, FIONREAD, &n);
			(void)get(&t, CLIENT, (size_t)n, 0);
			(void)reads_counted(&t, ep);
			result(t.got[CLIENT] > t.sent[CLIENT] - 60000,
			    "%d of what is waited for in 60000", n);
		}
		pair_close(&t.p);
		tls.close(ep);
	}
}

int
main(void)
{
	pair_setup();
	sets_setup();
	test_amounts_that_are_awaited();
	test_amounts_that_are_read();
	return failures > 0;
}
