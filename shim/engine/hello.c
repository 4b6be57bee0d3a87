/* hello.c - what the first messages of a handshake say */

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/credentials.h"
#include "hello.h"
#include "reauth.h"
#include "resume.h"
#include "ticket.h"

/* Types of extensions: RFC 6066, 3 and RFC 8446, 4.2 */
#define SERVER_NAME 0
#define EXTENDED_MASTER_SECRET 23 /* RFC 7627, 5.1 */
#define SESSION_TICKET 35         /* RFC 5077, 3.2 */
#define PRE_SHARED_KEY 41
#define SUPPORTED_VERSIONS 43
#define POST_HANDSHAKE_AUTH 49
#define KEY_SHARE 51

#define SUITES_KEPT 512 /* bytes; twice what any client sends that we met */

/* A message, read from its front; all that is not there reads as 0. */
struct message {
	const unsigned char *p;
	size_t len;
};

static unsigned
number(struct message *m, size_t bytes)
{
	unsigned n = 0;

	if (m->len < bytes) {
		m->len = 0;
		return 0;
	}
	for (; bytes > 0; bytes--, m->len--)
		n = n << 8 | *m->p++;
	return n;
}

static struct message
part(struct message *m, size_t len)
{
	struct message out = {m->p, len < m->len ? len : m->len};

	if (out.len == 0)
		return out; /* of a message without a body p is NULL */
	m->p += out.len;
	m->len -= out.len;
	return out;
}

/* Versions nobody knows are offered on purpose (GREASE, RFC 8701). */
static void
newer(unsigned *newest, unsigned version)
{
	if (version >= 0x0300 && version <= 0x0304 && version > *newest)
		*newest = version;
}

/*
 * GnuTLS knows the versions of DTLS as well, and would say its alert in a record
 * of theirs.  What is newer than TLS 1.2 a client may say (RFC 5246, E.1).
 */
static bool
is_tls(unsigned version, bool client)
{
	unsigned major = version >> 8;

	return major == 3 || (client && major > 3 && major < 0xfe);
}

static unsigned
read_versions(struct message m, bool client)
{
	unsigned newest = 0;

	if (client)
		m = part(&m, number(&m, 1));
	while (m.len > 0)
		newer(&newest, number(&m, 2));
	return newest;
}

/* The host_name of the list, or "": one that has a NUL in it is none. */
static void
read_name(struct message m, char *name, size_t len)
{
	struct message list = part(&m, number(&m, 2)), one;
	unsigned type;

	while (list.len > 0) {
		type = number(&list, 1);
		one = part(&list, number(&list, 2));
		if (type != 0 || one.len >= len ||
		    memchr(one.p, '\0', one.len) != NULL)
			continue;
		memcpy(name, one.p, one.len);
		name[one.len] = '\0';
		return;
	}
}

/* The first of what is offered; of a longer list GnuTLS takes its pick. */
static void
read_ticket(struct message m, struct hello *h)
{
	if (m.len < sizeof h->ticket)
		return;
	memcpy(h->ticket, m.p, sizeof h->ticket);
	h->has_ticket = true;
}

static void
read_identities(struct message m, struct hello *h)
{
	struct message list = part(&m, number(&m, 2));

	read_ticket(part(&list, number(&list, 2)), h);
}

/* Of a TLS 1.3 session the ticket is in PRE_SHARED_KEY, the last of all. */
static void
read_client(unsigned type, struct message m, struct hello *h)
{
	if (type == SERVER_NAME)
		read_name(m, h->name, sizeof h->name);
	else if (type == EXTENDED_MASTER_SECRET)
		h->extended_master = true;
	else if (type == SESSION_TICKET)
		read_ticket(m, h);
	else if (type == POST_HANDSHAKE_AUTH)
		h->asked_later = true;
	else if (type == PRE_SHARED_KEY)
		read_identities(m, h);
}

/*
 * ClientHello and ServerHello begin alike: version, random, session id; then
 * the suites and compression methods, or the one chosen of each.  Whatever is
 * wrong with one is for GnuTLS to refuse.  The newest version, and what a
 * client's holds beside it.
 */
static void
hello_read(struct message m, bool client, struct hello *h)
{
	struct message all, one;
	unsigned type, version;

	memset(h, 0, sizeof *h);
	version = number(&m, 2);
	h->foreign = !is_tls(version, client);
	newer(&h->newest, version);
	part(&m, 32);
	part(&m, number(&m, 1));
	one = part(&m, client ? number(&m, 2) : 2);
	h->suites = one.p;
	h->suites_len = one.len;
	part(&m, client ? number(&m, 1) : 1);
	all = part(&m, number(&m, 2));
	while (all.len > 0) {
		type = number(&all, 2);
		one = part(&all, number(&all, 2));
		if (type == SUPPORTED_VERSIONS)
			h->newest = read_versions(one, client);
		else if (type == KEY_SHARE)
			h->key_share = true;
		else if (client)
			read_client(type, one, h);
	}
}

unsigned
hello_newest(const unsigned char *body, size_t len, bool client)
{
	struct hello h;

	hello_read((struct message){body, len}, client, &h);
	return h.newest;
}

const char *
hello_misfit(const struct conn *c)
{
	static const char *const names[] = {
	    "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
	const struct rule_values *v = &c->rule->values;
	int version = (int)c->peer_version - 0x0301;

	if (c->peer_version == 0)
		return NULL;
	/* A client's newest says nothing against an older common one. */
	if (version < v->minimum_version ||
	    (c->side == SIDE_CLIENT && version > v->maximum_version))
		return names[version + 1];
	return NULL;
}

int
hello_check_alpn(const struct conn *c, struct verdict *out)
{
	gnutls_datum_t chosen;

	if (!c->rule->values.alpn_mandatory ||
	    gnutls_alpn_get_selected_protocol(c->session, &chosen) == 0)
		return 0;
	memset(out, 0, sizeof *out);
	out->cause = "handshake";
	out->alert = GNUTLS_A_NO_APPLICATION_PROTOCOL;
	snprintf(out->text, sizeof out->text,
	    "no protocol of alpn_protocols was agreed on, and alpn_mandatory "
	    "is set: the peer names %s",
	    c->side == SIDE_SERVER ? "others, or none at all" : "none of them");
	return -1;
}

static int
refuse_name(struct conn *c, const char *name)
{
	if (c->verdict == NULL)
		c->verdict = calloc(1, sizeof *c->verdict);
	if (c->verdict == NULL)
		return GNUTLS_E_MEMORY_ERROR;
	c->verdict->cause = "handshake";
	c->verdict->alert = GNUTLS_A_UNRECOGNIZED_NAME;
	snprintf(c->verdict->text, sizeof c->verdict->text,
	    "the client asks for \"%.200s\", which is not in sni, and "
	    "strict_sni is set",
	    name);
	return GNUTLS_E_UNRECOGNIZED_NAME;
}

static int
set_alpn(struct conn *c)
{
	const struct list *l = &c->rule->values.alpn_protocols;
	gnutls_datum_t names[ALPN_MOST];
	size_t i;

	if (l->n == 0)
		return 0;
	/* once a session: GnuTLS 3.7.9 adds a second list to the first */
	for (i = 0; i < l->n && i < ALPN_MOST; i++)
		names[i] = (gnutls_datum_t){(unsigned char *)l->v[i],
		    (unsigned)strlen(l->v[i])};
	/* whether one must be agreed on is hello_check_alpn's */
	return gnutls_alpn_set_protocols(
	    c->session, names, (unsigned)i, GNUTLS_ALPN_SERVER_PRECEDENCE);
}

/* An address is never sent (RFC 6066, 3). */
static int
set_name(struct conn *c)
{
	const char *name = c->rule->values.sni_hostname;

	if (name == NULL)
		name = c->name;
	if (c->side == SIDE_SERVER || name[0] == '\0' || name_is_address(name))
		return 0;
	return gnutls_server_name_set(
	    c->session, GNUTLS_NAME_DNS, name, strlen(name));
}

static void
set_request(struct conn *c)
{
	int mode = c->rule->values.verify_mode;

	gnutls_certificate_server_set_request(c->session,
	    c->asks_later	      ? GNUTLS_CERT_IGNORE
		: mode == VERIFY_REQUIRED   ? GNUTLS_CERT_REQUIRE
		: mode == VERIFY_OPTIONAL ? GNUTLS_CERT_REQUEST
					  : GNUTLS_CERT_IGNORE);
}


/*
 * Before GnuTLS looks at the client's hello, since it picks the protocol as
 * it reads: the rest of the handshake is by the rule of the client's name.  A
 * second hello (RFC 8446, 4.1.2) asks for the same.
 */
static int
choose(struct conn *c, const struct hello *h)
{
	const struct rule_values *v = &c->rule->values;
	const char *name = h->name;
	const struct sni_entry *e = NULL;
	int rv;

	if (c->chosen)
		return 0;
	c->chosen = true;
	if (v->sni.n > 0 && name[0] != '\0') {
		e = sni_find(&v->sni, name);
		if (e == NULL && v->strict_sni)
			return refuse_name(c, name);
	}
	if (e != NULL) {
		c->cred = credentials_for(c->cred, e);
		c->rule = e->rule;
		rv = gnutls_credentials_set(
		    c->session, GNUTLS_CRD_CERTIFICATE, c->cred->x509);
		if (rv < 0)
			return rv;
	}
	ticket_enable(c, h);
	c->asks_later = reauth_waits(c, h->asked_later, h->newest);
	set_request(c);
	return set_alpn(c);
}

/* Before our ServerHello: the client's ALPN has been read by then. */
static int
check_answer(struct conn *c)
{
	if (c->verdict == NULL)
		c->verdict = calloc(1, sizeof *c->verdict);
	if (c->verdict == NULL)
		return GNUTLS_E_MEMORY_ERROR;
	return hello_check_alpn(c, c->verdict) == 0
	    ? 0
	    : GNUTLS_E_NO_APPLICATION_PROTOCOL;
}

/* For who asks later; without memory they are not known. */
static void
keep_suites(struct conn *c, const struct hello *h)
{
	size_t n = h->suites_len < SUITES_KEPT ? h->suites_len : SUITES_KEPT;

	free(c->offered);
	c->offered = n > 0 ? malloc(n) : NULL;
	c->noffered = c->offered != NULL ? n : 0;
	if (c->offered != NULL)
		memcpy(c->offered, h->suites, n);
}

/*
 * How many there are (RFC 8446, 4.4.2; RFC 5246, 7.4.6).  Who has no certificate
 * sends an empty list.
 */
static size_t
count_certificates(const struct conn *c, struct message m)
{
	bool extended =
	    gnutls_protocol_get_version(c->session) == GNUTLS_TLS1_3;
	struct message list;
	size_t n;

	if (extended)
		part(&m, number(&m, 1));
	list = part(&m, number(&m, 3));
	for (n = 0; list.len > 0; n++) {
		part(&list, number(&list, 3));
		if (extended)
			part(&list, number(&list, 2));
	}
	return n;
}

/* Before GnuTLS imports every one of them. */
static int
check_count(struct conn *c, size_t n)
{
	struct verdict v;

	if (c->state != CONN_HANDSHAKE || verify_count(c->cred, n, &v) == 0)
		return 0;
	if (c->verdict == NULL)
		c->verdict = calloc(1, sizeof *c->verdict);
	if (c->verdict == NULL)
		return GNUTLS_E_MEMORY_ERROR;
	*c->verdict = v;
	return GNUTLS_E_CERTIFICATE_ERROR;
}

/*
 * Only a full handshake has the server's certificate in it, and what the peer
 * has proved is what it has shown.
 */
static int
see_certificate(struct conn *c, struct message m, bool incoming)
{
	size_t n = incoming ? count_certificates(c, m) : 0;

	if (incoming == (c->side == SIDE_CLIENT))
		c->full_seen = true;
	c->peer_shown |= n > 0;
	return check_count(c, n);
}

/* RFC 5077, 3.3: it begins with its lifetime. */
static void
see_ticket(struct conn *c, struct message m)
{
	c->ticket_lifetime = number(&m, 4);
	c->has_ticket = true;
}

static int
see_hello(struct conn *c, struct message m, bool client, bool incoming)
{
	struct hello h;

	if (!incoming)
		return client ? 0 : check_answer(c);
	hello_read(m, client, &h);
	c->peer_version = h.newest;
	c->peer_share = h.key_share;
	if (h.foreign)
		return GNUTLS_E_UNSUPPORTED_VERSION_PACKET;
	if (!client)
		return 0;
	keep_suites(c, &h);
	return choose(c, &h);
}

/*
 * A client has much to compute from a TLS 1.3 server's hello, and may do so
 * while the server signs (who resumes has nothing to sign).  Only where Nagle's
 * algorithm does not hold what follows back until the client has acknowledged
 * it.
 */
static void
see_hello_made(struct conn *c)
{
	if (c->side != SIDE_SERVER || *host->sealed ||
	    resume_is_resumed(c) ||
	    gnutls_protocol_get_version(c->session) != GNUTLS_TLS1_3)
		return;
	c->flight_begun = conn_nodelay(c, table_fd(c));
}

/* RFC 8446, 2: after its Finished a server waits for the client's. */
static void
see_finished(struct conn *c, bool incoming)
{
	if (!incoming && c->side == SIDE_SERVER &&
	    gnutls_protocol_get_version(c->session) == GNUTLS_TLS1_3)
		c->flight_over = true;
}

/*
 * GnuTLS 3.7.9 shows a ticket of TLS 1.3 once it has taken it in, all other
 * messages before it looks at them.
 */
static int
hook(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
    const gnutls_datum_t *msg)
{
	struct conn *c = gnutls_session_get_ptr(session);
	struct message m = {msg->data, msg->size};

	if (when == GNUTLS_HOOK_POST) {
		if (type == GNUTLS_HANDSHAKE_SERVER_HELLO && !incoming)
			see_hello_made(c);
		if (type == GNUTLS_HANDSHAKE_NEW_SESSION_TICKET && incoming &&
		    gnutls_protocol_get_version(session) == GNUTLS_TLS1_3)
			resume_ticket(c);
		return 0;
	}
	switch (type) {
	case GNUTLS_HANDSHAKE_CLIENT_HELLO:
	case GNUTLS_HANDSHAKE_SERVER_HELLO:
		return see_hello(
		    c, m, type == GNUTLS_HANDSHAKE_CLIENT_HELLO, incoming);
	case GNUTLS_HANDSHAKE_CERTIFICATE_PKT:
		return see_certificate(c, m, incoming);
	case GNUTLS_HANDSHAKE_NEW_SESSION_TICKET:
		see_ticket(c, m);
		return 0;
	case GNUTLS_HANDSHAKE_FINISHED:
		see_finished(c, incoming);
		return 0;
	default:
		return 0;
	}
}

int
hello_set(struct conn *c)
{
	int rv = set_name(c);

	if (rv >= 0 && c->side == SIDE_CLIENT)
		rv = set_alpn(c);
	gnutls_handshake_set_hook_function(
	    c->session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_BOTH, hook);
	return rv;
}
