/* stdio.c - stdio's calls on descriptors that are ours, by hand */
#include <errno.h>

#include "owned.h"

#undef dprintf /* a macro under fortify where the compiler is clang */

static int
refused(enum way way)
{
	if (way == WAY_ENGINE)
		errno = EACCES;
	return -1;
}

/*
 * Whether the engine has to see to f: its number is governed, or was taken
 * from it because it is.
 */
static int
stream_is_governed(FILE *f)
{
	int saved = errno, fd;

	if (engine_get() == NULL)
		return 0;
	fd = fileno_unlocked(f);
	errno = saved;
	return (fd < 0 || owned_class(fd) == FD_GOVERNED) &&
	       !process_vforked();
}

/* libc closes the number by itself: what stands there goes first. */
static void
stream_forget(FILE *f)
{
	int saved = errno, fd = fileno_unlocked(f);

	errno = saved;
	if (fd >= 0)
		descriptor_vacate(fd);
}

EXPORTS_BEGIN

int
fclose(FILE *f)
{
	libc_need();
	if (stream_is_governed(f) && ENGINE_SLOT(fclose) != NULL)
		return engine_get()->calls->fclose(f);
	stream_forget(f);
	return libc.fclose(f);
}

int
pclose(FILE *f)
{
	libc_need();
	if (stream_is_governed(f) && ENGINE_SLOT(pclose) != NULL)
		return engine_get()->calls->pclose(f);
	stream_forget(f);
	return libc.pclose(f);
}

#define FREOPEN(name)                                                    \
	FILE *name(const char *path, const char *mode, FILE *f)          \
	{                                                                \
		libc_need();                                             \
		if (stream_is_governed(f) && ENGINE_SLOT(name) != NULL)  \
			return engine_get()->calls->name(path, mode, f); \
		stream_forget(f);                                        \
		return libc.name(path, mode, f);                         \
	}

FREOPEN(freopen)
FREOPEN(freopen64)

int
dprintf(int fd, const char *fmt, ...)
{
	enum way way = gate_owned(fd);
	va_list ap;
	int n;

	va_start(ap, fmt);
	if (way == WAY_LIBC)
		n = libc.vdprintf(fd, fmt, ap);
	else if (way == WAY_ENGINE && ENGINE_SLOT(vdprintf) != NULL)
		n = engine_get()->calls->vdprintf(fd, fmt, ap);
	else
		n = refused(way);
	va_end(ap);
	return n;
}

int
__dprintf_chk(int fd, int flag, const char *fmt, ...)
{
	enum way way = gate_owned(fd);
	va_list ap;
	int n;

	va_start(ap, fmt);
	if (way == WAY_LIBC)
		n = libc.__vdprintf_chk(fd, flag, fmt, ap);
	else if (way == WAY_ENGINE && ENGINE_SLOT(__vdprintf_chk) != NULL)
		n = engine_get()->calls->__vdprintf_chk(fd, flag, fmt, ap);
	else
		n = refused(way);
	va_end(ap);
	return n;
}

EXPORTS_END
