/* stdio.c - streams over governed sockets: libc's own would write raw */

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

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

static FILE *
open_cookie(int fd, const char *mode)
{
	cookie_io_functions_t io = {
	    cookie_read, cookie_write, cookie_seek, cookie_close};
	FILE *f = fopencookie((void *)(intptr_t)fd, mode, io);

	if (f != NULL)
		f->_fileno = fd; /* for fileno() and select() */
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

void
stdio_take_over(int fd)
{
	FILE **f = standard(fd);
	FILE *ours;

	if (f == NULL || *f == NULL)
		return;
	fflush(*f);
	ours = open_cookie(fd, fd == 0 ? "r" : "w");
	if (ours == NULL)
		return;
	if (fd == 2)
		setvbuf(ours, NULL, _IONBF, 0);
	*f = ours;
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
