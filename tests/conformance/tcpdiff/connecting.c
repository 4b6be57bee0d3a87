/* connecting.c - connections begin; scenarios.def has them all */
#define _GNU_SOURCE
#include "tcpdiff.h"

/* ================ connect ================ */

static void
connect_blocking_serve(int fd)
{
	struct sockaddr_in peer = { 0 };
	socklen_t n = sizeof(peer);
	int conn = accept(fd, SA(&peer), &n);

	say("accepted: %s, length %u", conn >= 0 ? "yes" : "no", n);
	take_text(conn, 5);
	say("address is the client's: %s",
	    peer.sin_port == shared->note[0] ? "yes" : "no");
	show_name("local", conn, 0);
	show_name("peer", conn, 1);
	puts_to(conn, "world");
	take(conn, ALL);
}

void
connect_blocking_client(int fd)
{
	struct sockaddr_storage a, got;
	socklen_t n, got_n = sizeof(got);

	hear();
	fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
	n = address(AF_INET, &a);
	DO(getpeername(fd, SA(&got), &got_n));
	show_name("local before", fd, 0);
	DO(connect(fd, SA(&a), n));
	show_name("peer", fd, 1);
	say("peer port is the listener's: %s",
	    port_of(fd, 1) == shared->port ? "yes" : "no");
	shared->note[0] = port_of(fd, 0);
	DO(connect(fd, SA(&a), n));
	DO(write(fd, "hello", 5));
	take_text(fd, 5);
	DO(close(fd));
	DO(close(fd));
}

void
connect_blocking_server(int fd)
{
	fd = listener(AF_INET);
	tell();
	connect_blocking_serve(fd);
}

void
connect_select_server(int fd)
{
	int conn = answer(fd);

	take_text(conn, 4);
	puts_to(conn, "pong");
	take(conn, ALL);
}

void
connect_select_client(int fd)
{
	struct timeval tv = { 5, 0 };
	fd_set r, w;

	fd = dial_nonblocking();
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(fd, &r);
	FD_SET(fd, &w);
	DO(select(fd + 1, &r, &w, NULL, &tv));
	say("readable %d writable %d", FD_ISSET(fd, &r) != 0,
	    FD_ISSET(fd, &w) != 0);
	show_error(fd);
	show_name("peer", fd, 1);
	DO(write(fd, "ping", 4));
	set_nonblocking(fd, 0);
	take_text(fd, 4);
}

void
connect_refused_alone(int fd)
{
	struct sockaddr_storage a;
	socklen_t n;
	int holder = bound();

	n = address(AF_INET, &a);
	fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
	DO(connect(fd, SA(&a), n));
	show_error(fd);
	show_name("peer", fd, 1);
	DO(connect(fd, SA(&a), n));
	show_poll(fd, POLLIN | POLLOUT, 0);
	DO(close(fd));
	DO(close(holder));
}

void
connect_then_nonblock_server(int fd)
{
	hear();
	puts_to(fd, "first");
	take_text(fd, 5);
	puts_to(fd, "last!");
	take(fd, ALL);
}

void
connect_then_nonblock_client(int fd)
{
	char buf[16];

	set_nonblocking(fd, 1);
	DO(read(fd, buf, sizeof(buf)));
	DO(recv(fd, buf, sizeof(buf), 0));
	show_poll(fd, POLLIN | POLLOUT, 0);
	tell();
	await(fd, POLLIN);
	DO(read(fd, buf, sizeof(buf)));
	DO(read(fd, buf, sizeof(buf)));
	DO(write(fd, "reply", 5));
	set_nonblocking(fd, 0);
	take_text(fd, 5);
}

void
io_before_connect_alone(int fd)
{
	char buf[8];

	catch_signal(SIGPIPE, 0);
	fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
	DO(read(fd, buf, sizeof(buf)));
	DO(recv(fd, buf, sizeof(buf), MSG_PEEK));
	DO(write(fd, "x", 1));
	DO(send(fd, "x", 1, MSG_NOSIGNAL));
	say("SIGPIPE %d", caught(SIGPIPE));
	show_poll(fd, POLLIN | POLLOUT | POLLRDHUP, 0);
	DO(shutdown(fd, SHUT_WR));
	show_name("local", fd, 0);
	show_name("peer", fd, 1);
	DO(close(fd));
}

void
resolve_getaddrinfo_server(int fd)
{
	int conn = answer(fd);

	take_text(conn, 4);
	puts_to(conn, "answer");
}

void
resolve_getaddrinfo_client(int fd)
{
	struct addrinfo hints = { .ai_family = AF_INET,
		.ai_socktype = SOCK_STREAM }, *list;
	char port[8];

	sprintf(port, "%d", ntohs(shared->port));
	DO(getaddrinfo("localhost", port, &hints, &list));
	say("socktype %d protocol %d", list->ai_socktype, list->ai_protocol);
	fd = MUST(socket(list->ai_family, list->ai_socktype,
	    list->ai_protocol));
	DO(connect(fd, list->ai_addr, list->ai_addrlen));
	freeaddrinfo(list);
	puts_to(fd, "ask.");
	take(fd, ALL);
}

void
connect_ipv6_server(int fd)
{
	int conn;

	need_ipv6();
	fd = listener(AF_INET6);
	tell();
	conn = answer(fd);
	take_text(conn, 2);
	show_name("local", conn, 0);
	show_name("peer", conn, 1);
	puts_to(conn, "six");
	take(conn, ALL);
}

void
connect_ipv6_client(int fd)
{
	need_ipv6();
	hear();
	fd = dial();
	puts_to(fd, "v6");
	take_text(fd, 3);
	show_name("local", fd, 0);
	show_name("peer", fd, 1);
}

void
connect_bad_arguments_alone(int fd)
{
	struct sockaddr_storage a;
	socklen_t n;
	int ends[2];

	bound();
	n = address(AF_INET, &a);
	MUST(pipe(ends));
	fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
	DO(connect(-1, SA(&a), n));
	DO(connect(ends[0], SA(&a), n));
	DO(connect(fd, SA(&a), 4));
	DO(connect(fd, NULL, n));
	a.ss_family = 77;
	DO(connect(fd, SA(&a), n));
	DO(accept(fd, NULL, NULL));
	DO(listen(ends[0], 1));
	DO(send(ends[1], "x", 1, 0));
	DO(recv(ends[0], &a, 1, 0));
	DO(shutdown(ends[0], SHUT_WR));
}

/* ================ accept ================ */

void
accept_nonblock_server(int fd)
{
	int conn;

	set_nonblocking(fd, 1);
	DO(accept(fd, NULL, NULL));
	show_poll(fd, POLLIN | POLLOUT, 0);
	tell();
	show_poll(fd, POLLIN | POLLOUT, 3000);
	conn = answer(fd);
	DO(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
	say("inherits O_NONBLOCK: %d",
	    (fcntl(conn, F_GETFL) & O_NONBLOCK) != 0);
	take_text(conn, 3);
	puts_to(conn, "ok");
}

void
accept_nonblock_client(int fd)
{
	hear();
	fd = dial();
	puts_to(fd, "hey");
	take(fd, ALL);
}

void
accept_after_close_server(int fd)
{
	int conn;

	hear();
	show_poll(fd, POLLIN, 3000);
	conn = answer(fd);
	take(conn, ALL);
	show_error(conn);
	DO(close(conn));
}

void
accept_after_close_client(int fd)
{
	fd = dial();
	DO(write(fd, "left behind", 11));
	DO(close(fd));
	tell();
}

void
accept_bad_listener_server(int fd)
{
	int ends[2], plain = MUST(socket(AF_INET, SOCK_STREAM, 0));

	MUST(pipe(ends));
	DO(accept(-1, NULL, NULL));
	DO(accept(ends[0], NULL, NULL));
	DO(accept(plain, NULL, NULL));
	DO(accept(fd, NULL, NULL));
	DO(listen(fd, 5));
	DO(accept4(plain, NULL, NULL, 12345));
	puts_to(fd, "still fine");
}

void
accept_bad_listener_client(int fd)
{
	take(fd, ALL);
}

void
accept_timeout_server(int fd)
{
	double start = now();
	int conn;

	set_timeout(fd, SO_RCVTIMEO, 120);
	DO(accept(fd, NULL, NULL));
	say("returned %s", waited(start, 0.12));
	tell();
	conn = MUST(accept(fd, NULL, NULL));
	take_text(conn, 4);
	puts_to(conn, "done");
}

void
accept_timeout_client(int fd)
{
	hear();
	fd = dial();
	puts_to(fd, "hi!!");
	take(fd, ALL);
}
