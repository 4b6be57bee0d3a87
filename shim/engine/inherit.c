/* inherit.c - one connection at a fork: what the parent offers, the child has */

#include "call.h"
#include "conn.h"

/* Output that would be in both processes; locked, nobody sends. */
static bool
flushed(struct conn *c)
{
	int fd = bytes_left(&c->out) > 0 ? table_fd(c) : -1;

	while (fd != -1 && bytes_left(&c->out) > 0) {
		ssize_t n = host->libc->send(fd, bytes_at(&c->out),
		    bytes_left(&c->out), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n <= 0)
			break;
		bytes_take(&c->out, (size_t)n);
	}
	return bytes_left(&c->out) == 0 && bytes_left(&c->early) == 0 &&
	    !c->shut_later;
}

/*
 * What nobody does at this moment may be done by either process afterwards,
 * whichever comes first; what a thread is at stays ours.
 */
void
fork_offer(struct conn *c)
{
	bool rx = !atomic_load(&c->rx.busy);
	bool tx = !atomic_load(&c->tx.busy) && flushed(c);

	if (c->state != CONN_OPEN)
		rx = tx = rx && tx;
	if (rx)
		slot_offer(c->slot, SLOT_RX, &c->stamp[SLOT_RX]);
	if (tx)
		slot_offer(c->slot, SLOT_TX, &c->stamp[SLOT_TX]);
}

/*
 * Another thread was at work on it: what it left half done is not looked at.
 * It may have been offered before that thread came; whoever waits for us to
 * end it would wait in vain.  So we hold it no longer, and the parent ends it.
 */
static void
abandon(struct conn *c)
{
	conn_let_go(c, table_fd(c));
	c->session = NULL;
	c->record = (struct record){0};
	c->verdict = NULL;
	c->in = c->out = c->plain = c->early = (struct bytes){0};
	c->state = CONN_FOREIGN;
}

/*
 * What is not ours to use.  Without a slot nobody could tell who comes first:
 * a session that has begun is the parent's.
 */
static void
claim(struct conn *c)
{
	int i;

	for (i = 0; i < SLOT_USES; i++)
		c->stamp[i] = c->slot == NULL && c->state != CONN_PRE
		    ? SLOT_NEVER
		    : slot_inherited(c->stamp[i]);
	if (c->stamp[SLOT_TX] == SLOT_NEVER) {
		bytes_free(&c->out);
		bytes_free(&c->early);
		c->shut_later = false;
	}
}

void
fork_inherit(struct conn *c, bool announced)
{
	bool torn = !c->moving && !conn_trylock(c);

	pthread_mutex_init(&c->lock, NULL);
	conn_touched(c);
	atomic_store(&c->rx.busy, 0);
	atomic_store(&c->rx.waiters, 0);
	atomic_store(&c->tx.busy, 0);
	atomic_store(&c->tx.waiters, 0);
	atomic_store(&c->tx.wanted, 0);
	atomic_store(&c->using, 0);
	atomic_store(&c->dialing, false);
	atomic_store(&c->refs, atomic_load(&c->fds) + call_holds(c));
	if (c->state == CONN_LISTEN)
		return;
	if (!announced || !slot_join(c->slot, c->expected, process_holder()))
		c->slot = NULL;
	if (torn)
		abandon(c);
	claim(c);
}
