/*
 * argument.h - is memory that a program names for its bytes really there?
 *
 * The kernel says EFAULT where we, in its place, would crash.  Asked is the
 * page of the first byte, and of the last one where all will be read; pages
 * that were good before are remembered by the thread, so that a buffer used
 * again costs no system call (a program that unmaps such a buffer and goes
 * on using it does crash).
 * Safe in signal handlers: at worst a page is asked about again.
 */
#ifndef ENGINE_ARGUMENT_H
#define ENGINE_ARGUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/* linux/fs.h: no call moves more than this, and says so by its count. */
#define CALL_MOST ((size_t)0x7ffff000)

/* An address that no program can have: page 0, or beyond user space. */
bool argument_absurd(const void *p, size_t len);

/* True if our access to each of these would succeed. */
bool argument_readable(const struct iovec *iov, int n);
bool argument_writable(const struct iovec *iov, int n);

/*
 * The array itself and the lengths in it, as readv(2) and recvmsg(2) judge
 * them: 0, -EINVAL or -EFAULT.  What n may be is the caller's to say.
 */
int argument_iovec(const struct iovec *iov, int n);

#endif
