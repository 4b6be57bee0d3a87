/*
 * engine.h - what every file of the engine shares: the host, this process,
 * and the one crossing from negative errno to libc's convention
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/single_threaded.h>
#include <sys/types.h>
#include <time.h>

#include "../abi.h"

/* Set once by shim_engine_start (tools and unit tests set their own). */
extern const struct shim_host *host;

/* The engine's rows, by family; start.c collects them into one table. */
void calls_stream(struct shim_calls *c); /* calls_stream.c, and in it: */
void calls_message(struct shim_calls *c); /* calls_message.c */
void calls_file(struct shim_calls *c); /* calls_file.c */
void calls_splice(struct shim_calls *c); /* calls_splice.c */
void calls_socket(struct shim_calls *c); /* calls_socket.c */
void calls_descriptor(struct shim_calls *c); /* calls_descriptor.c */
void calls_ready(struct shim_calls *c); /* calls_ready.c */
void calls_stdio(struct shim_calls *c); /* stdio.c */

void calls_exec(struct shim_calls *c); /* exec.c */
void calls_spawn(struct shim_calls *c); /* spawn.c */

/*
 * The table they make: what the preload calls for governed descriptors, and
 * what fills it, once, before the first of these calls.
 */
const struct shim_calls *engine_calls(void);
void engine_calls_init(void);

/*
 * This process's pid, without a system call: kept by the fork handler.  In a
 * vfork child it is the parent's (process_is_vfork_child tells).
 */
pid_t process_pid(void);

/*
 * The same as other processes of the tree know it; 0 where they know another
 * one, because a fork on the way here led into a new pid namespace.
 */
pid_t process_holder(void);

/* How many forks lie between this process and the start of the engine. */
unsigned process_forks(void);

/*
 * Where variables lie.  After a fork the kernel copies each page that the
 * parent or the child writes to, and each 2 MB in which pages were written
 * cost a page table in every fork and exit.  So what forks, accept() and
 * close() write is to lie on one page: .bss, behind it the first rows.  RARE
 * is for what is large and rarely written, and puts it in front, into .data;
 * APART is for what is larger still and mostly never touched (.lbss comes
 * behind .bss, and takes no room in the file).
 */
#define RARE __attribute__((section(".data.once")))
#define APART __attribute__((section(".lbss.apart")))

/* What there is for a descriptor; each member is one file's alone. */
struct row {
	_Atomic(struct conn *) conn;    /* table.c */
	_Atomic(struct set *) set;      /* epoll_set.c */
	_Atomic(_Atomic int *) holder;  /* ours.c */
	unsigned char kept;             /* calls_descriptor.c */
};
extern struct row fd_rows[FD_MAX]; /* table.c */

/* CLOCK_MONOTONIC in milliseconds and in nanoseconds (wait.c). */
int64_t now_ms(void);
int64_t now_ns(void);

#define NS 1000000000LL

/* When a time from now on is over, in ns; one that no clock holds: never. */
int64_t now_ns_after(int64_t sec, int64_t ns);

/* Is it a time at all?  What is none is EINVAL. */
static inline bool
is_time(const struct timespec *ts)
{
	return ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < NS;
}

/* The only place where a negative errno becomes libc's -1 and errno. */
static inline ssize_t
as_libc(ssize_t rv)
{
	if (rv >= 0)
		return rv;
	errno = (int)-rv;
	return -1;
}

/* A libc call's answer as this layer's: a count, 0 or a negative errno. */
static inline ssize_t
as_engine(ssize_t rv)
{
	return rv >= 0 ? rv : -errno;
}

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/*
 * What every read and write comes by: compilers put it in one place (.text.hot),
 * so that few pages and lines of the caches hold it all.
 */
#define OFTEN __attribute__((hot))
#define ALWAYS __attribute__((always_inline)) static inline

/*
 * What other threads see of a process with one thread they never see: what
 * they share is then changed without locking the bus, as libc does with its
 * mutexes (a locked addition is 20 cycles, and a message took 20 of them).
 * A signal handler that comes in between leaves a count as it has found it.
 * Not for what other processes see (slot.c).
 */
static inline bool
single_threaded(void)
{
	return likely(__libc_single_threaded);
}

/* Returns what it was. */
static inline uint32_t
count_add(_Atomic uint32_t *n, uint32_t more)
{
	uint32_t was;

	if (!single_threaded())
		return atomic_fetch_add(n, more);
	was = atomic_load_explicit(n, memory_order_relaxed);
	atomic_store_explicit(n, was + more, memory_order_relaxed);
	return was;
}

static inline uint32_t
count_take(_Atomic uint32_t *n)
{
	return count_add(n, (uint32_t)-1);
}

/*
 * One reference more, for who found the object by a look that takes no lock;
 * false: it is done with.  Its memory is never returned to malloc.
 */
static inline bool
refs_take(_Atomic uint32_t *refs)
{
	uint32_t n = atomic_load(refs);

	if (single_threaded() && n > 0) {
		count_add(refs, 1);
		return true;
	}
	while (n > 0)
		if (atomic_compare_exchange_weak(refs, &n, n + 1))
			return true;
	return false;
}

#endif
