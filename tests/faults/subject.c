/*
 * subject.c - a scripted client or server under the shim, one of whose
 * sessions a fault is planted in
 *
 *	subject client PORT HOW FAULTED KIND VALUE AT [TIMES]
 *	subject server 0 HOW FAULTED KIND VALUE AT [TIMES]
 *
 * HOW: block, poll, epoll (level-triggered) or edge.  Three sessions of
 * script.h, one after the other; FAULTED (0 to 2, -1 none) has the fault of
 * layer.h, TIMES times, each behind a session without; "trace" as KIND lists its calls instead.  Prints `port N` (server),
 * for each session `ok` or `CALL ERRNO` (TEXT: what was wrong, for a person),
 * and `hit NAME count N fds N live N bytes N`.  Allocates nothing itself.
 */
#include <poll.h>
#include <sys/epoll.h>

#include "../fixtures/fixture.h"
#include "layer.h"
#include "script.h"

#define PATIENCE 15000 /* ms; what takes longer is stuck */

static const char *how;
static int server, epfd = -1;
static char what[80]; /* why this session failed, "" if not */

static int
failed(const char *call)
{
	if (what[0] == '\0')
		snprintf(what, sizeof what, "%s %s", call,
		    strerrorname_np(errno));
	return -1;
}

static int
wrong(const char *why)
{
	if (what[0] == '\0')
		snprintf(what, sizeof what, "WRONG %s", why);
	return -1;
}

static int
waits(void)
{
	return strcmp(how, "block") != 0;
}

static int
uses_epoll(void)
{
	return how[0] == 'e';
}

/* One edge-triggered registration for both, or level-triggered for one. */
static int
watch(int fd, int op, uint32_t events)
{
	struct epoll_event e = {.events = events};

	if (strcmp(how, "edge") == 0)
		e.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	while (epoll_ctl(epfd, op, fd, &e) == -1)
		if (errno != EINTR)
			return failed("epoll_ctl");
	return 0;
}

/* Until fd is ready; 0 to try again. */
static int
ready(int fd, short events)
{
	struct pollfd p = {fd, events, 0};
	struct epoll_event e;
	int n;

	if (!uses_epoll()) {
		n = poll(&p, 1, PATIENCE);
	} else {
		if (strcmp(how, "edge") != 0 &&
		    watch(fd, EPOLL_CTL_MOD, (uint32_t)events) == -1)
			return -1;
		n = epoll_wait(epfd, &e, 1, PATIENCE);
	}
	if (n == -1 && errno != EINTR)
		return failed(uses_epoll() ? "epoll_wait" : "poll");
	if (n == 0) { /* early: it was made to say so */
		errno = ETIME;
		return failed("STUCK");
	}
	return 0;
}

/* May the call that has just failed be made again? */
static int
again(int fd, short events, const char *call)
{
	if (errno == EINTR)
		return 0;
	if (errno == EAGAIN && waits())
		return ready(fd, events);
	return failed(call);
}

static int
send_all(int fd, const char *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, buf, len, MSG_NOSIGNAL);

		if (n == 0)
			return wrong("send gave 0");
		if (n < 0 && again(fd, POLLOUT, "send") == -1)
			return -1;
		if (n > 0) {
			buf += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int
recv_all(int fd, const char *want, size_t len)
{
	static char buf[SCRIPT_MOST];
	size_t have = 0;

	while (have < len) {
		ssize_t n = recv(fd, buf + have, len - have, 0);

		if (n == 0)
			return wrong("end of file in a message");
		if (n < 0 && again(fd, POLLIN, "recv") == -1)
			return -1;
		if (n > 0)
			have += (size_t)n;
	}
	return memcmp(buf, want, len) == 0 ? 0 : wrong("other bytes");
}

static int
recv_end(int fd)
{
	char byte;

	for (;;) {
		ssize_t n = recv(fd, &byte, 1, 0);

		if (n == 0)
			return 0;
		if (n > 0)
			return wrong("bytes behind the end");
		if (again(fd, POLLIN, "recv") == -1)
			return -1;
	}
}

static int
talk(int fd)
{
	static char mine[SCRIPT_MOST], theirs[SCRIPT_MOST];
	int i;

	for (i = 0; i < ROUNDS; i++) {
		script_fill(mine, i, server);
		script_fill(theirs, i, !server);
		if (server && recv_all(fd, theirs, script_len[i]) == -1)
			return -1;
		if (send_all(fd, mine, script_len[i]) == -1)
			return -1;
		if (!server && recv_all(fd, theirs, script_len[i]) == -1)
			return -1;
	}
	if (server && recv_end(fd) == -1)
		return -1;
	if (server && send_all(fd, LAST, sizeof LAST) == -1)
		return -1;
	if (shutdown(fd, SHUT_WR) == -1)
		return failed("shutdown");
	if (!server && recv_all(fd, LAST, sizeof LAST) == -1)
		return -1;
	return recv_end(fd);
}

static int
set_up(int fd)
{
	if (waits() && fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		return failed("fcntl");
	if (uses_epoll())
		return watch(fd, EPOLL_CTL_ADD, EPOLLIN);
	return 0;
}

/* connect() was interrupted or is in progress (connect(2)). */
static int
connected_later(int fd)
{
	struct pollfd p = {fd, POLLOUT, 0};
	socklen_t len = sizeof errno;
	int err = 0;

	if (uses_epoll() && ready(fd, POLLOUT) == -1)
		return -1;
	while (!uses_epoll() && poll(&p, 1, PATIENCE) != 1)
		if (errno != EINTR)
			return failed("poll");
	while (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == -1)
		if (errno != EINTR)
			return failed("getsockopt");
	errno = err;
	return err == 0 ? 0 : failed("connect");
}

static int
dial(int fd, int port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)port);
	if (connect(fd, (struct sockaddr *)&sin, sizeof sin) == 0)
		return 0;
	if (errno == EINTR || (errno == EINPROGRESS && waits()))
		return connected_later(fd);
	return failed("connect");
}

/* What careless programs do with a connection that has failed. */
static void
be_careless(int fd)
{
	char buf[64];

	(void)!send(fd, CARELESS, sizeof CARELESS, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)!recv(fd, buf, sizeof buf, MSG_DONTWAIT);
	(void)!write(fd, CARELESS, sizeof CARELESS);
}

static int
open_one(int port, int listener)
{
	int fd = server ? accept(listener, NULL, NULL)
			: socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	while (fd == -1 && errno == EINTR && server)
		fd = accept(listener, NULL, NULL);
	if (fd == -1) {
		(void)failed(server ? "accept" : "socket");
	} else if (set_up(fd) == -1 || (!server && dial(fd, port) == -1) ||
	    talk(fd) == -1) {
		be_careless(fd);
	}
	return fd;
}

static void
session(int port, int listener)
{
	int fd;

	if (server && listener == -1)
		return;
	what[0] = '\0';
	fd = open_one(port, listener);
	if (fd != -1 && close(fd) == -1)
		(void)failed("close");
}

/* The fault begins to count; what is allocated stays what it is. */
static void
arm(struct layer *fault)
{
	fault->live = layer.live;
	fault->bytes = layer.bytes;
	layer = *fault;
}

/* -1: none, and each session says so. */
static int
open_listener(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	socklen_t len = sizeof sin;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, sizeof sin) == -1 ||
	    listen(fd, 8) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1) {
		(void)failed("listen");
		return -1;
	}
	printf("port %d\n", ntohs(sin.sin_port));
	return fd;
}

int
main(int argc, char **argv)
{
	struct layer fault = {.kind = LAYER_NONE, .trace = -1};
	int i, listener = -1, sessions = SESSIONS, faulted, have = &layer != NULL;
	static char out[4096];
	long count = 0;

	if (argc < 8)
		return 2;
	if (argc > 8)
		sessions = 1 + 2 * atoi(argv[8]);
	setvbuf(stdout, out, _IOLBF, sizeof out);
	signal(SIGPIPE, SIG_IGN);
	server = strcmp(argv[1], "server") == 0;
	how = argv[3];
	faulted = atoi(argv[4]);
	if (strcmp(argv[5], "trace") == 0)
		fault.trace = 2;
	else
		fault.kind = (enum layer_kind)atoi(argv[5]);
	fault.value = atoi(argv[6]);
	fault.at = atol(argv[7]);
	if (uses_epoll() && (epfd = epoll_create1(EPOLL_CLOEXEC)) == -1)
		die("epoll_create1");
	if (server && have && faulted == 0)
		arm(&fault);
	if (server)
		listener = open_listener();
	for (i = 0; i < sessions; i++) {
		int now = i < SESSIONS ? i == faulted : i % 2 == 1;

		if (have && now && !(server && i == 0))
			arm(&fault);
		session(atoi(argv[2]), listener);
		if (have && now) {
			count = layer.count;
			layer.kind = LAYER_NONE;
			layer.trace = -1;
		}
		printf("%s\n", what[0] == '\0' ? "ok" : what);
	}
	if (listener != -1)
		close(listener);
	if (epfd != -1)
		close(epfd);
	printf("hit %s count %ld fds %d live %ld bytes %ld\n",
	    have && layer.hit != NULL ? layer.hit : "-", count, count_files(),
	    have ? layer.live : 0, have ? layer.bytes : 0);
	return 0;
}
