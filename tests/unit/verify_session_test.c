/*
 * verify_session_test.c - sessions over memory: version, key exchange and
 * certificates of both sides, as verify_session sees them
 */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <unistd.h>

#include "../../policy/credentials.h"
#include "../../policy/psk.h"
#include "../../policy/trust.h"
#include "../../shim/engine/verify.h"
#include "chain_file.h"
#include "made.h"

#define CASES "tests/badcerts"
#define PSK_ONLY "NONE:+VERS-TLS1.3:+AES-128-GCM:+AEAD:+GROUP-ALL:+SIGN-ALL:+%s"
#define ANONYMOUS "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ANON-ECDH"

struct queue {
	unsigned char byte[65536];
	size_t n;
};

/* What one side pushes the other pulls. */
struct end {
	gnutls_session_t session;
	struct queue in;
	struct end *peer;
};

static ssize_t
push(gnutls_transport_ptr_t ptr, const void *data, size_t len)
{
	struct queue *q = &((struct end *)ptr)->peer->in;

	if (len > sizeof q->byte - q->n)
		die("queue is full");
	memcpy(q->byte + q->n, data, len);
	q->n += len;
	return (ssize_t)len;
}

static ssize_t
pull(gnutls_transport_ptr_t ptr, void *data, size_t len)
{
	struct end *e = ptr;

	if (e->in.n == 0) {
		gnutls_transport_set_errno(e->session, EAGAIN);
		return -1;
	}
	if (len > e->in.n)
		len = e->in.n;
	memcpy(data, e->in.byte, len);
	e->in.n -= len;
	memmove(e->in.byte, e->in.byte + len, e->in.n);
	return (ssize_t)len;
}

static void
end_init(struct end *e, struct end *peer, unsigned flags, const char *priority)
{
	memset(e, 0, sizeof *e);
	e->peer = peer;
	if (gnutls_init(&e->session,
		flags | GNUTLS_NONBLOCK | GNUTLS_FORCE_CLIENT_CERT) < 0 ||
	    gnutls_priority_set_direct(e->session, priority, NULL) < 0)
		die(priority);
	gnutls_transport_set_ptr(e->session, e);
	gnutls_transport_set_push_function(e->session, push);
	gnutls_transport_set_pull_function(e->session, pull);
}

static bool
shake(struct end *client, struct end *server)
{
	int c = GNUTLS_E_AGAIN, s = GNUTLS_E_AGAIN, i;

	for (i = 0; i < 20 && (c < 0 || s < 0); i++) {
		if (c < 0)
			c = gnutls_handshake(client->session);
		if (s < 0)
			s = gnutls_handshake(server->session);
		if ((c < 0 && gnutls_error_is_fatal(c)) ||
		    (s < 0 && gnutls_error_is_fatal(s)))
			return false;
	}
	return c >= 0 && s >= 0;
}

static gnutls_certificate_credentials_t
identity(const char *name)
{
	gnutls_certificate_credentials_t x;
	char cert[256], key[256];

	snprintf(cert, sizeof cert, CASES "/%s/chain.pem", name);
	snprintf(key, sizeof key, CASES "/%s/key.pem", name);
	if (gnutls_certificate_allocate_credentials(&x) < 0 ||
	    gnutls_certificate_set_x509_key_file(
		x, cert, key, GNUTLS_X509_FMT_PEM) < 0)
		die(name);
	return x;
}

static struct psks *held; /* of the rule's psk_file; NULL: it has none */

static void
hold(const char *text)
{
	struct fault f;

	psks_free(held);
	held = NULL;
	if (text != NULL &&
	    psks_parse(text, strlen(text), "psks", &held, &f) == -1)
		die(f.text);
}

/* Judges one end by a rule of those versions. */
static void
judge(const char *what, const struct end *e, enum side side, int min, int max,
    enum verify_mode mode, const char *cause)
{
	struct credentials c = {0};
	struct trust *t = trust_new();
	struct verdict v;
	struct rule r;
	struct fault f;
	int rv;

	if (trust_add_file(
		t, CASES "/ok-ec/trust.pem", &(struct origin){0}, &f) == -1)
		die(f.text);
	trust_sort(t);
	made_rule(&r, side);
	r.values.minimum_version = min;
	r.values.maximum_version = max;
	r.values.verify_mode = mode;
	c.rule = &r;
	c.trust = t;
	c.psks = held;
	r.values.psk_file = held != NULL ? "psks" : NULL;
	rv = verify_session(&c, side, "good.tls.test", e->session, &v);
	report(cause == NULL ? rv == 0 && v.cause == NULL
			     : rv == -1 && strcmp(v.cause, cause) == 0,
	    "%s: %s %s", what, rv == 0 ? "accepted" : v.cause, v.text);
	trust_free(t);
}

static void
certificates_check(const char *priority, const char *client_case)
{
	gnutls_certificate_credentials_t server_id = identity("ok-ec"), none,
					 client_id = client_case != NULL
							 ? identity(client_case)
							 : NULL;
	static struct end client, server;
	bool is_13 = strstr(priority, "TLS1.3") != NULL;

	gnutls_certificate_allocate_credentials(&none);
	end_init(&client, &server, GNUTLS_CLIENT, priority);
	end_init(&server, &client, GNUTLS_SERVER, priority);
	gnutls_credentials_set(client.session, GNUTLS_CRD_CERTIFICATE,
	    client_id != NULL ? client_id : none);
	gnutls_credentials_set(
	    server.session, GNUTLS_CRD_CERTIFICATE, server_id);
	gnutls_certificate_server_set_request(
	    server.session, GNUTLS_CERT_REQUEST);
	report(shake(&client, &server), "%s", priority);
	judge("the server, by the client", &client, SIDE_CLIENT, TLS_V1_2,
	    TLS_V1_3, VERIFY_REQUIRED, NULL);
	judge("a TLS 1.3 rule", &client, SIDE_CLIENT, TLS_V1_3, TLS_V1_3,
	    VERIFY_REQUIRED, is_13 ? NULL : "version_too_old");
	judge("a TLS 1.2 rule, unverified", &client, SIDE_CLIENT, TLS_V1_2,
	    TLS_V1_2, VERIFY_NONE, is_13 ? "version_too_old" : NULL);
	judge("the client, by the server", &server, SIDE_SERVER, TLS_V1_2,
	    TLS_V1_3, VERIFY_REQUIRED,
	    client_case != NULL ? NULL : "peer_not_allowed");
	judge("the client, if it shows itself", &server, SIDE_SERVER, TLS_V1_2,
	    TLS_V1_3, VERIFY_OPTIONAL, NULL);
	hold("me:30313233343536373839616263646566\n");
	judge("a certificate where a key is wanted", &client, SIDE_CLIENT,
	    TLS_V1_2, TLS_V1_3, VERIFY_NONE, "psk");
	judge("a certificate where it counts too", &client, SIDE_CLIENT,
	    TLS_V1_2, TLS_V1_3, VERIFY_REQUIRED, NULL);
	hold(NULL);
	gnutls_deinit(client.session);
	gnutls_deinit(server.session);
	gnutls_certificate_free_credentials(none);
	gnutls_certificate_free_credentials(server_id);
	if (client_id != NULL)
		gnutls_certificate_free_credentials(client_id);
}

/*
 * Neither shows a certificate, and neither may pass, even unverified, but by
 * a rule that has this very key, and with (EC)DHE.
 */
static void
psk_judge(const struct end *client, const struct end *server, bool fresh)
{
	const char *cause = fresh ? NULL : "handshake";

	judge("PSK, required", client, SIDE_CLIENT, TLS_V1_2, TLS_V1_3,
	    VERIFY_REQUIRED, "handshake");
	judge("PSK, unverified", client, SIDE_CLIENT, TLS_V1_2, TLS_V1_3,
	    VERIFY_NONE, "handshake");
	judge("PSK, server", server, SIDE_SERVER, TLS_V1_2, TLS_V1_3,
	    VERIFY_NONE, "handshake");
	hold("me:30313233343536373839616263646566\n");
	judge("PSK of the client's file", client, SIDE_CLIENT, TLS_V1_2,
	    TLS_V1_3, VERIFY_NONE, cause);
	judge("PSK of the server's file", server, SIDE_SERVER, TLS_V1_2,
	    TLS_V1_3, VERIFY_NONE, cause);
	hold("you:30313233343536373839616263646566\n");
	judge("PSK of an identity that is not in it", server, SIDE_SERVER,
	    TLS_V1_2, TLS_V1_3, VERIFY_NONE, "handshake");
	hold(NULL);
}

static void
psk_check(const char *exchange)
{
	const gnutls_datum_t key = {(unsigned char *)"0123456789abcdef", 16};
	gnutls_psk_client_credentials_t cred;
	gnutls_psk_server_credentials_t known;
	static struct end client, server;
	char file[256], priority[256];
	const char *tmp = getenv("TMPDIR");
	FILE *f;

	snprintf(file, sizeof file, "%s/psk.%d", tmp != NULL ? tmp : "/tmp",
	    (int)getpid());
	f = fopen(file, "w");
	if (f == NULL ||
	    fprintf(f, "me:30313233343536373839616263646566\n") < 0 ||
	    fclose(f) != 0)
		die(file);
	snprintf(priority, sizeof priority, PSK_ONLY, exchange);
	end_init(&client, &server, GNUTLS_CLIENT, priority);
	end_init(&server, &client, GNUTLS_SERVER, priority);
	gnutls_psk_allocate_client_credentials(&cred);
	gnutls_psk_allocate_server_credentials(&known);
	gnutls_psk_set_client_credentials(cred, "me", &key, GNUTLS_PSK_KEY_RAW);
	gnutls_psk_set_server_credentials_file(known, file);
	gnutls_credentials_set(client.session, GNUTLS_CRD_PSK, cred);
	gnutls_credentials_set(server.session, GNUTLS_CRD_PSK, known);
	report(shake(&client, &server), "a session of TLS 1.3 by %s", exchange);
	psk_judge(&client, &server, strcmp(exchange, "PSK") != 0);
	gnutls_deinit(client.session);
	gnutls_deinit(server.session);
	gnutls_psk_free_client_credentials(cred);
	gnutls_psk_free_server_credentials(known);
	unlink(file);
}

static void
anonymous_check(void)
{
	gnutls_anon_client_credentials_t c;
	gnutls_anon_server_credentials_t s;
	static struct end client, server;

	end_init(&client, &server, GNUTLS_CLIENT, ANONYMOUS);
	end_init(&server, &client, GNUTLS_SERVER, ANONYMOUS);
	gnutls_anon_allocate_client_credentials(&c);
	gnutls_anon_allocate_server_credentials(&s);
	gnutls_credentials_set(client.session, GNUTLS_CRD_ANON, c);
	gnutls_credentials_set(server.session, GNUTLS_CRD_ANON, s);
	report(shake(&client, &server), "an anonymous session");
	judge("anonymous, unverified", &client, SIDE_CLIENT, TLS_V1_2, TLS_V1_3,
	    VERIFY_NONE, "handshake");
	gnutls_deinit(client.session);
	gnutls_deinit(server.session);
	gnutls_anon_free_client_credentials(c);
	gnutls_anon_free_server_credentials(s);
}

int
main(void)
{
	certificates_check("NORMAL:-VERS-ALL:+VERS-TLS1.3", NULL);
	certificates_check("NORMAL:-VERS-ALL:+VERS-TLS1.2", NULL);
	certificates_check("NORMAL:-VERS-ALL:+VERS-TLS1.3", "eku-client-only");
	certificates_check("NORMAL:-VERS-ALL:+VERS-TLS1.2", "eku-client-only");
	psk_check("ECDHE-PSK");
	psk_check("PSK");
	anonymous_check();
	return failures > 0;
}
