/* hello.c - what the first messages of a handshake say */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/credentials.h"
#include "hello.h"

/* RFC 8446, 4.2: the type of the extension supported_versions */
#define SUPPORTED_VERSIONS 43

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

	m->p += out.len;
	m->len -= out.len;
	return out;
}

/* Versions nobody knows are offered on purpose (GREASE, RFC 8701). */
static void
newest(struct conn *c, unsigned version)
{
	if (version >= 0x0300 && version <= 0x0304 &&
	    version > c->peer_version)
		c->peer_version = version;
}

/*
 * ClientHello and ServerHello begin alike: version, random, session id; then
 * the suites and compression methods, or the one chosen of each.
 */
static void
read_versions(struct conn *c, struct message m, bool client)
{
	struct message all, one;
	unsigned type;

	c->peer_version = 0;
	newest(c, number(&m, 2));
	part(&m, 32);
	part(&m, number(&m, 1));
	part(&m, client ? number(&m, 2) : 2);
	part(&m, client ? number(&m, 1) : 1);
	all = part(&m, number(&m, 2));
	while (all.len > 0) {
		type = number(&all, 2);
		one = part(&all, number(&all, 2));
		if (type != SUPPORTED_VERSIONS)
			continue;
		if (client)
			one = part(&one, number(&one, 1));
		for (c->peer_version = 0; one.len > 0;)
			newest(c, number(&one, 2));
	}
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

/* Before our ServerHello: the client's ALPN has been read by then. */
static int
hook(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
    const gnutls_datum_t *msg)
{
	struct conn *c = gnutls_session_get_ptr(session);
	bool client = type == GNUTLS_HANDSHAKE_CLIENT_HELLO;

	if (when != GNUTLS_HOOK_PRE ||
	    (!client && type != GNUTLS_HANDSHAKE_SERVER_HELLO))
		return 0;
	if (incoming) {
		read_versions(
		    c, (struct message){msg->data, msg->size}, client);
		return 0;
	}
	if (client)
		return 0;
	if (c->verdict == NULL)
		c->verdict = calloc(1, sizeof *c->verdict);
	if (c->verdict == NULL)
		return GNUTLS_E_MEMORY_ERROR;
	return hello_check_alpn(c, c->verdict) == 0
	    ? 0
	    : GNUTLS_E_NO_APPLICATION_PROTOCOL;
}

static int
set_alpn(struct conn *c)
{
	const struct list *l = &c->rule->values.alpn_protocols;
	gnutls_datum_t names[ALPN_MOST];
	size_t i;

	if (l->n == 0)
		return 0;
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

int
hello_set(struct conn *c)
{
	int rv = set_name(c);

	if (rv >= 0)
		rv = set_alpn(c);
	gnutls_handshake_set_hook_function(
	    c->session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_PRE, hook);
	return rv;
}
