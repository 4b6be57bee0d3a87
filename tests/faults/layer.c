/*
 * layer.c - libc as tlsshim.so finds it, in which one call fails
 *
 * What is counted is what the shim asks of libc: the program's own calls come
 * here through the shim or not at all.  close() is made and then fails, as in
 * the kernel (close(2)).  One thread.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "layer.h"

struct layer layer __attribute__((visibility("default"))) = {.trace = -1};

static void
trace(const char *name, char how)
{
	char line[64];
	size_t n = strlen(name);
	long rv;

	memcpy(line, name, n);
	line[n++] = ' ';
	line[n++] = how;
	line[n++] = '\n';
	/* by itself: libc's names lead to the shim's hooks */
	asm volatile("syscall"
		     : "=a"(rv)
		     : "0"((long)SYS_write), "D"((long)layer.trace), "S"(line),
		     "d"(n)
		     : "rcx", "r11", "memory");
}

/*
 * What is to become of this call, one of `how`: 'b' moves bytes, 'w' waits, 0
 * is neither.
 */
static enum layer_kind
judge(const char *name, char how)
{
	if (layer.trace >= 0)
		trace(name, how);
	if (layer.kind == LAYER_NONE || layer.kind >= LAYER_ALLOC ||
	    ++layer.count != layer.at ||
	    (layer.kind == LAYER_SHORT && how != 'b') ||
	    (layer.kind == LAYER_ZERO && how == '-'))
		return LAYER_NONE;
	layer.hit = name;
	if (layer.kind == LAYER_ERROR)
		errno = layer.value;
	return layer.kind;
}

/* libc's own, found once. */
#define REAL(name) \
	static __typeof__(name) *real; \
	if (real == NULL) \
		real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define EXPORT __attribute__((visibility("default")))

#define CALL(how, ret, name, params, args) \
	EXPORT ret name params \
	{ \
		REAL(name); \
		switch (judge(#name, how)) { \
		case LAYER_ERROR: return -1; \
		case LAYER_ZERO: return 0; \
		default: return real args; \
		} \
	}

/* Its third argument is a length. */
#define MOVE(ret, name, params, args, shorter) \
	EXPORT ret name params \
	{ \
		REAL(name); \
		switch (judge(#name, 'b')) { \
		case LAYER_ERROR: return -1; \
		case LAYER_ZERO: return 0; \
		case LAYER_SHORT: return real shorter; \
		default: return real args; \
		} \
	}

MOVE(ssize_t, read, (int fd, void *buf, size_t n), (fd, buf, n),
    (fd, buf, n > 0))
MOVE(ssize_t, write, (int fd, const void *buf, size_t n), (fd, buf, n),
    (fd, buf, n > 0))
MOVE(ssize_t, recv, (int fd, void *buf, size_t n, int flags),
    (fd, buf, n, flags), (fd, buf, n > 0, flags))
MOVE(ssize_t, send, (int fd, const void *buf, size_t n, int flags),
    (fd, buf, n, flags), (fd, buf, n > 0, flags))

CALL('w', int, poll, (struct pollfd *p, nfds_t n, int ms), (p, n, ms))
CALL('w', int, ppoll,
    (struct pollfd *p, nfds_t n, const struct timespec *t, const sigset_t *m),
    (p, n, t, m))
CALL('w', int, select,
    (int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *t),
    (n, r, w, e, t))
CALL('w', int, epoll_wait, (int fd, struct epoll_event *e, int n, int ms),
    (fd, e, n, ms))
CALL('w', int, epoll_pwait,
    (int fd, struct epoll_event *e, int n, int ms, const sigset_t *m),
    (fd, e, n, ms, m))
CALL('w', int, epoll_pwait2,
    (int fd, struct epoll_event *e, int n, const struct timespec *t,
	const sigset_t *m),
    (fd, e, n, t, m))

CALL('-', int, socket, (int d, int t, int p), (d, t, p))
CALL('-', int, connect, (int fd, const struct sockaddr *a, socklen_t n),
    (fd, a, n))
CALL('-', int, bind, (int fd, const struct sockaddr *a, socklen_t n),
    (fd, a, n))
CALL('-', int, listen, (int fd, int n), (fd, n))
CALL('-', int, accept, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))
CALL('-', int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags),
    (fd, a, n, flags))
CALL('-', int, shutdown, (int fd, int how), (fd, how))
CALL('-', int, getsockopt, (int fd, int l, int o, void *v, socklen_t *n),
    (fd, l, o, v, n))
CALL('-', int, setsockopt,
    (int fd, int l, int o, const void *v, socklen_t n), (fd, l, o, v, n))
CALL('-', int, getpeername, (int fd, struct sockaddr *a, socklen_t *n),
    (fd, a, n))
CALL('-', int, getsockname, (int fd, struct sockaddr *a, socklen_t *n),
    (fd, a, n))
CALL('-', int, epoll_create1, (int flags), (flags))
CALL('-', int, epoll_ctl, (int fd, int op, int of, struct epoll_event *e),
    (fd, op, of, e))
CALL('-', int, dup, (int fd), (fd))
CALL('-', int, dup3, (int fd, int to, int flags), (fd, to, flags))

/* All that the shim asks for have one argument more at most. */
EXPORT int
fcntl(int fd, int cmd, ...)
{
	va_list ap;
	long arg;
	REAL(fcntl);

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	return judge("fcntl", '-') == LAYER_ERROR ? -1 : real(fd, cmd, arg);
}

EXPORT int
ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	REAL(ioctl);

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return judge("ioctl", '-') == LAYER_ERROR ? -1
						  : real(fd, request, arg);
}

EXPORT int
close(int fd)
{
	REAL(close);
	enum layer_kind k = judge("close", '-');
	int saved = errno, rv = real(fd);

	if (k != LAYER_ERROR)
		return rv;
	errno = saved;
	return -1;
}

/*
 * Allocations.  The engine's come here from alloc.c, GnuTLS's and libc's own
 * likewise.  dlsym allocates before the real ones are known.
 */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

/*
 * ld.so ends the process where it gets no memory for a library's thread-local
 * data, at the first use in a thread (dl-tls.c, oom): no library can help it.
 * What it asks for inside dlopen() it can do without.
 */
static int opening;

EXPORT void *
dlopen(const char *name, int mode)
{
	REAL(dlopen);
	void *p;

	opening++;
	p = real(name, mode);
	opening--;
	return p;
}

static int
is_loaders(void *from)
{
	static const char *base;
	Dl_info d;

	if (base == NULL && dladdr(dlsym(RTLD_DEFAULT, "__tls_get_addr"), &d))
		base = d.dli_fbase;
	return !opening && (const char *)from > base &&
	    (const char *)from < base + (256 << 10);
}

static int
fails(void *from)
{
	if (layer.kind != LAYER_ALLOC && layer.kind != LAYER_ALLOCS)
		return 0;
	if (is_loaders(from))
		return 0;
	layer.count++;
	if (layer.kind == LAYER_ALLOC ? layer.count != layer.at
				      : layer.count < layer.at)
		return 0;
	layer.hit = "malloc";
	errno = ENOMEM;
	return 1;
}

/* Of these blocks: the engine asks whose it is. */
EXPORT size_t
malloc_usable_size(void *p)
{
	REAL(malloc_usable_size);

	return real(p);
}

#define FROM __builtin_return_address(0)

static void *
keep(void *p)
{
	if (p != NULL) {
		layer.live++;
		layer.bytes += (long)malloc_usable_size(p);
	}
	return p;
}

static void
lose(void *p)
{
	if (p == NULL)
		return;
	layer.live--;
	layer.bytes -= (long)malloc_usable_size(p);
}

EXPORT void *
malloc(size_t n)
{
	return fails(FROM) ? NULL : keep(__libc_malloc(n));
}

EXPORT void *
calloc(size_t n, size_t size)
{
	return fails(FROM) ? NULL : keep(__libc_calloc(n, size));
}

EXPORT void *
realloc(void *p, size_t n)
{
	void *q;

	if (fails(FROM))
		return NULL;
	lose(p);
	q = __libc_realloc(p, n);
	if (q == NULL && n > 0)
		keep(p);
	return keep(q);
}

EXPORT void *
aligned_alloc(size_t align, size_t n)
{
	return fails(FROM) ? NULL : keep(__libc_memalign(align, n));
}

EXPORT void *
memalign(size_t align, size_t n)
{
	return fails(FROM) ? NULL : keep(__libc_memalign(align, n));
}

EXPORT int
posix_memalign(void **out, size_t align, size_t n)
{
	void *p = fails(FROM) ? NULL : keep(__libc_memalign(align, n));

	if (p == NULL)
		return ENOMEM;
	*out = p;
	return 0;
}

EXPORT void
free(void *p)
{
	lose(p);
	__libc_free(p);
}
