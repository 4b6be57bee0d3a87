/* quick.c - one record read or written, where nothing else is to be done */

#include "argument.h"
#include "call.h"
#include "carry.h"
#include "deferred.h"
#include "intake.h"
#include "quick.h"
#include "reserve.h"
#include "stream.h"

/* Twice here, and each in one piece. */
#define ALWAYS __attribute__((always_inline)) static inline

#define THREADED_MOST 1024 /* the lock is held over the send of so much */

/* Open, whole, with nothing queued either way. */
static inline bool
is_still(const struct conn *c)
{
	return c->state == CONN_OPEN && bytes_left(&c->in) == 0 &&
	       bytes_left(&c->out) == 0 && bytes_left(&c->early) == 0 &&
	       c->in_err == 0 && !c->timeouts && !c->shut_later &&
	       !c->out_dead && !c->out_lost;
}

static inline bool
may_read(const struct conn *c)
{
	return is_still(c) && bytes_left(&c->plain) == 0 && c->lowat <= 1 &&
	       !c->rd_eof && !c->rd_shut && !c->in_eof && !c->held_back &&
	       c->reauth == REAUTH_NONE && record_opens(&c->record);
}

/* Not the first one: that may have to be waited with, looked at, hurried. */
static inline bool
may_write(const struct conn *c)
{
	return is_still(c) && c->wrote && !c->wr_shut && !c->hurried &&
	       (c->got_data || c->side == SIDE_SERVER) &&
	       record_seals(&c->record);
}

/*
 * As call_begin, for a thread that is at nothing; false: it is at nothing still.
 * Whoever is alone leaves the lock: conn.h says why.
 */
ALWAYS bool
begin(struct call *k, int fd, bool alone)
{
	struct thread_now *t = &thread_now;

	if (t->depth != 0 || t->own[0] == NULL || !process_marked() ||
	    deferred_any() || !reserve_enough())
		return false;
	*k = (struct call){.saved = errno};
	t->depth = 1;
	t->call = k;
	call_uncancelled(k);
	k->c = table_get(fd);
	if (k->c != NULL && !alone)
		conn_lock(k->c);
	return true;
}

/* As call_end; what is buffered nowhere is no news. */
ALWAYS ssize_t
end(struct call *k, ssize_t rv, bool alone)
{
	struct conn *c = k->c;

	if (c != NULL && !alone)
		pthread_mutex_unlock(&c->lock);
	if (c != NULL && (c->regs != NULL || atomic_load(&c->polled) > 0) &&
	    (!alone || conn_changed(c)))
		call_note(c);
	if (c != NULL)
		conn_put(c);
	thread_now.call = NULL;
	thread_leave();
	if (unlikely(thread_has_kept()))
		call_kept();
	call_cancelled_again(k);
	errno = k->saved;
	return rv;
}

/* It is at nothing again. */
__attribute__((cold)) static ssize_t
not_quick(struct call *k, bool alone)
{
	return end(k, QUICK_NOT, alone);
}

static inline bool
take_rx(struct conn *c, int fd, bool alone)
{
	if (!likely(alone && c->still_rx)) {
		if (!may_read(c) || table_number(fd, c) != fd ||
		    !slot_claim(c->slot, SLOT_RX, &c->stamp[SLOT_RX]))
			return false;
		c->still_rx = alone;
	}
	return turn_try(&c->rx);
}

static inline bool
take_tx(struct conn *c, int fd, size_t len, bool alone)
{
	if (!likely(alone && c->still_tx)) {
		if (!may_write(c) || table_number(fd, c) != fd ||
		    !slot_claim(c->slot, SLOT_TX, &c->stamp[SLOT_TX]))
			return false;
		c->still_tx = alone;
	}
	return len <= (alone ? RECORD_SIZE : THREADED_MOST) &&
	       stream_roomy(c, len) && turn_try(&c->tx);
}

/* What came is not one record alone, or something has happened meanwhile. */
__attribute__((cold)) static ssize_t
read_on(struct call *k, int fd, const struct iovec *v, int flags,
    unsigned char *at, size_t room, ssize_t n, bool alone)
{
	struct conn *c = k->c;

	if (alone)
		conn_lock(c);
	n = intake_take(c, at, room, n);
	if (n >= 0)
		n = 0;
	else if (c->state != CONN_OPEN)
		n = c->err;
	return carry_end(k, fd, stream_read_on(c, fd, v, 1, flags, n));
}

/* Alone it is the recv that waits; c's lock is not held. */
static inline ssize_t
receive(struct conn *c, int fd, unsigned char *at, size_t room, int flags,
    bool alone)
{
	const struct patience p = {.flags = flags};
	struct held h = {c, &c->rx};
	ssize_t n;

	if (!alone)
		return wait_receive(c, fd, at, room, &p);
	CALL_WAIT_BEGIN(&h);
	n = as_engine(host->libc->recv(fd, at, room, flags));
	CALL_WAIT_END();
	return likely(n != -EAGAIN) ? n
				    : wait_receive_again(c, fd, at, room, &p);
}

OFTEN ssize_t
quick_read(int fd, void *buf, size_t len, int flags)
{
	bool alone = single_threaded();
	unsigned char *at;
	struct call k;
	struct conn *c;
	size_t room, got = 0;
	ssize_t n;

	pthread_testcancel();
	if ((flags & ~MSG_DONTWAIT) != 0 ||
	    !argument_seen(buf, len, FOR_WRITING) || !begin(&k, fd, alone))
		return QUICK_NOT;
	c = k.c;
	if (c == NULL || !take_rx(c, fd, alone))
		return not_quick(&k, alone);
	at = thread_input() + INPUT_BEFORE;
	room = intake_worth(c, len);
	if (!alone)
		pthread_mutex_unlock(&c->lock);
	n = receive(c, fd, at, room, flags, alone);
	if (!alone)
		conn_lock(c);
	/* one that fills the buffer may have another behind it */
	if (likely(n > 0 && (size_t)n < room &&
		   (alone ? c->still_rx && single_threaded() : may_read(c))))
		got = record_open_one(c, at, (size_t)n, buf, len);
	if (unlikely(got == 0))
		return read_on(&k, fd, &(struct iovec){buf, len}, flags, at,
		    room, n, alone);
	c->drained = c->got_data = true;
	c->dry = false;
	turn_give(&c->rx);
	return end(&k, (ssize_t)got, alone);
}

/* The kernel has not taken all of it: a tail in our queue counts as its own. */
__attribute__((cold)) static ssize_t
write_on(struct call *k, int fd, unsigned char *at, size_t size, ssize_t said,
    size_t len, int flags, bool alone)
{
	struct patience p = {.flags = flags & MSG_DONTWAIT};
	struct conn *c = k->c;
	int rv;

	if (alone)
		conn_lock(c);
	bytes_borrow(&c->out, at, size, size);
	rv = wait_output_said(c, fd, &p, &said);
	turn_give(&c->tx);
	said = rv < 0 && rv != -EAGAIN && rv != -EINTR ? rv : (ssize_t)len;
	return carry_end(k, fd, stream_written(c, said, len, flags));
}

static inline ssize_t
transmit(struct conn *c, int fd, const unsigned char *at, size_t size, bool alone)
{
	if (!alone)
		return wait_send_now(c, fd, at, size, 0);
	return as_engine(
	    host->libc->send(fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT));
}

OFTEN ssize_t
quick_write(int fd, const void *data, size_t len, int flags)
{
	bool alone = single_threaded();
	unsigned char *at;
	struct call k;
	struct conn *c;
	size_t size;
	ssize_t n;

	pthread_testcancel();
	if ((flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) != 0 ||
	    !argument_seen(data, len, FOR_READING) || !begin(&k, fd, alone))
		return QUICK_NOT;
	c = k.c;
	if (c == NULL || !take_tx(c, fd, len, alone))
		return not_quick(&k, alone);
	at = thread_output();
	size = record_seal_one(c, at, data, len);
	if (unlikely(size == 0)) {
		turn_give(&c->tx);
		return not_quick(&k, alone);
	}
	stream_spend(c, len);
	n = transmit(c, fd, at, size, alone);
	c->out_again = false;
	if (unlikely(n != (ssize_t)size))
		return write_on(&k, fd, at, size, n, len, flags, alone);
	turn_give(&c->tx);
	return end(&k, (ssize_t)len, alone);
}
