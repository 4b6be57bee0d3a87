/*
 * memory_host.h - for unit tests: the host whose sockets are memory.h's
 */
#ifndef UNIT_MEMORY_HOST_H
#define UNIT_MEMORY_HOST_H

#include <linux/futex.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory.h"

static inline int
memory_meminfo(struct memory *m, void *val, socklen_t *len)
{
	uint32_t mem[SK_MEMINFO_VARS] = {0};

	if (m->no_meminfo || m->peer == NULL) {
		errno = ENOPROTOOPT;
		return -1;
	}
	mem[SK_MEMINFO_SNDBUF] =
	    m->peer->room > 0 ? (uint32_t)m->peer->room : 4 << 20;
	mem[SK_MEMINFO_WMEM_QUEUED] = (uint32_t)memory_left(m->peer);
	if (*len > sizeof mem)
		*len = sizeof mem;
	memcpy(val, mem, *len);
	return 0;
}

static inline int
memory_getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	struct memory *m = memory_find(fd);
	int answer = 0;

	if (m == NULL)
		return getsockopt(fd, level, name, val, len);
	if (level == SOL_SOCKET && name == SO_MEMINFO)
		return memory_meminfo(m, val, len);
	if (level == SOL_SOCKET &&
	    (name == SO_RCVTIMEO || name == SO_SNDTIMEO)) {
		memcpy(val, &m->timeout[name == SO_SNDTIMEO],
		    sizeof m->timeout[0]);
		return 0;
	}
	if (level == SOL_SOCKET && name == SO_PROTOCOL)
		answer = IPPROTO_TCP;
	if (level == IPPROTO_TCP && name == TCP_NODELAY) {
		answer = m->nodelay;
		m->nodelay_asked++;
	}
	if (level == SOL_SOCKET && name == SO_ERROR) {
		answer = m->so_error;
		m->so_error = 0;
	}
	memcpy(val, &answer, sizeof answer);
	return 0;
}

static inline int
memory_setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
	struct memory *m = memory_find(fd);
	const struct linger *l = val;

	if (m == NULL)
		return setsockopt(fd, level, name, val, len);
	if (level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO))
		memcpy(&m->timeout[name == SO_SNDTIMEO], val, len);
	if (level == SOL_SOCKET && name == SO_LINGER)
		m->aborts = l->l_onoff != 0 && l->l_linger == 0;
	if (level == IPPROTO_TCP && name == TCP_NODELAY)
		memcpy(&m->nodelay, val, sizeof m->nodelay);
	return 0;
}

static inline int
memory_shutdown(int fd, int how)
{
	struct memory *m = memory_find(fd);

	if (m == NULL)
		return shutdown(fd, how);
	if (how == SHUT_RD)
		return 0;
	m->shut_wr = true;
	if (m->peer != NULL)
		m->peer->fin = true;
	return 0;
}

static inline int
memory_name(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)fd),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	memcpy(addr, &sin, *len < sizeof sin ? *len : sizeof sin);
	*len = sizeof sin;
	return 0;
}

/* Only asked of a socket whose connect has failed. */
static inline int
memory_connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	errno = ECONNABORTED;
	return -1;
}

static inline int
memory_getpeername(int fd, __SOCKADDR_ARG addr, socklen_t *len)
{
	return memory_name(fd, addr.__sockaddr__, len);
}

static inline int
memory_getsockname(int fd, __SOCKADDR_ARG addr, socklen_t *len)
{
	return memory_name(fd, addr.__sockaddr__, len);
}

/* Of the descriptor's own calls the engine makes one: FIONREAD is decrypted
 * bytes, SIOCOUTQ is asked of the kernel. */
static inline int
memory_ioctl(int fd, unsigned long request, ...)
{
	struct memory *m = memory_find(fd);
	va_list ap;
	int *out;

	va_start(ap, request);
	out = va_arg(ap, int *);
	va_end(ap);
	if (m == NULL)
		return ioctl(fd, request, out);
	if (request == FIONBIO) {
		m->nonblock = *out != 0;
		return 0;
	}
	if (request == FIONREAD) {
		*out = (int)memory_left(m);
		return 0;
	}
	*out = m->peer != NULL ? (int)memory_left(m->peer) : 0;
	return 0;
}

/*
 * What wait.c sends and receives, and no futex:
 * one thread: whoever would sleep on a futex sleeps for ever.  The engine's
 * questions about memory (argument.c) are the kernel's to answer.
 */
static inline long
memory_syscall(long number, ...)
{
	long a[6];
	va_list ap;
	int i;

	va_start(ap, number);
	for (i = 0; i < 6; i++)
		a[i] = i < 4 || number == SYS_futex ? va_arg(ap, long) : 0;
	va_end(ap);
	if (number == SYS_recvfrom)
		return memory_recv(
		    (int)a[0], (void *)a[1], (size_t)a[2], (int)a[3]);
	if (number == SYS_sendto)
		return memory_send(
		    (int)a[0], (void *)a[1], (size_t)a[2], (int)a[3]);
	if (number != SYS_rt_sigprocmask &&
	    (number != SYS_futex || (a[1] & FUTEX_CMD_MASK) != FUTEX_WAKE_OP))
		memory_die("a futex in a test of one thread");
	return syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static inline int
memory_socket(int domain, int type, int protocol)
{
	return domain == AF_UNIX ? SYSLOG : socket(domain, type, protocol);
}

static inline ssize_t
memory_sendto(int fd, const void *buf, size_t len, int flags,
    __CONST_SOCKADDR_ARG addr, socklen_t alen)
{
	if (fd != SYSLOG)
		return sendto(fd, buf, len, flags, addr, alen);
	memory_note(buf, len);
	memory_note("\n", 1);
	return (ssize_t)len;
}

/* What the engine has of the kernel's for bytes that pass as they are. */
static inline ssize_t
memory_recvmsg(int fd, struct msghdr *m, int flags)
{
	ssize_t done = 0, n;
	size_t i;

	for (i = 0; i < m->msg_iovlen; i++) {
		n = memory_recv(fd, m->msg_iov[i].iov_base,
		    m->msg_iov[i].iov_len,
		    done > 0 ? flags | MSG_DONTWAIT : flags);
		if (n <= 0)
			return done > 0 ? done : n;
		done += n;
		if ((size_t)n < m->msg_iov[i].iov_len)
			break;
	}
	return done;
}

static inline ssize_t
memory_sendmsg(int fd, const struct msghdr *m, int flags)
{
	return memory_send(fd, m->msg_iov[0].iov_base, m->msg_iov[0].iov_len,
	    flags | MSG_NOSIGNAL);
}

static unsigned char class_of[FD_MAX];
static char memory_sealed; /* 1: under seccomp, from now on */
static const char memory_asynchronous; /* no thread has asked for it */

static void
memory_class(int fd, enum fd_class k)
{
	class_of[fd] = (unsigned char)k;
}

/* Makes `host` this one. */
static inline void
memory_host(void)
{
	static struct shim_calls c;
	static const struct shim_env env;
	static struct shim_host h;

	c = (struct shim_calls){.read = memory_read,
	    .write = memory_write,
	    .recv = memory_recv,
	    .send = memory_send,
	    .recvmsg = memory_recvmsg,
	    .sendmsg = memory_sendmsg,
	    .sendto = memory_sendto,
	    .socket = memory_socket,
	    .poll = memory_poll,
	    .ppoll = memory_ppoll,
	    .fcntl = memory_fcntl,
	    .ioctl = memory_ioctl,
	    .getsockopt = memory_getsockopt,
	    .setsockopt = memory_setsockopt,
	    .getpeername = memory_getpeername,
	    .connect = memory_connect,
	    .getsockname = memory_getsockname,
	    .shutdown = memory_shutdown,
	    .dup3 = memory_dup3,
	    .close = memory_close,
	    .syscall = memory_syscall};
	h = (struct shim_host){
	    .abi = SHIM_ABI,
	    .libc = &c,
	    .class_of = class_of,
	    .set_class = memory_class,
	    .env = &env,
	    .sealed = &memory_sealed,
	    .asynchronous = &memory_asynchronous};
	host = &h;
}

#endif
