/* quick.c - one record read or written, where nothing else is to be done */

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
	       !c->out_dead && !c->out_lost;
}

static inline bool
may_read(const struct conn *c)
{
	return is_still(c) && bytes_left(&c->plain) == 0 && c->lowat <= 1 &&
	       !c->rd_eof && !c->rd_shut && !c->in_eof && !c->held_back &&
	       c->reauth == REAUTH_NONE && c->record.rx.known;
}

OFTEN ssize_t
quick_read(
    struct conn *c, int fd, const struct iovec *v, const struct patience *p)
{
	size_t room = intake_worth(c, v->iov_len), k = 0;
	unsigned char *at = thread_input();
	ssize_t n;

	if (!may_read(c) || v->iov_len == 0 || at == NULL ||
	    !reserve_enough() || table_number(fd, c) != fd ||
	    !slot_claim(c->slot, SLOT_RX, &c->stamp[SLOT_RX]) ||
	    !turn_try(&c->rx))
		return 0;
	at += INPUT_BEFORE;
	pthread_mutex_unlock(&c->lock);
	n = wait_receive(c, fd, at, room, p);
	pthread_mutex_lock(&c->lock);
	/* one that fills the buffer may have another behind it */
	if (likely(n > 0 && (size_t)n < room && may_read(c)))
		k = record_open_one(c, at, (size_t)n, v->iov_base, v->iov_len);
	if (k == 0) {
		n = intake_take(c, at, room, n);
		return n >= 0 ? 0 : c->state != CONN_OPEN ? c->err : n;
	}
	c->drained = c->fresh = c->got_data = true;
	c->dry = false;
	turn_give(&c->rx);
	return (ssize_t)k;
}

/* Not the first one: that may have to be waited with, looked at, hurried. */
static inline bool
may_write(const struct conn *c, size_t len)
{
	return is_still(c) && len > 0 &&
	       len <= (single_threaded() ? RECORD_SIZE : THREADED_MOST) &&
	       stream_roomy(c, len) && c->wrote && !c->wr_shut && !c->nodelay &&
	       (c->got_data || c->side == SIDE_SERVER) && c->record.tx.known;
}

/* The kernel has not taken all of it. */
__attribute__((cold)) static ssize_t
unsent(struct conn *c, int fd, unsigned char *at, size_t size, ssize_t said,
    size_t len, int flags)
{
	struct patience p = {.flags = flags & MSG_DONTWAIT};
	int rv;

	bytes_borrow(&c->out, at, size, size);
	rv = wait_output_said(c, fd, &p, &said);
	/* a tail in our queue counts as the kernel's */
	return rv < 0 && rv != -EAGAIN && rv != -EINTR ? rv : (ssize_t)len;
}

OFTEN ssize_t
quick_write(struct conn *c, int fd, const struct iovec *v, int flags)
{
	size_t len = v->iov_len, size;
	unsigned char *at = thread_output();
	ssize_t n, rv = 0;

	if (!may_write(c, len) || at == NULL || !reserve_enough() ||
	    (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) != 0 ||
	    table_number(fd, c) != fd ||
	    !slot_claim(c->slot, SLOT_TX, &c->stamp[SLOT_TX]) ||
	    !turn_try(&c->tx))
		return 0;
	size = record_seal_one(c, at, v->iov_base, len);
	if (likely(size > 0)) {
		stream_spend(c, len);
		n = wait_send_now(c, fd, at, size, 0);
		c->out_again = false;
		rv = likely(n == (ssize_t)size)
			 ? (ssize_t)len
			 : unsent(c, fd, at, size, n, len, flags);
	}
	turn_give(&c->tx);
	return rv;
}
