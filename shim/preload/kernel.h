/*
 * kernel.h - system calls of a start
 *
 * libc's functions for these lie on pages of it that a start has not touched
 * otherwise, and each would be found first (libc.c).
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "place.h"

/* What the kernel says: a negative errno, which errno does not get. */
static inline long
kernel_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long rv;

	__asm__ volatile("syscall"
	    : "=a"(rv)
	    : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	    : "rcx", "r11", "memory");
	return rv;
}

static inline pid_t
kernel_getpid(void)
{
	return (pid_t)kernel_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

/* As ld.so asks, so that no sandbox in which a program starts kills for it. */
static inline int
kernel_fstat(int fd, struct stat *st)
{
	static const char empty[1] FIRST_DATA;

	return (int)kernel_call(SYS_newfstatat, fd, (long)empty, (long)st,
	    AT_EMPTY_PATH, 0, 0);
}

#endif
