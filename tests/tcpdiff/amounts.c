/* amounts.c - tcpdiff's scenarios of programs that wait for an amount */
#define _GNU_SOURCE
#include "tcpdiff.h"

/*
 * Messages that are taken when FIONREAD says that all of one is there, asked
 * once a wake-up; a head of some is read at the second one, before it is asked.
 */
static const int amounts[] = {1, 3000, 16384, 40000, 70000, 150000, 200000};
#define AMOUNTS (sizeof amounts / sizeof amounts[0])
#define HEAD 10

static void
amount_server(int fd)
{
	size_t i;

	for (i = 0; i < 2 * AMOUNTS; i++) {
		int head = i < AMOUNTS ? 0 : HEAD;

		hear();
		give(fd, (size_t)(head + amounts[i % AMOUNTS]), 30000, 7);
		tell(); /* loopback: it is there */
	}
	take(fd, ALL);
}

static int
woken(int fd, int set)
{
	struct pollfd p = {fd, POLLIN, 0};
	struct epoll_event e;

	return set == -1 ? poll(&p, 1, 3000) : epoll_wait(set, &e, 1, 3000);
}

/* False: it would have waited for ever; set -1: by poll. */
static int
gathered(int fd, int set, int head, int want)
{
	char b[HEAD];
	int n = 0, wakes;

	for (wakes = 1; woken(fd, set) == 1; wakes++) {
		if (wakes == 2 && read(fd, b, (size_t)head) == head)
			head = 0;
		MUST(ioctl(fd, FIONREAD, &n));
		if (n >= head + want)
			return n == head + want && read(fd, b, (size_t)head) == head;
	}
	say("only %d of %d", n, head + want);
	return 0;
}

static void
gather(int fd, int set)
{
	int room = 1 << 20;
	size_t i;

	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)));
	for (i = 0; i < 2 * AMOUNTS; i++) {
		int head = i < AMOUNTS ? 0 : HEAD;

		meet();
		DO(gathered(fd, set, head, amounts[i % AMOUNTS]));
		take(fd, (size_t)amounts[i % AMOUNTS]);
	}
}

static void
amount_level_client(int fd)
{
	int set = epoll_create1(0);

	watch(set, fd, EPOLLIN, 1);
	gather(fd, set);
}

static void
amount_edge_client(int fd)
{
	int set = epoll_create1(0);

	watch(set, fd, EPOLLIN | EPOLLET, 1);
	gather(fd, set);
}

static void
amount_poll_client(int fd)
{
	gather(fd, -1);
}

#define amount_level_server amount_server
#define amount_edge_server amount_server
#define amount_poll_server amount_server

const struct scenario scenarios[] = {
	PROCESSES("level", CONNECTED, amount_level, ""),
	PROCESSES("edge", CONNECTED, amount_edge, ""),
	PROCESSES("poll", CONNECTED, amount_poll, ""),
	{.name = NULL},
};
