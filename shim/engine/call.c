/* call.c - the frame of an interposed call */

#include <pthread.h>
#include <sys/single_threaded.h>

#include "call.h"
#include "carry.h"
#include "epoll.h"
#include "epoll_set.h"
#include "process.h"
#include "thread.h"

int
call_point(struct call *k)
{
	pthread_testcancel();
	return call_enter(k);
}

void
call_alone(void)
{
	thread_now.call = NULL;
}

/*
 * The call will not go on: the thread ends, or jumps to where the program
 * goes on, with the cancellation state that it has now.
 */
void
call_left(void *arg)
{
	const struct held *h = arg;
	struct call *k = thread_now.call;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	thread_wait_end();
	if (h != NULL && h->turn != NULL) {
		conn_lock(h->c);
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
		thread_now.call = k->outer;
		thread_leave();
		if (k->cancel >= 0)
			pthread_setcanceltype(k->type, NULL);
	}
	pthread_setcancelstate(state, NULL);
}

uint32_t
call_holds(const void *what)
{
	const struct call *k;
	uint32_t n = 0;

	for (k = thread_now.call; k != NULL; k = k->outer)
		n += k->c == what || k->set == what;
	return n;
}

void
call_note(struct conn *c)
{
	bool news, edge;

	if (c->regs == NULL && atomic_load(&c->polled) == 0)
		return;
	conn_lock(c);
	edge = conn_changed(c);
	news = c->state != CONN_LISTEN && (edge || conn_buffered(c));
	c->noted_state = c->state;
	c->fresh = false;
	if (edge)
		conn_tell(c);
	pthread_mutex_unlock(&c->lock);
	if (news)
		epoll_note(c, edge);
}

#ifdef SHIM_SEED_RACE
unsigned long call_made;
#endif

void
call_put_set(struct set *s)
{
	set_put(s);
}

void
call_kept(void)
{
	carry_kept();
}
