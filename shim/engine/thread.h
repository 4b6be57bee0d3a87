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

/* 0, or -EAGAIN where the engine was interrupted at work by a signal. */
int thread_enter(void);
void thread_leave(void);

/* Around every wait, with no lock held. */
void thread_wait_begin(void);
void thread_wait_end(void);

#endif
