/* stream.c - the record path: records to plaintext, in an open session */

#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <sys/ioctl.h>

#include "conn.h"
#include "deferred.h"
#include "errors.h"
#include "failure.h"
#include "intake.h"
#include "log.h"
#include "reauth.h"
#include "resume.h"
#include "reserve.h"
#include "stream.h"

#define RENEGOTIATIONS_MOST 8
#define SHORT 1024 /* a record that is copied: that costs less than care */

int
stream_ready(struct conn *c, int fd, int option, struct patience *p)
{
	int rv;

	if (c->timeouts)
		p->until = wait_until(fd, option);
	p->timed = p->until > 0;
	if (c->state != CONN_OPEN) {
		rv = handshake_drive(c, fd, p);
		if (rv < 0)
			return rv;
	}
	if (c->state == CONN_WATCHED)
		return 0;
	rv = conn_claim_use(
	    c, option == SO_RCVTIMEO ? SLOT_RX : SLOT_TX);
	if (rv == 0 && (bytes_left(&c->early) > 0 || c->shut_later)) {
		struct patience quick = {.flags = MSG_DONTWAIT};

		rv = deferred_flush(c, fd, &quick);
		if (rv == -EAGAIN) /* later waits go on with it */
			rv = 0;
	}
	return rv;
}

int
stream_break(struct conn *c, int code)
{
	const struct tls_error *e = errors_find(code);
	char text[300];
	const char *what = gnutls_strerror(code);

	if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
		what = gnutls_alert_get_name(gnutls_alert_get(c->session));
	snprintf(text, sizeof text, "%s (%s)",
	    e->text != NULL ? e->text : "the TLS session broke",
	    what != NULL ? what : "unknown alert");
	log_conn(c, LOG_ERROR, "broken", e->cause, text);
	failure_note(c, &(struct failure){.err = -e->open,
	    .code = code,
	    .cause = e->cause,
	    .text = text});
	/* RFC 8446, 6.2; an end that was cut off (RFC 5246, 7.2.1) is none */
	if (code != GNUTLS_E_PREMATURE_TERMINATION)
		resume_forget(c);
	conn_fail(c, -e->open);
	c->broken = true;
	c->err_told = c->lost_told;
	return c->err;
}

/* The ciphertext is used up: what does that mean to the reader? */
static ssize_t
at_end_of_input(struct conn *c)
{
	if (c->in_err != 0)
		return c->in_err;
	if (!c->in_eof)
		return -EAGAIN;
	if (c->rd_shut)
		return 0;
	if (c->rule->values.suppress_ragged_eofs) {
		c->rd_eof = true;
		return 0;
	}
	return stream_break(c, GNUTLS_E_PREMATURE_TERMINATION);
}

/*
 * RFC 8446, 6.1: user_canceled is no error, and close_notify follows it.  Java
 * ends every connection so; GnuTLS 3.7.9 takes it for fatal and reads no
 * further.  It came encrypted, so that nobody else has cut the data short.
 */
static bool
is_cancelled(const struct conn *c, ssize_t r)
{
	return r == GNUTLS_E_FATAL_ALERT_RECEIVED &&
	    gnutls_alert_get(c->session) == GNUTLS_A_USER_CANCELED &&
	    gnutls_protocol_get_version(c->session) == GNUTLS_TLS1_3;
}

/*
 * RFC 5746 says what renegotiation has let attackers do.  A server that asks
 * for it is warned (RFC 5246, 7.2.2), and on with the session as it is; not
 * for ever, since that costs an alert each time, which it may never read.  A
 * client that begins it is at the end: GnuTLS 3.7.9 keeps its hello, and the
 * session is good for nothing but to go on with that.
 */
static int
refuse_renegotiation(struct conn *c)
{
	record_yield(c);
	if (c->side == SIDE_SERVER ||
	    ++c->renegotiations > RENEGOTIATIONS_MOST) {
		gnutls_alert_send(c->session, GNUTLS_AL_FATAL,
		    GNUTLS_A_HANDSHAKE_FAILURE);
		return stream_break(c, GNUTLS_E_REHANDSHAKE);
	}
	gnutls_alert_send(
	    c->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
	return 0;
}

/*
 * One record's plaintext into buf.  > 0, 0 at close_notify, -EAGAIN when
 * more ciphertext is needed, or a negative errno.  E_AGAIN alone may only
 * mean that a ticket or KeyUpdate was eaten: on until our pull ran dry.
 */
static ssize_t
decrypt(struct conn *c, void *buf, size_t len)
{
	if (c->rd_eof)
		return 0;
	if (!reserve_enough())
		return -ENOMEM;
	for (;;) {
		ssize_t r = record_open(c, buf, len);

		if (r == -EAGAIN)
			return at_end_of_input(c);
		c->dry = false;
		if (r == 0 && c->reauth == REAUTH_ASKED) {
			int rv = reauth_step(c);

			if (rv == -EAGAIN && c->record.whose != RECORD_OURS)
				return at_end_of_input(c);
			if (rv == 1)
				return 0;
			if (rv < 0 && rv != -EAGAIN && rv != -EALREADY)
				return rv;
			if (rv != -EALREADY)
				continue;
		}
		if (r == 0) {
			record_yield(c);
			r = gnutls_record_recv(c->session, buf, len);
			record_received(c, r);
		}
		if (r > 0) {
			c->got_data = true;
			return r;
		}
		if (r == 0 || is_cancelled(c, r)) {
			c->notified = r == 0;
			c->rd_eof = true;
			return 0;
		}
		if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED) {
			/* else record_open knows whether there is more */
			if (c->dry && c->record.whose != RECORD_OURS)
				return at_end_of_input(c);
			continue;
		}
		r = r == GNUTLS_E_REHANDSHAKE ? refuse_renegotiation(c)
		    : r == GNUTLS_E_REAUTH_REQUEST ? reauth_answer(c)
		    : gnutls_error_is_fatal((int)r)
			? stream_break(c, (int)r)
			: 0;
		if (r < 0)
			return r;
	}
}

/*
 * The length of a record that comes next and is all there; else 0.  Where
 * GnuTLS reads by itself it may have taken the beginning, and what lies here be
 * no header.
 */
static size_t
whole_record(const struct conn *c)
{
	const unsigned char *h = bytes_at(&c->in);
	size_t n = bytes_left(&c->in), size;

	if (n < RECORD_HEADER || c->record.whose != RECORD_OURS ||
	    c->record.kept || c->record.lent > 0)
		return 0;
	size = (size_t)h[3] << 8 | h[4];
	return size <= n - RECORD_HEADER ? size : 0;
}

/*
 * To where it stays: len bytes are no less than what becomes of it.  The first
 * makes room for all that is there.
 */
static ssize_t
set_aside_straight(struct conn *c, size_t len)
{
	unsigned char *at = bytes_room(&c->plain, bytes_left(&c->in));
	ssize_t r = at != NULL ? decrypt(c, at, len) : -ENOMEM;

	if (r > 0)
		c->plain.len += (size_t)r;
	else if (bytes_left(&c->plain) == 0)
		bytes_free(&c->plain);
	return r;
}

ssize_t
stream_set_aside(struct conn *c)
{
	unsigned char *buf;
	size_t size = whole_record(c);
	ssize_t r;
	int rv;

	if (size >= SHORT)
		return set_aside_straight(c, size);
	buf = thread_record();
	r = buf != NULL ? decrypt(c, buf, RECORD_SIZE) : -ENOMEM;
	if (r > 0 && (rv = bytes_put(&c->plain, buf, (size_t)r)) < 0)
		return rv;
	return r;
}

/*
 * What is longer than buf is set aside by ourselves: GnuTLS would keep it too,
 * with two allocations and a copy more.
 */
ssize_t
stream_take(struct conn *c, void *buf, size_t len)
{
	size_t left = bytes_left(&c->plain);

	if (left == 0) {
		ssize_t r;

		if (c->state != CONN_OPEN) /* what was before it is read */
			return c->err;
		if (c->rd_shut)
			return 0;
		if (whole_record(c) <= len + RECORD_EXTRA)
			return decrypt(c, buf, len);
		r = stream_set_aside(c);
		if (r <= 0)
			return r;
		left = (size_t)r;
	}
	if (len > left)
		len = left;
	memcpy(buf, bytes_at(&c->plain), len);
	stream_taken(c, len);
	return (ssize_t)len;
}

void
stream_flush(struct conn *c, int fd)
{
	struct patience p = {.flags = MSG_DONTWAIT};

	if (bytes_left(&c->out) == 0 || turn_take(c, &c->tx, fd, NULL) < 0)
		return;
	(void)wait_output(c, fd, &p);
	turn_give(&c->tx);
}

bool
stream_readable(struct conn *c, int fd)
{
	struct patience p = {.flags = MSG_DONTWAIT};

	for (;;) {
		ssize_t r;

		if (conn_enough(c) || c->rd_eof || c->rd_shut ||
		    c->state != CONN_OPEN)
			return true;
		r = stream_set_aside(c);
		if (r > 0)
			continue;
		if (r != -EAGAIN)
			return true;
		stream_flush(c, fd);
		if (c->state != CONN_OPEN)
			continue;
		r = wait_input(c, fd, &p);
		if (r < 0) /* no edge will tell again of what is there */
			return c->in_err != 0 || wait_passes(r);
	}
}

bool
stream_expects(const struct conn *c, int others)
{
	return others == 0 && conn_expects_tickets(c) && c->in_err == 0 &&
	    slot_owned(c->slot, c->stamp[SLOT_RX]) &&
	    bytes_left(&c->plain) == 0 && !c->rd_shut &&
	    !atomic_load(&c->rx.busy);
}

/* An end of file is left for the reader to judge. */
void
stream_take_in(struct conn *c, int fd)
{
	struct patience p = {.flags = MSG_DONTWAIT};

	while (bytes_left(&c->plain) == 0 && c->state == CONN_OPEN &&
	    !c->rd_eof && wait_input(c, fd, &p) > 0)
		(void)stream_set_aside(c);
}

int
stream_lost(struct conn *c)
{
	if (c->in_err == 0 || c->rd_eof)
		return 0;
	c->rd_eof = true; /* said once, then the end */
	c->lost_told = true;
	return c->in_err;
}

void
stream_look_ahead(struct conn *c, int fd, size_t most)
{
	struct patience p = {.flags = MSG_DONTWAIT};

	while (c->state == CONN_OPEN && bytes_left(&c->plain) < most) {
		ssize_t r = stream_set_aside(c);

		if (r > 0)
			continue;
		if (r != -EAGAIN || fd == -1 || wait_input(c, fd, &p) <= 0)
			break;
	}
	c->held_back |= bytes_left(&c->plain) >= STREAM_AHEAD;
}

/* The same in larger pieces: what has been taken in is all decrypted. */
static void
count_ahead(struct conn *c, int fd, size_t most)
{
	static const struct patience quick = {.flags = MSG_DONTWAIT};
	ssize_t r;

	do {
		r = -EAGAIN;
		while (c->state == CONN_OPEN && (r = stream_set_aside(c)) > 0)
			;
	} while (c->state == CONN_OPEN && r == -EAGAIN &&
		 bytes_left(&c->plain) < most && fd != -1 &&
		 wait_input_for(c, fd, BUFFER_SIZE, &quick) > 0);
}

/* Less than the program wants to be told of gives it no edge. */
static size_t
few(const struct conn *c)
{
	return c->lowat > STREAM_FEW ? c->lowat : STREAM_FEW;
}

/*
 * A program that asks before each of its reads would have all that has arrived
 * set aside, megabytes over its connections, and read it when no cache holds
 * it any more.  So a first answer may be short, and is always of something.
 * A program that waits for more asks again before it reads, and gets to know
 * all; where it waits for an edge first there is one.
 */
bool
stream_count_few(struct conn *c)
{
	size_t left = bytes_left(&c->plain);

	if (left < few(c) || left == c->counted)
		return false;
	c->counted = left;
	c->fresh = true;
	return true;
}

static void
count_all(struct conn *c, int fd)
{
	count_ahead(c, fd, STREAM_AHEAD);
	c->held_back |= bytes_left(&c->plain) >= STREAM_AHEAD;
	c->counted = bytes_left(&c->plain);
}

ssize_t
stream_pending(struct conn *c, int fd, bool more)
{
	size_t left = bytes_left(&c->plain);
	int n = 0;

	if (c->state == CONN_WATCHED)
		return host->libc->ioctl(fd, FIONREAD, &n) == -1
		    ? -errno
		    : n + (ssize_t)left;
	if (!more)
		fd = -1;
	if (left > 0 && left == c->counted) {
		count_all(c, fd);
	} else {
		count_ahead(c, fd, few(c));
		(void)stream_count_few(c);
	}
	return (ssize_t)bytes_left(&c->plain);
}
