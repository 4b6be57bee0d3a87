/* handshake.c - from a TCP connection to an open session */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "deferred.h"
#include "intake.h"
#include "keylog.h"
#include "log.h"
#include "psk.h"
#include "reauth.h"
#include "resume.h"
#include "ticket.h"
#include "reserve.h"
#include "watch.h"

static void
log_open(struct conn *c)
{
	const char *resumed = resume_is_resumed(c) ? ", resumed" : "";
	char *desc, text[400], key[320];

	if (!log_wants(LOG_INFO))
		return;
	desc = gnutls_session_get_desc(c->session);
	snprintf(text, sizeof text, "%s%s",
	    psk_describe(c, key, sizeof key) ? key
		: desc != NULL		     ? desc
					     : "open",
	    resumed);
	log_conn(c, LOG_INFO, "tls", NULL, text);
	gnutls_free(desc);
}

/* For who asks later; without memory there is none. */
void
handshake_keep_path(struct conn *c, const struct verdict *v)
{
	free(c->path);
	c->path = v->npath > 0 ? malloc(v->npath * sizeof *c->path) : NULL;
	c->npath = c->path != NULL ? v->npath : 0;
	if (c->path != NULL)
		memcpy(c->path, v->path, v->npath * sizeof *c->path);
}

/* Verification ran inside; this looks whether that is what came out. */
static int
finish(struct conn *c, int fd)
{
	struct verdict v;

	verdict_init(&v);
	if (session_confirm(c, &v) != 0) {
		gnutls_alert_send(c->session, GNUTLS_AL_FATAL,
		    (gnutls_alert_description_t)v.alert);
		if (c->verdict != NULL)
			*c->verdict = v;
		return handshake_refuse(
		    c, fd, -ECONNABORTED, v.cause, v.text);
	}
	free(c->verdict);
	c->verdict = NULL;
	handshake_keep_path(c, &v);
	c->opened = time(NULL);
	keylog_settle(c);
	c->state = CONN_OPEN;
	conn_tell(c);
	resume_settle(c, &v);
	if (c->side == SIDE_SERVER) {
		ticket_owe(c);
		c->hurried = c->has_ticket || c->ticket_owed;
	}
	log_open(c);
	return 0;
}

static int
timed_out(struct conn *c, int fd)
{
	char text[120];

	snprintf(text, sizeof text,
	    "the handshake took longer than handshake_timeout = %d s",
	    c->rule->values.handshake_timeout);
	return handshake_refuse(c, fd, -ETIMEDOUT, "handshake", text);
}

/*
 * What is queued goes as far as the kernel takes it.  0: all is gone, 1: some
 * is left, or a negative errno.
 */
static int
flush_flight(struct conn *c, int fd, const struct patience *p)
{
	struct patience quick = {.flags = MSG_DONTWAIT};
	int rv;

	if (bytes_left(&c->out) == 0)
		return 0;
	rv = turn_take(c, &c->tx, fd, p);
	if (rv < 0)
		return rv;
	rv = wait_output(c, fd, &quick);
	turn_give(&c->tx);
	return rv == -EAGAIN ? 1 : rv;
}

/* Until the kernel takes more, or the peer has something to say. */
static int
wait_either(struct conn *c, int fd, const struct patience *p)
{
	int rv;

	if (!wait_allowed(fd, p->flags))
		return -EAGAIN;
	rv = turn_take(c, &c->tx, fd, p);
	if (rv < 0)
		return rv;
	rv = wait_writable(c, fd, POLLIN | POLLOUT, p);
	turn_give(&c->tx);
	return rv;
}

#define RECORD_HEADER 5 /* RFC 8446, 5.1 */
#define CCS_MOST 2 /* an honest peer sends one, or two around a retry */

/* The length of the record at b if all of it is there, else 0; n for what
 * can be no record, since GnuTLS has to refuse it. */
static size_t
whole_record(const unsigned char *b, size_t n)
{
	size_t len;

	if (n < RECORD_HEADER)
		return 0;
	len = (size_t)b[3] << 8 | b[4];
	len += RECORD_HEADER;
	if (len > RECORD_MOST)
		return n;
	return len <= n ? len : 0;
}

size_t
handshake_input(struct conn *c)
{
	size_t left = bytes_left(&c->in);

	/* what may be no TLS at all goes at once, to be refused at once */
	if (c->peer_version == 0)
		return left;
	if (c->record_left == 0)
		c->record_left = whole_record(bytes_at(&c->in), left);
	return c->record_left < left ? c->record_left : left;
}

/*
 * In TLS 1.3 a ChangeCipherSpec means nothing and is dropped (RFC 8446, 5).
 * One that comes before what follows it is dropped here, since GnuTLS computes
 * what a Finished has to be anew in each call.  More than CCS_MOST of them are
 * GnuTLS's to judge, and so is whatever else there is.
 */
static bool
drops(struct conn *c, bool newest)
{
	if (!newest || c->peer_version == 0 || c->record_left > 0 ||
	    c->ccs >= CCS_MOST || bytes_left(&c->in) != sizeof session_ccs ||
	    memcmp(bytes_at(&c->in), session_ccs, sizeof session_ccs) != 0)
		return false;
	bytes_take(&c->in, sizeof session_ccs);
	c->ccs++;
	return true;
}

/* Has something come that GnuTLS can go on with?  A piece of a record is not. */
static bool
has_news(const struct conn *c)
{
	return c->peer_version == 0 || c->record_left > 0 ||
	    whole_record(bytes_at(&c->in), bytes_left(&c->in)) > 0;
}

static int
shake(struct conn *c)
{
	bool newest =
	    gnutls_protocol_get_version(c->session) == GNUTLS_TLS1_3;

	return !drops(c, newest) && has_news(c) ? gnutls_handshake(c->session)
						: GNUTLS_E_AGAIN;
}

/*
 * GnuTLS keeps a message of any length that is not whole yet, 16 MB of each
 * peer's that says so.  A chain of 16 certificates with staples takes 40 KB.
 */
#define HANDSHAKE_MOST (512 << 10)

/*
 * Output, then input: 0 to go on, or what the caller returns.  Where output
 * is stuck, input is read all the same: the peer may be stuck in its flight
 * until somebody does (TLS 1.3's ChangeCipherSpec in the middle of it).
 */
static int
exchange(struct conn *c, int fd, const struct patience *p)
{
	struct patience quick = {.flags = MSG_DONTWAIT}, hear = *p;
	bool asks = bytes_left(&c->out) > 0;
	int stuck = flush_flight(c, fd, p);
	ssize_t n;

	if (stuck < 0 || c->state != CONN_HANDSHAKE)
		return stuck < 0 ? stuck : 0;
	hear.answer = asks;
	n = wait_input(c, fd, stuck ? &quick : &hear);
	if (c->state != CONN_HANDSHAKE)
		return 0;
	if (n == 0)
		return handshake_refuse(c, fd, -ECONNRESET, "handshake",
		    "the peer closed the connection during the handshake");
	if (n == -EAGAIN && stuck)
		return wait_either(c, fd, p);
	if (n < 0)
		return (int)n;
	c->shaken += (size_t)n;
	if (c->shaken > HANDSHAKE_MOST)
		return handshake_refuse(c, fd, -ECONNABORTED, "handshake",
		    "the peer's part of the handshake is longer than 512 KB");
	return handshake_check_first(c, fd);
}

/* What cannot go now goes with the next call; an error will be met there. */
static void
flush_last_flight(struct conn *c, int fd, const struct patience *p)
{
	if (bytes_left(&c->out) == 0 ||
	    turn_take(c, &c->tx, fd, p) < 0)
		return;
	(void)wait_output(c, fd, p);
	turn_give(&c->tx);
}

static int
broken(struct conn *c, int fd, int err)
{
	char text[120];

	snprintf(text, sizeof text,
	    "the connection broke during the handshake: %s", strerror(-err));
	return handshake_refuse(c, fd, err == -EPIPE ? -ECONNRESET : err,
	    "handshake", text);
}

/* One turn of the loop while state is HANDSHAKE: 0 to look again. */
static int
step(struct conn *c, int fd, const struct patience *p)
{
	struct patience q = *p;
	int rv;

	if (!reserve_enough())
		return broken(c, fd, -ENOMEM);
	rv = shake(c);

	if (q.until == 0 || q.until > c->deadline)
		q.until = c->deadline;
	if (rv == 0) {
		rv = finish(c, fd);
		if (rv == 0)
			flush_last_flight(c, fd, &q);
		return rv;
	}
	if (rv != GNUTLS_E_AGAIN && rv != GNUTLS_E_INTERRUPTED) {
		if (gnutls_error_is_fatal(rv))
			return handshake_refuse_code(c, fd, rv);
		if (bytes_left(&c->in) > 0) /* a warning: go on reading */
			return 0;
	}
	rv = exchange(c, fd, &q);
	if (rv == -EAGAIN && now_ms() >= c->deadline)
		return timed_out(c, fd);
	if (rv < 0 && rv != -EAGAIN && rv != -EINTR && rv != -EBADF &&
	    c->state == CONN_HANDSHAKE)
		return broken(c, fd, rv);
	return rv;
}

int
handshake_begin(struct conn *c, int fd)
{
	int rv = conn_claim(c);

	if (rv < 0)
		return rv;
	if (watch_wanted(c))
		return watch_begin(c);
	rv = reserve_enough() ? session_new(c) : -ENOMEM;
	if (rv < 0)
		return handshake_refuse(c, fd, rv, "handshake",
		    "no TLS session could be made");
	if (c->deadline == 0)
		c->deadline = now_ms() +
		    (int64_t)c->rule->values.handshake_timeout * 1000;
	c->state = CONN_HANDSHAKE;
	if (c->deferred)
		deferred_add(c);
	c->hurried = c->side == SIDE_CLIENT;
	return 0;
}

/* Words for a connect() that goes on, which one that has failed does not. */
static bool
is_progress(int err)
{
	return err == EINTR || err == EAGAIN || err == EINPROGRESS;
}

/* TCP first: its own errors are TCP's, and a later connect may try again. */
static int
finish_tcp(struct conn *c, int fd, const struct patience *p)
{
	struct pollfd pfd = {fd, POLLOUT, 0};
	int err = 0, rv;
	socklen_t len = sizeof err;

	while (host->libc->poll(&pfd, 1, 0) == 0) {
		if (!wait_allowed(fd, p->flags))
			return -EAGAIN;
		rv = wait_writable(c, fd, POLLOUT, p);
		if (rv < 0)
			return rv;
		if (c->state != CONN_TCP)
			return 0;
	}
	/* it has not begun (tcp_poll), or has failed; another thread's call */
	if (atomic_load(&c->dialing) && (pfd.revents & POLLHUP))
		return -ENOTCONN;
	if (host->libc->getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == -1)
		err = is_progress(errno) ? ECONNABORTED : errno;
	if (err != 0) {
		c->tcp_failed = true;
		conn_fail(c, -err);
		return -err;
	}
	return handshake_begin(c, fd);
}

/*
 * Both ends may be this thread's: what the other one has to say is not to be
 * waited for, it has to be made.
 */
static bool
move_others(struct conn *c, const struct patience *p, int *rounds)
{
	if (!(p->flags & MSG_DONTWAIT) || c->listed || !deferred_any() ||
	    ++*rounds > 3 || bytes_settle(&c->in) < 0 ||
	    bytes_settle(&c->out) < 0)
		return false;
	pthread_mutex_unlock(&c->lock);
	deferred_drive();
	conn_lock(c);
	return true;
}

int
handshake_drive(struct conn *c, int fd, const struct patience *p)
{
	int rounds = 0;

	for (;;) {
		int rv;

		fd = table_number(fd, c); /* it may be another after a wait */
		if (fd < 0)
			return -EBADF;
		switch (c->state) {
		case CONN_OPEN:
		case CONN_WATCHED:
			return 0;
		case CONN_TCP:
			rv = finish_tcp(c, fd, p);
			break;
		case CONN_PRE:
			rv = watch_undecided(c) ? watch_detect(c, fd, p) : 0;
			if (rv == 0 && c->state == CONN_PRE)
				rv = handshake_begin(c, fd);
			break;
		case CONN_HANDSHAKE:
			rv = conn_claim(c);
			if (rv == 0)
				rv = step(c, fd, p);
			break;
		case CONN_FAILED:
			return c->err;
		case CONN_FOREIGN:
		case CONN_RELAYED:
			return -ECONNABORTED;
		default:
			return -ENOTCONN;
		}
		if (rv == -EAGAIN && move_others(c, p, &rounds))
			continue;
		if (rv < 0)
			return rv;
	}
}
