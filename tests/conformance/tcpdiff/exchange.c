/* exchange.c - bytes go there and back; scenarios.def has them all */
#define _GNU_SOURCE
#include "tcpdiff.h"

/* ================ who speaks first, sizes ================ */

void
server_first_server(int fd)
{
	int conn = answer(fd);

	puts_to(conn, "220 banner\r\n");
	take_text(conn, 6);
	puts_to(conn, "221 bye\r\n");
	DO(close(conn));
}

void
server_first_client(int fd)
{
	fd = dial();
	take_text(fd, 12);
	puts_to(fd, "QUIT\r\n");
	take_text(fd, 9);
	take(fd, ALL);
}

void
simultaneous_server(int fd)
{
	meet();
	give(fd, 65536, 65536, 1);
	take(fd, 65536);
	meet();
}

void
simultaneous_client(int fd)
{
	meet();
	give(fd, 65536, 65536, 2);
	take(fd, 65536);
	meet();
}

void
small_requests_server(int fd)
{
	struct digest d = DIGEST;
	unsigned char buf[1024];

	for (int n = 1; n <= 600; n++) {
		for (int have = 0; have < n; )
			have += MUST(read(fd, buf + have, n - have));
		digest_add(&d, buf, n);
		put(fd, buf, (n * 7) % 600 + 1);
	}
	say_digest("requests", &d, "");
	DO(close(fd));
}

void
small_requests_client(int fd)
{
	struct digest d = DIGEST;
	unsigned char buf[1024];

	for (int n = 1; n <= 600; n++) {
		int answer_n = (n * 7) % 600 + 1;

		pattern(buf, n, 0, n);
		put(fd, buf, n);
		for (int have = 0; have < answer_n; )
			have += MUST(read(fd, buf + have, answer_n - have));
		digest_add(&d, buf, n < answer_n ? n : answer_n);
	}
	say_digest("answers", &d, "");
	take(fd, ALL);
}

/* ================ zero length, iovecs, addresses ================ */

void
zero_length_server(int fd)
{
	struct iovec none = { "", 0 };
	struct msghdr m = { .msg_iov = &none, .msg_iovlen = 1 };

	DO(write(fd, "", 0));
	DO(send(fd, "", 0, 0));
	DO(send(fd, NULL, 0, MSG_DONTWAIT));
	DO(writev(fd, &none, 1));
	DO(sendmsg(fd, &m, 0));
	tell();
	hear();
	puts_to(fd, "now");
	take(fd, ALL);
}

void
zero_length_client(int fd)
{
	char buf[8];

	hear();
	quiet(fd);
	DO(read(fd, buf, 0));
	DO(recv(fd, buf, 0, MSG_DONTWAIT));
	tell();
	await(fd, POLLIN);
	DO(read(fd, buf, 0));
	DO(recv(fd, buf, 0, 0));
	DO(recv(fd, buf, 0, MSG_PEEK | MSG_DONTWAIT));
	take_text(fd, 3);
}

void
scatter_server(int fd)
{
	take_text(fd, 1);
	puts_to(fd, "abcdefghijklmnopqrstuvwxyz");
	take(fd, ALL);
}

void
scatter_client(int fd)
{
	char a[4] = "", b[8] = "", c[64] = "";
	struct iovec iov[] = { { a, 3 }, { NULL, 0 }, { b, 7 },
		{ c, sizeof(c) } };
	ssize_t n;

	puts_to(fd, "!");
	await_bytes(fd, 26);
	n = DO(readv(fd, iov, 4));
	say_text("a", a, 3);
	say_text("b", b, 7);
	say_text("c", c, n - 10);
	DO(readv(fd, iov, 0));
	DO(writev(fd, iov, 0));
}

void
addresses_server(int fd)
{
	take_text(fd, 4);
	puts_to(fd, "from me");
	hear();
	puts_to(fd, "again");
	take(fd, ALL);
}

void
addresses_client(int fd)
{
	struct sockaddr_storage a, from;
	socklen_t n = address(AF_INET, &a), from_n = sizeof(from);
	char buf[32];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from),
		.msg_iov = &iov, .msg_iovlen = 1 };
	int fresh = MUST(socket(AF_INET, SOCK_STREAM, 0));

	DO(sendto(fd, "text", 4, 0, SA(&a), n));
	await_bytes(fd, 7);
	memset(&from, 0x55, sizeof(from));
	DO(recvfrom(fd, buf, sizeof(buf), 0, SA(&from), &from_n));
	say("address length %u, family touched: %s", from_n,
	    from.ss_family == 0x5555 ? "no" : "yes");
	tell();
	await_bytes(fd, 5);
	DO(recvmsg(fd, &m, 0));
	say("name length %u flags %x control %zu", m.msg_namelen, m.msg_flags,
	    m.msg_controllen);
	DO(sendto(fresh, "x", 1, MSG_NOSIGNAL, SA(&a), n));
}

/* ================ flags of recv and send ================ */

void
peek_twice_server(int fd)
{
	puts_to(fd, "peekaboo");
	hear();
	DO(close(fd));
}

void
peek_twice_client(int fd)
{
	char buf[32];

	await_bytes(fd, 8);
	say_text("peek", buf, DO(recv(fd, buf, 4, MSG_PEEK)));
	show_poll(fd, POLLIN, 0);
	say_text("peek", buf, DO(recv(fd, buf, sizeof(buf), MSG_PEEK)));
	show_poll(fd, POLLIN, 0);
	say_text("read", buf, DO(recv(fd, buf, 3, 0)));
	say_text("peek", buf, DO(recv(fd, buf, sizeof(buf), MSG_PEEK)));
	say_text("read", buf, DO(read(fd, buf, sizeof(buf))));
	DO(recv(fd, buf, 1, MSG_PEEK | MSG_DONTWAIT));
	show_poll(fd, POLLIN, 0);
	tell();
	await(fd, POLLIN);
	DO(recv(fd, buf, 1, MSG_PEEK));
	DO(recv(fd, buf, 1, 0));
}

void
waitall_pieces_server(int fd)
{
	for (int i = 0; i < 10; i++) {
		puts_to(fd, "0123456789");
		hear();
	}
	give(fd, 100000, 3333, 4);
}

void
waitall_pieces_client(int fd)
{
	struct digest d = DIGEST;
	static char big[100000];
	char buf[100];

	for (int i = 0; i < 9; i++)
		tell();
	say_text("all", buf, DO(recv(fd, buf, sizeof(buf), MSG_WAITALL)));
	tell();
	DO(recv(fd, big, sizeof(big), MSG_WAITALL));
	digest_add(&d, big, sizeof(big));
	say_digest("took", &d, "");
	DO(recv(fd, buf, sizeof(buf), MSG_WAITALL));
}

void
dontwait_server(int fd)
{
	hear();
	puts_to(fd, "seven b");
	take(fd, ALL);
}

void
dontwait_client(int fd)
{
	char buf[16];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	DO(recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
	DO(recvmsg(fd, &m, MSG_DONTWAIT));
	DO(recv(fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_WAITALL));
	say("O_NONBLOCK %d", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	tell();
	await_bytes(fd, 7);
	DO(recv(fd, buf, 4, MSG_DONTWAIT));
	DO(recv(fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_WAITALL));
	DO(recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
	DO(send(fd, "x", 1, MSG_DONTWAIT));
}

void
msg_more_server(int fd)
{
	for (int i = 0; i < 100; i++)
		MUST(send(fd, "piece of a line ", 16, MSG_MORE));
	DO(send(fd, "end\n", 4, 0));
	take_text(fd, 2);
	DO(send(fd, "held", 4, MSG_MORE));
	DO(shutdown(fd, SHUT_WR));
}

void
msg_more_client(int fd)
{
	take(fd, 1604);
	puts_to(fd, "ok");
	take(fd, ALL);
}

void
oob_none_server(int fd)
{
	char c;

	DO(recv(fd, &c, 1, MSG_OOB));
	DO(sockatmark(fd));
	puts_to(fd, "inband");
	take(fd, ALL);
}

void
oob_none_client(int fd)
{
	take_text(fd, 6);
	show_poll(fd, POLLPRI, 0);
}
