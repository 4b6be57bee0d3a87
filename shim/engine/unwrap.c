/* unwrap.c - the end of TLS on a connection that goes on in plaintext */

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "failure.h"
#include "intake.h"
#include "log.h"
#include "stream.h"
#include "unwrap.h"

static int
check_allowed(struct conn *c)
{
	static const char text[] =
	    "the program asks for plaintext (tlsshim_unwrap), which the rule "
	    "does not allow: allow_unwrap = true";

	if (c->rule->values.allow_unwrap)
		return 0;
	log_conn(c, LOG_ERROR, "refused", "policy", text);
	failure_note(c,
	    &(struct failure){.err = -EACCES, .cause = "policy", .text = text});
	return -EACCES;
}

/* Our close_notify, all of it, behind all that was written. */
static int
say_bye(struct conn *c, int fd, const struct patience *p)
{
	int rv = turn_take(c, &c->tx, fd, p);

	if (rv < 0)
		return rv;
	if (c->state != CONN_OPEN)
		rv = c->err;
	else if (c->rd_shut ||
		 (!c->unwrapping && (c->wr_shut || c->shut_later)))
		rv = -EPIPE; /* shutdown() has ended the socket too */
	else if (!c->unwrapping)
		rv = stream_finish(c);
	if (rv == 0 && c->state == CONN_OPEN) {
		c->unwrapping = true;
		rv = wait_output(c, fd, p);
	}
	turn_give(&c->tx);
	return rv;
}

static int
await_bye(struct conn *c, int fd, const struct patience *p)
{
	while (c->state == CONN_OPEN && !c->rd_eof && !c->rd_shut) {
		ssize_t n;

		stream_look_ahead(c, fd, STREAM_AHEAD);
		if (c->state != CONN_OPEN || c->rd_eof)
			break;
		if (bytes_left(&c->plain) >= STREAM_AHEAD)
			return -ENOBUFS;
		n = wait_input(c, fd, p);
		if (n < 0)
			return (int)n;
	}
	if (c->state != CONN_OPEN)
		return c->state == CONN_WATCHED ? 0 : c->err;
	/* an end of file alone, or an alert that is none of an end */
	return c->notified ? 0
			   : stream_break(c, GNUTLS_E_PREMATURE_TERMINATION);
}

/* Both turns held. */
static int
change(struct conn *c, int fd)
{
	int low = (int)c->lowat;

	if (bytes_left(&c->in) > 0 &&
	    bytes_put(&c->plain, bytes_at(&c->in), bytes_left(&c->in)) < 0)
		return -ENOMEM;
	bytes_free(&c->in);
	bytes_free(&c->out);
	free(c->path); /* the session's bytes */
	c->path = NULL;
	c->npath = 0;
	session_free(c);
	conn_first_sent(c, fd);
	if (low > 1)
		host->libc->setsockopt(
		    fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
	c->state = CONN_WATCHED;
	c->wr_shut = c->rd_eof = c->held_back = c->unwrapping = false;
	c->unwrapped = true;
	log_conn(c, LOG_NOTICE, "unwrapped", NULL,
	    "both ends have ended TLS, and the program goes on in plaintext: "
	    "the rule says allow_unwrap");
	return 0;
}

static int
change_alone(struct conn *c, int fd, const struct patience *p)
{
	int rv = turn_take(c, &c->tx, fd, p);

	if (rv < 0)
		return rv;
	rv = turn_take(c, &c->rx, fd, p);
	if (rv == 0) {
		if (c->state == CONN_OPEN)
			rv = change(c, fd);
		turn_give(&c->rx);
	}
	turn_give(&c->tx);
	return rv;
}

int
unwrap_conn(struct conn *c, int fd, struct patience *p)
{
	int rv = check_allowed(c);

	if (rv == 0)
		rv = stream_ready(c, fd, SO_RCVTIMEO, p);
	if (rv == 0 && c->state == CONN_WATCHED)
		return -EOPNOTSUPP;
	if (rv == 0)
		rv = check_allowed(c); /* a client's hello may have chosen */
	if (rv == 0)
		rv = conn_claim(c);
	if (rv == 0)
		rv = say_bye(c, fd, p);
	if (rv == 0)
		rv = await_bye(c, fd, p);
	if (rv == 0 && c->state == CONN_OPEN)
		rv = change_alone(c, fd, p);
	return rv;
}

/*
 * After a fork both processes have a copy, which is for the one that reads
 * first.
 */
size_t
unwrap_left(struct conn *c, const struct iovec *iov, int n, int flags)
{
	size_t done;

	if (bytes_left(&c->plain) == 0)
		return 0;
	if (!slot_claim(c->slot, SLOT_RX, &c->stamp[SLOT_RX])) {
		bytes_free(&c->plain);
		return 0;
	}
	done = stream_copy(&c->plain, iov, n, flags);
	if (!(flags & MSG_PEEK))
		stream_taken(c, done);
	return done;
}
