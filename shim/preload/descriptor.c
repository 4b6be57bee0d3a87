/* descriptor.c - calls that make, copy and close descriptors, by hand */
#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>

#include "owned.h"

#ifndef AF_SMC
#define AF_SMC 43
#endif

/*
 * Whether the engine has to hear of the end of fd.  A stream or a set may
 * have registrations with it; their class is ours to reset.
 */
static int
engine_closes(int fd, int class)
{
	if (ENGINE_SLOT(close) == NULL)
		return 0;
	if (class == FD_STREAM || class == FD_SET)
		owned_set(fd, FD_UNKNOWN);
	return class == FD_STREAM || class == FD_SET || class == FD_GOVERNED;
}

void
descriptor_vacate(int fd)
{
	int class = owned_class(fd);

	if (likely(class == FD_UNKNOWN) || process_vforked())
		return;
	if (engine_get() != NULL && class != FD_PASS)
		engine_get()->vacate(fd);
	if (class != FD_GOVERNED)
		owned_set(fd, FD_UNKNOWN);
}

void
descriptor_lost(int fd)
{
	if (engine_get() != NULL && !process_vforked())
		engine_get()->lost(fd);
}

static int
range_libc(int first, int last, int flags)
{
	int rv;

	if (first > last)
		return 0;
	rv = libc.close_range((unsigned)first, (unsigned)last, flags);
	if (rv == 0 || errno != ENOSYS)
		return rv;
	for (; first <= last; first++)
		(void)libc.close(first);
	return 0;
}

/* One past the last number that anything but libc need look at. */
static int
range_top(void)
{
	int top = __atomic_load_n(&owned_top, __ATOMIC_RELAXED);

	/* Our own descriptors lie at the top of the first 4096. */
	return engine_get() != NULL && top < 4096 ? 4096 : top;
}

/* Closes first..n-1 in pieces between what is governed or ours. */
static int
range_close(int first, int n, int flags)
{
	int fd, class, from = first, rv = 0;

	for (fd = first; fd < n; fd++) {
		class = owned_class(fd);
		if (class == FD_UNKNOWN)
			continue;
		if (class != FD_OURS && !engine_closes(fd, class)) {
			owned_set(fd, FD_UNKNOWN);
			continue;
		}
		rv |= range_libc(from, fd - 1, flags);
		from = fd + 1;
		if (class != FD_OURS)
			(void)engine_get()->calls->close(fd);
	}
	return rv | range_libc(from, n - 1, flags);
}

/* The engine keeps what the program said of a connection's FD_CLOEXEC. */
static void
range_cloexec(int first, int n)
{
	int fd, saved = errno;

	for (fd = first; fd < n; fd++)
		if (owned_class(fd) == FD_GOVERNED &&
		    ENGINE_SLOT(fcntl) != NULL)
			(void)engine_get()->calls->fcntl(
			    fd, F_SETFD, (long)FD_CLOEXEC);
	errno = saved;
}

/* SCM_RIGHTS may bring anything: a class left from before says nothing. */
static void
rights_forget(struct msghdr *msg)
{
	struct cmsghdr *c;
	size_t i, n;
	int fd;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof fd;
		for (i = 0; i < n; i++) {
			__builtin_memcpy(
			    &fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			(void)owned_arrived(fd);
		}
	}
}

/* The class of an accepted socket where libc has accepted it. */
static int
accepted(int fd, int listener)
{
	if (fd >= 0)
		descriptor_fresh(fd);
	if (fd >= 0 && !process_vforked())
		owned_set(fd, listener == FD_PASS ? FD_PASS : FD_UNKNOWN);
	return fd;
}

/* The class of fd, where libc has just made it as a copy of class. */
static int
copied(int fd, int class)
{
	if (fd >= 0)
		descriptor_fresh(fd);
	if (fd >= 0 && !process_vforked())
		owned_set(fd, (enum fd_class) class);
	return fd;
}

/* Whether a copy from class onto was is the engine's to make. */
static int
engine_copies(int class, int was)
{
	return engine_get() != NULL &&
	       (class == FD_GOVERNED || class == FD_SET ||
		   was == FD_GOVERNED || was == FD_SET || was == FD_OURS ||
		   was == FD_STREAM);
}

/* The engine may leave open what a copy of class is that is not its own. */
static int
engine_copied(int fd, int class)
{
	if (fd >= 0 && class != FD_GOVERNED && owned_class(fd) == FD_UNKNOWN)
		owned_set(fd, (enum fd_class) class);
	return fd;
}

/* After libc has put a copy of class onto to, or has not. */
static int
replaced(int rv, int class, int to, int was)
{
	owned_set(to, (enum fd_class)(rv == -1 ? was : class));
	return rv;
}

/*
 * A copy that a vfork child makes is in no table: the program it becomes
 * would write plaintext into the session.  It must not get that far.
 */
static int
flags_in_vfork(int fd, int flags)
{
	int listens = 0, saved = errno;
	socklen_t len = sizeof listens;

	if (owned_class(fd) != FD_GOVERNED)
		return flags;
	(void)libc.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len);
	errno = saved;
	return listens ? flags : flags | O_CLOEXEC;
}

/*
 * libc's own streams stand on 0, 1 and 2 and write past every hook: what is
 * put there is judged before.
 */
static int
class_to_copy(int fd, int to)
{
	int class = owned_class(fd);

	if (class != FD_UNKNOWN || to > 2 || process_vforked())
		return class;
	class = owned_settle(fd);
	return class < 0 ? owned_class(fd) : class;
}

EXPORTS_BEGIN

int
close(int fd)
{
	int class = owned_class(fd);

	libc_need();
	if (class == FD_UNKNOWN || process_vforked())
		return libc.close(fd);
	if (class == FD_OURS) {
		errno = EBADF;
		return -1;
	}
	if (engine_closes(fd, class))
		return engine_get()->calls->close(fd);
	owned_set(fd, FD_UNKNOWN);
	return libc.close(fd);
}

int
close_range(unsigned first, unsigned last, int flags)
{
	int n, rv;

	libc_need();
	if (flags & CLOSE_RANGE_UNSHARE && !process_vforked())
		owned_part();
	n = range_top();
	if (first > last || first >= (unsigned)n || process_vforked() ||
	    flags & ~(int)(CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE))
		return libc.close_range(first, last, flags);
	if (flags & CLOSE_RANGE_CLOEXEC) {
		rv = libc.close_range(first, last, flags);
		if (rv == 0)
			range_cloexec((int)first,
			    last < (unsigned)n ? (int)last + 1 : n);
		return rv;
	}
	if (flags & CLOSE_RANGE_UNSHARE &&
	    libc.close_range(UINT_MAX, UINT_MAX, CLOSE_RANGE_UNSHARE) == -1)
		return -1;
	if (last < (unsigned)n)
		return range_close((int)first, (int)last + 1, flags);
	rv = range_close((int)first, n, flags);
	return libc.close_range((unsigned)n, last, flags) | rv;
}

void
closefrom(int first)
{
	int n;

	libc_need();
	n = range_top();
	if (first < 0)
		first = 0;
	if (first >= n || process_vforked()) {
		libc.closefrom(first);
		return;
	}
	(void)range_close(first, n, 0);
	libc.closefrom(n);
}

int
dup(int fd)
{
	int class;

	libc_need();
	class = class_to_copy(fd, 0); /* 0, 1 or 2 may be the next one */
	if ((class == FD_GOVERNED || class == FD_SET) &&
	    ENGINE_SLOT(dup) != NULL &&
	    !process_vforked())
		return engine_get()->calls->dup(fd);
	return copied(libc.dup(fd), class);
}

int
dup2(int fd, int to)
{
	int class, was = owned_class(to);

	libc_need();
	class = class_to_copy(fd, to);
	if (fd == to)
		return libc.dup2(fd, to);
	if (process_vforked())
		return libc.dup3(fd, to, flags_in_vfork(fd, 0));
	if (engine_copies(class, was) && ENGINE_SLOT(dup2) != NULL)
		return engine_copied(engine_get()->calls->dup2(fd, to), class);
	owned_set(to, FD_UNKNOWN);
	return replaced(libc.dup2(fd, to), class, to, was);
}

int
dup3(int fd, int to, int flags)
{
	int class, was = owned_class(to);

	libc_need();
	class = class_to_copy(fd, to);
	if (fd == to)
		return libc.dup3(fd, to, flags);
	if (process_vforked())
		return libc.dup3(fd, to, flags_in_vfork(fd, flags));
	if (engine_copies(class, was) && ENGINE_SLOT(dup3) != NULL)
		return engine_copied(
		    engine_get()->calls->dup3(fd, to, flags), class);
	owned_set(to, FD_UNKNOWN);
	return replaced(libc.dup3(fd, to, flags), class, to, was);
}

/* The third argument is an int, a long or a pointer: as wide as a long. */
#define FCNTL(name)                                                      \
	int name(int fd, int cmd, ...)                                   \
	{                                                                \
		int class, copies;                                       \
		va_list ap;                                              \
		long arg;                                                \
                                                                         \
		libc_need();                                             \
		va_start(ap, cmd);                                       \
		arg = va_arg(ap, long);                                  \
		va_end(ap);                                              \
		class = class_to_copy(                                   \
		    fd, cmd == F_DUPFD && arg <= 2 ? 0 : FD_MAX);        \
		copies = cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC;       \
		if ((class == FD_GOVERNED ||                             \
			(class == FD_SET && copies)) &&                  \
		    ENGINE_SLOT(name) != NULL &&                         \
		    !process_vforked())                                  \
			return engine_get()->calls->name(fd, cmd, arg);  \
		if (!copies)                                             \
			return libc.name(fd, cmd, arg);                  \
		return copied(libc.name(fd, cmd, arg), class);           \
	}

FCNTL(fcntl)
FCNTL(fcntl64)

int
ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	switch (gate_owned(fd)) {
	case WAY_ENGINE:
		if (ENGINE_SLOT(ioctl) != NULL)
			return engine_get()->calls->ioctl(fd, request, arg);
		break;
	case WAY_REFUSED:
		return -1;
	case WAY_RELAYED:
	case WAY_LIBC:
		break;
	}
	return libc.ioctl(fd, request, arg);
}

int
socket(int domain, int type, int protocol)
{
	int saved = errno, fd, stream;

	libc_need();
	stream = (type & 0xf) == SOCK_STREAM &&
		 (domain == AF_INET || domain == AF_INET6 || domain == AF_SMC);
	fd = libc.socket(domain, type, protocol);
	if (unlikely(fd < 0 && errno == EACCES && stream)) {
		errno = saved;
		fd = page_socket(domain, type, protocol);
	}
	if (fd < 0)
		return fd;
	descriptor_fresh(fd);
	if (process_vforked())
		return fd;
	owned_set(fd, stream ? FD_STREAM : FD_PASS);
	return fd;
}

int
accept(int fd, __SOCKADDR_ARG addr, socklen_t *alen)
{
	enum way way = gate_owned(fd);
	int class = owned_class(fd);

	if (way == WAY_REFUSED)
		return -1;
	if (way == WAY_ENGINE && ENGINE_SLOT(accept) != NULL)
		return engine_get()->calls->accept(fd, addr, alen);
	return accepted(libc.accept(fd, addr, alen), class);
}

int
accept4(int fd, __SOCKADDR_ARG addr, socklen_t *alen, int flags)
{
	enum way way = gate_owned(fd);
	int class = owned_class(fd);

	if (way == WAY_REFUSED)
		return -1;
	if (way == WAY_ENGINE && ENGINE_SLOT(accept4) != NULL)
		return engine_get()->calls->accept4(fd, addr, alen, flags);
	return accepted(libc.accept4(fd, addr, alen, flags), class);
}

ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
	enum way way = gate_owned(fd);
	ssize_t n;

	if (way == WAY_ENGINE && ENGINE_SLOT(recvmsg) != NULL)
		return engine_get()->calls->recvmsg(fd, msg, flags);
	if (way != WAY_LIBC) {
		errno = EACCES;
		return -1;
	}
	n = libc.recvmsg(fd, msg, flags);
	if (n == 0 && owned_class(fd) == FD_RELAYED)
		n = relayed_end(fd, n);
	if (n >= 0 && msg->msg_controllen > 0)
		rights_forget(msg);
	return n;
}

int
recvmmsg(int fd, struct mmsghdr *vec, unsigned n, int flags,
    struct timespec *timeout)
{
	enum way way = gate_owned(fd);
	int i, rv;

	if (way == WAY_ENGINE && ENGINE_SLOT(recvmmsg) != NULL)
		return engine_get()->calls->recvmmsg(
		    fd, vec, n, flags, timeout);
	if (way != WAY_LIBC) {
		errno = EACCES;
		return -1;
	}
	rv = libc.recvmmsg(fd, vec, n, flags, timeout);
	for (i = 0; i < rv; i++)
		if (vec[i].msg_hdr.msg_controllen > 0)
			rights_forget(&vec[i].msg_hdr);
	return rv;
}

/* The number may carry the class of something closed inside libc. */
int
epoll_create(int size)
{
	libc_need();
	return copied(libc.epoll_create(size), FD_PASS);
}

int
epoll_create1(int flags)
{
	libc_need();
	return copied(libc.epoll_create1(flags), FD_PASS);
}

EXPORTS_END
