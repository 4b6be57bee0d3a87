/* stdio.c - streams over governed sockets: libc's own would write raw */

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

/* Exported by libc for just this, declared in no header. */
extern void _IO_list_lock(void);
extern void _IO_list_unlock(void);

/*
 * Streams go through the exported calls and not straight to a conn, so that
 * one made before connect(), or whose number was reused, still does what a
 * libc stream would.
 */

static int
fd_of(void *cookie)
{
	return (int)(intptr_t)cookie;
}

static ssize_t
cookie_read(void *cookie, char *buf, size_t len)
{
	int fd = fd_of(cookie);

	return table_has(fd) ? engine_calls()->read(fd, buf, len)
			     : host->libc->read(fd, buf, len);
}

/* fopencookie(3): a write that fails says 0, never -1. */
static ssize_t
cookie_write(void *cookie, const char *buf, size_t len)
{
	int fd = fd_of(cookie);
	size_t done = 0;

	while (done < len) {
		ssize_t n = table_has(fd)
		    ? engine_calls()->write(fd, buf + done, len - done)
		    : host->libc->write(fd, buf + done, len - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int
cookie_seek(void *cookie, off64_t *off, int whence)
{
	errno = ESPIPE;
	return -1;
}

static int
cookie_close(void *cookie)
{
	int rv = descriptor_close(fd_of(cookie));

	return (int)as_libc(rv);
}

/* Streams of ours are told from libc's by what stands behind the FILE. */
static void *cookie_jumps;

static void *
jumps_of(FILE *f)
{
	return *(void **)((char *)f + sizeof *f);
}

static bool
is_ours(FILE *f)
{
	return cookie_jumps != NULL && jumps_of(f) == cookie_jumps;
}

static FILE *
open_cookie(int fd, const char *mode)
{
	cookie_io_functions_t io = {
	    cookie_read, cookie_write, cookie_seek, cookie_close};
	FILE *f = fopencookie((void *)(intptr_t)fd, mode, io);

	if (f == NULL)
		return NULL;
	f->_fileno = fd; /* for fileno() and select() */
	cookie_jumps = jumps_of(f);
	return f;
}

static FILE *
do_fdopen(int fd, const char *mode)
{
	if (mode[0] != 'r' && mode[0] != 'w' && mode[0] != 'a') {
		errno = EINVAL;
		return NULL;
	}
	return open_cookie(fd, mode);
}

/*
 * The host's variable, which may be a copy in the executable: the global
 * scope is asked, since ours (RTLD_DEEPBIND) begins with libc's own.
 */
static FILE **
standard(int fd)
{
	static const char *const names[] = {"stdin", "stdout", "stderr"};
	void *global = dlopen(NULL, RTLD_LAZY);

	return global != NULL ? dlsym(global, names[fd]) : NULL;
}

/* libc's three streams, and the number each had before we took it away. */
static FILE *originals[3];
static int numbers[3] = {-1, -1, -1};

/* What libc's stream still holds goes first on the new one. */
static void
move_pending(FILE *from, FILE *to)
{
	size_t n = (size_t)(from->_IO_write_ptr - from->_IO_write_base);

	if (n > 0)
		fwrite(from->_IO_write_base, 1, n, to);
	__fpurge(from);
}

/*
 * f writes to a governed number past us.  A standard stream is replaced by
 * one of ours under its variable; whoever has kept the old pointer, and any
 * other stream, meets EBADF: its bytes cannot be protected.
 */
static void
silence(FILE *f)
{
	int fd = f->_fileno, i;

	for (i = 0; i < 3; i++) {
		FILE **var = standard(i);
		FILE *ours;

		if (var == NULL || *var != f)
			continue;
		ours = open_cookie(fd, i == 0 ? "r" : "w");
		if (ours == NULL)
			break;
		if (i == 2)
			setvbuf(ours, NULL, _IONBF, 0);
		move_pending(f, ours);
		originals[i] = f;
		numbers[i] = fd;
		*var = ours;
	}
	f->_fileno = -1;
}

/* A stream over another copy of c's socket, made before it was connected. */
static bool
is_copy(int fd, const struct conn *c)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof cookie;

	if (fd < 0 || fd >= FD_MAX || host->class_of[fd] != FD_STREAM)
		return false;
	host->libc->getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len);
	return cookie == c->cookie;
}

void
stdio_take_over(int fd, struct conn *c)
{
	void *global = dlopen(NULL, RTLD_LAZY);
	FILE **all = global != NULL ? dlsym(global, "_IO_list_all") : NULL;
	FILE *found[16], *f;
	int n = 0, i;

	if (all == NULL)
		return;
	_IO_list_lock();
	for (f = *all; f != NULL && n < 16; f = f->_chain)
		if (!is_ours(f) &&
		    (f->_fileno == fd || is_copy(f->_fileno, c)))
			found[n++] = f;
	_IO_list_unlock();
	for (i = 0; i < n; i++) {
		int number = found[i]->_fileno;

		silence(found[i]);
		if (number != fd)
			table_set(number, c);
	}
}

void
stdio_give_back(int fd)
{
	int i;

	for (i = 0; i < 3; i++)
		if (originals[i] != NULL && numbers[i] == fd) {
			originals[i]->_fileno = fd;
			numbers[i] = -1;
		}
}

/*
 * libc's freopen cannot work on a stream of ours.  A standard one goes back
 * to libc's own FILE; there is none behind the others.
 */
static FILE *
do_freopen(const char *path, const char *mode, FILE *f)
{
	int i, null;

	for (i = 0; i < 3; i++) {
		FILE **var = standard(i);

		if (var == NULL || *var != f || originals[i] == NULL)
			continue;
		fflush(f);
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null == -1)
			return NULL;
		engine_calls()->dup2(null, fileno(f)); /* ends the conn */
		host->libc->close(null);
		*var = originals[i];
		originals[i]->_fileno = fileno(f);
		return host->libc->freopen(path, mode, originals[i]);
	}
	if (!is_ours(f))
		return host->libc->freopen(path, mode, f);
	fclose(f);
	errno = EOPNOTSUPP;
	return NULL;
}

static int
do_vdprintf(int fd, const char *fmt, va_list ap)
{
	char *text = NULL;
	int len = vasprintf(&text, fmt, ap), rv = len;

	if (len < 0)
		return -1;
	if (cookie_write((void *)(intptr_t)fd, text, (size_t)len) <
	    (ssize_t)len)
		rv = -1;
	free(text);
	return rv;
}

static int
do_vdprintf_chk(int fd, int flag, const char *fmt, va_list ap)
{
	return do_vdprintf(fd, fmt, ap);
}

static int
do_dprintf(int fd, const char *fmt, ...)
{
	va_list ap;
	int rv;

	va_start(ap, fmt);
	rv = do_vdprintf(fd, fmt, ap);
	va_end(ap);
	return rv;
}

static int
do_dprintf_chk(int fd, int flag, const char *fmt, ...)
{
	va_list ap;
	int rv;

	va_start(ap, fmt);
	rv = do_vdprintf(fd, fmt, ap);
	va_end(ap);
	return rv;
}

void
calls_stdio(struct shim_calls *c)
{
	c->fdopen = do_fdopen;
	c->freopen = do_freopen;
	c->freopen64 = do_freopen;
	c->vdprintf = do_vdprintf;
	c->__vdprintf_chk = do_vdprintf_chk;
	c->dprintf = do_dprintf;
	c->__dprintf_chk = do_dprintf_chk;
}

/*
 * exit() flushes streams after the preload has ended the connections: ours
 * are flushed before.  _exit() flushes nothing and does not come here.
 */
__attribute__((destructor)) static void
flush_streams(void)
{
	if (host != NULL)
		fflush(NULL);
}
