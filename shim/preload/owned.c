/* owned.c - which descriptors belong to the engine */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "kernel.h"
#include "owned.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef AF_SMC
#define AF_SMC 43
#endif

unsigned char owned_table[FD_MAX];
int owned_top;

static void
top_raise(int fd)
{
	int top = __atomic_load_n(&owned_top, __ATOMIC_RELAXED);

	while (fd >= top &&
	       !__atomic_compare_exchange_n(&owned_top, &top, fd + 1, 0,
		   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/*
 * 1 once a number may be one file here and another elsewhere: threads with
 * descriptors of their own, processes with common ones.  What one of them
 * says of a number is then no reason to let the others' bytes pass.
 */
__attribute__((section(".data"))) static char parted; /* place.h */

void
owned_part(void)
{
	int fd, top = __atomic_load_n(&owned_top, __ATOMIC_RELAXED);

	__atomic_store_n(&parted, 1, __ATOMIC_RELAXED);
	for (fd = 0; fd < top; fd++)
		if (owned_class(fd) == FD_PASS)
			owned_set(fd, FD_UNKNOWN);
}

void
owned_set(int fd, enum fd_class class)
{
	if ((unsigned)fd >= FD_MAX)
		return;
	if (class == FD_PASS &&
	    unlikely(__atomic_load_n(&parted, __ATOMIC_RELAXED)))
		class = FD_UNKNOWN;
	__atomic_store_n(
	    &owned_table[fd], (unsigned char)class, __ATOMIC_RELEASE);
	if (class != FD_UNKNOWN)
		top_raise(fd);
}

/*
 * What a look at fd has found out, unless somebody has learnt better
 * meanwhile: a thread that looks at a number late must not call PASS what
 * another one has connected under it since.
 */
FIRST static void
learnt(int fd, enum fd_class class)
{
	unsigned char unknown = FD_UNKNOWN;

	if ((unsigned)fd < FD_MAX &&
	    !__atomic_load_n(&parted, __ATOMIC_RELAXED) &&
	    __atomic_compare_exchange_n(&owned_table[fd], &unknown,
		(unsigned char)class, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		top_raise(fd);
}

void
owned_forget(int fd)
{
	if (owned_class(fd) != FD_UNKNOWN && !process_vforked())
		owned_set(fd, FD_UNKNOWN);
}

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof value;

	if (libc.getsockopt(fd, level, name, &value, &len) == -1)
		return -1;
	return value;
}

/* Could this protocol carry what a policy governs? */
static int
protocol_is_stream(int fd, int protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_MPTCP:
		return 1;
	case IPPROTO_SCTP:
		return option(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM;
	case 0: /* AF_UNIX too; SMC over IPv4 and IPv6 */
	case 1:
		return option(fd, SOL_SOCKET, SO_DOMAIN) == AF_SMC;
	default:
		return 0;
	}
}

/*
 * Connected, connecting or listening.  The first byte of struct tcp_info is
 * the state; getpeername would not show a connect() that is under way.
 */
static int
stream_is_live(int fd)
{
	unsigned char tcp_state;
	socklen_t len = sizeof tcp_state;
	struct sockaddr_storage peer;

	if (libc.getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp_state, &len) == 0)
		return tcp_state != TCP_CLOSE;
	if (option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1)
		return 1;
	len = sizeof peer;
	return libc.getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
}

/*
 * FD_STREAM for any stream, FD_PASS for the rest, FD_UNKNOWN if not open.
 * fstat comes first: ld.so needs it, so that no sandbox in which a program
 * could start kills for it, and only sockets are asked for more.
 */
FIRST static int
kind_of(int fd)
{
	struct stat st;
	int known = kernel_fstat(fd, &st) == 0, protocol;

	if (known && !S_ISSOCK(st.st_mode))
		return FD_PASS;
	protocol = option(fd, SOL_SOCKET, SO_PROTOCOL);
	if (protocol == 0 && relayed_has(fd))
		return FD_RELAYED;
	if (protocol >= 0)
		return protocol_is_stream(fd, protocol) ? FD_STREAM : FD_PASS;
	if (errno == ENOTSOCK)
		return FD_PASS;
	if (errno == EBADF)
		return FD_UNKNOWN;
	return known ? -EACCES : FD_PASS; /* forbidden to ask */
}

/* A live stream that no hook has made, or that another process connected. */
static int
judge(int fd)
{
	const struct shim_engine *engine;
	int rv;

	if ((unsigned)fd >= FD_MAX || process_vforked())
		return -EACCES;
	engine = engine_need();
	if (engine == NULL) {
		owned_set(fd, FD_REFUSED);
		return -EACCES;
	}
	owned_set(fd, FD_STREAM); /* owned_top */
	rv = engine->adopt(fd);
	if (rv < 0)
		return rv;
	/* Still connecting: a write would wait and then go out as it is. */
	return owned_class(fd) == FD_STREAM ? -EACCES : owned_class(fd);
}

FIRST static int
settle(int fd, int class)
{
	int known = class == FD_STREAM;

	if (class == FD_UNKNOWN) {
		class = process_sealed && (unsigned)fd < FD_MAX ? FD_PASS
								: kind_of(fd);
		if (class == FD_RELAYED && relayed_refused(fd))
			return judge(fd); /* says so, and EACCES from then on */
		if ((class == FD_PASS || class == FD_RELAYED) &&
		    !process_vforked())
			learnt(fd, (enum fd_class)class);
		if (class != FD_STREAM)
			return class;
	}
	if (stream_is_live(fd))
		return judge(fd);
	if (!known && !process_vforked())
		owned_set(fd, FD_STREAM);
	return FD_STREAM;
}

/*
 * A class of FD_STREAM is looked at again each time: the socket may be
 * connected by now through a duplicate or in another process.  That costs a
 * system call only on sockets that can move no bytes yet.
 */
FIRST int
owned_settle(int fd)
{
	int saved = errno, class = owned_class(fd);

	libc_need();
	if (class != FD_UNKNOWN && class != FD_STREAM)
		return class;
	if (fd < 0)
		return FD_UNKNOWN;
	if (engine_loading)
		return FD_PASS;
	class = settle(fd, class);
	errno = saved;
	return class;
}

void
owned_plug(int fd)
{
	int plug = open("/dev/null", O_PATH | O_CLOEXEC);

	if (plug == -1 || libc.dup3(plug, fd, 0) == -1)
		abort();
	(void)libc.close(plug);
	owned_set(fd, FD_PASS);
}

/*
 * libc's own streams stand on 0, 1 and 2 and write past every hook: what
 * comes to stand there is judged at once.
 */
int
owned_arrived(int fd)
{
	int class;

	if (fd < 0)
		return fd;
	if (process_vforked()) { /* the table is the parent's */
		if (owned_class(fd) == FD_PASS)
			owned_set(fd, FD_UNKNOWN);
		return fd;
	}
	descriptor_fresh(fd);
	/* Under seccomp FD_UNKNOWN is not asked about. */
	owned_set(fd, process_sealed ? FD_STREAM : FD_UNKNOWN);
	if (fd > 2)
		return fd;
	class = owned_settle(fd);
	if (class < 0 || class == FD_REFUSED)
		owned_plug(fd);
	return fd;
}

void
owned_settle_all(void)
{
	struct rlimit limit;
	int fd, n = 1024;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 1024)
		n = (int)limit.rlim_cur;
	for (fd = 0; fd < n; fd++)
		(void)owned_settle(fd);
}

enum way
owned_refused(int why)
{
	errno = why;
	return WAY_REFUSED;
}

static enum way
way_of(int class)
{
	if (class < 0)
		return owned_refused(-class);
	if (class == FD_REFUSED)
		return owned_refused(EACCES);
	if (class == FD_GOVERNED)
		return engine_get() != NULL ? WAY_ENGINE : owned_refused(EACCES);
	return WAY_LIBC;
}

__attribute__((cold)) enum way
owned_way(int fd)
{
	if (owned_class(fd) == FD_GOVERNED && engine_get() != NULL)
		return WAY_ENGINE;
	return way_of(owned_settle(fd));
}

__attribute__((cold)) enum way
owned_way_either(int fd, int other)
{
	enum way way = owned_way(fd);

	return way != WAY_LIBC ? way : owned_way(other);
}

/*
 * FD_PASS may be a TCP socket whose plain connection was let through and has
 * been dissolved since (connect to AF_UNSPEC): that one is judged anew.
 */
static int
settle_to_connect(int fd)
{
	int saved = errno, class = owned_settle(fd), protocol;

	if (class != FD_PASS || engine_loading || process_sealed)
		return class;
	protocol = option(fd, SOL_SOCKET, SO_PROTOCOL);
	if (protocol > 1 && protocol_is_stream(fd, protocol) &&
	    !stream_is_live(fd)) {
		class = FD_STREAM;
		owned_forget(fd);
	}
	errno = saved;
	return class;
}

/* connect, listen and sends with MSG_FASTOPEN: here the engine is needed. */
__attribute__((cold)) enum way
owned_way_connect(int fd)
{
	int class = settle_to_connect(fd);

	if (class != FD_STREAM)
		return way_of(class);
	if ((unsigned)fd >= FD_MAX || process_vforked() ||
	    engine_need() == NULL)
		return owned_refused(EACCES);
	owned_set(fd, FD_STREAM);
	return WAY_ENGINE;
}

/* bind and setsockopt must not load the engine, nor judge. */
__attribute__((cold)) enum way
owned_way_setup(int fd)
{
	int class = owned_class(fd);

	if (class == FD_UNKNOWN)
		class = owned_settle(fd);
	if (class == FD_STREAM && engine_get() == NULL)
		return WAY_LIBC;
	if (class == FD_STREAM) /* connected by another number meanwhile? */
		class = owned_settle(fd);
	return class == FD_STREAM ? WAY_ENGINE : way_of(class);
}

static int
governed(int fd)
{
	return owned_class(fd) != FD_PASS && owned_settle(fd) == FD_GOVERNED &&
	       engine_get() != NULL;
}

__attribute__((cold)) enum way
owned_way_poll(const struct pollfd *fds, nfds_t n)
{
	nfds_t i;

	for (i = 0; i < n; i++)
		if (governed(fds[i].fd))
			return WAY_ENGINE;
	return WAY_LIBC;
}

#define BITS (8 * (int)sizeof(unsigned long))

static unsigned long
word(const fd_set *set, int at)
{
	return set == NULL ? 0 : ((const unsigned long *)set)[at];
}

enum way
owned_way_select(int n, const fd_set *r, const fd_set *w, const fd_set *e)
{
	unsigned long bits;
	int at, fd;

	libc_need();
	if (n > FD_MAX)
		return WAY_LIBC; /* EINVAL */
	for (at = 0; at * BITS < n; at++) {
		bits = word(r, at) | word(w, at) | word(e, at);
		for (; bits != 0; bits &= bits - 1) {
			fd = at * BITS + __builtin_ctzl(bits);
			if (fd >= n)
				break;
			if (governed(fd))
				return WAY_ENGINE;
		}
	}
	return WAY_LIBC;
}

/*
 * A set takes streams before they are connected (nginx), and only the
 * engine can keep such a registration.
 */
__attribute__((cold)) enum way
owned_way_epoll_ctl(int epfd, int fd)
{
	int class = owned_settle(fd);

	if (class == FD_STREAM && !engine_loading)
		return engine_need() != NULL ? WAY_ENGINE : owned_refused(EACCES);
	if (class == FD_SET || owned_settle(epfd) == FD_SET)
		return engine_get() != NULL ? WAY_ENGINE : WAY_LIBC;
	return way_of(class);
}

__attribute__((cold)) enum way
owned_way_epoll(int epfd)
{
	if (owned_settle(epfd) != FD_SET || engine_get() == NULL)
		return WAY_LIBC;
	return WAY_ENGINE;
}
