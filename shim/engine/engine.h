/*
 * engine.h - what every file of the engine shares: the host, this process,
 * and the one crossing from negative errno to libc's convention
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

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

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t now_ms(void);

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

#endif
