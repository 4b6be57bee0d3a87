/* quick.c - one record read or written, where nothing else is to be done */

#include "argument.h"
#include "call.h"
#include "carry.h"
#include "deferred.h"
#include "intake.h"
#include "quick.h"
#include "reserve.h"
#include "stream.h"

#define THREADED_MOST 1024 /* the lock is held over the send of so much */

/* Open, whole, with nothing queued either way. */
static inline bool
is_still(const struct conn *c)
{
	return c->state == CONN_OPEN && bytes_left(&c->in) == 0 &&
	       bytes_left(&c->out) == 0 && bytes_left(&c->early) == 0 &&
	       c->in_err == 0 && !c->timeouts && !c->shut_later &&
	       !c->out_dead && !c->out_lost && !c->ticket_owed;
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
 * Into quick_read and quick_write both, each of which is one piece.  As
 * call_begin, with conn_lock_same where it is not alone.  False, and nothing
 * is changed: this thread is in a call (and we in its handler), has no buffers
 * yet, or something else is to be done first (a fork's child marks its memory, a
 * deferred handshake is driven, the reserve of numbers is filled).
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
	atomic_signal_fence(memory_order_seq_cst);
	if (unlikely(alone != single_threaded())) { /* a handler has begun one */
		t->depth = 0;
		return false;
	}
	t->call = k;
	k->cancel = CALL_POINTLESS;
	if (alone || !call_deferred())
		call_uncancelled(k);
	k->c = table_get(fd);
	if (k->c != NULL && !alone)
		conn_lock_same(k->c);
	return true;
}

/* As call_end, but sets hear only of what has changed (conn_changed). */
ALWAYS ssize_t
end(struct call *k, ssize_t rv, bool alone)
{
	struct conn *c = k->c;
	bool news = c != NULL &&
		    (c->regs != NULL || atomic_load(&c->polled) > 0) &&
		    conn_changed(c);

	if (c != NULL && !alone)
		pthread_mutex_unlock(&c->lock);
	if (unlikely(news)) {
		call_ordinary(k);
		call_note(c);
	}
	if (c != NULL && unlikely(count_take(&c->refs) == 1)) {
		call_ordinary(k);
		conn_unused(c);
	}
	thread_now.call = NULL;
	thread_leave();
	if (unlikely(thread_has_kept())) {
		call_ordinary(k); /* what is kept is not cancelled with us */
		call_kept();
	}
	call_cancelled_again(k);
	errno = k->saved;
	return rv;
}

__attribute__((cold)) static ssize_t
not_quick(struct call *k, bool alone)
{
	return end(k, QUICK_NOT, alone);
}

/*
 * Is fd c's still, and its use (slot.h) this process's?  Asked each time among
 * threads; alone still_rx and still_tx say so.
 */
static inline bool
is_ours(struct conn *c, int fd, enum slot_use use, bool alone)
{
	return alone || (table_number(fd, c) == fd &&
			    slot_claim(c->slot, use, &c->stamp[use]));
}

/*
 * Found true, and noted so before it is asked: a handler that comes in between
 * and forks, with which the use is anybody's, has said by conn_touched that it
 * is not, and must not be overruled.
 */
#define FIND(still, found)                                        \
	do {                                                      \
		if (unlikely(!(still))) {                         \
			(still) = true;                           \
			atomic_signal_fence(memory_order_seq_cst); \
			if (!(found))                             \
				(still) = false;                  \
		}                                                 \
	} while (0)

/* The turn, unless a handler has forked since *still was found. */
static inline bool
take(struct turn *t, const bool *still)
{
	if (!turn_try(t))
		return false;
	atomic_signal_fence(memory_order_seq_cst);
	if (likely(*still))
		return true;
	turn_give(t);
	return false;
}

static inline bool
take_rx(struct conn *c, int fd, bool alone)
{
	FIND(c->still_rx, may_read(c) && is_ours(c, fd, SLOT_RX, false));
	return c->still_rx && is_ours(c, fd, SLOT_RX, alone) &&
	       take(&c->rx, &c->still_rx);
}

static inline bool
take_tx(struct conn *c, int fd, size_t len, bool alone)
{
	FIND(c->still_tx, may_write(c) && is_ours(c, fd, SLOT_TX, false));
	return c->still_tx && is_ours(c, fd, SLOT_TX, alone) &&
	       len <= (alone ? RECORD_SIZE : THREADED_MOST) &&
	       stream_roomy(c, len) && take(&c->tx, &c->still_tx);
}

/* From here on c is locked, and changed, as it is by any other call. */
static void
leave_quick(struct call *k, bool alone)
{
	call_ordinary(k);
	if (alone)
		conn_lock(k->c);
	else
		conn_touched(k->c);
}

/*
 * What came is not one record alone, or something has happened meanwhile: as
 * stream_read from where its recv has come back.
 */
__attribute__((cold)) static ssize_t
read_on(struct call *k, int fd, const struct iovec *v, int flags,
    unsigned char *at, size_t room, ssize_t n, bool alone)
{
	struct conn *c = k->c;

	leave_quick(k, alone);
	n = intake_take(c, at, room, n);
	if (n >= 0)
		n = 0;
	else if (c->state != CONN_OPEN)
		n = c->err;
	return carry_end(k, fd, stream_read_on(c, fd, v, 1, flags, n));
}

/* Among threads: a look, and a recv with the lock; wait.c says why. */
static inline ssize_t
receive_locked(struct conn *c, int fd, unsigned char *at, size_t room, int flags)
{
	struct held h = {c, &c->rx};
	ssize_t n = 0;

	if (!c->nonblock && !(flags & MSG_DONTWAIT)) {
		pthread_mutex_unlock(&c->lock);
		n = call_recv(&h, fd, at, 1, WAIT_LOOK);
		conn_lock_same(c);
		fd = table_number(fd, c);
	}
	if (n < 0)
		return n;
	return fd < 0 ? -EBADF : wait_take(fd, at, room);
}

/* That has said -EAGAIN, which may have been not the kernel's to say. */
__attribute__((cold)) static ssize_t
receive_again(struct call *k, int fd, unsigned char *at, size_t room, int flags,
    bool alone)
{
	const struct patience p = {.flags = flags};
	struct conn *c = k->c;
	ssize_t n;

	call_ordinary(k); /* others' handshakes go on meanwhile, and log */
	if (!alone)
		pthread_mutex_unlock(&c->lock);
	n = wait_receive_again(c, table_number(fd, c), at, room, &p);
	if (!alone)
		conn_lock(c);
	return n;
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
	n = alone ? call_recv(&(struct held){c, &c->rx}, fd, at, room,
			flags)
		  : receive_locked(c, fd, at, room, flags);
	if (unlikely(n == -EAGAIN))
		n = receive_again(&k, fd, at, room, flags, alone);
	/* one that fills the buffer may have another behind it */
	if (likely(n > 0 && (size_t)n < room && c->still_rx &&
		   alone == single_threaded()))
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

	leave_quick(k, alone);
	bytes_borrow(&c->out, at, size, size);
	rv = wait_output_said(c, fd, &p, &said);
	turn_give(&c->tx);
	said = rv < 0 && rv != -EAGAIN && rv != -EINTR ? rv : (ssize_t)len;
	return carry_end(k, fd, stream_written(c, said, len, flags));
}

/*
 * Has a handler forked since tx was taken, and is this the child?  Then this
 * record is dropped, and the write made the ordinary way: the parent sends one of
 * the same number, perhaps of other bytes.  A fork behind this copies what is
 * sealed.
 */
static inline bool
is_forked(const struct conn *c)
{
	atomic_signal_fence(memory_order_seq_cst);
	return atomic_load_explicit(&c->tx.busy, memory_order_relaxed) == 0 ||
	       !process_marked();
}

static inline ssize_t
transmit(int fd, const unsigned char *at, size_t size, bool alone)
{
	if (!alone)
		return wait_transmit(fd, at, size, 0);
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
	if (unlikely(size == 0 || is_forked(c))) {
		turn_give(&c->tx);
		return not_quick(&k, alone);
	}
	stream_spend(c, len);
	n = transmit(fd, at, size, alone);
	c->out_again = false;
	if (unlikely(n != (ssize_t)size))
		return write_on(&k, fd, at, size, n, len, flags, alone);
	turn_give(&c->tx);
	return end(&k, (ssize_t)len, alone);
}
