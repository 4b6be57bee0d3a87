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
#include <stdint.h>
#include <sys/uio.h>

/* linux/fs.h: no call moves more than this, and says so by its count. */
#define CALL_MOST ((size_t)0x7ffff000)

/* An address that no program can have: page 0, or beyond user space. */
bool argument_absurd(const void *p, size_t len);

/* The smallest: a larger one is only asked about oftener. */
#define ARGUMENT_PAGE 4096
#define ARGUMENT_PAGES 32
#define ARGUMENT_MORE 512
/* TASK_SIZE_MAX of x86-64 with five levels: with four the kernel is asked. */
#define ARGUMENT_END 0xfffffffffff000
enum argument_access { FOR_READING, FOR_WRITING };

/* Pages that were good before; argument.c's. */
extern __thread uintptr_t argument_good[2][ARGUMENT_PAGES]
    __attribute__((tls_model("initial-exec")));

/*
 * What these pushed out of their places: a server's clients may have a buffer
 * each.  A thread with few buffers does not come by it.
 */
struct argument_more {
	uintptr_t good[2][ARGUMENT_MORE];
	bool any; /* of them is not 0 */
};

/* Which of n, a power of 2: the ends of 64 KB must not push each other out. */
static inline unsigned
argument_place(uintptr_t page, unsigned n)
{
	return (unsigned)((page * 0x9e3779b97f4a7c15 >> 48) * n >> 16);
}

static inline uintptr_t *
argument_known(uintptr_t page, enum argument_access a)
{
	return &argument_good[a][argument_place(page, ARGUMENT_PAGES)];
}

/*
 * Is what argument.c would ask about known already, and no length absurd?
 * False: it has to be asked.
 */
static inline bool
argument_seen(const void *p, size_t len, enum argument_access a)
{
	uintptr_t page = (uintptr_t)p / ARGUMENT_PAGE,
		  last = ((uintptr_t)p + len - 1) / ARGUMENT_PAGE;

	/* page 0 is what stands where nothing does */
	return len - 1 < CALL_MOST && page != 0 &&
	       (uintptr_t)p < ARGUMENT_END - CALL_MOST &&
	       *argument_known(page, a) == page &&
	       (a == FOR_WRITING || *argument_known(last, a) == last);
}

/* True if our access to each of these would succeed. */
bool argument_readable(const struct iovec *iov, int n);
bool argument_writable(const struct iovec *iov, int n);

/*
 * The array itself and the lengths in it, as readv(2) and recvmsg(2) judge
 * them: 0, -EINVAL or -EFAULT.  What n may be is the caller's to say.
 */
int argument_iovec(const struct iovec *iov, int n);

#endif
