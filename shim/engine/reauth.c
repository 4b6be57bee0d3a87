/* reauth.c - certificates that are asked for after the handshake */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"
#include "failure.h"
#include "intake.h"
#include "log.h"
#include "reauth.h"
#include "stream.h"
#include "ticket.h"

/* Answers that the server has not read yet, before one too many. */
#define QUEUE_MOST (256 << 10)

static bool
is_wanted(const struct conn *c)
{
	const struct rule_values *v = &c->rule->values;

	return v->post_handshake_auth && v->verify_mode != VERIFY_NONE &&
	       v->psk_file == NULL;
}

unsigned
reauth_flags(const struct conn *c)
{
	return is_wanted(c) ? GNUTLS_POST_HANDSHAKE_AUTH : 0;
}

/* The newest of both is what is agreed on; else session_verify refuses. */
bool
reauth_waits(const struct conn *c, bool offered, unsigned newest)
{
	return is_wanted(c) && offered && newest == 0x0304 &&
	       c->rule->values.maximum_version >= TLS_V1_3;
}

bool
reauth_is_open(const struct conn *c)
{
	unsigned n = 0;

	return c->asks_later && c->reauth == REAUTH_NONE &&
	       gnutls_protocol_get_version(c->session) == GNUTLS_TLS1_3 &&
	       (gnutls_certificate_get_peers(c->session, &n) == NULL || n == 0);
}

/* Said to the peer, to the log and to a program that asks. */
static int
fail(struct conn *c, int code)
{
	const struct verdict *v = c->verdict;
	const struct tls_error *e = errors_find(code);
	bool judged = v != NULL && v->cause != NULL;
	const char *cause = judged ? v->cause : e->cause;
	int level, alert = judged ? (int)v->alert
				  : gnutls_error_to_alert(code, &level);
	char text[1280];

	if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return stream_break(c, code);
	record_yield(c);
	gnutls_alert_send(
	    c->session, GNUTLS_AL_FATAL, (gnutls_alert_description_t)alert);
	snprintf(text, sizeof text, "post-handshake authentication: %s",
	    judged            ? v->text
	    : e->text != NULL ? e->text
			      : gnutls_strerror(code));
	log_conn(c, LOG_ERROR, "refused", cause, text);
	failure_note(c, &(struct failure){.err = -ECONNABORTED,
			    .code = judged ? 0 : code,
			    .status = judged ? v->status : 0,
			    .cause = cause,
			    .text = text});
	conn_fail(c, -ECONNABORTED);
	c->broken = true;
	return c->err;
}

int
reauth_answer(struct conn *c)
{
	int rv;

	/* a peer that was let pass is not one to show oneself to */
	if (c->tolerated || bytes_left(&c->out) > QUEUE_MOST)
		return fail(c, GNUTLS_E_UNEXPECTED_HANDSHAKE_PACKET);
	record_yield(c);
	do
		rv = gnutls_reauth(c->session, 0);
	while (rv == GNUTLS_E_AGAIN || rv == GNUTLS_E_INTERRUPTED);
	if (rv < 0 || c->out_lost)
		return fail(c, rv < 0 ? rv : GNUTLS_E_MEMORY_ERROR);
	log_conn(c, LOG_INFO, "tls", NULL,
	    "the server has asked for a certificate after the handshake, and "
	    "was answered");
	return 0;
}

static int
settle(struct conn *c)
{
	struct verdict v;

	c->reauth = REAUTH_ANSWERED;
	memset(&v, 0, sizeof v);
	if (session_verify(c, &v) != 0) {
		if (c->verdict == NULL)
			c->verdict = calloc(1, sizeof *c->verdict);
		if (c->verdict != NULL)
			*c->verdict = v;
		return fail(c, GNUTLS_E_CERTIFICATE_ERROR);
	}
	free(c->verdict);
	c->verdict = NULL;
	handshake_keep_path(c, &v);
	log_conn(c, LOG_INFO, "tls", NULL,
	    c->npath > 0 ? "the client has shown a certificate after the "
			   "handshake"
			 : "the client has no certificate to show after the "
			   "handshake");
	return 0;
}

int
reauth_step(struct conn *c)
{
	for (;;) {
		int rv;

		c->dry = false;
		record_yield(c);
		rv = gnutls_reauth(c->session, 0);
		record_received(c, 0); /* it may owe an answer to KeyUpdate */
		if (rv == 0)
			return settle(c);
		if (rv == GNUTLS_E_GOT_APPLICATION_DATA)
			return -EALREADY;
		if (rv == GNUTLS_E_SESSION_EOF) {
			c->rd_eof = c->notified = true;
			return 1;
		}
		if (rv != GNUTLS_E_AGAIN && rv != GNUTLS_E_INTERRUPTED)
			return fail(c, rv);
		if (c->dry)
			return -EAGAIN;
	}
}

static int
check_askable(struct conn *c)
{
	if (c->reauth != REAUTH_NONE)
		return 0;
	if (c->side != SIDE_SERVER || !is_wanted(c) ||
	    !(gnutls_session_get_flags(c->session) &
		GNUTLS_SFLAGS_POST_HANDSHAKE_AUTH))
		return -EOPNOTSUPP;
	return c->rd_eof || c->wr_shut || c->shut_later ? -EPIPE : 0;
}

/*
 * A thread that reads may have got the answer meanwhile, and refused it: what
 * is not open any more has no certificate that counts.
 */
static int
check_open(const struct conn *c)
{
	if (c->state == CONN_OPEN)
		return 0;
	return c->err < 0 ? c->err : -ECONNABORTED;
}

static int
await(struct conn *c, int fd, const struct patience *p)
{
	while (c->state == CONN_OPEN && c->reauth == REAUTH_ASKED) {
		ssize_t n = stream_set_aside(c);

		if (c->state != CONN_OPEN || c->reauth != REAUTH_ASKED)
			break;
		if (bytes_left(&c->plain) >= STREAM_AHEAD)
			return -ENOBUFS;
		if (n > 0)
			continue;
		if (n == 0)
			return -ECONNRESET;
		if (n != -EAGAIN)
			return (int)n;
		stream_flush(c, fd);
		n = wait_input(c, fd, p);
		if (n < 0 && n != -EAGAIN)
			return (int)n;
		if (n == -EAGAIN)
			return p->until != 0 && now_ms() >= p->until
				   ? -ETIMEDOUT
				   : -EAGAIN;
	}
	if (check_open(c) < 0)
		return check_open(c);
	c->reauth = REAUTH_NONE;
	c->asks_later = false;
	return 0;
}

/* Of a record that was read in part: gnutls_reauth would refuse what it meets. */
static void
take_rest(struct conn *c)
{
	while (record_keeps(c) && stream_set_aside(c) > 0)
		;
}

int
reauth_ask(struct conn *c, int fd, struct patience *p)
{
	int64_t most;
	int rv = check_askable(c);

	if (rv < 0)
		return rv;
	if (c->reauth == REAUTH_NONE) {
		take_rest(c);
		ticket_pay(c);
		c->ticket_owed = false; /* none is made of who is known later */
		gnutls_certificate_server_set_request(
		    c->session, c->rule->values.verify_mode == VERIFY_REQUIRED
				    ? GNUTLS_CERT_REQUIRE
				    : GNUTLS_CERT_REQUEST);
		c->npath = 0; /* its bytes go with the next certificate */
		c->peer_shown = false;
		c->reauth = REAUTH_ASKED;
		rv = reauth_step(c); /* the request */
		if (rv < 0 && rv != -EAGAIN && rv != -EALREADY)
			return rv;
	}
	most = now_ms() + (int64_t)c->rule->values.handshake_timeout * 1000;
	if (p->until == 0 || p->until > most)
		p->until = most;
	return await(c, fd, p);
}
