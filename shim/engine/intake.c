/* intake.c - ciphertext from the socket: how much of it, and where it lies */

#include <errno.h>
#include <string.h>

#include "epoll.h"
#include "intake.h"
#include "ticket.h"

/* Where what comes next goes, and how much of it. */
struct intake {
	unsigned char *at;
	size_t len;
};

/*
 * The beginning of a record that is there already goes to the front of the
 * thread's buffer, and what came lies behind it.  0 or -ENOMEM.
 */
static int
take_in(struct conn *c, unsigned char *at, size_t n)
{
	size_t left = bytes_left(&c->in);
	unsigned char *front = at - left;

	if (left > INPUT_BEFORE)
		return bytes_put(&c->in, at, n);
	if (left > 0 && bytes_at(&c->in) != front)
		memmove(front, bytes_at(&c->in), left);
	bytes_borrow(&c->in, front, left + n, left + INPUT_SIZE);
	return 0;
}

/* What came and was not kept is lost, and what follows it is no use. */
static ssize_t
lose(struct conn *c)
{
	conn_fail(c, -ENOMEM);
	c->broken = true;
	return -ENOMEM;
}

/*
 * A recv that does not wait is made with the lock, so that what is in the
 * thread's buffer may stay there.  -EAGAIN: nothing has come.
 */
static ssize_t
receive_now(struct conn *c, int fd, const struct intake *to)
{
	if (c->in.borrowed && bytes_left(&c->in) <= INPUT_BEFORE)
		(void)take_in(c, to->at, 0);
	else if (bytes_settle(&c->in) < 0)
		return lose(c);
	return wait_receive_now(c, fd, to->at, to->len);
}

static ssize_t
receive_unlocked(struct conn *c, int fd, const struct intake *to,
    const struct patience *p)
{
	ssize_t n;

	if (bytes_settle(&c->in) < 0 || bytes_settle(&c->out) < 0)
		return lose(c);
	epoll_before_wait(c);
	pthread_mutex_unlock(&c->lock);
	n = wait_receive(c, fd, to->at, to->len, p);
	conn_lock(c);
	return n;
}

/* With rx.  The middle of a record says that more is on its way. */
static ssize_t
receive_some(struct conn *c, int fd, size_t room, const struct patience *p)
{
	unsigned char *buf = thread_input();
	struct intake to = {buf + INPUT_BEFORE, intake_worth(c, room)};
	bool waits = !(p->flags & MSG_DONTWAIT);
	ssize_t n = -EAGAIN;

	if (buf == NULL)
		return -ENOMEM;
	if (fd < 0)
		return -EBADF;
	if (!waits || (bytes_left(&c->in) > 0 && !c->nonblock))
		n = receive_now(c, fd, &to);
	if (n == -EAGAIN && waits)
		n = receive_unlocked(c, fd, &to, p);
	c->drained = n > 0 && (size_t)n < to.len;
	if (n > 0 && take_in(c, to.at, (size_t)n) < 0)
		n = lose(c);
	return n;
}

static void
note(struct conn *c, ssize_t n)
{
	c->fresh |= n >= 0 || wait_passes(n); /* it is there still */
	if (n == 0)
		c->in_eof = true;
	else if (n < 0 && n != -EAGAIN && n != -EINTR && n != -EBADF &&
	    !wait_passes(n))
		c->in_err = (int)n;
	turn_give(&c->rx);
}

ssize_t
intake_take(struct conn *c, unsigned char *at, size_t len, ssize_t n)
{
	c->drained = n > 0 && (size_t)n < len;
	if (n > 0 && take_in(c, at, (size_t)n) < 0)
		n = lose(c);
	note(c, n);
	return n;
}

static const struct patience quick = {.flags = MSG_DONTWAIT};

/* A server that has nothing to read pays what it owes (ticket.h). */
static ssize_t
receive_owing(struct conn *c, int fd, size_t room, const struct patience *p)
{
	ssize_t n = receive_some(c, fd, room, &quick);

	if (n != -EAGAIN)
		return n;
	ticket_pay(c);
	return p->flags & MSG_DONTWAIT ? n : receive_some(c, fd, room, p);
}

ssize_t
wait_input_for(struct conn *c, int fd, size_t room, const struct patience *p)
{
	bool lost = c->out_dead && !c->lost_told;
	ssize_t n;
	int rv;

	if (c->in_err != 0)
		return c->in_err;
	if (c->in_eof)
		return 0;
	if (turn_take(c, &c->rx, fd, NULL) < 0) {
		rv = turn_pass(c, &c->rx, fd, p);
		return rv < 0 ? rv : 1;
	}
	fd = table_number(fd, c);
	n = c->ticket_owed && !lost && !*host->sealed
	    ? receive_owing(c, fd, room, p)
	    : receive_some(c, fd, room, lost ? &quick : p);
	if (n == -EAGAIN && lost) /* an answer to what was lost never comes */
		n = -ECONNRESET;
	note(c, n);
	return n;
}

ssize_t
wait_input(struct conn *c, int fd, const struct patience *p)
{
	return wait_input_for(c, fd, 0, p);
}
