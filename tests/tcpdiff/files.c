/* files.c - tcpdiff's scenarios about sendfile, splice and tee */
#define _GNU_SOURCE
#include "tcpdiff.h"

static void *volatile nowhere = (void *)8;

static void
quiet_server(int fd)
{
	take(fd, ALL);
}

static void
slow_server(int fd)
{
	hear();
	take(fd, ALL);
}

static int
file_of(size_t n)
{
	char *buf = malloc(n);
	int f = MUST(memfd_create("file", MFD_CLOEXEC));

	pattern(buf, n, 0, 9);
	put(f, buf, n);
	free(buf);
	lseek(f, 0, SEEK_SET);
	return f;
}

#define AT(f) say("position %ld", (long)lseek(f, 0, SEEK_CUR))

static void
sendfile_client(int fd)
{
	int f = file_of(200000), p[2], w, null = open("/dev/null", O_RDWR);
	char path[64];
	off_t off = 1000;

	MUST(pipe(p));
	put(p[1], "in a pipe", 9);
	DO(sendfile(fd, f, &off, 500));
	say("offset %ld", (long)off);
	AT(f);
	DO(sendfile(fd, f, NULL, 700));
	AT(f);
	DO(sendfile(fd, f, NULL, 0));
	off = 199990;
	DO(sendfile(fd, f, &off, 500));
	say("offset %ld", (long)off);
	DO(sendfile(fd, f, &off, 500));
	say("offset %ld", (long)off);
	off = 999999;
	DO(sendfile(fd, f, &off, 500));
	say("offset %ld", (long)off);
	off = -1;
	DO(sendfile(fd, f, &off, 500));
	DO(sendfile(fd, f, nowhere, 500));
	DO(sendfile(fd, p[0], NULL, 9));
	off = 0;
	DO(sendfile(fd, p[0], &off, 9));
	DO(sendfile(fd, p[1], NULL, 9));
	DO(sendfile(fd, -1, NULL, 9));
	DO(sendfile(-1, f, NULL, 9));
	DO(sendfile(fd, fd, NULL, 9));
	DO(sendfile(null, fd, NULL, 9));
	DO(sendfile(f, fd, NULL, 9));
	sprintf(path, "/proc/self/fd/%d", f);
	w = MUST(open(path, O_WRONLY));
	DO(sendfile(fd, w, NULL, 9));
	DO(sendfile(fd, f, NULL, (size_t)-1));
	AT(f);
	DO(sendfile(fd, f, NULL, 10));
	DO(sendfile(fd, null, NULL, 10));
	w = MUST(open("/", O_RDONLY));
	DO(sendfile(fd, w, NULL, 10));
	AT(f);
	catch_signal(SIGPIPE, 0);
	DO(shutdown(fd, SHUT_WR));
	off = 0;
	DO(sendfile(fd, f, &off, 10));
	say("offset %ld", (long)off);
	lseek(f, 5, SEEK_SET);
	DO(sendfile(fd, f, NULL, 10));
	AT(f);
	say_caught(SIGPIPE);
}

#define LARGE (12 << 20)

/* Only what fits: position and offset say exactly how much that was. */
static void
short_client(int fd)
{
	int f = file_of(LARGE), n = 65536;
	off_t off = 0;
	ssize_t sum = 0, k;

	MUST(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n)));
	set_nonblocking(fd, 1);
	while ((k = sendfile(fd, f, NULL, LARGE)) > 0)
		sum += k;
	say("end: %s", k == 0 ? "EOF" : strerrorname_np(errno));
	say("position %s", lseek(f, 0, SEEK_CUR) == sum ? "exact" : "off");
	off = sum;
	k = sendfile(fd, f, &off, LARGE);
	say("offset %s", off == sum + (k > 0 ? k : 0) ? "exact" : "off");
	sum = off;
	tell();
	while (sum < LARGE) {
		await(fd, POLLOUT);
		k = sendfile(fd, f, &off, LARGE - sum);
		if (k == -1 && errno == EAGAIN)
			continue;
		if (k <= 0)
			break;
		sum += k;
		if (off != sum)
			say("offset %ld instead of %ld", (long)off, (long)sum);
	}
	say("sent %zd", sum);
	DO(lseek(f, 0, SEEK_CUR) <= sum);
}

static void
timed_client(int fd)
{
	int f = file_of(LARGE);
	ssize_t k;

	set_timeout(fd, SO_SNDTIMEO, 100);
	k = sendfile(fd, f, NULL, LARGE);
	say("%s", k > 0 && k < LARGE ? "short" : "not short");
	say("position %s", lseek(f, 0, SEEK_CUR) == k ? "exact" : "off");
	tell();
	set_timeout(fd, SO_SNDTIMEO, 0);
	k += sendfile(fd, f, NULL, LARGE);
	say("sent %zd", k);
	AT(f);
}

static void
errors_server(int fd)
{
	puts_to(fd, "0123456789");
	take(fd, ALL);
}

/* What is wrong whatever is in the pipe. */
static void
errors_client(int fd)
{
	int f = file_of(100), p[2], q[2];
	off_t off = 0;

	MUST(pipe(p));
	MUST(pipe(q));
	put(p[1], "pipe", 4);
	await_bytes(fd, 10);
	DO(splice(fd, NULL, f, NULL, 5, 0));
	DO(splice(f, NULL, fd, NULL, 5, 0));
	DO(splice(fd, NULL, fd, NULL, 5, 0));
	DO(splice(fd, &off, p[1], NULL, 5, 0));
	DO(splice(p[0], NULL, fd, &off, 5, 0));
	DO(splice(p[0], &off, fd, NULL, 5, 0));
	DO(splice(p[1], NULL, fd, NULL, 5, 0));
	DO(splice(fd, NULL, p[0], NULL, 5, 0));
	DO(splice(-1, NULL, fd, NULL, 5, 0));
	DO(splice(fd, NULL, -1, NULL, 5, 0));
	DO(splice(fd, NULL, p[1], NULL, 0, 0));
	DO(splice(fd, NULL, p[1], NULL, 5, 0x100));
	DO(tee(fd, p[1], 5, 0));
	DO(tee(p[0], fd, 5, 0));
	DO(vmsplice(fd, &(struct iovec){"x", 1}, 1, 0));
	DO(copy_file_range(f, NULL, fd, NULL, 5, 0));
	DO(copy_file_range(fd, NULL, f, NULL, 5, 0));
	take_text(p[0], 4);
	take_text(fd, 10);
}

static void
splice_out_client(int fd)
{
	int p[2];
	char b[16] = "";

	MUST(pipe2(p, O_CLOEXEC));
	put(p[1], "abcdefghij", 10);
	DO(splice(p[0], NULL, fd, NULL, 4, 0));
	DO(splice(p[0], NULL, fd, NULL, 100, SPLICE_F_MOVE));
	DO(splice(p[0], NULL, fd, NULL, 100, SPLICE_F_NONBLOCK));
	set_nonblocking(p[0], 1);
	DO(splice(p[0], NULL, fd, NULL, 100, 0));
	set_nonblocking(p[0], 0);
	put(p[1], "more", 4);
	DO(splice(p[0], NULL, fd, NULL, 100, SPLICE_F_MORE));
	put(p[1], "left", 4);
	catch_signal(SIGPIPE, 0);
	DO(shutdown(fd, SHUT_WR));
	DO(splice(p[0], NULL, fd, NULL, 100, 0));
	say_caught(SIGPIPE);
	set_nonblocking(p[0], 1);
	DO(read(p[0], b, 16) >= 0 || errno == EAGAIN);
	close(p[1]);
	DO(splice(p[0], NULL, fd, NULL, 100, 0));
}

static void
splice_in_server(int fd)
{
	hear();
	puts_to(fd, "0123456789");
	hear();
	puts_to(fd, "late");
	hear();
	shutdown(fd, SHUT_WR);
	take(fd, ALL);
}

static void
splice_in_client(int fd)
{
	int p[2];
	char b[16] = "";

	MUST(pipe(p));
	/* SPLICE_F_NONBLOCK speaks of the pipe alone */
	set_nonblocking(fd, 1);
	DO(splice(fd, NULL, p[1], NULL, 5, SPLICE_F_NONBLOCK));
	DO(splice(fd, NULL, p[1], NULL, 5, 0));
	set_nonblocking(fd, 0);
	set_timeout(fd, SO_RCVTIMEO, 50);
	DO(splice(fd, NULL, p[1], NULL, 5, 0));
	set_timeout(fd, SO_RCVTIMEO, 0);
	tell();
	await_bytes(fd, 10);
	DO(splice(fd, NULL, p[1], NULL, 4, 0));
	DO(recv(fd, b, 1, MSG_PEEK));
	say_text("b", b, 1);
	DO(splice(fd, NULL, p[1], NULL, 100, 0));
	take_text(p[0], 10);
	tell();
	DO(splice(fd, NULL, p[1], NULL, 100, 0));
	take_text(p[0], 4);
	tell();
	await(fd, POLLRDHUP);
	DO(splice(fd, NULL, p[1], NULL, 100, 0));
	DO(splice(fd, NULL, p[1], NULL, 100, SPLICE_F_NONBLOCK));
	close(p[0]);
	catch_signal(SIGPIPE, 0);
	DO(splice(fd, NULL, p[1], NULL, 100, 0));
	say_caught(SIGPIPE);
}

#define MUCH (3 << 20)

static void
relay_server(int fd)
{
	give(fd, MUCH, 50000, 5);
	shutdown(fd, SHUT_WR);
	take(fd, ALL);
}

/* What a proxy does: socket to pipe, pipe to socket, until the end. */
static void
relay_client(int fd)
{
	int p[2];
	ssize_t k, sum = 0;

	MUST(pipe(p));
	while ((k = splice(fd, NULL, p[1], NULL, 1 << 20, SPLICE_F_MOVE)) > 0)
		while (k > 0) {
			ssize_t n = splice(p[0], NULL, fd, NULL, k, 0);

			if (n <= 0) {
				say("out: %s", strerrorname_np(errno));
				return;
			}
			k -= n;
			sum += n;
		}
	say("in: %s, relayed %zd", k == 0 ? "EOF" : strerrorname_np(errno),
	    sum);
}

/* The pipe takes a page at a time: what it leaves comes with the next one. */
static void
narrow_client(int fd)
{
	int p[2];
	ssize_t k, n, sum = 0;
	char *all = malloc(MUCH), *want = malloc(MUCH);

	MUST(pipe(p));
	MUST(fcntl(p[1], F_SETPIPE_SZ, 4096));
	while (sum < MUCH && (k = splice(fd, NULL, p[1], NULL, MUCH, 0)) > 0)
		for (; k > 0; k -= n, sum += n)
			n = MUST(read(p[0], all + sum, MUCH - sum));
	pattern(want, MUCH, 0, 5);
	say("in: %zd bytes %s", sum,
	    memcmp(all, want, MUCH) == 0 ? "whole" : "spoilt");
	DO(splice(fd, NULL, p[1], NULL, MUCH, 0));
	free(all);
	free(want);
}

/* What the socket does not take stays in the pipe. */
static void
brimful_client(int fd)
{
	int f = file_of(MUCH), p[2], n = 16384;
	ssize_t k, left = MUCH, in_pipe = 0;
	int told = 0;

	MUST(pipe(p));
	MUST(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n)));
	set_nonblocking(fd, 1);
	while (left + in_pipe > 0) {
		if (in_pipe == 0) {
			in_pipe = MUST(splice(f, NULL, p[1], NULL, 65536, 0));
			left -= in_pipe;
		}
		k = splice(p[0], NULL, fd, NULL, in_pipe, 0);
		if (k > 0) {
			in_pipe -= k;
			continue;
		}
		if (k == 0 || errno != EAGAIN)
			break;
		if (!told)
			tell();
		told = 1;
		await(fd, POLLOUT);
	}
	say("left %zd, in the pipe %zd, waited %d", left, in_pipe, told);
}

const struct scenario scenarios[] = {
	{"sendfile", TWO_PROCESSES, CONNECTED, quiet_server, sendfile_client,
	    ""},
	{"sendfile-short", TWO_PROCESSES, CONNECTED, slow_server,
	    short_client, ""},
	{"sendfile-timed", TWO_PROCESSES, CONNECTED, slow_server,
	    timed_client, ""},
	PROCESSES("errors", CONNECTED, errors, ""),
	{"splice-out", TWO_PROCESSES, CONNECTED, quiet_server,
	    splice_out_client, ""},
	PROCESSES("splice-in", CONNECTED, splice_in, ""),
	PROCESSES("splice-relay", CONNECTED, relay, ""),
	{"splice-narrow", TWO_PROCESSES, CONNECTED, relay_server,
	    narrow_client, ""},
	{"splice-brimful", TWO_PROCESSES, CONNECTED, slow_server,
	    brimful_client, ""},
	{.name = NULL},
};
