/* stdio.c - streams over governed sockets: libc's own would write raw */

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "libc_stream.h"

/*
 * Streams go through the exported calls and not straight to a conn, so that
 * one made before connect(), or whose number was reused, still does what a
 * libc stream would: only those judge what the number has become.
 */
static struct {
	ssize_t (*read)(int fd, void *buf, size_t len);
	ssize_t (*write)(int fd, const void *buf, size_t len);
	int (*close)(int fd);
} exported;

static ssize_t
no_read(int fd, void *buf, size_t len)
{
	errno = EACCES;
	return -1;
}

static ssize_t
no_write(int fd, const void *buf, size_t len)
{
	errno = EACCES;
	return -1;
}

/*
 * The preload is asked by its own name: the global scope's first `read` may
 * be one that the host exports.
 */
static void
find_exported(void)
{
	Dl_info of;
	void *preload = dladdr(host, &of) != 0
	    ? dlopen(of.dli_fname, RTLD_LAZY | RTLD_NOLOAD)
	    : NULL;

	exported.read = no_read;
	exported.write = no_write;
	exported.close = host->libc->close;
	if (preload == NULL || dlsym(preload, "tlsshim_active") == NULL)
		return;
	exported.read =
	    (ssize_t(*)(int, void *, size_t))dlsym(preload, "read");
	exported.write =
	    (ssize_t(*)(int, const void *, size_t))dlsym(preload, "write");
	exported.close = (int (*)(int))dlsym(preload, "close");
}

static int
fd_of(void *cookie)
{
	return (int)(intptr_t)cookie;
}

static ssize_t
cookie_read(void *cookie, char *buf, size_t len)
{
	return exported.read(fd_of(cookie), buf, len);
}

/* fopencookie(3): a write that fails says 0, never -1. */
static ssize_t
cookie_write(void *cookie, const char *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n =
		    exported.write(fd_of(cookie), buf + done, len - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* ESPIPE while there is a socket; after freopen it may be a file. */
static int
cookie_seek(void *cookie, off64_t *off, int whence)
{
	off64_t at = lseek64(fd_of(cookie), *off, whence);

	if (at == -1)
		return -1;
	*off = at;
	return 0;
}

static int
cookie_close(void *cookie)
{
	return exported.close(fd_of(cookie));
}

/* Streams of ours are told from libc's by what stands behind the FILE. */
static void *cookie_jumps;

static void *
jumps_of(FILE *f)
{
	return *(void **)((char *)f + sizeof *f);
}

bool
stdio_is_ours(FILE *f)
{
	return cookie_jumps != NULL && jumps_of(f) == cookie_jumps;
}

/*
 * libc's cookie streams are for bytes, and its wide functions say so by WEOF
 * and -1; but fgetws looks at the wide buffer first, and there is none.
 */
RARE static long not_wide[128];

FILE *
stdio_open(int fd, const char *mode)
{
	cookie_io_functions_t io = {
	    cookie_read, cookie_write, cookie_seek, cookie_close};
	FILE *f = fopencookie((void *)(intptr_t)fd, mode, io);

	if (f == NULL)
		return NULL;
	f->_fileno = fd; /* for fileno() and select() */
	f->_wide_data = (struct _IO_wide_data *)not_wide;
	cookie_jumps = jumps_of(f);
	return f;
}

/* fdopen(3) and freopen(3) read a mode alike; NULL: it is none. */
static const char *
plain_mode(const char *mode, int *flags)
{
	bool both = mode[0] != '\0' && memchr(mode + 1, '+',
	    strnlen(mode + 1, 6)) != NULL;

	*flags = both ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY;
	switch (mode[0]) {
	case 'r':
		return both ? "r+" : "r";
	case 'w':
		*flags |= O_CREAT | O_TRUNC;
		return both ? "w+" : "w";
	case 'a':
		*flags |= O_CREAT | O_APPEND;
		return both ? "a+" : "a";
	default:
		errno = EINVAL;
		return NULL;
	}
}

static FILE *
do_fdopen(int fd, const char *mode)
{
	int flags, have;
	const char *plain = plain_mode(mode, &flags);

	if (plain == NULL)
		return NULL;
	have = host->libc->fcntl(fd, F_GETFL, 0L);
	if (have == -1)
		return NULL;
	if (flags & O_APPEND && !(have & O_APPEND))
		host->libc->fcntl(fd, F_SETFL, (long)(have | O_APPEND));
	return stdio_open(fd, plain);
}

/* Bits of FILE._flags (libio.h), which fopencookie sets by its mode too. */
#define NO_READS 0x0004
#define NO_WRITES 0x0008
#define APPENDING 0x1000
#define OF_ONE_FILE 0x0800 /* _IO_CURRENTLY_PUTTING */

/*
 * A stream of ours goes on over another file: its number becomes that
 * file's, and what it reads and writes by knows files as well.
 */
static FILE *
reopen(const char *path, const char *mode, FILE *f)
{
	int flags, fd = fileno(f), file;

	(void)fflush(f);
	__fpurge(f);
	if (plain_mode(mode, &flags) == NULL)
		file = -1;
	else if (path == NULL) { /* by /proc/self/fd, as libc does it */
		errno = ENXIO;
		file = -1;
	} else
		file = open(path, flags | (strchr(mode, 'e') ? O_CLOEXEC : 0) |
			(strchr(mode, 'x') ? O_EXCL : 0), 0666);
	if (file == -1) {
		int saved = errno;

		(void)fclose(f);
		errno = saved;
		return NULL;
	}
	(void)engine_calls()->dup3(
	    file, fd, strchr(mode, 'e') ? O_CLOEXEC : 0);
	host->libc->close(file);
	clearerr(f);
	f->_flags &= ~(NO_READS | NO_WRITES | APPENDING | OF_ONE_FILE);
	if ((flags & O_ACCMODE) == O_RDONLY)
		f->_flags |= NO_WRITES;
	if ((flags & O_ACCMODE) == O_WRONLY)
		f->_flags |= NO_READS;
	if (flags & O_APPEND)
		f->_flags |= APPENDING;
	return f;
}

/*
 * libc's freopen cannot work on a stream of ours.  A standard one goes back
 * to libc's own FILE; there is none behind the others.
 */
static FILE *
do_freopen(const char *path, const char *mode, FILE *f)
{
	FILE *own = libc_stream_behind(f);

	if (own == NULL)
		return NULL;
	if (stdio_is_ours(own))
		return reopen(path, mode, f);
	libc_stream_leave(own);
	return host->libc->freopen(path, mode, own);
}

static int
do_fclose(FILE *f)
{
	if (!stdio_is_ours(f)) /* those close by themselves */
		libc_stream_leave(f);
	return host->libc->fclose(f);
}

static int
do_pclose(FILE *f)
{
	libc_stream_leave(f);
	return host->libc->pclose(f);
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
	find_exported();
	c->fdopen = do_fdopen;
	c->fclose = do_fclose;
	c->pclose = do_pclose;
	c->freopen = do_freopen;
	c->freopen64 = do_freopen;
	c->vdprintf = do_vdprintf;
	c->__vdprintf_chk = do_vdprintf_chk;
	c->dprintf = do_dprintf;
	c->__dprintf_chk = do_dprintf_chk;
}
