/*
 * call.h - the frame of an interposed call: conn and errno in, conn and
 * errno out
 */
#ifndef ENGINE_CALL_H
#define ENGINE_CALL_H

#include "conn.h"

#define CALL_ALONE (-2)

struct call {
	struct conn *c;
	struct set *set; /* an epoll set that it is about, or NULL */
	int saved;  /* errno is untouched on success */
	int cancel; /* the thread's cancellation state, disabled meanwhile;
		     * CALL_ALONE: left as it is; -1: the call did not begin */
	struct call *outer; /* the call that a signal handler interrupted */
};

/* 0 or a negative errno; call_end follows in either case. */
int call_begin(struct call *k, int fd);

/* For calls that concern no one conn. */
int call_enter(struct call *k);

/*
 * call_enter, for calls that POSIX names as cancellation points.  The others
 * must not be any: a program may hold a lock over them.
 */
int call_point(struct call *k);

/* rv in libc's way: errno is set for a negative one, else as it was. */
ssize_t call_end(struct call *k, ssize_t rv);

/* What a thread that waits has taken. */
struct held {
	struct conn *c;
	struct turn *turn; /* or NULL */
};

/* In a process of ours: no program's call is under way, nor cancelled. */
void call_alone(void);

/*
 * undo(arg) where this block is left from within: by cancellation, and by a
 * signal handler that jumps out of it (alarm() and siglongjmp() out of a
 * blocked read or connect, as in wget's run_with_timeout).  pthread_cleanup_
 * push knows of the first alone; the functions that it had before GCC's
 * exceptions are libc's still, and its longjmp runs what they were given.
 * They pair in one block, which nothing else leaves.
 */
#define CALL_UNDO_BEGIN(undo, arg)                           \
	{                                                    \
		struct _pthread_cleanup_buffer undo_buffer_; \
		_pthread_cleanup_push(&undo_buffer_, (undo), (arg))
#define CALL_UNDO_END(run)                            \
	_pthread_cleanup_pop(&undo_buffer_, (run)); \
	}
extern void _pthread_cleanup_push(struct _pthread_cleanup_buffer *buffer,
    void (*routine)(void *), void *arg);
extern void _pthread_cleanup_pop(struct _pthread_cleanup_buffer *buffer, int run);

/*
 * Around a system call that may wait and is a cancellation point: the host's
 * cancellation state holds for it.  A thread that is cancelled, or jumps out
 * of it, gives back what it holds (a struct held, or NULL), the conn and set of
 * its call and its depth in the engine.  No lock is held.  They pair in one block.
 */
#define CALL_WAIT_BEGIN(held)                                             \
	{                                                                 \
		struct _pthread_cleanup_buffer wait_buffer_;              \
		_pthread_cleanup_push(&wait_buffer_, call_left, (held)); \
		call_wait_begin()
#define CALL_WAIT_END()                         \
	call_wait_end();                        \
	_pthread_cleanup_pop(&wait_buffer_, 0); \
	}

/*
 * How many calls of this thread are on what, a conn or a set: a fork's child
 * has no others.
 */
uint32_t call_holds(const void *what);

void call_left(void *held);
void call_wait_begin(void);
void call_wait_end(void);

/*
 * A call on a conn that is in an epoll set may have left plaintext behind,
 * queued output or ended a handshake: the kernel tells nobody of these.
 * call_end does it for its conn.
 */
void call_note(struct conn *c);

#endif
