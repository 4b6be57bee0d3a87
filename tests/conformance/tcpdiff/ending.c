/* ending.c - connections end, or a call does; scenarios.def has them all */
#define _GNU_SOURCE
#include "tcpdiff.h"

/* ================ writing where nobody reads ================ */

void
sigpipe_own_shutdown_server(int fd)
{
	struct iovec iov = { "x", 1 };

	catch_signal(SIGPIPE, SA_RESTART);
	DO(shutdown(fd, SHUT_WR));
	DO(write(fd, "x", 1));
	say("SIGPIPE %d", caught(SIGPIPE));
	DO(writev(fd, &iov, 1));
	say("SIGPIPE %d", caught(SIGPIPE));
	DO(send(fd, "x", 1, MSG_NOSIGNAL));
	DO(send(fd, "x", 1, MSG_DONTWAIT));
	say("SIGPIPE %d", caught(SIGPIPE));
	DO(write(fd, "", 0));
	show_poll(fd, POLLIN | POLLOUT | POLLRDHUP, 0);
	tell();
	take(fd, ALL);
	show_error(fd);
}

void
sigpipe_own_shutdown_client(int fd)
{
	hear();
	take(fd, ALL);
	puts_to(fd, "your answer");
}

void
sigpipe_kills_server(int fd)
{
	pid_t pid = child();

	if (pid == 0) {
		shutdown(fd, SHUT_WR);
		MUST(write(fd, "x", 1));
		_exit(0);
	}
	reap(pid);
}

void
sigpipe_kills_client(int fd)
{
	take(fd, ALL);
}

/* ================ shutdown and close ================ */

void
half_close_server(int fd)
{
	take(fd, ALL);
	show_poll(fd, POLLIN | POLLOUT | POLLRDHUP, 0);
	give(fd, 1000000, 10000, 6);
	DO(close(fd));
}

void
half_close_client(int fd)
{
	give(fd, 50000, 5000, 5);
	DO(shutdown(fd, SHUT_WR));
	show_poll(fd, POLLOUT, 0);
	take(fd, ALL);
	DO(close(fd));
}

void
shutdown_read_server(int fd)
{
	char c;

	DO(shutdown(fd, SHUT_RD));
	DO(read(fd, &c, 1));
	DO(recv(fd, &c, 1, MSG_DONTWAIT));
	show_poll(fd, POLLIN | POLLOUT | POLLRDHUP, 0);
	DO(write(fd, "can write", 9));
	DO(shutdown(fd, SHUT_WR));
	show_poll(fd, POLLIN | POLLOUT | POLLRDHUP, 0);
	meet();
}

void
shutdown_read_client(int fd)
{
	take(fd, ALL);
	show_poll(fd, POLLIN | POLLOUT | POLLRDHUP, 0);
	meet();
}

void
shutdown_errors_server(int fd)
{
	int ends[2];

	MUST(pipe(ends));
	DO(shutdown(-1, SHUT_RD));
	DO(shutdown(ends[0], SHUT_RD));
	DO(shutdown(fd, 3));
	DO(shutdown(fd, -1));
	puts_to(fd, "one");
	DO(shutdown(fd, SHUT_WR));
	DO(shutdown(fd, SHUT_WR));
	tell();
	take(fd, ALL);
	DO(shutdown(fd, SHUT_RD));
	DO(shutdown(fd, SHUT_WR));
}

void
shutdown_errors_client(int fd)
{
	take(fd, ALL);
	hear();
	puts_to(fd, "two");
	DO(shutdown(fd, SHUT_RDWR));
	await(fd, POLLHUP);
}

void
close_unread_server(int fd)
{
	hear();
	await_bytes(fd, 5);
	DO(close(fd));
	tell();
}

void
close_unread_client(int fd)
{
	char buf[8];

	puts_to(fd, "never");
	tell();
	hear();
	await(fd, POLLIN);
	DO(read(fd, buf, sizeof(buf)));
	DO(read(fd, buf, sizeof(buf)));
	DO(send(fd, "x", 1, MSG_NOSIGNAL));
}

void
linger_server(int fd)
{
	double start;

	set_linger(fd, 1, 5);
	give(fd, 300000, 30000, 7);
	start = now();
	DO(close(fd));
	say("within the limit: %s", now() - start < 4 ? "yes" : "no");
}

void
linger_client(int fd)
{
	take(fd, ALL);
}

/* ================ time and signals ================ */

void
rcvtimeo_server(int fd)
{
	struct timeval t;
	socklen_t n = sizeof(t);
	double start;
	char buf[8];

	set_timeout(fd, SO_RCVTIMEO, 120);
	DO(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, &n));
	say("timeout %ld.%03ld", (long)t.tv_sec, (long)t.tv_usec / 1000);
	start = now();
	DO(read(fd, buf, sizeof(buf)));
	say("read %s", waited(start, 0.12));
	start = now();
	DO(recv(fd, buf, sizeof(buf), MSG_WAITALL));
	say("waitall %s", waited(start, 0.12));
	tell();
	await_bytes(fd, 3);
	DO(recv(fd, buf, sizeof(buf), MSG_WAITALL));
	set_timeout(fd, SO_RCVTIMEO, 0);
	tell();
	take_text(fd, 4);
}

void
rcvtimeo_client(int fd)
{
	hear();
	puts_to(fd, "abc");
	hear();
	puts_to(fd, "last");
	take(fd, ALL);
}

void
eintr_recv_server(int fd)
{
	char buf[8];

	catch_signal(SIGALRM, 0);
	alarm_every(60);
	DO(read(fd, buf, sizeof(buf)));
	say_caught(SIGALRM);
	DO(recv(fd, buf, sizeof(buf), MSG_WAITALL));
	say_caught(SIGALRM);
	alarm_every(0);
	tell();
	await_bytes(fd, 4);
	alarm_every(60);
	DO(recv(fd, buf, sizeof(buf), MSG_WAITALL));
	say_caught(SIGALRM);
	alarm_every(0);
	tell();
	take(fd, ALL);
}

void
eintr_recv_client(int fd)
{
	hear();
	puts_to(fd, "half");
	hear();
	puts_to(fd, "rest");
}

void
eintr_poll_server(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	struct timeval tv = { 5, 0 };
	fd_set r;

	catch_signal(SIGALRM, SA_RESTART);
	alarm_every(60);
	DO(poll(&p, 1, -1));
	FD_ZERO(&r);
	FD_SET(fd, &r);
	DO(select(fd + 1, &r, NULL, NULL, &tv));
	say_caught(SIGALRM);
	alarm_every(0);
	puts_to(fd, "go");
	take(fd, ALL);
}

void
eintr_poll_client(int fd)
{
	take_text(fd, 2);
	puts_to(fd, "gone");
}

void
eintr_send_server(int fd)
{
	static char block[1 << 16];
	struct digest d = DIGEST;
	ssize_t n;

	catch_signal(SIGALRM, 0);
	alarm_every(60);
	while ((n = send(fd, block, sizeof(block), 0)) > 0)
		d.n += n;
	say("full: %s", strerrorname_np(errno));
	say_caught(SIGALRM);
	alarm_every(0);
	shared->note[0] = d.n;
	DO(shutdown(fd, SHUT_WR));
	tell();
	take(fd, ALL);
}

void
eintr_send_client(int fd)
{
	static char buf[1 << 16];
	long got = 0;
	ssize_t n;

	hear();
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		got += n;
	say("end %zd, every byte accepted arrived: %s", n,
	    got == shared->note[0] ? "yes" : "no");
}

/* ================ a hurried end ================ */

static void
slow_take(int fd)
{
	static char buf[65536];
	struct timespec pause = { 0, 2000000 };
	struct digest d = DIGEST;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		digest_add(&d, buf, n);
		nanosleep(&pause, NULL);
	}
	say_digest("took", &d,
	    n == 0 ? ", then EOF" : strerrorname_np(errno));
}

void
exit_slow_reader_server(int fd)
{
	give(fd, 4000000, 100000, 14);
	exit(0);
}

void
exit_slow_reader_client(int fd)
{
	slow_take(fd);
}

void
return_slow_reader_server(int fd)
{
	slow_take(fd);
}

void
return_slow_reader_client(int fd)
{
	give(fd, 4000000, 100000, 15);
}
