/*
 * server.c - sends back whatever comes, for a soak
 *
 *	soak_server epoll|threads|fork|prefork
 *
 * Prints `port N`.  A connection on which anything fails ends by a reset: a
 * client that sees an end of file has got everything.
 */
#include <sys/prctl.h>

#include "soak.h"

enum { ROOM = 32768, WORKERS = 4 };

/* One connection of the epoll server. */
struct echo {
	int fd;
	bool eof;
	size_t first, end;
	unsigned char buf[ROOM];
};

static int
listener(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof sin;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, sizeof sin) == -1 ||
	    listen(fd, 1024) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1) {
		perror("listen");
		exit(1);
	}
	printf("port %d\n", ntohs(sin.sin_port));
	fflush(stdout);
	return fd;
}

/* A failure of accept() that concerns one connection, or passes. */
static bool
passes(int err)
{
	if (err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM)
		(void)poll(NULL, 0, 10);
	return err != EBADF && err != EINVAL && err != ENOTSOCK;
}

static bool
write_all(int fd, const unsigned char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

		if (k == -1 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

static void
echo_blocking(int fd)
{
	unsigned char buf[ROOM];
	ssize_t n;

	for (;;) {
		n = recv(fd, buf, sizeof buf, 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0 || !write_all(fd, buf, (size_t)n))
			break;
	}
	if (n == 0)
		close(fd);
	else
		abort_close(fd);
}

static void *
echo_thread(void *arg)
{
	echo_blocking((int)(intptr_t)arg);
	return NULL;
}

static void
serve_threads(int at)
{
	pthread_attr_t attr;
	pthread_t t;
	int fd;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 1 << 18);
	while ((fd = accept(at, NULL, NULL)) != -1 || passes(errno))
		if (fd != -1 && pthread_create(&t, &attr, echo_thread,
				    (void *)(intptr_t)fd) != 0)
			abort_close(fd);
}

static void
serve_fork(int at)
{
	int fd;
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	while ((fd = accept(at, NULL, NULL)) != -1 || passes(errno)) {
		if (fd == -1)
			continue;
		pid = fork();
		if (pid == 0) {
			close(at);
			echo_blocking(fd);
			exit(0);
		}
		if (pid == -1)
			abort_close(fd);
		else
			close(fd);
	}
}

/* 1 while it goes on, 0 at its end, -1 when it has failed. */
static int
echo_move(struct echo *e)
{
	ssize_t n;

	if (e->first == e->end && !e->eof) {
		n = recv(e->fd, e->buf, ROOM, MSG_DONTWAIT);
		if (n == -1)
			return errno == EAGAIN || errno == EINTR ? 1 : -1;
		e->first = 0;
		e->end = (size_t)n;
		e->eof = n == 0;
	}
	if (e->first < e->end) {
		n = send(e->fd, e->buf + e->first, e->end - e->first,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1)
			return errno == EAGAIN || errno == EINTR ? 1 : -1;
		e->first += (size_t)n;
	}
	return e->first == e->end && e->eof ? 0 : 1;
}

static void
echo_event(int ep, struct echo *e)
{
	struct epoll_event ev = {.data.ptr = e};
	int rv = echo_move(e);

	ev.events = e->first < e->end ? EPOLLOUT : EPOLLIN;
	if (rv == 1 && epoll_ctl(ep, EPOLL_CTL_MOD, e->fd, &ev) == 0)
		return;
	if (rv == 0)
		close(e->fd);
	else
		abort_close(e->fd);
	free(e);
}

static void
echo_accept(int ep, int at)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct echo *e;
	int fd = accept4(at, NULL, NULL, SOCK_NONBLOCK);

	if (fd == -1) {
		(void)passes(errno);
		return;
	}
	e = malloc(sizeof *e);
	if (e != NULL) {
		e->fd = fd;
		e->eof = false;
		e->first = e->end = 0;
	}
	ev.data.ptr = e;
	if (e != NULL && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0)
		return;
	free(e);
	abort_close(fd);
}

static void
serve_epoll(int at)
{
	struct epoll_event ev = {.events = EPOLLIN}, out[64];
	int ep = epoll_create1(EPOLL_CLOEXEC), n, i;

	fcntl(at, F_SETFL, O_NONBLOCK);
	while (epoll_ctl(ep, EPOLL_CTL_ADD, at, &ev) == -1 && errno != EEXIST)
		if (ep == -1 || !passes(errno))
			exit(1);
	for (;;) {
		n = epoll_wait(ep, out, 64, -1);
		for (i = 0; i < n; i++)
			if (out[i].data.ptr == NULL)
				echo_accept(ep, at);
			else
				echo_event(ep, out[i].data.ptr);
	}
}

/* Workers that are killed are started anew. */
static void
serve_prefork(int at)
{
	int n = 0;

	for (;;) {
		while (n < WORKERS) {
			pid_t pid = fork();

			if (pid == 0) {
				prctl(PR_SET_PDEATHSIG, SIGTERM);
				serve_epoll(at);
				_exit(1);
			}
			n += pid > 0;
		}
		if (wait(NULL) > 0)
			n--;
	}
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*serve)(int at);
	} kinds[] = {{"epoll", serve_epoll}, {"threads", serve_threads},
	    {"fork", serve_fork}, {"prefork", serve_prefork}};
	size_t i;

	for (i = 0; argc == 2 && i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(argv[1], kinds[i].name) == 0)
			kinds[i].serve(listener());
	return 2;
}
