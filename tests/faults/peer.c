/* peer.c - the other end, which does what script.h says and judges the wire */
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <time.h>

#include "../fixtures/fixture.h"
#include "../fixtures/wire.h"
#include "peer.h"
#include "script.h"

static gnutls_certificate_credentials_t creds;
static gnutls_priority_t priorities;

struct peer {
	int fd;
	int64_t deadline;
	gnutls_session_t session;
	struct wire wire;
	struct peer_result *out;
};

int64_t
peer_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int
ready(const struct peer *p, short events)
{
	struct pollfd pfd = {p->fd, events, 0};
	int64_t left = p->deadline - peer_now();

	return left > 0 && poll(&pfd, 1, (int)left) == 1;
}

static ssize_t
look(struct peer *p, void *buf, size_t len)
{
	int one = 1; /* no delayed ACK: Nagle's algorithm waits for it */
	ssize_t n;

	if (!ready(p, POLLIN)) {
		errno = ETIMEDOUT;
		return -1;
	}
	n = recv(p->fd, buf, len, 0);
	setsockopt(p->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
	if (n > 0 && wire_look(&p->wire, buf, (size_t)n))
		p->out->clear = p->wire.clear;
	return n;
}

static ssize_t
pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	return look(ptr, buf, len);
}

static int
pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
	return ready(ptr, POLLIN);
}

static ssize_t
push(gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
	struct peer *p = ptr;

	if (!ready(p, POLLOUT)) {
		errno = ETIMEDOUT;
		return -1;
	}
	return send(p->fd, buf, len, MSG_NOSIGNAL);
}

/* Of what is wanted, and then perhaps what a careless program sends. */
static int
is_prefix(const char *buf, const char *want, size_t n)
{
	size_t i = 0;

	while (i < n && buf[i] == want[i])
		i++;
	if (i == n)
		return 1;
	/* its letters may be those that are wanted */
	for (i = i > sizeof CARELESS ? i - sizeof CARELESS : 0; i < n; i++)
		if (memcmp(buf + i, CARELESS,
			n - i < sizeof CARELESS ? n - i : sizeof CARELESS) == 0)
			return memcmp(buf, want, i) == 0;
	return 0;
}

static int
recv_all(struct peer *p, const char *want, size_t len)
{
	static char buf[SCRIPT_MOST];
	size_t have = 0;
	ssize_t n = 0;

	while (have < len) {
		n = gnutls_record_recv(p->session, buf + have, len - have);
		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	if (!is_prefix(buf, want, have))
		p->out->bad = "other bytes";
	return have == len && p->out->bad == NULL &&
		memcmp(buf, want, have) == 0
	    ? 0
	    : -1;
}

static int
recv_end(struct peer *p)
{
	char byte;
	ssize_t n;

	do
		n = gnutls_record_recv(p->session, &byte, 1);
	while (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED);
	if (n > 0 && byte != CARELESS[0])
		p->out->bad = "bytes behind the end";
	return n == 0 ? 0 : -1;
}

static int
send_all(struct peer *p, const char *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = gnutls_record_send(p->session, buf, len);

		if (n < 0)
			return -1;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
converse(struct peer *p, int server)
{
	static char mine[SCRIPT_MOST], theirs[SCRIPT_MOST];
	int i;

	for (i = 0; i < ROUNDS; i++) {
		script_fill(mine, i, server);
		script_fill(theirs, i, !server);
		if (server && recv_all(p, theirs, script_len[i]) == -1)
			return -1;
		if (send_all(p, mine, script_len[i]) == -1)
			return -1;
		if (!server && recv_all(p, theirs, script_len[i]) == -1)
			return -1;
	}
	if (server &&
	    (recv_end(p) == -1 || send_all(p, LAST, sizeof LAST) == -1))
		return -1;
	if (gnutls_bye(p->session, GNUTLS_SHUT_WR) < 0)
		return -1;
	if (server)
		return 0;
	return recv_all(p, LAST, sizeof LAST) == -1 ? -1 : recv_end(p);
}

static void
set_up(struct peer *p, int server)
{
	int one = 1;

	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	gnutls_init(&p->session, server ? GNUTLS_SERVER : GNUTLS_CLIENT);
	gnutls_priority_set(p->session, priorities);
	gnutls_credentials_set(p->session, GNUTLS_CRD_CERTIFICATE, creds);
	if (!server)
		gnutls_session_set_verify_cert(p->session, "localhost", 0);
	gnutls_transport_set_ptr(p->session, p);
	gnutls_transport_set_pull_function(p->session, pull);
	gnutls_transport_set_pull_timeout_function(p->session, pull_timeout);
	gnutls_transport_set_push_function(p->session, push);
	gnutls_handshake_set_timeout(p->session, GNUTLS_INDEFINITE_TIMEOUT);
}

void
peer_talk(int fd, int server, int64_t deadline, struct peer_result *out)
{
	struct peer p = {.fd = fd, .deadline = deadline, .out = out};
	char rest[4096];
	int rv;

	memset(out, 0, sizeof *out);
	set_up(&p, server);
	do
		rv = gnutls_handshake(p.session);
	while (rv < 0 && !gnutls_error_is_fatal(rv));
	if (rv == 0)
		out->complete = converse(&p, server) == 0;
	else
		gnutls_alert_send_appropriate(p.session, rv);
	shutdown(fd, SHUT_WR);
	while (look(&p, rest, sizeof rest) > 0) /* nothing may follow in clear */
		;
	gnutls_deinit(p.session);
	close(fd);
}

static void
need(int rv, const char *name)
{
	if (rv >= 0)
		return;
	fprintf(stderr, "%s: %s\n", name, gnutls_strerror(rv));
	exit(2);
}

void
peer_init(const char *cert, const char *key, const char *ca,
    const char *priority)
{
	need(gnutls_certificate_allocate_credentials(&creds), "credentials");
	need(gnutls_certificate_set_x509_key_file(
		 creds, cert, key, GNUTLS_X509_FMT_PEM),
	    cert);
	need(gnutls_certificate_set_x509_trust_file(
		 creds, ca, GNUTLS_X509_FMT_PEM),
	    ca);
	need(gnutls_priority_init(&priorities, priority, NULL), priority);
}
