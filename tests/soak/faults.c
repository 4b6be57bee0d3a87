/*
 * faults.c - preloaded behind tlsshim.so: of the calls on TCP sockets one in
 * $SOAK_FAULTS fails, or does less than it was asked to
 *
 * Nine of ten faults are what any program must live with (an interruption, a
 * short count, no room for now); the tenth ends the connection.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static long one_in;
static _Atomic uint64_t state;

enum fault { NONE, SOFT, HARD };

__attribute__((constructor)) static void
begin(void)
{
	const char *s = getenv("SOAK_FAULTS");
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	one_in = s != NULL ? atol(s) : 0;
	state = (uint64_t)t.tv_nsec << 20 ^ (uint64_t)getpid();
}

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t
number(void)
{
	uint64_t z = atomic_fetch_add(&state, 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static enum fault
fault(void)
{
	uint64_t n;

	if (one_in <= 0)
		return NONE;
	n = number();
	if (n % (uint64_t)one_in != 0)
		return NONE;
	return (n >> 32) % 10 == 0 ? HARD : SOFT;
}

static int
is_tcp(int fd)
{
	int saved = errno, domain = 0;
	socklen_t len = sizeof domain;
	int rv = getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);

	errno = saved;
	return rv == 0 && (domain == AF_INET || domain == AF_INET6);
}

static int
waits(int fd, int flags)
{
	return !(flags & MSG_DONTWAIT) && !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

#define NEXT(name)                                          \
	static __typeof__(name) *next;                      \
	if (next == NULL)                                   \
	next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static int
fails(int err)
{
	errno = err;
	return -1;
}

/* The errno of a fault in a transfer, 0: a short count. */
static int
trouble(enum fault f, int fd, int flags, int sends)
{
	static const int hard[][4] = {
	    {ECONNRESET, ETIMEDOUT, ENOMEM, ECONNRESET},
	    {ECONNRESET, EPIPE, ENOBUFS, ENOMEM}};
	unsigned pick = (unsigned)(number() >> 40);

	if (f == HARD)
		return hard[sends][pick % 4];
	switch (pick % 3) {
	case 0:
		return waits(fd, flags) ? EINTR : EAGAIN;
	default:
		return 0;
	}
}

ssize_t
recv(int fd, void *buf, size_t len, int flags)
{
	enum fault f = fault();
	int err;

	NEXT(recv);
	if (f != NONE && len > 0 && is_tcp(fd)) {
		err = trouble(f, fd, flags, 0);
		if (err != 0)
			return fails(err);
		len = 1 + number() % len;
	}
	return next(fd, buf, len, flags);
}

ssize_t
read(int fd, void *buf, size_t len)
{
	enum fault f = fault();
	int err;

	NEXT(read);
	if (f != NONE && len > 0 && is_tcp(fd)) {
		err = trouble(f, fd, 0, 0);
		if (err != 0)
			return fails(err);
		len = 1 + number() % len;
	}
	return next(fd, buf, len);
}

ssize_t
send(int fd, const void *buf, size_t len, int flags)
{
	enum fault f = fault();
	int err;

	NEXT(send);
	if (f != NONE && len > 0 && is_tcp(fd)) {
		err = trouble(f, fd, flags, 1);
		if (err != 0)
			return fails(err);
		len = 1 + number() % len;
	}
	return next(fd, buf, len, flags);
}

ssize_t
write(int fd, const void *buf, size_t len)
{
	enum fault f = fault();
	int err;

	NEXT(write);
	if (f != NONE && len > 0 && is_tcp(fd)) {
		err = trouble(f, fd, 0, 1);
		if (err != 0)
			return fails(err);
		len = 1 + number() % len;
	}
	return next(fd, buf, len);
}

ssize_t
recvmsg(int fd, struct msghdr *m, int flags)
{
	enum fault f = fault();
	int err;

	NEXT(recvmsg);
	if (f != NONE && is_tcp(fd) && (err = trouble(f, fd, flags, 0)) != 0)
		return fails(err);
	return next(fd, m, flags);
}

ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	enum fault f = fault();
	int err;

	NEXT(sendmsg);
	if (f != NONE && is_tcp(fd) && (err = trouble(f, fd, flags, 1)) != 0)
		return fails(err);
	return next(fd, m, flags);
}

int
connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	static const int errs[] = {ENETUNREACH, EADDRNOTAVAIL, ENOMEM};
	enum fault f = fault();

	NEXT(connect);
	if (f != NONE && is_tcp(fd))
		return fails(errs[number() % 3]);
	return next(fd, addr, len);
}

int
accept(int fd, __SOCKADDR_ARG addr, socklen_t *len)
{
	static const int errs[] = {EINTR, ECONNABORTED, ENFILE, ENOBUFS};

	NEXT(accept);
	if (fault() != NONE && is_tcp(fd))
		return fails(errs[number() % 4]);
	return next(fd, addr, len);
}

int
accept4(int fd, __SOCKADDR_ARG addr, socklen_t *len, int flags)
{
	static const int errs[] = {EINTR, ECONNABORTED, EMFILE, ENOMEM};

	NEXT(accept4);
	if (fault() != NONE && is_tcp(fd))
		return fails(errs[number() % 4]);
	return next(fd, addr, len, flags);
}

int
poll(struct pollfd *p, nfds_t n, int timeout)
{
	NEXT(poll);
	if (n > 0 && timeout != 0 && fault() != NONE)
		return fails(EINTR);
	return next(p, n, timeout);
}

int
ppoll(struct pollfd *p, nfds_t n, const struct timespec *t,
    const sigset_t *mask)
{
	NEXT(ppoll);
	if (n > 0 && fault() != NONE)
		return fails(EINTR);
	return next(p, n, t, mask);
}

int
epoll_wait(int ep, struct epoll_event *ev, int n, int timeout)
{
	NEXT(epoll_wait);
	if (timeout != 0 && fault() != NONE)
		return fails(EINTR);
	return next(ep, ev, n, timeout);
}

int
epoll_pwait(int ep, struct epoll_event *ev, int n, int timeout,
    const sigset_t *mask)
{
	NEXT(epoll_pwait);
	if (timeout != 0 && fault() != NONE)
		return fails(EINTR);
	return next(ep, ev, n, timeout, mask);
}

int
epoll_ctl(int ep, int op, int fd, struct epoll_event *ev)
{
	NEXT(epoll_ctl);
	if (op != EPOLL_CTL_DEL && fault() == HARD)
		return fails(ENOMEM);
	return next(ep, op, fd, ev);
}

int
shutdown(int fd, int how)
{
	NEXT(shutdown);
	if (fault() == HARD && is_tcp(fd))
		return fails(ENOBUFS);
	return next(fd, how);
}
