/* relay_pump.c - what a relay does all its life: bytes between two sockets */

#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "conn.h"
#include "deferred.h"
#include "relay.h"

#define PIECE 65536 /* of each direction; the two sockets hold the rest */

/*
 * The program is gone, and the peer takes nothing of what it left: the
 * kernel's own orphans give up about then (tcp_orphan_retries).
 */
#define STUCK_MS 60000

struct half {
	unsigned char *buf;
	size_t at, len; /* what has not been passed on */
	bool end;       /* its source has ended */
	bool done;      /* and its sink knows */
};

struct pump {
	struct conn *c;
	int fd;        /* the connection */
	int end;       /* our end of the pair */
	struct half out; /* from the program */
	struct half in;  /* to the program */
	bool gone;     /* the program has closed its end */
	bool deaf;     /* it does not read any more */
	bool broken;   /* the connection has failed */
	bool rest;     /* and what it brought goes to the program at once */
	bool moved;    /* since the last wait */
	int64_t until; /* what is left must have moved by then; 0: no limit */
};

static bool
is_open(const struct pump *p)
{
	return p->c->state == CONN_OPEN || p->c->state == CONN_WATCHED;
}

static void
take(struct half *h, ssize_t n)
{
	h->at += (size_t)n;
	h->len -= (size_t)n;
	if (h->len == 0)
		h->at = 0;
}

/* Closed, and not only shut for writing? */
static bool
has_closed(int end)
{
	struct pollfd ask = {end, 0, 0};

	return host->libc->poll(&ask, 1, 0) == 1;
}

static void
from_program(struct pump *p)
{
	struct half *h = &p->out;
	ssize_t n;

	if (h->len > 0 || h->end)
		return;
	n = as_engine(
	    host->libc->recv(p->end, h->buf, PIECE, MSG_DONTWAIT));
	if (n == -EAGAIN || n == -EINTR)
		return;
	h->len = n > 0 ? (size_t)n : 0;
	h->end = n <= 0;
	p->gone |= n < 0 || (n == 0 && has_closed(p->end));
	p->moved = true;
}

static void
to_peer(struct pump *p)
{
	struct half *h = &p->out;
	struct iovec v = {h->buf + h->at, h->len};
	ssize_t n;

	if (h->len == 0 || !is_open(p))
		return;
	n = stream_write(p->c, p->fd, &v, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == -EAGAIN || n == -EINTR)
		return;
	p->moved = true;
	if (n < 0)
		p->broken = true;
	else
		take(h, n);
}

static void
end_to_peer(struct pump *p)
{
	struct half *h = &p->out;

	if (!h->end || h->len > 0 || h->done || p->gone ||
	    !is_open(p))
		return;
	h->done = true;
	p->moved = true;
	if (stream_shutdown(p->c, p->fd, SHUT_WR) < 0)
		p->broken = true;
}

/*
 * An open session that several processes have is read by whoever comes first:
 * when there is something to read, since the program's own reads are not seen
 * here.  Where another one reads, ours gets nothing and no end.
 */
static bool
may_read(struct pump *p)
{
	struct pollfd ask = {p->fd, POLLIN, 0};
	struct conn *c = p->c;

	if (c->state != CONN_OPEN ||
	    slot_owned(c->slot, c->stamp[SLOT_RX]))
		return true;
	if (!conn_buffered(c) && host->libc->poll(&ask, 1, 0) == 0)
		return false;
	if (slot_claim(c->slot, SLOT_RX, &c->stamp[SLOT_RX]))
		return true;
	p->in.end = p->in.done = true;
	return false;
}

/* Also drives the handshake. */
static void
from_peer(struct pump *p)
{
	struct half *h = &p->in;
	struct iovec v = {h->buf, PIECE};
	ssize_t n;

	if (h->len > 0 || h->end || !may_read(p))
		return;
	n = stream_read(p->c, p->fd, &v, 1, MSG_DONTWAIT);
	if (n == -EAGAIN || n == -EINTR)
		return;
	p->moved = true;
	if (n > 0)
		h->len = (size_t)n;
	h->end = n == 0;
	p->broken |= n < 0;
}

static void
to_program(struct pump *p)
{
	struct half *h = &p->in;
	ssize_t n;

	if (h->len > 0 && (p->deaf || p->gone)) {
		take(h, (ssize_t)h->len);
		p->moved = true;
	}
	if (h->len > 0) {
		n = as_engine(host->libc->send(p->end, h->buf + h->at, h->len,
		    MSG_DONTWAIT | MSG_NOSIGNAL));
		if (n == -EAGAIN || n == -EINTR)
			return;
		p->moved = true;
		if (n < 0)
			p->deaf = true;
		else
			take(h, n);
	}
	if (h->end && h->len == 0 && !h->done) {
		h->done = true;
		p->moved = true;
		relay_say_orderly(p->end);
		host->libc->shutdown(p->end, SHUT_WR);
	}
}

static bool
wants_to_send(const struct pump *p)
{
	const struct conn *c = p->c;

	return bytes_left(&c->out) > 0 || bytes_left(&c->early) > 0 ||
	    c->shut_later || c->state == CONN_TCP ||
	    (p->out.len > 0 && is_open(p));
}

/*
 * What to ask the kernel for the connection.  Nothing: then errors alone are
 * of interest, and those only while nothing waits to be passed on, since the
 * kernel would report them over and over.
 */
static struct pollfd
question(const struct pump *p)
{
	short events = 0;
	bool mute;

	if (p->in.len == 0 && !p->in.end)
		events |= POLLIN;
	if (wants_to_send(p))
		events |= POLLOUT;
	mute = p->broken || (events == 0 && p->in.len > 0);
	return (struct pollfd){mute ? -1 : p->fd, events, 0};
}

static struct pollfd
question_to_program(const struct pump *p)
{
	short events = 0;

	if (p->out.len == 0 && !p->out.end && !p->broken)
		events |= POLLIN;
	if (p->in.len > 0)
		events |= POLLOUT;
	return (struct pollfd){p->gone ? -1 : p->end, events, 0};
}

static int
timeout(const struct pump *p)
{
	int64_t until = p->until, left;
	enum conn_state s = p->c->state;

	if ((s == CONN_HANDSHAKE || s == CONN_TCP) && p->c->deadline > 0 &&
	    (until == 0 || p->c->deadline < until))
		until = p->c->deadline;
	if (until == 0)
		return -1;
	left = until - now_ms();
	return left < 0 ? 0 : left > 600000 ? 600000 : (int)left + 1;
}

static void
wait_for_either(struct pump *p)
{
	struct pollfd ask[2] = {question(p), question_to_program(p)};

	if (p->gone && p->until == 0)
		p->until = now_ms() + STUCK_MS;
	(void)host->libc->poll(ask, 2, timeout(p));
	if (ask[1].revents & (POLLHUP | POLLERR | POLLNVAL))
		p->gone = true;
	/* a reset, once nothing is left to be read */
	if (ask[0].events == 0 && (ask[0].revents & (POLLERR | POLLHUP)))
		p->broken = true;
	if (p->until > 0 && now_ms() >= p->until)
		p->broken = true;
}

/* The program has closed, and all that it wrote is on its way. */
static bool
is_over(const struct pump *p)
{
	if (p->broken)
		return p->in.len == 0 || p->gone || p->deaf;
	if (p->gone)
		return p->out.end && p->out.len == 0;
	return p->out.done && p->in.done && !p->c->shut_later &&
	    bytes_left(&p->c->out) == 0;
}

/*
 * Said as soon as it is known: another process that has the program's end as
 * well may have shut it both ways, and reads.
 */
static void
say_end(const struct pump *p)
{
	if (p->broken)
		relay_say_cut(p->end);
	else if (p->gone)
		relay_say_orderly(p->end);
}

/*
 * The program may wait for room to write and read nothing before: with TCP it
 * hears of the reset then, and can still read what came before.  So that goes
 * to its end of the pair now, which has room for it, and ours is closed; where
 * the kernel allows no larger buffer, writing ends and reading goes on.
 */
static void
give_rest(struct pump *p)
{
	int room = 8 * PIECE; /* net.core.wmem_max caps it */

	if (!p->broken || p->rest || p->in.len == 0)
		return;
	p->rest = true;
	host->libc->setsockopt(
	    p->end, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	to_program(p);
	if (p->in.len > 0)
		host->libc->shutdown(p->end, SHUT_RD);
}

static void
move(struct pump *p)
{
	p->moved = false;
	if (!p->broken) {
		from_peer(p);
		from_program(p);
		to_peer(p);
		end_to_peer(p);
	}
	to_program(p);
	give_rest(p);
	if (p->moved && p->until > 0)
		p->until = now_ms() + STUCK_MS;
}

/*
 * One thread and no signals: nobody else touches c.  The pair never waits, the
 * connection is asked with MSG_DONTWAIT, since its flags are shared with
 * other processes.
 */
void
relay_pump(struct conn *c, int fd, int end)
{
	struct pump p = {.c = c, .fd = fd, .end = end};

	p.out.buf = malloc(PIECE);
	p.in.buf = malloc(PIECE);
	if (p.out.buf == NULL || p.in.buf == NULL)
		host->libc->_exit(1);
	while (!is_over(&p)) {
		move(&p);
		if (!p.moved)
			wait_for_either(&p);
		say_end(&p);
	}
	relay_say_orderly(end); /* unless it was said to be cut */
	host->libc->close(end);
	descriptor_close(fd);
	deferred_finish(now_ms() + 5000);
	host->libc->_exit(0);
	__builtin_unreachable();
}
