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

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* 0, or -EAGAIN where the engine was interrupted at work by a signal. */
int thread_enter(void);
void thread_leave(void);

/* True where this thread is inside the engine and does not merely wait. */
bool thread_at_work(void);

/* This thread's number, as the kernel has it; never 0. */
unsigned thread_id(void);
void thread_forked(pid_t pid); /* in the child: its one thread has its number */

/* True inside a signal handler that interrupted a wait of this thread. */
bool thread_nested(void);

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

bool thread_has_kept(void); /* and the engine is at nothing */
size_t thread_kept(int *fd, void *buf);
void thread_kept_done(void); /* what was given back has been written */

/*
 * Around every wait, with no lock held.  call.h's CALL_WAIT_BEGIN is these
 * two where the wait may be cancelled.
 */
void thread_wait_begin(void);
void thread_wait_end(void);

#endif
