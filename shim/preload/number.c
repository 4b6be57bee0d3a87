/* number.c - the numbers that syscall() hands to a hook */
#include <errno.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "owned.h"

#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

/* For syscall.S, which knows no offsets: where libc's own is kept. */
long (**const syscall_libc)(long, ...) __attribute__((used)) = &libc.syscall;

/*
 * Numbers up to 511 with a case in syscall_hooked: 1, or as syscall.S says.
 */
const unsigned char syscall_table[512] __attribute__((used)) = {
    [SYS_read] = 1,
    [SYS_write] = 1,
    [SYS_readv] = 1,
    [SYS_writev] = 1,
    [SYS_close] = 1,
    [SYS_fork] = 1,
    [SYS_clone] = 2, /* syscall.S looks at what is asked for */
    [SYS_clone3] = 3,
    [SYS_vfork] = 4, /* none of syscall_hooked's */
    [SYS_close_range] = 1,
    [SYS_socket] = 1,
    [SYS_connect] = 1,
    [SYS_accept] = 1,
    [SYS_accept4] = 1,
    [SYS_listen] = 1,
    [SYS_shutdown] = 1,
    [SYS_sendto] = 1,
    [SYS_sendmsg] = 1,
    [SYS_sendmmsg] = 1,
    [SYS_recvfrom] = 1,
    [SYS_recvmsg] = 1,
    [SYS_recvmmsg] = 1,
    [SYS_sendfile] = 1,
    [SYS_splice] = 1,
    [SYS_preadv2] = 1,
    [SYS_pwritev2] = 1,
    [SYS_dup] = 1,
    [SYS_dup2] = 1,
    [SYS_dup3] = 1,
    [SYS_fcntl] = 1,
    [SYS_pidfd_getfd] = 1,
    [SYS_unshare] = 1,
    [SYS_prctl] = 1,
    [SYS_epoll_create] = 1,
    [SYS_epoll_create1] = 1,
    [SYS_epoll_ctl] = 1,
    [SYS_epoll_wait] = 1,
    [SYS_epoll_pwait] = 1,
    [SYS_epoll_pwait2] = 1,
    [SYS_seccomp] = 1,
    [SYS_landlock_restrict_self] = 1,
    [SYS_pivot_root] = 1,
    [SYS_io_uring_setup] = 1,
    [SYS_io_setup] = 1,
    [SYS_execve] = 1,
    [SYS_execveat] = 1,
};

long syscall_hooked(
    long number, long a, long b, long c, long d, long e, long f);

/* A filter must not meet a call of ours that it does not know. */
static long
sealing(long number, long a, long b, long c)
{
	long rv;

	process_leave();
	if (number != SYS_seccomp || a > SECCOMP_SET_MODE_FILTER || c == 0)
		return libc.syscall(number, a, b, c);
	process_sealing();
	rv = libc.syscall(number, a, b, c);
	return process_seal(rv);
}

static long
hooked_epoll(long number, long a, long b, long c, long d, long e)
{
	switch (number) {
	case SYS_epoll_create:
		return epoll_create((int)a);
	case SYS_epoll_create1:
		return epoll_create1((int)a);
	case SYS_epoll_ctl:
		return epoll_ctl((int)a, (int)b, (int)c, (void *)d);
	case SYS_epoll_wait:
		return epoll_wait((int)a, (void *)b, (int)c, (int)d);
	case SYS_epoll_pwait:
		return epoll_pwait(
		    (int)a, (void *)b, (int)c, (int)d, (void *)e);
	default:
		return epoll_pwait2(
		    (int)a, (void *)b, (int)c, (void *)d, (void *)e);
	}
}

static long
hooked_bytes(long number, long a, long b, long c, long d, long e, long f)
{
	int fd = (int)a;

	switch (number) {
	case SYS_read:
		return read(fd, (void *)b, (size_t)c);
	case SYS_write:
		return write(fd, (void *)b, (size_t)c);
	case SYS_readv:
		return readv(fd, (void *)b, (int)c);
	case SYS_writev:
		return writev(fd, (void *)b, (int)c);
	case SYS_preadv2:
		return preadv2(fd, (void *)b, (int)c, d, (int)f);
	case SYS_pwritev2:
		return pwritev2(fd, (void *)b, (int)c, d, (int)f);
	case SYS_sendto:
		return sendto(fd, (void *)b, (size_t)c, (int)d,
		    (struct sockaddr *)e, (socklen_t)f);
	case SYS_sendmsg:
		return sendmsg(fd, (void *)b, (int)c);
	case SYS_sendmmsg:
		return sendmmsg(fd, (void *)b, (unsigned)c, (int)d);
	case SYS_recvfrom:
		return recvfrom(fd, (void *)b, (size_t)c, (int)d,
		    (struct sockaddr *)e, (socklen_t *)f);
	case SYS_recvmsg:
		return recvmsg(fd, (void *)b, (int)c);
	case SYS_recvmmsg:
		return recvmmsg(fd, (void *)b, (unsigned)c, (int)d, (void *)e);
	case SYS_sendfile:
		return sendfile(fd, (int)b, (off_t *)c, (size_t)d);
	default:
		return splice(fd, (off64_t *)b, (int)c, (off64_t *)d, (size_t)e,
		    (unsigned)f);
	}
}

static long
hooked_fork(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == SYS_clone && a & CLONE_FILES)
		owned_part();
	if (number == SYS_clone3 && *(const uint64_t *)a & CLONE_FILES)
		owned_part();
	if (process_vforked())
		return libc.syscall(number, a, b, c, d, e, f);
	process_forking();
	return process_forked(libc.syscall(number, a, b, c, d, e, f));
}

static long
hooked_socket(long number, long a, long b, long c, long d)
{
	switch (number) {
	case SYS_socket:
		return socket((int)a, (int)b, (int)c);
	case SYS_connect:
		return connect((int)a, (struct sockaddr *)b, (socklen_t)c);
	case SYS_accept:
		return accept((int)a, (struct sockaddr *)b, (socklen_t *)c);
	case SYS_accept4:
		return accept4(
		    (int)a, (struct sockaddr *)b, (socklen_t *)c, (int)d);
	case SYS_listen:
		return listen((int)a, (int)b);
	default:
		return shutdown((int)a, (int)b);
	}
}

long
syscall_hooked(long number, long a, long b, long c, long d, long e, long f)
{
	switch (number) {
	case SYS_fork:
	case SYS_clone:
	case SYS_clone3:
		return hooked_fork(number, a, b, c, d, e, f);
	case SYS_close:
		return close((int)a);
	case SYS_close_range:
		return close_range((unsigned)a, (unsigned)b, (int)c);
	case SYS_socket:
	case SYS_connect:
	case SYS_accept:
	case SYS_accept4:
	case SYS_listen:
	case SYS_shutdown:
		return hooked_socket(number, a, b, c, d);
	case SYS_dup:
		return dup((int)a);
	case SYS_dup2:
		return dup2((int)a, (int)b);
	case SYS_dup3:
		return dup3((int)a, (int)b, (int)c);
	case SYS_fcntl:
		return fcntl((int)a, (int)b, c);
	case SYS_pidfd_getfd:
		return pidfd_getfd((int)a, (int)b, (unsigned)c);
	case SYS_unshare:
		return unshare((int)a);
	case SYS_prctl:
		return prctl((int)a, b, c, d, e);
	case SYS_epoll_create:
	case SYS_epoll_create1:
	case SYS_epoll_ctl:
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
		return hooked_epoll(number, a, b, c, d, e);
	case SYS_seccomp:
	case SYS_landlock_restrict_self:
	case SYS_pivot_root:
		return sealing(number, a, b, c);
	case SYS_execve:
		return execve((char *)a, (char **)b, (char **)c);
	case SYS_execveat:
		return execveat(
		    (int)a, (char *)b, (char **)c, (char **)d, (int)e);
	case SYS_io_uring_setup: /* both would move bytes past all hooks */
	case SYS_io_setup:
		errno = ENOSYS;
		return -1;
	default:
		return hooked_bytes(number, a, b, c, d, e, f);
	}
}
