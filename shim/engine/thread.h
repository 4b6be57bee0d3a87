/*
 * thread.h - what a thread brings to the engine: buffers, and how deep it is
 *
 * A signal handler may call into the engine while its own thread is inside.
 * While that thread merely waits the handler gets full service, with buffers
 * of its own; while it works (a lock may be held, GnuTLS or malloc may be in
 * the middle) enter() says so and the call must not go on.
 */
#ifndef ENGINE_THREAD_H
#define ENGINE_THREAD_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "engine.h"

#define THREAD_DEPTHS 3

/*
 * What a thread is at: thread.c's, and call.c's; here since every call passes
 * by, and all of it lies together.
 */
struct thread_now {
	struct call *call; /* the innermost; call.c */
	int depth;	   /* calls under way */
	int waiting;	   /* of these, how many wait */
	unsigned id;	   /* 0: not asked yet */
	volatile sig_atomic_t taking;	/* of what was kept; thread_kept */
	volatile size_t put_at, get_at; /* of its ring; they only grow */
	struct thread *own[THREAD_DEPTHS]; /* owned; buffers for each depth */
};
extern __thread struct thread_now thread_now
    __attribute__((tls_model("initial-exec")));

/* A thread's buffers (thread.c); NULL when out of memory. */
#define BUFFER_SIZE 65536
#define RECORD_SIZE 16384 /* RFC 8446, 5.1: most plaintext of a record */
#define RECORD_MOST (5 + RECORD_SIZE + 256) /* RFC 8446, 5.2: on the wire */
#define INPUT_BEFORE RECORD_MOST /* of a thread's input: a record's beginning */
#define INPUT_SIZE (BUFFER_SIZE + 4 * 256)
unsigned char *thread_input(void); /* INPUT_BEFORE + INPUT_SIZE */
/* Encrypted for one send: where twice as many were, a MB cost 1/7 more. */
#define OUTPUT_PLAIN (8 * RECORD_SIZE)
#define OUTPUT_SIZE (OUTPUT_PLAIN + 8192) /* room for record overhead */
unsigned char *thread_output(void); /* OUTPUT_SIZE */
unsigned char *thread_record(void); /* RECORD_MOST, not kept over a call */

void thread_prepare(void); /* buffers for this depth, if there is memory */
unsigned thread_ask_id(void);

/* 0, or -EAGAIN where the engine was interrupted at work by a signal. */
static inline int
thread_enter(void)
{
	struct thread_now *t = &thread_now;

	if (unlikely(t->depth > t->waiting || t->depth >= THREAD_DEPTHS))
		return -EAGAIN;
	/* a signal handler must not be the first to allocate */
	if (t->depth++ == 0 && unlikely(t->own[0] == NULL))
		thread_prepare();
	return 0;
}

static inline void
thread_leave(void)
{
	thread_now.depth--;
}

/* True where this thread is inside the engine and does not merely wait. */
static inline bool
thread_at_work(void)
{
	return thread_now.depth > thread_now.waiting;
}

/* This thread's number, as the kernel has it; never 0. */
static inline unsigned
thread_id(void)
{
	return likely(thread_now.id != 0) ? thread_now.id : thread_ask_id();
}

/* Of this thread and depth; NULL when out of memory. */
struct argument_more *thread_more(void);

void thread_forked(pid_t pid); /* in the child: its one thread has its number */

/* True inside a signal handler that interrupted a wait of this thread. */
static inline bool
thread_nested(void)
{
	return thread_now.waiting > 0;
}

/*
 * A write that came while the engine was at work on this very thread: len
 * bytes for fd are kept and written when the engine returns.  len, or -EAGAIN
 * when there is no room.  thread_kept gives them back, one by one, into buf
 * (THREAD_KEEP bytes); 0 when there are no more.
 */
#define THREAD_KEEP 4096
long thread_keep(int fd, const void *buf, size_t len);

/*
 * The same for a close, which needs the locks that the interrupted work has:
 * 0, or -EIO where there is no room.  thread_kept says THREAD_CLOSE for it.
 */
#define THREAD_CLOSE ((size_t)-1)
long thread_keep_close(int fd);

/* And the engine is at nothing. */
static inline bool
thread_has_kept(void)
{
	const struct thread_now *t = &thread_now;

	return t->put_at != t->get_at && t->depth == 0 && !t->taking;
}

size_t thread_kept(int *fd, void *buf);
void thread_kept_done(void); /* what was given back has been written */

/*
 * Around every wait, with no lock held.  call.h's CALL_WAIT_BEGIN is these
 * two where the wait may be cancelled.
 */
static inline void
thread_wait_begin(void)
{
	thread_now.waiting++;
}

static inline void
thread_wait_end(void)
{
	thread_now.waiting--;
}

#endif
