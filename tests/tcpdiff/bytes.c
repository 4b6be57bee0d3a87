/* bytes.c - tcpdiff's scenarios about flags, iovecs, limits and messages */
#define _GNU_SOURCE
#include "tcpdiff.h"

/* Not known to the compiler, which would warn or refuse. */
static void *volatile nowhere = (void *)8;
static void *volatile beyond = (void *)-4096;

/* A page that may not be touched. */
static char *
guarded(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(p + 4096, 4096, PROT_NONE);
	return p + 4096;
}

/* The other end of most: says so much, then reads to the end. */
static void
ten_server(int fd)
{
	puts_to(fd, "0123456789");
	take(fd, ALL);
}

static void
quiet_server(int fd)
{
	take(fd, ALL);
}

static void
peek_client(int fd)
{
	char a[4] = "", b[16] = "";
	struct iovec iov[] = {{a, 3}, {NULL, 0}, {b, 4}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 3};

	await_bytes(fd, 10);
	DO(recv(fd, b, 4, MSG_PEEK));
	say_text("b", b, 4);
	DO(recv(fd, b, 16, MSG_PEEK));
	say_text("b", b, 10);
	DO(recvmsg(fd, &m, MSG_PEEK));
	say_text("a", a, 3);
	say_text("b", b, 4);
	DO(recv(fd, b, 0, MSG_PEEK));
	DO(recv(fd, b, 10, MSG_PEEK | MSG_WAITALL));
	DO(recv(fd, b, 16, MSG_PEEK | MSG_DONTWAIT | MSG_WAITALL));
	DO(read(fd, b, 3));
	DO(recv(fd, b, 16, MSG_PEEK | MSG_DONTWAIT));
	say_text("b", b, 7);
	DO(read(fd, b, 16));
	DO(recv(fd, b, 16, MSG_PEEK | MSG_DONTWAIT));
}

static void
peek_end_server(int fd)
{
	puts_to(fd, "end");
	shutdown(fd, SHUT_WR);
	take(fd, ALL);
}

static void
peek_end_client(int fd)
{
	char b[16];

	DO(recv(fd, b, 16, MSG_PEEK | MSG_WAITALL));
	DO(recv(fd, b, 16, MSG_PEEK));
	DO(recv(fd, b, 16, 0));
	DO(recv(fd, b, 16, MSG_PEEK));
	DO(recv(fd, b, 16, MSG_PEEK | MSG_WAITALL));
	DO(recv(fd, b, 0, 0));
	DO(recv(fd, b, 16, MSG_WAITALL));
	DO(recv(fd, b, 16, MSG_TRUNC));
	DO(recv(fd, b, 16, MSG_DONTWAIT));
}

static void
trunc_client(int fd)
{
	char b[32] = "";
	struct iovec iov = {b, 2};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	await_bytes(fd, 10);
	DO(recv(fd, NULL, 2, MSG_TRUNC));
	DO(recv(fd, b, 2, MSG_TRUNC | MSG_PEEK));
	DO(recvmsg(fd, &m, MSG_TRUNC));
	say("msg_flags %x", (unsigned)m.msg_flags);
	DO(recv(fd, b, 1, 0));
	say_text("b", b, 1);
	DO(recv(fd, nowhere, 3, MSG_TRUNC));
	DO(recv(fd, b, 32, MSG_TRUNC | MSG_PEEK));
	DO(recv(fd, b, 2, MSG_TRUNC | MSG_WAITALL));
	DO(recv(fd, b, 2, MSG_TRUNC | MSG_DONTWAIT));
}

static void
waitall_server(int fd)
{
	puts_to(fd, "abc");
	hear();
	puts_to(fd, "defgh");
	hear();
	puts_to(fd, "ij");
	hear();
	puts_to(fd, "kl");
	shutdown(fd, SHUT_WR);
	take(fd, ALL);
}

static void
waitall_client(int fd)
{
	char b[16] = "", c[16] = "";
	struct iovec iov[] = {{b, 2}, {NULL, 0}, {c, 3}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 3};

	await_bytes(fd, 3);
	DO(recv(fd, b, 8, MSG_WAITALL | MSG_DONTWAIT));
	DO(recv(fd, b, 8, MSG_WAITALL | MSG_DONTWAIT));
	tell();
	DO(recvmsg(fd, &m, MSG_WAITALL));
	say_text("b", b, 2);
	say_text("c", c, 3);
	say("namelen %u controllen %zu flags %x", m.msg_namelen,
	    m.msg_controllen, (unsigned)m.msg_flags);
	tell();
	await_bytes(fd, 2);
	set_timeout(fd, SO_RCVTIMEO, 60);
	DO(recv(fd, b, 8, MSG_WAITALL));
	DO(recv(fd, b, 8, MSG_WAITALL));
	set_nonblocking(fd, 1);
	DO(recv(fd, b, 8, MSG_WAITALL));
	set_nonblocking(fd, 0);
	set_timeout(fd, SO_RCVTIMEO, 0);
	tell();
	DO(recv(fd, b, 8, MSG_WAITALL));
	DO(recv(fd, b, 8, MSG_WAITALL));
}

static void
nosignal_client(int fd)
{
	struct iovec iov = {"x", 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct mmsghdr mm = {.msg_hdr = m};

	catch_signal(SIGPIPE, 0);
	DO(shutdown(fd, SHUT_WR));
	DO(send(fd, "x", 1, MSG_NOSIGNAL));
	DO(sendto(fd, "x", 1, MSG_NOSIGNAL, NULL, 0));
	DO(sendmsg(fd, &m, MSG_NOSIGNAL));
	DO(sendmmsg(fd, &mm, 1, MSG_NOSIGNAL));
	say_caught(SIGPIPE);
	DO(sendmsg(fd, &m, 0));
	say_caught(SIGPIPE);
	DO(writev(fd, &iov, 1));
	say_caught(SIGPIPE);
	DO(sendmmsg(fd, &mm, 1, 0));
	say_caught(SIGPIPE);
	DO(send(fd, "", 0, 0));
	say_caught(SIGPIPE);
	DO(write(fd, "", 0));
	say_caught(SIGPIPE);
	DO(dprintf(fd, "x"));
	say_caught(SIGPIPE);
	DO(pwritev2(fd, &iov, 1, -1, 0));
	say_caught(SIGPIPE);
}

/* tcp(7): a partial frame is held until more comes, 200 ms at most. */
static void
more_server(int fd)
{
	char b[64];
	int k;

	for (k = 0; k < 3; k++) {
		tell();
		hear();
		quiet(fd);
		tell();
		hear();
		await_bytes(fd, 5);
		DO(recv(fd, b, sizeof(b), 0));
	}
	tell();
	take(fd, ALL);
}

static void
more_client(int fd)
{
	struct iovec iov = {"de", 2};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	int on = 1, off = 0;

	hear();
	DO(send(fd, "ab", 2, MSG_MORE));
	DO(send(fd, "c", 1, MSG_MORE));
	tell();
	hear();
	DO(sendmsg(fd, &m, 0));
	tell();
	hear();
	DO(setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)));
	DO(write(fd, "ab", 2));
	DO(write(fd, "c", 1));
	tell();
	hear();
	DO(write(fd, "de", 2));
	DO(setsockopt(fd, IPPROTO_TCP, TCP_CORK, &off, sizeof(off)));
	tell();
	hear();
	DO(send(fd, "ab", 2, MSG_MORE));
	DO(send(fd, "cde", 3, MSG_MORE));
	tell();
	hear();
	DO(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	tell();
	hear();
}

static void
more_end_server(int fd)
{
	take(fd, ALL);
	puts_to(fd, "bye");
}

static void
more_end_client(int fd)
{
	DO(send(fd, "tail", 4, MSG_MORE));
	DO(shutdown(fd, SHUT_WR));
	take(fd, ALL);
}

static void
iovecs_server(int fd)
{
	take(fd, 3072);
	give(fd, 2048, 2048, 3);
	take(fd, ALL);
}

#define MANY 1025

static void
iovecs_client(int fd)
{
	static char buf[MANY * 2];
	struct iovec iov[MANY];
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = MANY};
	struct digest d = DIGEST;
	int i;

	pattern(buf, sizeof(buf), 0, 7);
	for (i = 0; i < MANY; i++)
		iov[i] = (struct iovec){buf + 2 * i, 2};
	DO(writev(fd, iov, MANY));
	DO(writev(fd, iov, -1));
	DO(writev(fd, iov, INT_MIN));
	DO(sendmsg(fd, &m, 0));
	DO(pwritev2(fd, iov, MANY, -1, 0));
	DO(writev(fd, iov, 1024));
	m.msg_iovlen = 512;
	DO(sendmsg(fd, &m, 0));
	await_bytes(fd, 2048);
	DO(readv(fd, iov, MANY));
	DO(readv(fd, iov, -1));
	m.msg_iovlen = MANY;
	DO(recvmsg(fd, &m, 0));
	DO(preadv2(fd, iov, MANY, -1, 0));
	m.msg_iovlen = (size_t)1 << 32;
	DO(recvmsg(fd, &m, MSG_DONTWAIT));
	DO(readv(fd, iov, 1024));
	digest_add(&d, buf, 2048);
	say_digest("read", &d, "");
}

static void
lengths_server(int fd)
{
	puts_to(fd, "0123456789");
	meet();
	take(fd, ALL);
}

static void
lengths_client(int fd)
{
	static char b[16]; /* far from the end of what a program may have */
	size_t huge = (size_t)-1;
	volatile size_t max = SSIZE_MAX;
	char *volatile big = b;
	struct iovec over[] = {{b, 4}, {b, huge}};
	struct iovec sum[] = {{b, 4}, {b, SSIZE_MAX}};
	struct iovec none[2] = {{NULL, 0}, {NULL, 0}};
	struct msghdr m = {.msg_iov = over, .msg_iovlen = 2};
	struct msghdr empty = {.msg_iov = NULL, .msg_iovlen = 0};

	await_bytes(fd, 10);
	DO(readv(fd, over, 2));
	DO(writev(fd, over, 2));
	DO(sendmsg(fd, &m, 0));
	DO(recvmsg(fd, &m, 0));
	DO(readv(fd, sum, 2));
	say_text("b", b, 6);
	DO(readv(fd, none, 2));
	DO(writev(fd, none, 2));
	DO(recvmsg(fd, &empty, MSG_DONTWAIT));
	DO(sendmsg(fd, &empty, 0));
	DO(recv(fd, big, max, MSG_DONTWAIT));
	meet();
	DO(preadv2(fd, none, 2, -1, 0));
	DO(pwritev2(fd, none, 2, -1, 0));
	DO(preadv2(fd, none, 0, -1, 0));
	DO(readv(fd, NULL, 0));
	DO(writev(fd, NULL, 0));
	DO(readv(fd, nowhere, 0));
	DO(recv(fd, NULL, 0, MSG_DONTWAIT));
	DO(recv(fd, nowhere, 0, MSG_DONTWAIT));
	DO(read(fd, nowhere, 0));
	DO(write(fd, nowhere, 0));
	DO(write(fd, beyond, 0));
}

static void
faults_client(int fd)
{
	char *page = guarded(), b[16] = "";
	volatile size_t one = 1;
	struct iovec bad = {nowhere, 3};
	struct msghdr m = {.msg_iov = &bad, .msg_iovlen = 1};

	await_bytes(fd, 10);
	DO(read(fd, nowhere, one));
	DO(read(fd, NULL, one));
	DO(read(fd, page, one));
	DO(read(fd, beyond, one));
	DO(recv(fd, nowhere, one, 0));
	DO(recv(fd, nowhere, one, MSG_PEEK));
	DO(recvfrom(fd, beyond, one, 0, NULL, NULL));
	DO(readv(fd, &bad, 1));
	DO(readv(fd, nowhere, 1));
	DO(recvmsg(fd, &m, 0));
	DO(recvmsg(fd, nowhere, 0));
	DO(recvmsg(fd, NULL, 0));
	DO(preadv2(fd, &bad, 1, -1, 0));
	DO(write(fd, nowhere, one));
	DO(write(fd, NULL, one));
	DO(write(fd, page, one));
	DO(write(fd, beyond, one));
	DO(send(fd, nowhere, one, 0));
	DO(sendto(fd, page, one, 0, NULL, 0));
	DO(writev(fd, &bad, 1));
	DO(writev(fd, nowhere, 1));
	DO(sendmsg(fd, &m, 0));
	DO(sendmsg(fd, nowhere, 0));
	DO(sendmsg(fd, NULL, 0));
	DO(sendmmsg(fd, nowhere, 1, 0));
	DO(recvmmsg(fd, nowhere, 1, 0, NULL));
	DO(pwritev2(fd, &bad, 1, -1, 0));
	DO(ioctl(fd, FIONREAD, nowhere));
	DO(ioctl(fd, TIOCOUTQ, nowhere));
	DO(ioctl(fd, FIONBIO, nowhere));
	DO(getsockopt(fd, SOL_SOCKET, SO_ERROR, nowhere, nowhere));
	DO(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, nowhere, 4));
	DO(read(fd, b, 4));
	say_text("nothing was lost", b, 4);
}

/* A socket has no position, and its few flags are those of the call. */
static void
position_client(int fd)
{
	char b[4] = "";
	struct iovec iov = {b, 2};

	await_bytes(fd, 10);
	DO(pread(fd, b, 1, 0));
	DO(pwrite(fd, b, 1, 0));
	DO(pread(fd, b, 0, 0));
	DO(preadv(fd, &iov, 1, 0));
	DO(pwritev(fd, &iov, 1, 0));
	DO(preadv2(fd, &iov, 1, 0, 0));
	DO(pwritev2(fd, &iov, 1, 0, 0));
	DO(preadv2(fd, &iov, 1, 7, 0));
	DO(preadv2(fd, &iov, 1, -2, 0));
	DO(pwritev2(fd, &iov, 1, -2, 0));
	DO(preadv2(fd, &iov, 1, -1, 0));
	say_text("b", b, 2);
	DO(preadv2(fd, &iov, 1, -1, RWF_NOWAIT));
	say_text("b", b, 2);
	DO(preadv2(fd, &iov, 1, -1, RWF_HIPRI));
	DO(preadv2(fd, &iov, 1, -1, 0x40000000));
	DO(preadv2(fd, &iov, 0, -1, 0x40000000));
	DO(preadv2(fd, &iov, 1, 0, 0x40000000));
	DO(pwritev2(fd, &iov, 1, -1, RWF_NOWAIT));
	DO(pwritev2(fd, &iov, 1, -1, RWF_DSYNC));
	DO(pwritev2(fd, &iov, 1, -1, RWF_APPEND));
	DO(pwritev2(fd, &iov, 1, -1, 0x40000000));
	DO(pwritev2(fd, &iov, 0, -1, 0x40000000));
	DO(read(fd, b, 4));
	DO(preadv2(fd, &iov, 1, -1, RWF_NOWAIT));
	DO(lseek(fd, 0, SEEK_CUR));
	DO(lseek(fd, 0, SEEK_END));
	DO(ftruncate(fd, 0));
	DO(fsync(fd));
	DO(fdatasync(fd));
}

#define BULK (24 << 20)

static void
bulk_server(int fd)
{
	take(fd, BULK);
	give(fd, BULK, BULK, 2);
	take(fd, ALL);
}

static void
bulk_client(int fd)
{
	char *buf = malloc(BULK);
	struct digest d = DIGEST;
	struct iovec iov[2] = {{buf, BULK / 2}, {buf + BULK / 2, BULK / 2}};

	pattern(buf, BULK, 0, 1);
	digest_add(&d, buf, BULK);
	DO(write(fd, buf, BULK));
	say_digest("wrote", &d, "");
	memset(buf, 0, BULK);
	d = (struct digest)DIGEST;
	DO(recvmsg(fd, &(struct msghdr){.msg_iov = iov, .msg_iovlen = 2},
	    MSG_WAITALL));
	digest_add(&d, buf, BULK);
	say_digest("read", &d, "");
	free(buf);
}

/* The other end's digest is of an amount that is free: said as nothing. */
static void
sndtimeo_server(int fd)
{
	static char buf[1 << 16];

	hear();
	while (read(fd, buf, sizeof(buf)) > 0)
		continue;
	DO(read(fd, buf, 1));
}

/* What the other end's kernel has not said that it has. */
static int
on_its_way(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	MUST(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	return info.tcpi_unacked > 0;
}

static void
sndtimeo_client(int fd)
{
	static char buf[1 << 20];
	double t;
	long n = 0, k;

	set_timeout(fd, SO_SNDTIMEO, 150);
	while ((k = write(fd, buf, sizeof(buf))) == sizeof(buf))
		n += k;
	say("short: %s", k > 0 ? "yes" : strerrorname_np(errno));
	/* the other end's kernel may take some more now and then */
	while (poll(&(struct pollfd){fd, POLLOUT, 0}, 1, 50) == 1 ||
	    send(fd, buf, 1, MSG_DONTWAIT) == 1 || on_its_way(fd))
		(void)!send(fd, buf, sizeof(buf), MSG_DONTWAIT);
	t = now();
	DO(send(fd, buf, sizeof(buf), 0));
	say("%s", waited(t, 0.15));
	tell();
	set_timeout(fd, SO_SNDTIMEO, 0);
	DO(write(fd, buf, sizeof(buf)));
	DO(shutdown(fd, SHUT_WR));
}

static void
oob_server(int fd)
{
	puts_to(fd, "data");
	take(fd, ALL);
}

static void
oob_client(int fd)
{
	char c;
	int at = 5;

	await_bytes(fd, 4);
	DO(recv(fd, &c, 1, MSG_OOB));
	DO(recv(fd, &c, 1, MSG_OOB | MSG_DONTWAIT));
	DO(recv(fd, &c, 1, MSG_OOB | MSG_PEEK));
	DO(ioctl(fd, SIOCATMARK, &at));
	say("at mark: %d", at);
	DO(sockatmark(fd));
	show_poll(fd, POLLPRI, 0);
	DO(recv(fd, &c, 1, 0));
}

const struct scenario scenarios[] = {
	{"peek", TWO_PROCESSES, CONNECTED, ten_server, peek_client, ""},
	PROCESSES("peek-end", CONNECTED, peek_end, ""),
	{"trunc", TWO_PROCESSES, CONNECTED, ten_server, trunc_client, ""},
	PROCESSES("waitall", CONNECTED, waitall, ""),
	{"nosignal", TWO_PROCESSES, CONNECTED, quiet_server, nosignal_client,
	    ""},
	PROCESSES("more-and-cork", CONNECTED, more, ""),
	PROCESSES("more-then-end", CONNECTED, more_end, ""),
	PROCESSES("iovecs", CONNECTED, iovecs, ""),
	PROCESSES("lengths", CONNECTED, lengths, ""),
	{"faults", TWO_PROCESSES, CONNECTED, ten_server, faults_client, ""},
	{"position", TWO_PROCESSES, CONNECTED, ten_server, position_client,
	    ""},
	PROCESSES("bulk", CONNECTED, bulk, ""),
	PROCESSES("sndtimeo", CONNECTED, sndtimeo, ""),
	PROCESSES("oob", CONNECTED, oob, ""),
	{.name = NULL},
};
