/* options.c - tcpdiff's scenarios about socket options and ioctls */
#define _GNU_SOURCE
#include "tcpdiff.h"

#include <linux/sockios.h>

static void
quiet_server(int fd)
{
	take(fd, ALL);
}

static void
show(int fd, const char *label, int level, int name)
{
	int val = -7;
	socklen_t len = sizeof(val);

	if (getsockopt(fd, level, name, &val, &len) == -1)
		say("%s: -1 %s", label, strerrorname_np(errno));
	else
		say("%s: %d length %u", label, val, len);
}

static void
set(int fd, const char *label, int level, int name, int val)
{
	if (setsockopt(fd, level, name, &val, sizeof(val)) == -1)
		say("set %s %d: -1 %s", label, val, strerrorname_np(errno));
	show(fd, label, level, name);
}

#define SHOW(level, name) show(fd, #name, level, name)
#define SET(level, name, val) set(fd, #name, level, name, val)

static void
values(int fd)
{
	SHOW(SOL_SOCKET, SO_DOMAIN);
	SHOW(SOL_SOCKET, SO_TYPE);
	SHOW(SOL_SOCKET, SO_PROTOCOL);
	SHOW(SOL_SOCKET, SO_ACCEPTCONN);
	SHOW(SOL_SOCKET, SO_ERROR);
	SHOW(SOL_SOCKET, SO_RCVLOWAT);
	SHOW(SOL_SOCKET, SO_SNDLOWAT);
	SHOW(SOL_SOCKET, SO_KEEPALIVE);
	SHOW(SOL_SOCKET, SO_BROADCAST);
	SHOW(SOL_SOCKET, SO_OOBINLINE);
	SHOW(SOL_SOCKET, SO_PRIORITY);
	SHOW(SOL_SOCKET, SO_REUSEPORT);
	SHOW(SOL_SOCKET, SO_TIMESTAMP);
	SHOW(IPPROTO_TCP, TCP_NODELAY);
	SHOW(IPPROTO_TCP, TCP_CORK);
	SHOW(IPPROTO_TCP, TCP_KEEPIDLE);
	SHOW(IPPROTO_TCP, TCP_DEFER_ACCEPT);
	SHOW(IPPROTO_TCP, TCP_USER_TIMEOUT);
	SHOW(IPPROTO_TCP, TCP_SYNCNT);
	SHOW(IPPROTO_TCP, TCP_LINGER2);
	SHOW(IPPROTO_TCP, TCP_FASTOPEN_CONNECT);
	SHOW(IPPROTO_IP, IP_TTL);
	SHOW(IPPROTO_IP, IP_TOS);
	SHOW(SOL_SOCKET, 9999);
	SHOW(9999, 1);
	show(-1, "bad descriptor", SOL_SOCKET, SO_TYPE);
}

static void
values_server(int fd)
{
	values(fd);
	take(fd, ALL);
}

static void
values_client(int fd)
{
	values(fd);
}

static void
changes_client(int fd)
{
	SET(IPPROTO_TCP, TCP_NODELAY, 1);
	SET(IPPROTO_TCP, TCP_NODELAY, 0);
	SET(IPPROTO_TCP, TCP_NODELAY, 7);
	SET(IPPROTO_TCP, TCP_CORK, 1);
	SET(IPPROTO_TCP, TCP_CORK, 0);
	SET(IPPROTO_TCP, TCP_QUICKACK, 0);
	SET(IPPROTO_TCP, TCP_KEEPIDLE, 60);
	SET(IPPROTO_TCP, TCP_KEEPIDLE, -1);
	SET(IPPROTO_TCP, TCP_USER_TIMEOUT, 5000);
	SET(SOL_SOCKET, SO_KEEPALIVE, 1);
	SET(SOL_SOCKET, SO_SNDBUF, 20000);
	SET(SOL_SOCKET, SO_SNDBUF, 1);
	SET(SOL_SOCKET, SO_RCVBUF, 30000);
	SET(SOL_SOCKET, SO_RCVBUF, 1);
	SET(SOL_SOCKET, SO_RCVLOWAT, 5);
	SET(SOL_SOCKET, SO_RCVLOWAT, 0);
	SET(SOL_SOCKET, SO_RCVLOWAT, -1);
	SET(SOL_SOCKET, SO_RCVLOWAT, 1);
	SET(SOL_SOCKET, SO_SNDLOWAT, 5);
	SET(SOL_SOCKET, SO_TYPE, 1);
	SET(SOL_SOCKET, SO_ERROR, 0);
	SET(SOL_SOCKET, SO_DOMAIN, 2);
	SET(SOL_SOCKET, SO_PRIORITY, 3);
	SET(SOL_SOCKET, SO_REUSEADDR, 1);
	SET(SOL_SOCKET, SO_OOBINLINE, 1);
	SET(IPPROTO_IP, IP_TOS, 16);
	SET(IPPROTO_IP, IP_TTL, 33);
	SET(IPPROTO_TCP, 9999, 1);
	DO(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, "", 1));
	DO(setsockopt(fd, SOL_SOCKET, SO_LINGER, "", 1));
	DO(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, "12345678", 8));
	DO(write(fd, "still", 5));
}

static void
lengths_client(int fd)
{
	char buf[64];
	int bad = -1;
	socklen_t len;
	struct timeval out = {1, 999999}, odd = {0, 1000000};
	struct timeval minus = {-1, 0}, tick = {0, 1};
	struct linger l = {1, 7};

	for (len = 0; len < 6; len++) {
		socklen_t n = len;

		memset(buf, 'x', sizeof(buf));
		DO(getsockopt(fd, SOL_SOCKET, SO_ERROR, buf, &n));
		say_text("buf", buf, 6);
		say("length %u", n);
		n = len;
		DO(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, buf, &n));
		say_text("buf", buf, 6);
		say("length %u", n);
	}
	DO(getsockopt(fd, SOL_SOCKET, SO_ERROR, buf, (socklen_t *)&bad));
	DO(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &out, sizeof(out)));
	len = sizeof(odd);
	DO(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &out, &len));
	say("%ld %ld length %u", out.tv_sec, out.tv_usec, len);
	DO(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &odd, sizeof(odd)));
	DO(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &minus, sizeof(minus)));
	DO(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick)));
	DO(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &out, &len));
	say("%ld %ld", out.tv_sec, out.tv_usec);
	DO(read(fd, buf, 1));
	DO(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	len = sizeof(l);
	DO(getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len));
	say("%d %d", l.l_onoff, l.l_linger);
}

/* Of TCP_INFO what does not depend on the bytes' number. */
static void
info_client(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	DO(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	say("state %d options %x ca %d", info.tcpi_state, info.tcpi_options,
	    info.tcpi_ca_state);
	DO(shutdown(fd, SHUT_WR));
	await(fd, POLLRDHUP);
	len = 1;
	DO(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	say("length %u", len);
}

static void
counts_server(int fd)
{
	puts_to(fd, "0123456789");
	hear();
	puts_to(fd, "more");
	shutdown(fd, SHUT_WR);
	take(fd, ALL);
}

static void
pending(int fd)
{
	int n = -1, m = -1;
	long r = ioctl(fd, FIONREAD, &n), q = ioctl(fd, SIOCINQ, &m);

	say("FIONREAD %ld %d SIOCINQ %ld %d", r, n, q, m);
}

static void
counts_client(int fd)
{
	char b[16];
	int n = -1;

	await_bytes(fd, 10);
	pending(fd);
	DO(recv(fd, b, 4, 0));
	pending(fd);
	DO(recv(fd, b, 2, MSG_PEEK));
	pending(fd);
	DO(read(fd, b, 16));
	pending(fd);
	tell();
	await(fd, POLLRDHUP);
	await_bytes(fd, 4);
	pending(fd);
	DO(read(fd, b, 16));
	pending(fd);
	DO(read(fd, b, 16));
	pending(fd);
	while (ioctl(fd, SIOCOUTQ, &n) == 0 && n > 0)
		continue;
	say("SIOCOUTQ %d", n);
	n = -1;
	DO(ioctl(fd, TIOCOUTQ, &n));
	say("TIOCOUTQ %d", n);
	DO(ioctl(fd, SIOCOUTQNSD, &n));
	say("SIOCOUTQNSD %d", n);
	DO(ioctl(fd, SIOCATMARK, &n));
	say("SIOCATMARK %d", n);
	DO(ioctl(fd, TCGETS, b));
	DO(ioctl(fd, 0xdead, b));
	n = 1;
	DO(ioctl(fd, FIONBIO, &n));
	DO(fcntl(fd, F_GETFL) & O_NONBLOCK);
	n = 0;
	DO(ioctl(fd, FIOASYNC, &n));
	DO(ioctl(fd, FIONBIO, &n));
	DO(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

#define STREAM (24 << 20)

static void
ahead_server(int fd)
{
	give(fd, STREAM, 1 << 20, 3);
	take(fd, ALL);
}

/*
 * As nginx reads: edges, and FIONREAD to know what there is.  A peer that
 * never stops sending must not keep that call, nor fill memory by it.
 */
static void
ahead_client(int fd)
{
	static char buf[16 << 20];
	struct digest d = DIGEST;
	int set = epoll_create1(0), n, bounded = 1;
	struct epoll_event e;

	watch(set, fd, EPOLLIN | EPOLLET, 1);
	while (d.n < STREAM && epoll_wait(set, &e, 1, 3000) == 1) {
		ssize_t k = 0;

		n = 0;
		ioctl(fd, FIONREAD, &n);
		bounded &= n <= 8 << 20;
		while (n > 0 && (k = read(fd, buf, (size_t)n)) > 0) {
			digest_add(&d, buf, (size_t)k);
			n -= (int)k;
		}
	}
	say_digest("read", &d, "");
	say("bounded: %s", bounded ? "yes" : "no");
}

/* The peer does not read: what has been written stays in the queue. */
static void
queue_server(int fd)
{
	hear();
	while (read(fd, (char[65536]){0}, 65536) > 0)
		continue;
}

static void
queue_client(int fd)
{
	static char big[4 << 20];
	int n = 65536;

	MUST(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n)));
	set_nonblocking(fd, 1);
	while (write(fd, big, sizeof(big)) > 0)
		continue;
	DO(ioctl(fd, SIOCOUTQ, &n));
	say("%s", n > 0 ? "some" : "none");
	DO(ioctl(fd, SIOCOUTQNSD, &n));
	say("%s", n > 0 ? "some" : "none");
	tell();
}

/* What was set before there was a connection. */
static void
before_server(int fd)
{
	int conn = answer(fd);

	puts_to(conn, "ab");
	hear();
	puts_to(conn, "cdefg");
	take(conn, ALL);
}

static void
before_client(int fd)
{
	struct sockaddr_storage to;
	socklen_t len = address(shared->family, &to);

	fd = socket(shared->family, SOCK_STREAM, 0);
	SET(SOL_SOCKET, SO_RCVLOWAT, 5);
	DO(connect(fd, SA(&to), len));
	SHOW(SOL_SOCKET, SO_RCVLOWAT);
	await_bytes(fd, 2);
	show_poll(fd, POLLIN, 0);
	tell();
	await(fd, POLLIN);
	take_text(fd, 7);
	close(fd);
}

/* One socket that is refused, connected, disconnected and connected again. */
static void
again_server(int fd)
{
	int conn = answer(fd);

	take_text(conn, 3);
	tell();
	take(conn, ALL);
	close(conn);
	conn = answer(fd);
	puts_to(conn, "second");
	take(conn, ALL);
}

static void
again_client(int fd)
{
	struct sockaddr_storage to, dead;
	socklen_t len = address(shared->family, &to), n = sizeof(dead);
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	struct sockaddr_in own = {.sin_family = AF_INET};
	int deaf = socket(AF_INET, SOCK_STREAM, 0), copy;
	char byte;

	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(bind(deaf, SA(&own), sizeof(own)));
	MUST(getsockname(deaf, SA(&dead), &n));
	fd = socket(shared->family, SOCK_STREAM, 0);
	DO(connect(fd, SA(&dead), n));
	DO(connect(fd, SA(&to), len));
	puts_to(fd, "one");
	hear();
	copy = dup(fd);
	DO(connect(fd, &none, sizeof(none)));
	n = sizeof(dead);
	DO(getpeername(fd, SA(&dead), &n));
	DO(send(copy, "x", 1, MSG_NOSIGNAL));
	DO(recv(copy, &byte, 1, 0));
	DO(connect(copy, SA(&to), len));
	DO(connect(fd, SA(&to), len));
	take_text(fd, 6);
	close(copy);
	close(fd);
}

static void
lowat_server(int fd)
{
	puts_to(fd, "abc");
	hear();
	puts_to(fd, "de");
	hear();
	puts_to(fd, "fg");
	hear();
	puts_to(fd, "hijkl");
	hear();
	puts_to(fd, "mn");
	shutdown(fd, SHUT_WR);
	take(fd, ALL);
}

static void
lowat(int fd, int n)
{
	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof(n)));
}

static void
say_select(int fd)
{
	struct timeval t = {0, 60000};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	say("select %d", select(fd + 1, &set, NULL, NULL, &t));
}

/* socket(7): poll says readable from so many bytes on, and reads wait. */
static void
lowat_client(int fd)
{
	char b[16] = "";
	int set = epoll_create1(0);
	double t;

	lowat(fd, 5);
	watch(set, fd, EPOLLIN, 1);
	await_bytes(fd, 3);
	show_poll(fd, POLLIN, 60);
	say_select(fd);
	show_epoll(set, 60);
	DO(recv(fd, b, 2, MSG_PEEK | MSG_DONTWAIT));
	DO(recv(fd, b, 16, MSG_PEEK | MSG_DONTWAIT));
	tell();
	show_poll(fd, POLLIN, 2000);
	say_select(fd);
	show_epoll(set, 2000);
	DO(read(fd, b, 4));
	show_poll(fd, POLLIN, 60);
	set_timeout(fd, SO_RCVTIMEO, 100);
	t = now();
	DO(recv(fd, b, 16, 0));
	say("%s", waited(t, 0.1));
	set_timeout(fd, SO_RCVTIMEO, 0);
	tell();
	await_bytes(fd, 2);
	show_poll(fd, POLLIN, 60);
	tell();
	DO(recv(fd, b, 3, 0));
	say_text("b", b, 3);
	await_bytes(fd, 4);
	show_epoll(set, 60);
	t = now();
	DO(recv(fd, b, 3, 0));
	say("%s", waited(t, 0.1));
	lowat(fd, 1);
	show_epoll(set, 60);
	show_poll(fd, POLLIN, 60);
	lowat(fd, 100);
	show_poll(fd, POLLIN, 60);
	tell();
	await(fd, POLLRDHUP);
	show_poll(fd, POLLIN, 60);
	DO(recv(fd, b, 16, 0));
	DO(recv(fd, b, 16, 0));
}

static void
rcvtimeo_server(int fd)
{
	hear();
	puts_to(fd, "abc");
	take(fd, ALL);
}

static void
rcvtimeo_client(int fd)
{
	char b[16];
	struct iovec iov = {b, 16};
	double t = now();

	set_timeout(fd, SO_RCVTIMEO, 120);
	DO(read(fd, b, 1));
	say("%s", waited(t, 0.12));
	t = now();
	DO(recvmsg(fd, &(struct msghdr){.msg_iov = &iov, .msg_iovlen = 1},
	    MSG_WAITALL));
	say("%s", waited(t, 0.12));
	t = now();
	DO(recv(fd, b, 1, MSG_PEEK));
	say("%s", waited(t, 0.12));
	t = now();
	DO(recv(fd, b, 1, MSG_DONTWAIT));
	say("%s", waited(t, 0.12));
	t = now();
	show_poll(fd, POLLIN, 200);
	say("%s", waited(t, 0.2));
	catch_signal(SIGALRM, SA_RESTART);
	alarm_every(40);
	DO(read(fd, b, 1));
	alarm_every(0);
	tell();
	await_bytes(fd, 3);
	t = now();
	DO(recv(fd, b, 16, MSG_WAITALL));
	say("%s", waited(t, 0.12));
}

static void
linger_server(int fd)
{
	take(fd, 5);
	take(fd, ALL);
}

static void
linger_client(int fd)
{
	double t;

	set_linger(fd, 1, 2);
	DO(write(fd, "hello", 5));
	t = now();
	DO(close(fd));
	say("%s", waited(t, 1));
}

static void
linger_full_server(int fd)
{
	(void)fd; /* is not read */
	hear();
}

/* As long as it is told to, for a peer that does not read. */
static void
linger_full_client(int fd)
{
	static char b[65536];
	double t;

	set_linger(fd, 1, 1);
	MUST(fcntl(fd, F_SETFL, O_NONBLOCK));
	while (write(fd, b, sizeof(b)) > 0)
		;
	DO(fcntl(fd, F_SETFL, 0));
	t = now();
	DO(close(fd));
	say("%.0f s", now() - t);
	tell();
}

static void
abort_client(int fd)
{
	set_linger(fd, 1, 0);
	DO(write(fd, "hello", 5));
	meet();
	DO(close(fd));
}

static void
abort_server(int fd)
{
	take_text(fd, 5);
	catch_signal(SIGPIPE, 0);
	meet();
	take(fd, ALL);
	DO(write(fd, "x", 1));
	show_error(fd);
}

const struct scenario scenarios[] = {
	PROCESSES("values", CONNECTED, values, ""),
	{"changes", TWO_PROCESSES, CONNECTED, quiet_server, changes_client,
	    ""},
	{"lengths", TWO_PROCESSES, CONNECTED, quiet_server, lengths_client,
	    ""},
	{"info", TWO_PROCESSES, CONNECTED, quiet_server, info_client, ""},
	PROCESSES("counts", CONNECTED, counts, ""),
	PROCESSES("ahead", CONNECTED, ahead, ""),
	PROCESSES("queue", CONNECTED, queue, ""),
	PROCESSES("before", LISTENING, before, ""),
	PROCESSES("again", LISTENING, again, ""),
	PROCESSES("lowat", CONNECTED, lowat, ""),
	PROCESSES("rcvtimeo", CONNECTED, rcvtimeo, ""),
	PROCESSES("linger", CONNECTED, linger, ""),
	PROCESSES("linger-full", CONNECTED, linger_full, ""),
	PROCESSES("abort", CONNECTED, abort, ""),
	{.name = NULL},
};
