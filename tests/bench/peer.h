/*
 * peer.h - what serve.c and load.c have in common: one connection, its
 * greeting, and options
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "transport.h"

#define MOST 65536 /* bytes of a block */

/* What a client says first; the server answers one byte, r or k. */
struct greeting {
	char what; /* B: counts blocks until one begins with L; E: echoes */
	uint32_t block;
};

struct peer {
	struct end end;
	struct greeting greeting;
	uint64_t count; /* B: bytes received; clients: bytes of this block */
	bool last;
};

static char buf[MOST];

static void
write_all(struct end *e, const void *data, size_t len)
{
	while (len > 0) {
		ssize_t n = end_write(e, data, len);

		if (n <= 0)
			die("write");
		data = (const char *)data + n;
		len -= (size_t)n;
	}
}

static void
set_blocking(struct end *e, bool on)
{
	int fl = fcntl(e->fd, F_GETFL);

	fcntl(e->fd, F_SETFL, on ? fl & ~O_NONBLOCK : fl | O_NONBLOCK);
}

static void
watch(int set, struct peer *p, unsigned events, int op)
{
	struct epoll_event ev = {.events = events, .data.ptr = p};

	if (epoll_ctl(set, op, p->end.fd, &ev) == -1)
		die("epoll_ctl");
}

static void *
do_nothing(void *arg)
{
	pause();
	return NULL;
}

/* An idle second thread, and as many descriptors as there may be. */
static void
set_up(bool threads)
{
	struct rlimit files;
	pthread_t thread;

	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (threads)
		pthread_create(&thread, NULL, do_nothing, NULL);
}

#endif
