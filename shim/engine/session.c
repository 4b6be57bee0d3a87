/* session.c - a GnuTLS session that never sees a descriptor */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/psk.h"
#include "conn.h"
#include "failure.h"
#include "hello.h"
#include "keylog.h"
#include "log.h"
#include "psk.h"
#include "reauth.h"
#include "resume.h"

/* GnuTLS takes ciphertext from c->in and nothing else. */
static ssize_t
pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct conn *c = ptr;
	size_t left = c->state == CONN_HANDSHAKE ? handshake_input(c)
						 : bytes_left(&c->in);

	if (c->record.whose == RECORD_OURS && left > c->record.lent)
		left = c->record.lent;
	if (left == 0) {
		/*
		 * End of file too: a 0 here would make GnuTLS invalidate the
		 * sending side, which breaks half-close.
		 */
		c->dry = true;
		gnutls_transport_set_errno(c->session, EAGAIN);
		return -1;
	}
	if (!record_idle(c, true)) {
		gnutls_transport_set_errno(c->session, EIO);
		return -1;
	}
	if (len > left)
		len = left;
	memcpy(buf, bytes_at(&c->in), len);
	bytes_take(&c->in, len);
	if (c->record.whose == RECORD_OURS)
		c->record.lent -= len;
	else if (c->record_left >= len)
		c->record_left -= len;
	return (ssize_t)len;
}

static int
pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
	struct conn *c = ptr;

	return bytes_left(&c->in) > 0;
}

void
session_out(struct conn *c)
{
	if (c->out.base == NULL && thread_output() != NULL)
		bytes_borrow(&c->out, thread_output(), 0, OUTPUT_SIZE);
}

/* All of iov but the first skip bytes; a count, or -1 without memory. */
static ssize_t
put_behind(struct conn *c, const giovec_t *iov, int n, size_t skip)
{
	ssize_t total = 0;
	int i;

	for (i = 0; i < n; i++) {
		size_t len = iov[i].iov_len, had = skip < len ? skip : len;

		if (bytes_put(&c->out, (char *)iov[i].iov_base + had,
			len - had) < 0)
			return -1;
		skip -= had;
		total += (ssize_t)len;
	}
	return total;
}

const unsigned char session_ccs[6] = {20, 3, 3, 0, 1, 1};

/*
 * A client's comes right before its Finished (RFC 8446, D.4).  GnuTLS has it
 * ready before it reads on: alone it would wake the server for nothing.
 */
static bool
is_idle_ccs(const struct conn *c, const giovec_t *iov, int n)
{
	return c->side == SIDE_CLIENT && c->state == CONN_HANDSHAKE && n == 1 &&
	       iov->iov_len == sizeof session_ccs &&
	       memcmp(iov->iov_base, session_ccs, sizeof session_ccs) == 0 &&
	       gnutls_protocol_get_version(c->session) == GNUTLS_TLS1_3;
}

static int
put_held(struct conn *c)
{
	int rv = c->ccs_held
	    ? bytes_put(&c->out, session_ccs, sizeof session_ccs)
	    : 0;

	c->ccs_held = false;
	return rv;
}

/*
 * Always takes everything: GnuTLS 3.7.9 corrupts the stream when a send is
 * pending and a KeyUpdate request arrives.
 *
 * A TLS 1.3 server's Finished is taken too, but GnuTLS is told that it was
 * not: in the same call it would go on to compute what the client's Finished
 * has to be, find that it has not come, and compute it anew in the next.  So
 * it returns from here to have the flight sent, and is called again when there
 * is an answer.  What it pushes first then has been taken already.
 */
static ssize_t
push(gnutls_transport_ptr_t ptr, const giovec_t *iov, int n)
{
	struct conn *c = ptr;
	ssize_t total;

	if (!record_idle(c, false)) { /* its number may be used up */
		c->out_lost = true;
		gnutls_transport_set_errno(c->session, EIO);
		return -1;
	}
	if (!c->ccs_held && is_idle_ccs(c, iov, n)) {
		c->ccs_held = true;
		return sizeof session_ccs;
	}
	session_out(c);
	total = put_held(c) < 0 ? -1 : put_behind(c, iov, n, c->ahead);
	if (total < 0) {
		c->out_lost = true;
		gnutls_transport_set_errno(c->session, ENOMEM);
		return -1;
	}
	c->ahead = 0;
	if (c->flight_begun)
		wait_output_now(c);
	c->flight_begun = false;
	if (!c->flight_over)
		return total;
	c->flight_over = false;
	c->ahead = (size_t)total;
	gnutls_transport_set_errno(c->session, EAGAIN);
	return -1;
}

/* Is what out says about the peer's certificates, and not about TLS? */
static bool
is_verification(const struct verdict *out)
{
	return strcmp(out->cause, "version_too_old") != 0 &&
	    strcmp(out->cause, "handshake") != 0 &&
	    strcmp(out->cause, "psk") != 0;
}

static void
log_tolerated(struct conn *c, const struct verdict *out)
{
	char text[sizeof out->text + 40];

	if (c->tolerated)
		return;
	c->tolerated = true;
	snprintf(
	    text, sizeof text, "enforce = false lets it pass: %s", out->text);
	failure_note(c, &(struct failure){.status = out->status,
	    .cause = out->cause,
	    .text = out->text});
	log_conn(c, LOG_WARNING, "tolerated", out->cause, text);
}

/*
 * A ticket that GnuTLS 3.7.9 opens and then does not resume (it is too old,
 * or its client says so) leaves the certificate in it behind, for a handshake
 * in which nobody has shown one: whoever has seen the ticket on the wire
 * could pass for its client.
 */
static int
check_shown(struct conn *c, struct verdict *out)
{
	unsigned n = 0;

	if (c->peer_shown || resume_is_resumed(c) ||
	    gnutls_certificate_get_peers(c->session, &n) == NULL || n == 0)
		return 0;
	memset(out, 0, sizeof *out);
	out->cause = "handshake";
	out->alert = GNUTLS_A_HANDSHAKE_FAILURE;
	snprintf(out->text, sizeof out->text,
	    "the peer's certificate is of an earlier session, and it was not "
	    "shown in this handshake");
	return -1;
}

/*
 * GnuTLS 3.7.9 offers to resume without (EC)DHE as well: whoever gets at the
 * ticket's key later could read it all (RFC 8446, 2.2).
 */
static int
check_fresh(const struct conn *c, struct verdict *out)
{
	if (c->side == SIDE_SERVER || c->peer_share ||
	    gnutls_protocol_get_version(c->session) != GNUTLS_TLS1_3)
		return 0;
	memset(out, 0, sizeof *out);
	out->cause = "handshake";
	out->alert = GNUTLS_A_HANDSHAKE_FAILURE;
	snprintf(out->text, sizeof out->text,
	    "the server resumes without (EC)DHE: session.resume = false helps");
	return -1;
}

int
session_verify(struct conn *c, struct verdict *out)
{
	if (check_shown(c, out) != 0 || check_fresh(c, out) != 0)
		return -1;
	if (hello_check_alpn(c, out) != 0)
		return -1;
	if (reauth_is_open(c))
		return verify_terms(c->cred, c->side, c->session, out) < 0 ? -1 : 0;
	if (verify_session(c->cred, c->side, c->name, c->session, out) == 0)
		return 0;
	if (c->rule->enforce || !is_verification(out))
		return -1;
	log_tolerated(c, out);
	memset(out, 0, sizeof *out);
	return 0;
}

/*
 * Runs inside the handshake, so that the peer gets its alert and no client
 * certificate goes to an unverified server.
 */
static int
verify(gnutls_session_t session)
{
	struct conn *c = gnutls_session_get_ptr(session);

	if (c->verdict == NULL)
		c->verdict = calloc(1, sizeof *c->verdict);
	if (c->verdict == NULL)
		return -1;
	if (session_verify(c, c->verdict) != 0)
		return -1;
	(void)verify_judged(c->cred, session, &c->verdict->of);
	return 0;
}

/* The very certificates that verify() has passed, under the same rule? */
static bool
was_judged(const struct conn *c)
{
	const struct verdict *v = c->verdict;
	struct verified now;

	return v != NULL && v->cause == NULL && v->of.by == c->cred &&
	    !resume_is_resumed(c) &&
	    verify_judged(c->cred, c->session, &now) &&
	    now.chain == v->of.chain &&
	    memcmp(now.digest, v->of.digest, sizeof now.digest) == 0;
}

int
session_confirm(struct conn *c, struct verdict *out)
{
	if (!was_judged(c))
		return session_verify(c, out);
	if (check_shown(c, out) != 0 || hello_check_alpn(c, out) != 0 ||
	    verify_terms(c->cred, c->side, c->session, out) < 0)
		return -1;
	*out = *c->verdict;
	return 0;
}

static int
set_up(struct conn *c)
{
	int rv;

	rv = gnutls_priority_set(c->session, c->cred->priority);
	if (rv < 0)
		return rv;
	if (!psk_alone(&c->rule->values))
		rv = gnutls_credentials_set(
		    c->session, GNUTLS_CRD_CERTIFICATE, c->cred->x509);
	if (rv >= 0)
		rv = psk_set(c);
	if (rv >= 0)
		rv = hello_set(c);
	gnutls_session_set_ptr(c->session, c);
	keylog_set(c);
	gnutls_session_set_verify_function(c->session, verify);
	gnutls_transport_set_ptr(c->session, c);
	gnutls_transport_set_pull_function(c->session, pull);
	gnutls_transport_set_pull_timeout_function(c->session, pull_timeout);
	gnutls_transport_set_vec_push_function(c->session, push);
	gnutls_handshake_set_timeout(c->session, GNUTLS_INDEFINITE_TIMEOUT);
	return rv;
}

static int
make(struct conn *c, unsigned flags)
{
	if (gnutls_init(&c->session, flags) < 0) {
		c->session = NULL;
		return -ENOMEM;
	}
	if (set_up(c) < 0) {
		session_free(c);
		return -ECONNABORTED;
	}
	return 0;
}

int
session_new(struct conn *c)
{
	unsigned flags =
	    GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | resume_flags(c);
	int rv;

	/*
	 * A client certificate that the policy names is sent though the
	 * server's list of CAs does not show its issuer.  One key is made for
	 * the first group, as OpenSSL does, and not a second that is thrown
	 * away: who wants another group asks for it (RFC 8446, 4.1.4).
	 */
	flags |= c->side == SIDE_CLIENT
	    ? GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT | GNUTLS_KEY_SHARE_TOP
	    : GNUTLS_SERVER;
	/*
	 * A client asks for OCSP answers whether or not they are looked at:
	 * what 3.7.9 has to leave that out (GNUTLS_NO_EXTENSIONS) leaves out
	 * TLS 1.2's extended master secret as well.
	 */
	flags |= reauth_flags(c);
	resume_count(c);
	rv = make(c, flags);
	if (rv == 0 && !resume_offer(c)) {
		session_free(c);
		rv = make(c, flags);
	}
	return rv;
}

void
session_free(struct conn *c)
{
	record_free(c);
	resume_free(c);
	if (c->session != NULL)
		gnutls_deinit(c->session);
	c->session = NULL;
	psk_free(c);
}
