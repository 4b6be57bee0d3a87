/* call.c - the frame of an interposed call */

#include <pthread.h>

#include "call.h"
#include "epoll.h"
#include "process.h"
#include "thread.h"

int
call_enter(struct call *k)
{
	k->saved = errno;
	k->c = NULL;
	k->cancel = -1;
	if (thread_enter() < 0)
		return -EAGAIN;
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

/*
 * A call on a conn that is in an epoll set may have left plaintext behind,
 * queued output or ended a handshake: the kernel tells nobody of these.
 */
static void
note(struct conn *c)
{
	bool news;

	pthread_mutex_lock(&c->lock);
	news = c->state != CONN_LISTEN &&
	    (c->state != c->noted_state || conn_buffered(c));
	c->noted_state = c->state;
	pthread_mutex_unlock(&c->lock);
	if (news)
		epoll_note(c);
}

ssize_t
call_end(struct call *k, ssize_t rv)
{
	if (k->c != NULL) {
		if (k->c->regs != NULL)
			note(k->c);
		conn_put(k->c);
	}
	if (k->cancel != -1) {
		thread_leave();
		pthread_setcancelstate(k->cancel, NULL);
	}
	errno = k->saved;
	return as_libc(rv);
}
