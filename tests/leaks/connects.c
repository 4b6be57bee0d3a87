/* connects.c - every way to come by a connection */
#include <dlfcn.h>
#include <linux/mptcp.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "leak.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static int
joined_by(int domain, int type, int protocol, const void *addr, socklen_t len)
{
	int fd = socket(domain, type, protocol);

	if (fd == -1 || connect(fd, addr, len) == -1)
		exit(0);
	return fd;
}

static void
with_flags(int port)
{
	struct sockaddr_in sin = loopback(port);

	put(joined_by(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP, &sin,
	    sizeof sin));
}

static void
with_mptcp(int port)
{
	struct sockaddr_in sin = loopback(port);

	put(joined_by(AF_INET, SOCK_STREAM, IPPROTO_MPTCP, &sin, sizeof sin));
}

static void
with_smc(int port)
{
	struct sockaddr_in sin = loopback(port);

	put(joined_by(AF_SMC, SOCK_STREAM, 0, &sin, sizeof sin));
}

static void
with_mapped_address(int port)
{
	struct sockaddr_in6 s = {
	    .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

	inet_pton(AF_INET6, "::ffff:127.0.0.1", &s.sin6_addr);
	put(joined_by(AF_INET6, SOCK_STREAM, 0, &s, sizeof s));
}

static void
with_wildcard_address(int port)
{
	struct sockaddr_in sin = loopback(port);

	sin.sin_addr.s_addr = htonl(INADDR_ANY);
	put(joined_by(AF_INET, SOCK_STREAM, 0, &sin, sizeof sin));
}

static void
with_own_address(int port)
{
	struct sockaddr_in sin = loopback(port), own = loopback(0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&own, sizeof own) == 0 &&
	    connect(fd, (struct sockaddr *)&sin, sizeof sin) == 0)
		put(fd);
}

static void
after_a_refused_one(int port)
{
	struct sockaddr_in nobody = loopback(1), sin = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)connect(fd, (struct sockaddr *)&nobody, sizeof nobody);
	(void)connect(fd, (struct sockaddr *)&sin, sizeof sin);
	put(fd);
}

static void
after_unspec(int port)
{
	struct sockaddr_in sin = loopback(port);
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)connect(fd, &none, sizeof none);
	(void)connect(fd, (struct sockaddr *)&sin, sizeof sin);
	put(fd);
}

static void
without_waiting(int port)
{
	struct sockaddr_in sin = loopback(port);
	struct pollfd p = {.events = POLLOUT};

	p.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	(void)connect(p.fd, (struct sockaddr *)&sin, sizeof sin);
	put(p.fd);
	poll(&p, 1, 3000);
	put(p.fd);
}

static void
by_select(int port)
{
	struct sockaddr_in sin = loopback(port);
	struct timeval limit = {3, 0};
	fd_set set;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	FD_ZERO(&set);
	FD_SET(fd, &set);
	(void)connect(fd, (struct sockaddr *)&sin, sizeof sin);
	select(fd + 1, NULL, &set, NULL, &limit);
	put(fd);
}

static void
by_epoll(int port)
{
	struct sockaddr_in sin = loopback(port);
	struct epoll_event e = {.events = EPOLLOUT | EPOLLET};
	int set = epoll_create1(0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
	(void)connect(fd, (struct sockaddr *)&sin, sizeof sin);
	epoll_wait(set, &e, 1, 3000);
	epoll_wait(set, &e, 1, 100);
	put(fd);
}

static void
by_fast_open(int port)
{
	struct sockaddr_in sin = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sendto(fd, MARKER, LENGTH, MSG_FASTOPEN, (struct sockaddr *)&sin,
	    sizeof sin);
}

static void
by_fast_open_message(int port)
{
	struct sockaddr_in sin = loopback(port);
	struct iovec line = {MARKER, LENGTH};
	struct msghdr m = {.msg_name = &sin,
	    .msg_namelen = sizeof sin,
	    .msg_iov = &line,
	    .msg_iovlen = 1};

	sendmsg(socket(AF_INET, SOCK_STREAM, 0), &m, MSG_FASTOPEN);
}

static void
by_fast_open_connect(int port)
{
	struct sockaddr_in sin = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof one);
	(void)connect(fd, (struct sockaddr *)&sin, sizeof sin);
	put(fd);
}

static void
by_numbers(int port)
{
	struct sockaddr_in sin = loopback(port);
	long fd = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);

	syscall(SYS_connect, fd, &sin, sizeof sin);
	syscall(SYS_write, fd, MARKER, LENGTH);
}

static void
by_next_symbols(int port)
{
	struct sockaddr_in sin = loopback(port);
	int (*c)(int, const void *, socklen_t) = (int (*)(
	    int, const void *, socklen_t))dlsym(RTLD_DEFAULT, "connect");
	ssize_t (*w)(int, const void *, size_t) =
	    (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_DEFAULT, "write");
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (c(fd, &sin, sizeof sin) == 0)
		w(fd, MARKER, LENGTH);
}

/* Nothing else has been called: the first call of all is this. */
static int early_fd = -1;

__attribute__((constructor)) static void
early(void)
{
	const char *port = getenv("LEAK_EARLY");
	struct sockaddr_in sin;

	if (port == NULL)
		return;
	sin = loopback(atoi(port));
	early_fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(early_fd, (struct sockaddr *)&sin, sizeof sin) == 0)
		put(early_fd);
}

static void
in_a_constructor(int port)
{
	char text[16];

	snprintf(text, sizeof text, "%d", port);
	setenv("LEAK_EARLY", text, 1);
	execl("/proc/self/exe", "leaks", "nothing", "0", (char *)NULL);
}

const struct road connect_roads[] = {ROAD(with_flags), ROAD(with_mptcp),
    ROAD(with_smc), ROAD(with_mapped_address), ROAD(with_wildcard_address),
    ROAD(with_own_address), ROAD(after_a_refused_one), ROAD(after_unspec),
    ROAD(without_waiting), ROAD(by_select), ROAD(by_epoll), ROAD(by_fast_open),
    ROAD(by_fast_open_message), ROAD(by_fast_open_connect), ROAD(by_numbers),
    ROAD(by_next_symbols), ROAD(in_a_constructor), {NULL, NULL}};
