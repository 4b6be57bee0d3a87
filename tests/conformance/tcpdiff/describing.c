/* describing.c - what a descriptor is and says; scenarios.def has them all */
#define _GNU_SOURCE
#include "tcpdiff.h"

/* ================ options and names ================ */

static void
show_pending(int fd)
{
	int n = -1;

	DO(ioctl(fd, FIONREAD, &n));
	say("pending %d", n);
}

void
fionread_server(int fd)
{
	puts_to(fd, "twelve bytes");
	hear();
	puts_to(fd, "and ten mo");
	hear();
	DO(shutdown(fd, SHUT_WR));
	take(fd, ALL);
}

void
fionread_client(int fd)
{
	char buf[16];

	await(fd, POLLIN);
	show_pending(fd);
	DO(read(fd, buf, 5));
	show_pending(fd);
	tell();
	await_bytes(fd, 17);
	show_pending(fd);
	DO(recv(fd, buf, 16, MSG_PEEK));
	show_pending(fd);
	DO(read(fd, buf, 16));
	show_pending(fd);
	DO(read(fd, buf, 16));
	show_pending(fd);
	tell();
	await(fd, POLLIN);
	show_pending(fd);
}

static void
say_option(int fd, const char *name, int level, int option)
{
	int value = -1;
	socklen_t n = sizeof(value);

	if (getsockopt(fd, level, option, &value, &n) < 0)
		say("%s: -1 %s", name, strerrorname_np(errno));
	else
		say("%s: %d length %u", name, value, n);
}
#define OPTION(fd, level, option) say_option(fd, #option, level, option)

void
identity_server(int fd)
{
	int conn = answer(fd);

	take_text(conn, 1);
	OPTION(fd, SOL_SOCKET, SO_ACCEPTCONN);
	OPTION(conn, SOL_SOCKET, SO_ACCEPTCONN);
	OPTION(conn, SOL_SOCKET, SO_TYPE);
	OPTION(conn, SOL_SOCKET, SO_DOMAIN);
	OPTION(conn, SOL_SOCKET, SO_PROTOCOL);
	OPTION(conn, SOL_SOCKET, SO_ERROR);
	OPTION(conn, SOL_SOCKET, SO_OOBINLINE);
	OPTION(conn, IPPROTO_TCP, TCP_NODELAY);
	OPTION(conn, IPPROTO_TCP, TCP_CORK);
	OPTION(conn, SOL_SOCKET, 9999);
	OPTION(conn, 9999, 1);
	puts_to(conn, "!");
}

void
identity_client(int fd)
{
	fd = dial();
	puts_to(fd, "?");
	OPTION(fd, SOL_SOCKET, SO_TYPE);
	OPTION(fd, SOL_SOCKET, SO_DOMAIN);
	OPTION(fd, SOL_SOCKET, SO_PROTOCOL);
	OPTION(fd, SOL_SOCKET, SO_ACCEPTCONN);
	take(fd, ALL);
}

void
names_after_end_server(int fd)
{
	show_name("peer", fd, 1);
	DO(shutdown(fd, SHUT_WR));
	show_name("peer", fd, 1);
	tell();
	take(fd, ALL);
	show_name("local", fd, 0);
	show_name("peer", fd, 1);
}

void
names_after_end_client(int fd)
{
	take(fd, ALL);
	show_name("peer", fd, 1);
	hear();
	DO(close(fd));
	show_name("peer", fd, 1);
}

/* ================ descriptors ================ */

void
dup_shares_server(int fd)
{
	int copy = dup(fd);
	char buf[8] = "";

	take_text(copy, 2);
	take_text(fd, 2);
	DO(close(fd));
	DO(read(fd, buf, 1));
	tell();
	hear();
	puts_to(copy, "from the copy");
	DO(close(copy));
}

void
dup_shares_client(int fd)
{
	puts_to(fd, "abcd");
	hear();
	quiet(fd);
	tell();
	take(fd, ALL);
}

void
dup_flags_server(int fd)
{
	int high = MUST(fcntl(fd, F_DUPFD, 150));
	int cloexec = MUST(fcntl(fd, F_DUPFD_CLOEXEC, 160));

	say("at least asked: %d %d", high >= 150, cloexec >= 160);
	say("cloexec %d %d", fcntl(high, F_GETFD), fcntl(cloexec, F_GETFD));
	DO(dup3(fd, fd, 0));
	DO(dup3(fd, 170, O_CLOEXEC));
	say("cloexec %d", fcntl(170, F_GETFD));
	DO(dup2(fd, 171));
	DO(dup2(fd, fd) == fd);
	DO(dup2(-1, 171));
	DO(write(171, "171 ", 4));
	DO(write(170, "170 ", 4));
	DO(write(cloexec, "cloexec ", 8));
	DO(write(high, "high", 4));
	DO(fcntl(fd, F_DUPFD, -1));
}

void
dup_flags_client(int fd)
{
	take(fd, ALL);
}

void
fionbio_dup_server(int fd)
{
	int copy = dup(fd), on = 1, off = 0;
	char c;

	DO(ioctl(fd, FIONBIO, &on));
	say("copy O_NONBLOCK %d", (fcntl(copy, F_GETFL) & O_NONBLOCK) != 0);
	DO(read(copy, &c, 1));
	DO(ioctl(copy, FIONBIO, &off));
	say("O_NONBLOCK %d", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	tell();
	DO(read(fd, &c, 1));
	say("access mode %d", (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
}

void
fionbio_dup_client(int fd)
{
	hear();
	DO(write(fd, "y", 1));
	take(fd, ALL);
}

void
number_reused_server(int fd)
{
	take_text(fd, 3);
	tell();
	take(fd, ALL);
}

void
number_reused_client(int fd)
{
	char buf[8] = "";
	int ends[2], file;

	puts_to(fd, "end");
	hear();
	MUST(close(fd));
	file = open("/dev/null", O_RDWR);
	DO(file == fd);
	DO(write(file, "to nowhere", 10));
	DO(read(file, buf, 8));
	DO(send(file, "x", 1, 0));
	MUST(pipe(ends));
	DO(dup2(ends[0], file) == file);
	DO(write(ends[1], "piped", 5));
	DO(read(file, buf, 8));
	say_text("pipe", buf, 5);
}
