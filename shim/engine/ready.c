/* ready.c - what poll, select and epoll may say of a conn */

#include "deferred.h"
#include "epoll.h"
#include "ready.h"

#define IN_BITS (POLLIN | POLLRDNORM)
#define UNASKED (POLLERR | POLLHUP | POLLNVAL)

/* As TCP answers for a connection that has failed or was reset. */
static void
check_failed(const struct conn *c, short events, struct readiness *r)
{
	r->now = (short)((events & (IN_BITS | READY_OUT | POLLRDHUP)) |
	    POLLHUP | (c->err_told ? 0 : POLLERR));
}

static void
flush_tail(struct conn *c, int fd)
{
	struct patience p = {.flags = MSG_DONTWAIT};

	if (bytes_left(&c->out) == 0 || turn_take(c, &c->tx, fd, NULL) < 0)
		return;
	(void)wait_output(c, fd, &p);
	turn_give(&c->tx);
}

/*
 * Would a look find or do something, whatever the kernel has?  A read that
 * finds nothing tells of output that was lost, and pays what is owed
 * (intake.c).
 */
static bool
is_due(const struct conn *c)
{
	return conn_buffered(c) || c->ticket_owed ||
	       (c->out_dead && !c->lost_told);
}

static void
check_open(
    struct conn *c, int fd, short events, bool look, struct readiness *r)
{
	bool end;

	flush_tail(c, fd);
	if (bytes_left(&c->early) > 0 || c->shut_later) {
		struct patience p = {.flags = MSG_DONTWAIT};

		(void)deferred_flush(c, fd, &p);
	}
	look = look || is_due(c);
	if (events & (IN_BITS | POLLRDHUP)) {
		if (!look || !stream_readable(c, fd))
			r->ask |= POLLIN;
		else if (c->state != CONN_OPEN) {
			check_failed(c, events, r);
			return;
		} else {
			r->now |= events & IN_BITS;
		}
	}
	if (!(events & IN_BITS) && stream_expects(c, ready_waits() - 1)) {
		if (look)
			stream_take_in(c, fd);
		if (c->state != CONN_OPEN) {
			check_failed(c, events, r);
			return;
		}
		if (stream_expects(c, 0))
			r->ask |= POLLIN;
	}
	if (c->in_err != 0 && !c->rd_eof) /* the kernel has forgotten it */
		r->now |= POLLERR;
	end = (c->rd_eof && bytes_left(&c->plain) == 0) || c->rd_shut;
	if (c->rd_eof || c->rd_shut)
		r->now |= events & POLLRDHUP;
	r->ask |= events & POLLRDHUP;
	if (end && (c->wr_shut || c->shut_later))
		r->now |= POLLHUP;
	/* an alert of ours may still be queued: it keeps asking to leave */
	if (bytes_left(&c->out) > 0 || bytes_left(&c->early) > 0)
		r->ask |= POLLOUT;
	else
		r->pass |= events & READY_OUT;
	r->ask |= events & READY_OUT;
	/* the peer's FIN may be there while plaintext is still unread */
	r->pass |= (events & POLLRDHUP) | UNASKED;
	/* a peer that is gone answered our close_notify with a reset */
	if ((c->rd_eof || c->rd_shut) && c->wr_shut)
		r->pass &= ~POLLERR;
}

static void
check_progress(struct conn *c, short events, struct readiness *r)
{
	bool early = c->deferred || (c->side == SIDE_SERVER && c->nonblock);

	if (early && c->state == CONN_HANDSHAKE && deferred_room(c) > 0)
		r->now |= events & READY_OUT;
	if (c->state == CONN_TCP)
		r->ask = POLLOUT;
	else
		r->ask = bytes_left(&c->out) > 0 ? POLLOUT | POLLIN : POLLIN;
	r->until = c->deadline;
}

/* To say that there is something to read is to read. */
static bool
may_look(struct conn *c, short events)
{
	return !(events & (IN_BITS | POLLRDHUP)) ||
	    conn_claim_use(c, SLOT_RX) == 0;
}

/* No session of ours: as the kernel has it, behind what is left of one. */
static void
check_kernel(const struct conn *c, short events, struct readiness *r)
{
	if (bytes_left(&c->plain) > 0)
		r->now = events & IN_BITS;
	r->ask = events;
	r->pass = (short)(events | UNASKED);
}

/* Locked. */
static void
check(struct conn *c, int fd, short events, bool look, struct readiness *r)
{
	struct patience p = {.flags = MSG_DONTWAIT};

	*r = (struct readiness){0};
	if (c->state != CONN_LISTEN && c->state != CONN_OPEN &&
	    c->state != CONN_FAILED)
		(void)handshake_drive(c, fd, &p);
	if (c->state == CONN_LISTEN || c->state == CONN_WATCHED)
		check_kernel(c, events, r);
	else if (c->state == CONN_OPEN && may_look(c, events))
		check_open(c, fd, events, look, r);
	else if (c->state == CONN_FAILED || c->state == CONN_FOREIGN ||
	    c->state == CONN_RELAYED || c->state == CONN_OPEN)
		check_failed(c, events, r);
	else
		check_progress(c, events, r);
	bytes_settle(&c->in);
	bytes_settle(&c->out);
}

void
ready_check(
    struct conn *c, int fd, short events, bool look, struct readiness *r)
{
	conn_lock(c);
	check(c, fd, events, look, r);
	pthread_mutex_unlock(&c->lock);
}

void
ready_count(struct conn *c, int fd, short events, struct readiness *r)
{
	conn_lock(c);
	check(c, fd, events, false, r);
	if (conn_changed(c)) /* for the others, not for this one */
		epoll_tell(c);
	if (r->now == 0) {
		r->counted = c;
		atomic_fetch_add(&c->polled, 1);
	}
	pthread_mutex_unlock(&c->lock);
}

void
ready_uncount(struct readiness *r)
{
	if (r->counted != NULL)
		atomic_fetch_sub(&r->counted->polled, 1);
	r->counted = NULL;
}
