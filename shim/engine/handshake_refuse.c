/* handshake_refuse.c - a handshake that comes to nothing: why, for the log, the
 * program and the peer */

#include <stdio.h>
#include <string.h>

#include "conn.h"
#include "errors.h"
#include "failure.h"
#include "hello.h"
#include "log.h"
#include "psk.h"
#include "resume.h"

int
handshake_refuse(struct conn *c, int fd, int err, const char *cause,
    const char *text)
{
	struct patience p = {.flags = MSG_DONTWAIT};

	log_conn(c, LOG_ERROR, "refused", cause, text);
	failure_note(c, &(struct failure){.err = err,
	    .code = c->code,
	    .status = c->verdict != NULL ? c->verdict->status : 0,
	    .cause = cause,
	    .text = text});
	resume_forget(c);
	if (turn_take(c, &c->tx, fd, NULL) == 0) {
		if (bytes_left(&c->out) > 0)
			(void)wait_output(c, fd, &p);
		turn_give(&c->tx);
	}
	if (table_is(fd, c))
		host->libc->shutdown(fd, SHUT_WR);
	conn_fail(c, err);
	return err;
}

static void
send_alert(struct conn *c, int code)
{
	int level = GNUTLS_AL_FATAL, alert;

	if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return;
	if (c->verdict != NULL && c->verdict->cause != NULL)
		alert = (int)c->verdict->alert;
	else if (hello_misfit(c) != NULL)
		alert = GNUTLS_A_PROTOCOL_VERSION;
	else
		alert = gnutls_error_to_alert(code, &level);
	gnutls_alert_send(c->session, GNUTLS_AL_FATAL,
	    (gnutls_alert_description_t)alert);
}

/* Which versions we would take, and whose word that is. */
static void
say_versions(const struct conn *c, const char *who, char *text, size_t len)
{
	static const char *const names[] = {
	    "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
	const struct rule_values *v = &c->rule->values;
	const struct origin *o = &c->rule->origin[K_minimum_version];
	size_t n = strlen(text);

	n += (size_t)snprintf(text + n, len - n,
	    ": %s no version from %s to %s", who, names[v->minimum_version],
	    names[v->maximum_version]);
	if (o->file != NULL)
		snprintf(text + n, len - n, " (minimum_version at %s:%d)",
		    o->file, o->line);
}

int
handshake_refuse_code(struct conn *c, int fd, int code)
{
	const struct tls_error *e = errors_find(code);
	const char *cause = e->cause, *psk;
	char text[1280];

	c->code = code;
	if (c->verdict != NULL && c->verdict->cause != NULL) {
		cause = c->verdict->cause;
		snprintf(text, sizeof text, "%s", c->verdict->text);
	} else if ((psk = psk_reason(c, code, text, sizeof text)) != NULL) {
		cause = psk;
	} else if (code == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		gnutls_alert_description_t a = gnutls_alert_get(c->session);
		const char *name = gnutls_alert_get_name(a);

		snprintf(text, sizeof text, "the peer refused with alert %d (%s)",
		    (int)a, name != NULL ? name : "unknown");
		if (a == GNUTLS_A_PROTOCOL_VERSION) {
			cause = "version_too_old";
			say_versions(c, "it takes", text, sizeof text);
		}
	} else if (hello_misfit(c) != NULL) {
		cause = "version_too_old";
		snprintf(text, sizeof text, "the peer speaks %s%s",
		    c->side == SIDE_SERVER ? "at most " : "",
		    hello_misfit(c));
		say_versions(c, "that is", text, sizeof text);
	} else {
		snprintf(text, sizeof text, "%s (%s)",
		    e->text != NULL ? e->text : "the TLS handshake failed",
		    gnutls_strerror(code));
	}
	send_alert(c, code);
	return handshake_refuse(c, fd, -e->connecting, cause, text);
}

static int
refuse_first(struct conn *c, int fd, const unsigned char *b, size_t n)
{
	/* a server's greeting says what it is; a client's may be a secret */
	size_t most = c->side == SIDE_CLIENT ? 24 : 4, k = 0, i;
	char shown[40], text[160];

	if (c->began != 0)
		shown[k++] = (char)c->began;
	for (i = 0; i < n && k < most; i++)
		shown[k++] = (char)b[i];
	shown[k] = '\0';
	for (i = 0; i < k; i++)
		if (shown[i] < 0x20 || shown[i] == 0x7f)
			shown[i] = '.';
	snprintf(text, sizeof text,
	    "the peer does not speak TLS: it began with \"%s\"", shown);
	return handshake_refuse(c, fd, -ECONNABORTED, "handshake", text);
}

int
handshake_check_first(struct conn *c, int fd)
{
	const unsigned char *b = bytes_at(&c->in);
	size_t n = bytes_left(&c->in);
	unsigned char first;

	if (c->spoke || n == 0)
		return 0;
	first = c->began != 0 ? c->began : b[0];
	if (first < 20 || first > 23)
		return refuse_first(c, fd, b, n);
	if (c->began == 0 && n == 1) {
		c->began = first;
		return 0;
	}
	c->spoke = b[c->began == 0] == 3;
	return c->spoke ? 0 : refuse_first(c, fd, b, n);
}
