/* conn_end.c - the end of a governed socket, for its peer and for who is left */

#include "conn.h"
#include "deferred.h"
#include "linger.h"
#include "ours.h"
#include "thread.h"

static _Atomic bool all_end; /* the process ends */

/*
 * Bytes that came and were never read: TCP answers such a close with a
 * reset.  Tickets and KeyUpdates are no bytes of the program's.
 */
static bool
unread(struct conn *c, int fd)
{
	if (bytes_left(&c->plain) > 0)
		return true;
	if (!c->in_eof && c->in_err == 0 && !c->rd_eof)
		(void)stream_pending(c, fd, true); /* until the kernel has no more */
	return bytes_left(&c->plain) > 0 ||
	    (c->session != NULL && record_keeps(c));
}

static void
abort_socket(int fd)
{
	struct linger l = {1, 0};

	host->libc->setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
}

/* A ticket that meets a closed socket makes a reset of what we have sent. */
bool
conn_expects_tickets(const struct conn *c)
{
	return c->side == SIDE_CLIENT && !c->got_data && !c->rd_eof &&
	    !c->in_eof &&
	    gnutls_protocol_get_version(c->session) == GNUTLS_TLS1_3;
}

/*
 * A wait of the end itself: other threads that still have a call on c, and
 * those that fork, need its lock meanwhile.  Nobody else ends c, and its
 * descriptor is no longer the program's to name.
 */
static int
wait_at_end(struct conn *c, int fd, short events, int64_t until)
{
	int rv;

	if (bytes_settle(&c->in) < 0 || bytes_settle(&c->out) < 0)
		return -ENOMEM;
	pthread_mutex_unlock(&c->lock);
	thread_wait_begin();
	rv = wait_fd(fd, events, until);
	thread_wait_end();
	conn_lock(c);
	return rv;
}

/* Reads and drops what the peer sends, until its end or until. */
static void
drain(struct conn *c, int fd, int64_t until)
{
	char buf[4096];
	ssize_t n;

	do
		n = as_engine(host->libc->recv(fd, buf, sizeof buf,
		    MSG_DONTWAIT));
	while (n > 0 ||
	    (n == -EAGAIN && wait_at_end(c, fd, POLLIN, until) == 0));
}

/* Output that the kernel does not take at once; tx held. */
static void
end_slowly(struct conn *c, int fd)
{
	int seconds = c->linger_s > 0 ? c->linger_s
				      : c->rule->values.close_timeout;
	struct patience p = {.flags = MSG_DONTWAIT};
	int64_t until = now_ms() + (int64_t)seconds * 1000;
	int rv;

	if (c->linger_s == 0 &&
	    linger_start(fd, bytes_at(&c->out), bytes_left(&c->out), seconds)) {
		bytes_free(&c->out);
		return;
	}
	do
		rv = wait_output(c, fd, &p);
	while (rv == -EAGAIN && wait_at_end(c, fd, POLLOUT, until) == 0);
	if (rv == 0 && conn_expects_tickets(c)) {
		host->libc->shutdown(fd, SHUT_WR);
		drain(c, fd, until);
	}
}

/*
 * The turn to send, from a writer that will not come back: exit and exec end
 * the calls of all threads, and one that this thread was in when a signal
 * came.
 */
static bool
take_over(struct conn *c)
{
	int64_t until =
	    now_ms() + (int64_t)c->rule->values.close_timeout * 1000;

	if (turn_seize(c, &c->tx, until) == 0)
		return true;
	if (atomic_load(&c->tx.busy) != thread_id() || !atomic_load(&all_end))
		return false;
	wait_output_back(c);
	return true;
}

/*
 * Nobody else holds it: the end goes out now, or by a helper.  MSG_MORE keeps
 * our close_notify for the FIN that shutdown() makes, in one segment.  Were
 * that left to the close, which is a reset where bytes of the peer's have come
 * meanwhile, both would be lost.  A holder that no slot knows loses its sending
 * side, which the close_notify has ended anyway.  Not under a filter (abi.h,
 * sealed).
 */
static void
end_alone(struct conn *c, int fd)
{
	struct patience p = {.flags = MSG_DONTWAIT};
	bool slowly, fin;
	int rv;

	if (!take_over(c))
		return;
	slowly = conn_expects_tickets(c) && !c->shut_later;
	fin = !slowly && !c->wr_shut && !*host->sealed;
	if (fin)
		p.flags |= MSG_MORE;
	if (!c->wr_shut)
		(void)stream_finish(c);
	rv = wait_output(c, fd, &p);
	if (rv == -EAGAIN || slowly)
		end_slowly(c, fd);
	else if (rv == 0 && fin)
		(void)host->libc->shutdown(fd, SHUT_WR);
	turn_give(&c->tx);
}

/*
 * Others hold it too: what is queued goes out, and the close_notify record
 * waits in the slot for the process that closes last.
 */
static void
end_shared(struct conn *c, int fd)
{
	int64_t until =
	    now_ms() + (int64_t)c->rule->values.close_timeout * 1000;
	struct patience p = {.flags = MSG_DONTWAIT};
	struct slot_end last;
	struct bytes tail;

	if (!take_over(c))
		return;
	while (wait_output(c, fd, &p) == -EAGAIN &&
	    wait_at_end(c, fd, POLLOUT, until) == 0)
		;
	if (bytes_left(&c->out) == 0 && !c->wr_shut && stream_finish(c) == 0) {
		tail = c->out;
		c->out = (struct bytes){0};
		slot_leave_record(c->slot, bytes_at(&tail),
		    bytes_left(&tail) <= SLOT_RECORD ? bytes_left(&tail) : 0);
		if (slot_leave(c->slot, process_holder(), &last))
			(void)!host->libc->send(fd, bytes_at(&tail),
			    bytes_left(&tail), MSG_NOSIGNAL | MSG_DONTWAIT);
		bytes_free(&tail);
		c->slot = NULL;
	}
	turn_give(&c->tx);
}

void
conn_finish(struct conn *c, int fd)
{
	if (slot_alone(c->slot, process_holder()))
		end_alone(c, fd);
	else
		end_shared(c, fd);
}

/*
 * This process lets go.  The last to do so sends what the writer left; where
 * nobody has written since the fork (may_finish) the session is whole in every
 * holder and the last one ends it.  asked: slot_alone was, just now.
 */
static void
end_other(struct conn *c, int fd, bool may_finish, bool asked)
{
	struct slot_end end;
	bool last = (asked ? slot_leave_asked : slot_leave)(
	    c->slot, process_holder(), &end);

	c->slot = NULL;
	if (!last)
		return;
	if (end.len > 0)
		(void)!host->libc->send(fd, end.record, end.len,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
	else if (may_finish && c->state == CONN_OPEN &&
	    end.stamp[SLOT_TX] == c->stamp[SLOT_TX])
		conn_finish(c, fd);
}

void
conn_let_go(struct conn *c, int fd)
{
	if (c->slot != NULL)
		end_other(c, fd, false, false);
}

/* May this process end the session?  Not while another may yet write. */
static bool
is_mine(struct conn *c, bool alone)
{
	if (c->state != CONN_OPEN)
		return false;
	if (!alone && slot_undecided(c->slot, SLOT_TX, c->stamp[SLOT_TX]))
		return false;
	return slot_claim(c->slot, SLOT_TX, &c->stamp[SLOT_TX]);
}

/* Its bytes would be the last ones to be read, and are lost. */
static bool
loses_input(struct conn *c, int fd)
{
	return slot_claim(c->slot, SLOT_RX, &c->stamp[SLOT_RX]) &&
	    unread(c, fd) && slot_alone(c->slot, process_holder());
}

/* Calls are under way: the last of them ends c.  Locked. */
static bool
leave(struct conn *c, int fd)
{
	if (atomic_load(&all_end) || atomic_load(&c->left) != -1 ||
	    atomic_load(&c->refs) <= 1 + (uint32_t)c->listed)
		return false;
	return ours_copy(fd, &c->left) == 0;
}

void
conn_end_all(void)
{
	atomic_store(&all_end, true);
}

void
conn_end(struct conn *c, int fd)
{
	bool alone, mine;

	conn_lock(c);
	if (c->state == CONN_WATCHED) {
		/* unread: as the kernel does where it has the bytes itself */
		if (bytes_left(&c->plain) > 0 &&
		    slot_alone(c->slot, process_holder()))
			abort_socket(fd);
		conn_let_go(c, fd);
		pthread_mutex_unlock(&c->lock);
		return;
	}
	if (leave(c, fd)) {
		pthread_mutex_unlock(&c->lock);
		return;
	}
	c->ticket_owed = false;
	alone = slot_alone(c->slot, process_holder());
	/* the handshake may have been another process's, which told nobody */
	if (alone && slot_claim(c->slot, SLOT_TX, &c->stamp[SLOT_TX]) &&
	    slot_claim(c->slot, SLOT_RX, &c->stamp[SLOT_RX]) &&
	    deferred_orphan(c, fd)) {
		pthread_mutex_unlock(&c->lock);
		return;
	}
	mine = is_mine(c, alone) && !c->linger_set;
	if (mine && alone && loses_input(c, fd))
		abort_socket(fd);
	else if (mine)
		conn_finish(c, fd);
	if (c->slot != NULL)
		end_other(c, fd, !mine && !c->linger_set, !mine);
	pthread_mutex_unlock(&c->lock);
}
