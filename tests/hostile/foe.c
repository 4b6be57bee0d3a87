/* foe.c - the attacker's connections, and GnuTLS over them */
#include <netinet/tcp.h>
#include <poll.h>

#include "../fixtures/fixture.h"
#include "../fixtures/wire.h"
#include "foe.h"

#define STUCK 500 /* ms; a victim that takes nothing for so long takes none */
#define SLOW 5000 /* ms for an answer of a handshake */

static gnutls_datum_t ticket_key;

/* What came from the victim and is no TLS. */
const char *foe_clear;

static int
ready(const struct foe *f, short events, int ms)
{
	struct pollfd p = {f->fd, events, 0};

	return poll(&p, 1, ms) == 1;
}

static ssize_t
take(struct foe *f, void *buf, size_t len)
{
	ssize_t n = recv(f->fd, buf, len, MSG_DONTWAIT);

	if (n > 0 && wire_look(&f->wire, buf, (size_t)n))
		foe_clear = f->wire.clear;
	return n;
}

int
foe_send(struct foe *f, const void *buf, size_t len)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = send(f->fd, p,
		    f->step > 0 && (size_t)f->step < len ? (size_t)f->step
							 : len,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n == -1 && (errno != EAGAIN || !ready(f, POLLOUT, STUCK)))
			return -1;
		if (n <= 0)
			continue;
		p += n;
		len -= (size_t)n;
		if (f->step > 0 && f->sent++ < 40) /* then as they go */
			usleep(1000);
	}
	return 0;
}

int
foe_hear(struct foe *f, int ms)
{
	char buf[16384];
	int heard = 0;
	ssize_t n;

	while (ready(f, POLLIN, heard ? 0 : ms)) {
		heard = 1;
		n = take(f, buf, sizeof buf);
		if (n == 0 || (n == -1 && errno != EAGAIN))
			break;
	}
	return heard;
}

int
foe_ended(struct foe *f, int ms)
{
	char buf[16384];
	ssize_t n = 1;

	while (n > 0 && ready(f, POLLIN, ms))
		n = take(f, buf, sizeof buf);
	return n == 0 || (n == -1 && errno != EAGAIN);
}

static ssize_t
pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct foe *f = ptr;

	if (!ready(f, POLLIN, f->cut ? 0 : SLOW)) {
		gnutls_transport_set_errno(f->session, ECONNRESET);
		return -1;
	}
	return take(f, buf, len);
}

static int
pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
	return ready(ptr, POLLIN, (int)ms);
}

static ssize_t
push(gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
	struct foe *f = ptr;
	size_t n = f->limit >= 0 && (size_t)f->limit < len ? (size_t)f->limit
							   : len;

	f->cut |= n < len;
	if (f->limit >= 0)
		f->limit -= (long)n;
	if (foe_send(f, buf, n) == 0)
		return (ssize_t)len; /* GnuTLS believes it is all gone */
	gnutls_transport_set_errno(f->session, EPIPE);
	return -1;
}

static int
prepare(struct foe *f, const char *priority)
{
	int rv;

	if (ticket_key.data == NULL)
		gnutls_session_ticket_key_generate(&ticket_key);
	rv = gnutls_init(&f->session, f->server ? GNUTLS_SERVER
						: GNUTLS_CLIENT);
	if (rv == 0)
		rv = gnutls_priority_set_direct(f->session,
		    priority != NULL ? priority : "NORMAL", NULL);
	if (rv == 0)
		rv = gnutls_credentials_set(
		    f->session, GNUTLS_CRD_CERTIFICATE, foe_credentials());
	if (rv == 0 && f->server && f->limit < 0)
		rv = gnutls_session_ticket_enable_server(
		    f->session, &ticket_key);
	if (rv < 0)
		return rv;
	gnutls_transport_set_ptr(f->session, f);
	gnutls_transport_set_pull_function(f->session, pull);
	gnutls_transport_set_pull_timeout_function(f->session, pull_timeout);
	gnutls_transport_set_push_function(f->session, push);
	gnutls_handshake_set_timeout(f->session, GNUTLS_INDEFINITE_TIMEOUT);
	return 0;
}

int
foe_shake(struct foe *f, const char *priority)
{
	int rv = prepare(f, priority);

	while (rv == 0 && (rv = gnutls_handshake(f->session)) < 0 &&
	    !gnutls_error_is_fatal(rv))
		rv = 0;
	return rv;
}

int
foe_echo(struct foe *f)
{
	char byte = 'x';
	ssize_t n;

	if (gnutls_record_send(f->session, &byte, 1) != 1)
		return -1;
	do
		n = gnutls_record_recv(f->session, &byte, 1);
	while (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED);
	return n == 1 && byte == 'x' ? 0 : -1;
}

void
foe_free(struct foe *f)
{
	if (f->session != NULL)
		gnutls_deinit(f->session);
	close(f->fd);
	free(f);
}

void
foe_reset(struct foe *f)
{
	struct linger l = {1, 0};

	setsockopt(f->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
	foe_free(f);
}
