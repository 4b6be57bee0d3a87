/*
 * call.h - the frame of an interposed call: conn and errno in, conn and
 * errno out
 */
#ifndef ENGINE_CALL_H
#define ENGINE_CALL_H

#include <pthread.h>

#include "conn.h"
#include "process.h"
#include "thread.h"

#define CALL_ALONE (-2)
#define CALL_POINTLESS (-3)

struct call {
	struct conn *c;
	struct set *set; /* an epoll set that it is about, or NULL */
	int saved;  /* errno is untouched on success */
	int cancel; /* the thread's cancellation state, disabled meanwhile;
		     * CALL_ALONE, CALL_POINTLESS: left as it is; -1: the call
		     * did not begin */
	int type; /* and its type, where the state is not left as it is */
	struct call *outer; /* the call that a signal handler interrupted */
};

/*
 * Nobody can cancel the only thread but a handler of its own, which then ends
 * the process: as after a handler's exit(), the engine is found at work and is
 * not entered again.  So the state is left alone, at 10 ns a time.
 */
static inline void
call_uncancelled(struct call *k)
{
	if (single_threaded()) {
		k->cancel = CALL_ALONE;
		return;
	}
	/*
	 * glibc 2.36 ends a thread of asynchronous type whose cancellation was
	 * on its way while the state was disabled; waits are cancellation points
	 * all the same.
	 */
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &k->type);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &k->cancel);
}

/* As before the call: one of asynchronous type may end in here. */
static inline void
call_cancelled_again(const struct call *k)
{
	if (k->cancel < 0)
		return;
	pthread_setcancelstate(k->cancel, NULL);
	if (unlikely(k->type != PTHREAD_CANCEL_DEFERRED))
		pthread_setcanceltype(k->type, NULL);
}

/*
 * Is a thread ended in cancellation points alone?  quick.c's calls then have
 * none but their wait, for which the state is as the program has it anyway, and
 * leave it alone (CALL_POINTLESS); whoever goes on the ordinary way from there
 * says call_ordinary first.
 */
static inline bool
call_deferred(void)
{
	return likely(
	    !__atomic_load_n(host->asynchronous, __ATOMIC_RELAXED));
}

static inline void
call_ordinary(struct call *k)
{
	if (k->cancel == CALL_POINTLESS)
		call_uncancelled(k);
}

/*
 * For calls that concern no one conn.  0 or a negative errno; call_end follows
 * in either case.
 */
static inline int
call_enter(struct call *k)
{
	k->saved = errno;
	k->c = NULL;
	k->set = NULL;
	k->cancel = -1;
	if (thread_enter() < 0)
		return -EAGAIN;
	k->outer = thread_now.call;
	thread_now.call = k;
	call_uncancelled(k);
	process_check();
	return 0;
}

/* The same, for those that concern fd's. */
static inline int
call_begin(struct call *k, int fd)
{
	int rv = call_enter(k);

	if (rv < 0)
		return rv;
	k->c = table_get(fd);
	return likely(k->c != NULL) ? 0 : -EBADF;
}

/*
 * call_enter, for calls that POSIX names as cancellation points.  The others
 * must not be any: a program may hold a lock over them.
 */
int call_point(struct call *k);

/* rv in libc's way: errno is set for a negative one, else as it was. */
static inline ssize_t call_end(struct call *k, ssize_t rv);

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

static inline void
call_wait_begin(void)
{
	const struct call *k = thread_now.call;

	thread_wait_begin();
	if (likely(k != NULL) && k->cancel >= 0)
		pthread_setcancelstate(k->cancel, NULL);
}

static inline void
call_wait_end(void)
{
	struct call *k = thread_now.call;

	/* a handler may have begun a thread meanwhile */
	if (likely(k != NULL && k->cancel == CALL_ALONE))
		call_uncancelled(k);
	else if (k != NULL && k->cancel >= 0)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	thread_wait_end();
}

/* A recv that waits in the kernel, which knows about restarts. */
__attribute__((always_inline)) static inline ssize_t
call_recv(struct held *h, int fd, void *buf, size_t len, int flags)
{
	ssize_t n;

	CALL_WAIT_BEGIN(h);
	n = as_engine(host->libc->recv(fd, buf, len, flags));
	CALL_WAIT_END();
	return n;
}

/*
 * A call on a conn that is in an epoll set, or polled by another thread, may
 * have left plaintext behind, queued output or ended a handshake: the kernel
 * tells nobody of these.
 * call_end does it for its conn.
 */
void call_note(struct conn *c);

void call_kept(void); /* what handlers have left, if they may be served now */
void call_put_set(struct set *s);
extern unsigned long call_made; /* what make check-tsan must find first */

static inline ssize_t
call_end(struct call *k, ssize_t rv)
{
#ifdef SHIM_SEED_RACE
	call_made++;
#endif
	if (k->c != NULL) {
		if (k->c->regs != NULL || atomic_load(&k->c->polled) > 0)
			call_note(k->c);
		conn_put(k->c);
	}
	if (unlikely(k->set != NULL))
		call_put_set(k->set);
	if (k->cancel != -1) {
		thread_now.call = k->outer;
		thread_leave();
		if (unlikely(thread_has_kept()))
			call_kept();
		call_cancelled_again(k);
	}
	errno = k->saved;
	return as_libc(rv);
}

#endif
