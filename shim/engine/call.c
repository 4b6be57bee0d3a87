/* call.c - the frame of an interposed call */

#include <pthread.h>

#include "call.h"
#include "epoll.h"
#include "process.h"
#include "thread.h"

static __thread struct call *top
    __attribute__((tls_model("initial-exec")));

int
call_enter(struct call *k)
{
	k->saved = errno;
	k->c = NULL;
	k->cancel = -1;
	pthread_testcancel();
	if (thread_enter() < 0)
		return -EAGAIN;
	k->outer = top;
	top = k;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &k->cancel);
	process_check();
	return 0;
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
call_wait_begin(void)
{
	thread_wait_begin();
	if (top != NULL)
		pthread_setcancelstate(top->cancel, NULL);
}

void
call_wait_end(void)
{
	if (top != NULL)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	thread_wait_end();
}

/* The thread will not come back: its frames are unwound from here. */
void
call_cancelled(void *turn)
{
	struct call *k = top;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	thread_wait_end();
	if (turn != NULL)
		turn_give(turn);
	if (k == NULL)
		return;
	if (k->c != NULL)
		conn_put(k->c);
	top = k->outer;
	thread_leave();
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

ssize_t
call_end(struct call *k, ssize_t rv)
{
	if (k->c != NULL) {
		call_note(k->c);
		conn_put(k->c);
	}
	if (k->cancel != -1) {
		top = k->outer;
		thread_leave();
		pthread_setcancelstate(k->cancel, NULL);
	}
	errno = k->saved;
	return as_libc(rv);
}
