/* call.c - the frame of an interposed call */

#include <pthread.h>
#include <sys/single_threaded.h>

#include "call.h"
#include "carry.h"
#include "epoll.h"
#include "epoll_set.h"
#include "process.h"
#include "thread.h"

static __thread struct call *top
    __attribute__((tls_model("initial-exec")));

/*
 * Nobody can cancel the only thread but a handler of its own, which then ends
 * the process: as after a handler's exit(), the engine is found at work and is
 * not entered again.  So the state is left alone, at 10 ns a time.
 */
static int
cancel_disable(void)
{
	int was;

	if (__libc_single_threaded)
		return CALL_ALONE;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &was);
	return was;
}

static void
cancel_restore(int was)
{
	if (was != CALL_ALONE)
		pthread_setcancelstate(was, NULL);
}

int
call_enter(struct call *k)
{
	k->saved = errno;
	k->c = NULL;
	k->set = NULL;
	k->cancel = -1;
	if (thread_enter() < 0)
		return -EAGAIN;
	k->outer = top;
	top = k;
	k->cancel = cancel_disable();
	process_check();
	return 0;
}

int
call_point(struct call *k)
{
	pthread_testcancel();
	return call_enter(k);
}

int
call_begin(struct call *k, int fd)
{
	int rv = call_enter(k);

	if (rv < 0)
		return rv;
	k->c = table_get(fd);
	return k->c != NULL ? 0 : -EBADF;
}

void
call_alone(void)
{
	top = NULL;
}

void
call_wait_begin(void)
{
	thread_wait_begin();
	if (top != NULL)
		cancel_restore(top->cancel);
}

void
call_wait_end(void)
{
	/* a handler may have begun a thread meanwhile */
	if (top != NULL && top->cancel == CALL_ALONE)
		top->cancel = cancel_disable();
	else if (top != NULL)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	thread_wait_end();
}

/*
 * The call will not go on: the thread ends, or jumps to where the program
 * goes on, with the cancellation state that it has now.
 */
void
call_left(void *arg)
{
	const struct held *h = arg;
	struct call *k = top;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	thread_wait_end();
	if (h != NULL && h->turn != NULL) {
		pthread_mutex_lock(&h->c->lock);
		if (h->turn == &h->c->tx)
			wait_output_back(h->c);
		turn_give(h->turn);
		pthread_mutex_unlock(&h->c->lock);
	}
	if (k != NULL) {
		if (k->c != NULL)
			conn_put(k->c);
		if (k->set != NULL)
			set_put(k->set);
		top = k->outer;
		thread_leave();
	}
	pthread_setcancelstate(state, NULL);
}

uint32_t
call_holds(const void *what)
{
	const struct call *k;
	uint32_t n = 0;

	for (k = top; k != NULL; k = k->outer)
		n += k->c == what || k->set == what;
	return n;
}

void
call_note(struct conn *c)
{
	bool news, edge;

	if (c->regs == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	edge = c->state != c->noted_state || (c->fresh && conn_buffered(c));
	news = c->state != CONN_LISTEN && (edge || conn_buffered(c));
	c->noted_state = c->state;
	c->fresh = false;
	pthread_mutex_unlock(&c->lock);
	if (news)
		epoll_note(c, edge);
}

#ifdef SHIM_SEED_RACE /* what make check-tsan must find first */
static unsigned long calls_made;
#define COUNT_CALL calls_made++
#else
#define COUNT_CALL (void)0
#endif

ssize_t
call_end(struct call *k, ssize_t rv)
{
	COUNT_CALL;
	if (k->c != NULL) {
		call_note(k->c);
		conn_put(k->c);
	}
	if (k->set != NULL)
		set_put(k->set);
	if (k->cancel != -1) {
		top = k->outer;
		thread_leave();
		if (thread_has_kept())
			carry_kept();
		cancel_restore(k->cancel);
	}
	errno = k->saved;
	return as_libc(rv);
}
