/*
 * serve.c - the server that tests/bench/all measures
 *
 *	serve [-e | -p] [-t] [-n TICKETS] CERT KEY
 *
 * serve-plain (what tlsshim is put under), serve-openssl ... by transport.h.
 * -e: epoll and non-blocking sockets, -p: poll and the same, else one blocking
 * connection after the other.  -t: a second thread that does nothing.  Prints
 * `port N`.
 */
#include <poll.h>

#include "peer.h"

#define POLLED 1024

static void
count_blocks(struct peer *p, size_t n)
{
	size_t at = p->count % p->greeting.block;

	for (at = at > 0 ? p->greeting.block - at : 0; at < n;
	     at += p->greeting.block)
		p->last |= buf[at] == 'L';
	p->count += n;
	if (p->last && p->count % p->greeting.block == 0)
		write_all(&p->end, &p->count, sizeof p->count);
}

/* One read and what it asks for; as end_read. */
static ssize_t
serve_once(struct peer *p)
{
	ssize_t n = end_read(&p->end, buf, sizeof buf);

	if (n <= 0)
		return n;
	if (p->greeting.what == 'B')
		count_blocks(p, (size_t)n);
	else
		write_all(&p->end, buf, (size_t)n);
	return n;
}

static bool
meet(struct peer *p, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char answer;

	if (fd == -1)
		die("accept");
	memset(p, 0, sizeof *p);
	if (!end_begin(&p->end, fd, true) ||
	    end_read(&p->end, &p->greeting, sizeof p->greeting) !=
		sizeof p->greeting)
		return false;
	if (p->greeting.block == 0 || p->greeting.block > MOST)
		return false;
	answer = end_resumed(&p->end) ? 'r' : 'k';
	return end_write(&p->end, &answer, 1) == 1;
}

__attribute__((noreturn)) static void
serve_blocking(int listener)
{
	struct peer p;

	for (;;) {
		if (meet(&p, listener))
			while (serve_once(&p) > 0)
				;
		end_finish(&p.end);
	}
}

/* A new connection, or NULL: it is over already. */
static struct peer *
take_one(int listener)
{
	struct peer *p = malloc(sizeof *p);

	if (p == NULL)
		die("malloc");
	if (!meet(p, listener)) {
		end_finish(&p->end);
		free(p);
		return NULL;
	}
	set_blocking(&p->end, false);
	return p;
}

/* False: it is over, and p is gone. */
static bool
serve_ready(struct peer *p)
{
	ssize_t n;
	int turns = 0;

	do
		n = serve_once(p);
	while (n > 0 && (++turns < 4 || end_pending(&p->end)));
	if (n > 0 || (n == -1 && errno == EAGAIN))
		return true;
	end_finish(&p->end);
	free(p);
	return false;
}

__attribute__((noreturn)) static void
serve_events(int listener)
{
	int set = epoll_create1(EPOLL_CLOEXEC), n, i;
	struct peer self = {.end.fd = listener}, *p;
	struct epoll_event ev[64];

	watch(set, &self, EPOLLIN, EPOLL_CTL_ADD);
	while ((n = epoll_wait(set, ev, 64, -1)) != -1 || errno == EINTR)
		for (i = 0; i < n; i++)
			if (ev[i].data.ptr != &self)
				serve_ready(ev[i].data.ptr);
			else if ((p = take_one(listener)) != NULL)
				watch(set, p, EPOLLIN, EPOLL_CTL_ADD);
	die("epoll_wait");
}

__attribute__((noreturn)) static void
serve_polled(int listener)
{
	static struct pollfd at[POLLED];
	static struct peer *of[POLLED];
	int n = 1, i;

	for (;;) {
		at[0] = (struct pollfd){
		    .fd = n < POLLED ? listener : -1, .events = POLLIN};
		if (poll(at, (nfds_t)n, -1) == -1) {
			if (errno != EINTR)
				die("poll");
			continue;
		}
		for (i = n - 1; i > 0; i--)
			if (at[i].revents != 0 && !serve_ready(of[i])) {
				at[i] = at[--n];
				of[i] = of[n];
			}
		if (at[0].revents == 0 || (of[n] = take_one(listener)) == NULL)
			continue;
		at[n] = (struct pollfd){.fd = of[n]->end.fd, .events = POLLIN};
		n++;
	}
}

__attribute__((noreturn)) static void
serve(int how)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof sin;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&sin, sizeof sin) == -1 ||
	    listen(fd, 512) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		die("listen");
	printf("port %d\n", ntohs(sin.sin_port));
	fflush(stdout);
	if (how == 'e')
		serve_events(fd);
	if (how == 'p')
		serve_polled(fd);
	serve_blocking(fd);
}

int
main(int argc, char **argv)
{
	bool threads = false;
	int o, how = 0;

	while ((o = getopt(argc, argv, "eptn:")) != -1)
		switch (o) {
		case 'e':
		case 'p':
			how = o;
			break;
		case 't':
			threads = true;
			break;
		case 'n':
			transport_tickets = atoi(optarg);
			break;
		default:
			return 2;
		}
	argv += optind;
	if (argc - optind != 2)
		return 2;
	transport_init(NULL, argv[0], argv[1]);
	set_up(threads);
	serve(how);
}
