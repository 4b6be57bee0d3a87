/* api.c - what a program may ask about its own connections */

#include <stdio.h>
#include <string.h>

#include "api.h"
#include "call.h"
#include "failure.h"
#include "resume.h"
#include "stream.h"
#include "resume.h"
#include "suite.h"
#include "reauth.h"
#include "unwrap.h"

/* A conn's state by the program's word, and what it is to who asks for TLS. */
static const struct {
	int state, facts;
} states[CONN_STATES] = {
    [CONN_LISTEN] = {TLSSHIM_LISTENING, -ENOTCONN},
    [CONN_PRE] = {TLSSHIM_ACCEPTED, -ENOTCONN},
    [CONN_TCP] = {TLSSHIM_CONNECTING, -ENOTCONN},
    [CONN_HANDSHAKE] = {TLSSHIM_HANDSHAKE, -ENOTCONN},
    [CONN_OPEN] = {TLSSHIM_OPEN, 0},
    [CONN_WATCHED] = {TLSSHIM_UNTOUCHED, -EOPNOTSUPP},
    [CONN_FAILED] = {TLSSHIM_FAILED, -ENOTCONN},
    [CONN_FOREIGN] = {TLSSHIM_FOREIGN, -ECONNABORTED},
    [CONN_RELAYED] = {TLSSHIM_RELAYED, -EREMOTE},
};

/* Of one that broke when it was open the facts are still there. */
static int
has_facts(const struct conn *c)
{
	if (c->state == CONN_FAILED && c->broken && c->session != NULL)
		return 0;
	return states[c->state].facts;
}

static int
begin(struct call *k, int fd)
{
	int rv = call_begin(k, fd);

	if (rv == 0)
		conn_lock(k->c);
	return rv;
}

/* rv as begin's, or what came of it. */
static ssize_t
end(struct call *k, int begun, ssize_t rv)
{
	if (begun == 0) {
		if (bytes_settle(&k->c->in) < 0 || bytes_settle(&k->c->out) < 0)
			conn_fail(k->c, -ENOMEM);
		pthread_mutex_unlock(&k->c->lock);
	}
	return call_end(k, rv);
}

ssize_t
api_ask(int fd, api_answer *answer, const struct question *q)
{
	struct call k;
	int begun = begin(&k, fd);
	ssize_t rv = begun;

	if (rv == 0)
		rv = has_facts(k.c);
	if (rv == 0)
		rv = answer(k.c, q);
	return end(&k, begun, rv);
}

ssize_t
api_put(const struct question *q, const void *data, size_t n)
{
	if (q->len == 0 || n == 0)
		return (ssize_t)n;
	if (q->buf == NULL)
		return -EFAULT;
	if (q->len < n)
		return -ERANGE;
	memcpy(q->buf, data, n);
	return (ssize_t)n;
}

ssize_t
api_put_text(const struct question *q, const char *text)
{
	size_t n = strlen(text);

	if (q->len == 0)
		return (ssize_t)n;
	if (q->buf == NULL)
		return -EFAULT;
	if (q->len <= n)
		return -ERANGE;
	memcpy(q->buf, text, n + 1);
	return (ssize_t)n;
}

int
api_fill(void *out, const void *ours, size_t len)
{
	size_t room, n;

	if (out == NULL)
		return -EFAULT;
	memcpy(&room, out, sizeof room);
	if (room < sizeof room)
		return -EINVAL;
	n = room < len ? room : len;
	memcpy(out, ours, n);
	memset((char *)out + n, 0, room - n);
	memcpy(out, &n, sizeof n);
	return 0;
}

static void
info_of_rule(const struct rule *r, struct tlsshim_info *i)
{
	i->verify_mode = r->values.verify_mode;
	i->check_hostname = r->values.check_hostname;
	i->rule_line = r->line;
	snprintf(i->rule_file, sizeof i->rule_file, "%s", r->file);
	snprintf(i->context, sizeof i->context, "%s",
	    r->context != NULL ? r->context : "");
}

/* The name that the client has asked for; an address is never sent. */
static void
info_of_name(const struct conn *c, struct tlsshim_info *i)
{
	const char *name = c->name;
	size_t len = sizeof i->sni;
	unsigned type;

	snprintf(i->server_hostname, sizeof i->server_hostname, "%s", c->name);
	if (c->side == SIDE_SERVER) {
		if (c->session == NULL || gnutls_server_name_get(c->session,
					      i->sni, &len, &type, 0) < 0)
			i->sni[0] = '\0';
		return;
	}
	if (c->rule != NULL && c->rule->values.sni_hostname != NULL)
		name = c->rule->values.sni_hostname;
	if (!name_is_address(name))
		snprintf(i->sni, sizeof i->sni, "%s", name);
}

static void
info_read(const struct conn *c, struct tlsshim_info *i)
{
	i->state = states[c->state].state;
	i->server_side = c->side == SIDE_SERVER;
	i->verified = has_facts(c) == 0 && c->npath > 0;
	i->tolerated = c->tolerated;
	i->sent_close = c->wr_shut;
	i->got_close = c->notified;
	if (c->unwrapped)
		i->state = TLSSHIM_UNWRAPPED;
	if (c->rule != NULL)
		info_of_rule(c->rule, i);
	if (c->state != CONN_LISTEN && c->state != CONN_WATCHED)
		info_of_name(c, i);
	snprintf(i->peer, sizeof i->peer, "%s", c->peer);
}

static int
do_info(int fd, struct tlsshim_info *out)
{
	struct tlsshim_info i = {.size = sizeof i};
	struct call k;
	int begun = begin(&k, fd), rv = begun;

	if (rv == 0) {
		info_read(k.c, &i);
		rv = api_fill(out, &i, sizeof i);
	}
	return (int)end(&k, begun, rv);
}

static ssize_t
version(struct conn *c, const struct question *q)
{
	static const char *const names[] = {
	    [GNUTLS_SSL3] = "SSLv3",
	    [GNUTLS_TLS1_0] = "TLSv1",
	    [GNUTLS_TLS1_1] = "TLSv1.1",
	    [GNUTLS_TLS1_2] = "TLSv1.2",
	    [GNUTLS_TLS1_3] = "TLSv1.3",
	};

	return api_put_text(q, names[gnutls_protocol_get_version(c->session)]);
}

static ssize_t
do_version(int fd, char *buf, size_t len)
{
	return api_ask(fd, version, &(struct question){.buf = buf, .len = len});
}

static int
cipher_fill(const struct suite *s, void *out)
{
	struct tlsshim_cipher t = {
	    .size = sizeof t, .secret_bits = (int)suite_bits(s), .id = s->id};

	snprintf(t.name, sizeof t.name, "%s", s->name);
	snprintf(t.protocol, sizeof t.protocol, "%s", suite_protocol(s));
	return api_fill(out, &t, sizeof t);
}

static ssize_t
cipher(struct conn *c, const struct question *q)
{
	struct suite s;

	return suite_find(c->session, &s) ? cipher_fill(&s, q->buf)
					  : -EOPNOTSUPP;
}

static int
do_cipher(int fd, struct tlsshim_cipher *out)
{
	return (int)api_ask(fd, cipher, &(struct question){.buf = out});
}

static bool
is_offered(const gnutls_priority_t p, const struct suite *s)
{
	unsigned i, index;
	int rv;

	for (i = 0;; i++) {
		rv = gnutls_priority_get_cipher_suite_index(p, i, &index);
		if (rv == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return false;
		if (rv >= 0 && index == s->index)
			return true;
	}
}

static ssize_t
shared_cipher(struct conn *c, const struct question *q)
{
	unsigned left = q->n;
	struct suite s;
	size_t i;
	int rv;

	for (i = 0; i + 2 <= c->noffered; i += 2) {
		unsigned id = (unsigned)c->offered[i] << 8 | c->offered[i + 1];

		if (!suite_find_id(id, &s) ||
		    !is_offered(c->cred->priority, &s) || left-- > 0)
			continue;
		rv = cipher_fill(&s, q->buf);
		return rv < 0 ? rv : 1;
	}
	return 0;
}

static int
do_shared_ciphers(int fd, unsigned n, struct tlsshim_cipher *out)
{
	return (int)api_ask(
	    fd, shared_cipher, &(struct question){.buf = out, .n = n});
}

/* CRIME: no version of TLS should have any (RFC 9325, 3.3), 1.3 has none. */
static ssize_t
compression(struct conn *c, const struct question *q)
{
	return api_put_text(q, "");
}

static ssize_t
do_compression(int fd, char *buf, size_t len)
{
	return api_ask(
	    fd, compression, &(struct question){.buf = buf, .len = len});
}

static ssize_t
alpn(struct conn *c, const struct question *q)
{
	char text[256];
	gnutls_datum_t d;

	if (gnutls_alpn_get_selected_protocol(c->session, &d) < 0)
		return api_put_text(q, "");
	snprintf(text, sizeof text, "%.*s", (int)d.size, (const char *)d.data);
	return api_put_text(q, text);
}

static ssize_t
do_alpn(int fd, char *buf, size_t len)
{
	return api_ask(fd, alpn, &(struct question){.buf = buf, .len = len});
}

static ssize_t
do_getpeercert(int fd, int form, void *buf, size_t len)
{
	return api_ask(fd, api_getpeercert,
	    &(struct question){.buf = buf, .len = len, .form = form});
}

static ssize_t
do_verified_chain(int fd, unsigned n, void *buf, size_t len)
{
	return api_ask(fd, api_verified_chain,
	    &(struct question){.buf = buf, .len = len, .n = n});
}

static ssize_t
do_unverified_chain(int fd, unsigned n, void *buf, size_t len)
{
	return api_ask(fd, api_unverified_chain,
	    &(struct question){.buf = buf, .len = len, .n = n});
}

static ssize_t
do_channel_binding(int fd, const char *type, void *buf, size_t len)
{
	return api_ask(fd, api_channel_binding,
	    &(struct question){.buf = buf, .len = len, .type = type});
}

static ssize_t
session(struct conn *c, const struct question *q)
{
	struct tlsshim_session s = {.size = sizeof s};
	struct resume_facts f;
	int rv = resume_facts(c, &f);

	if (rv < 0)
		return rv;
	s.time = f.time;
	s.timeout = f.timeout;
	s.ticket_lifetime_hint = f.ticket_lifetime;
	s.has_ticket = f.has_ticket;
	s.reused = f.reused;
	s.id_len = (unsigned)f.id_len;
	memcpy(s.id, f.id, f.id_len);
	return api_fill(q->buf, &s, sizeof s);
}

static int
do_session(int fd, struct tlsshim_session *out)
{
	return (int)api_ask(fd, session, &(struct question){.buf = out});
}

static int
do_session_stats(struct tlsshim_session_stats *out)
{
	struct tlsshim_session_stats s = {.size = sizeof s};
	struct resume_stats r;

	resume_stats(&r);
	s.number = r.number;
	s.connect = r.connect;
	s.connect_good = r.connect_good;
	s.connect_renegotiate = r.connect_renegotiate;
	s.accept = r.accept;
	s.accept_good = r.accept_good;
	s.accept_renegotiate = r.accept_renegotiate;
	s.hits = r.hits;
	s.misses = r.misses;
	s.timeouts = r.timeouts;
	s.cache_full = r.cache_full;
	return (int)as_libc(api_fill(out, &s, sizeof s));
}

static ssize_t
do_pending(int fd)
{
	struct call k;
	int begun = begin(&k, fd);
	ssize_t rv = begun;

	if (rv == 0)
		rv = has_facts(k.c);
	if (rv == 0 && k.c->state == CONN_OPEN)
		rv = conn_claim_use(k.c, SLOT_RX);
	if (rv == 0)
		rv = stream_pending(k.c, fd, true);
	return end(&k, begun, rv);
}

/* 1 and *out, 0, or a negative errno. */
static int
error_fill(const struct tlsshim_error *e, struct tlsshim_error *out)
{
	static const struct tlsshim_error none = {
	    .size = sizeof none, .alert = -1};
	bool any = e != NULL && e->size > 0;
	int rv = api_fill(out, any ? e : &none, sizeof none);

	return rv < 0 ? rv : any;
}

static int
do_error(int fd, struct tlsshim_error *out)
{
	struct call k;
	int begun = fd == -1 ? call_enter(&k) : begin(&k, fd), rv = begun;

	if (rv == 0)
		rv = error_fill(
		    fd == -1 ? thread_failure() : failure_of(k.c), out);
	return (int)end(&k, fd == -1 ? -1 : begun, rv);
}

static ssize_t
do_verify_text(int verify_code, char *buf, size_t len)
{
	const struct question q = {.buf = buf, .len = len};
	const char *words = failure_words(verify_code);

	return as_libc(words != NULL ? api_put_text(&q, words) : -EINVAL);
}

static int
do_handshake(int fd)
{
	struct patience p = {0};
	struct call k;
	int begun = begin(&k, fd), rv = begun;

	if (rv == 0)
		rv = k.c->listens ? -ENOTCONN
		     : k.c->state == CONN_RELAYED
			 ? -EREMOTE
			 : stream_ready(k.c, fd, SO_RCVTIMEO, &p);
	if (rv == 0 && k.c->state == CONN_WATCHED)
		rv = -EOPNOTSUPP;
	return (int)end(&k, begun, rv);
}

static int
do_unwrap(int fd)
{
	struct patience p = {0};
	struct call k;
	int begun = begin(&k, fd), rv = begun;

	if (rv == 0 && k.c->state != CONN_OPEN && k.c->state != CONN_PRE &&
	    k.c->state != CONN_HANDSHAKE)
		rv = states[k.c->state].facts;
	if (rv == 0)
		rv = unwrap_conn(k.c, fd, &p);
	return (int)end(&k, begun, rv);
}

static int
do_verify_post_handshake(int fd)
{
	struct patience p = {0};
	struct call k;
	int begun = begin(&k, fd), rv = begun;

	if (rv == 0 && k.c->listens)
		rv = -ENOTCONN;
	if (rv == 0)
		rv = stream_ready(k.c, fd, SO_RCVTIMEO, &p);
	if (rv == 0 && k.c->state != CONN_OPEN)
		rv = -EOPNOTSUPP;
	if (rv == 0)
		rv = conn_claim_use(k.c, SLOT_TX);
	if (rv == 0)
		rv = reauth_ask(k.c, fd, &p);
	return (int)end(&k, begun, rv);
}

static int
active(void)
{
	return judge_ready();
}

const struct shim_api api_table = {
    .tlsshim_active = active,
    .tlsshim_info = do_info,
    .tlsshim_version = do_version,
    .tlsshim_cipher = do_cipher,
    .tlsshim_shared_ciphers = do_shared_ciphers,
    .tlsshim_compression = do_compression,
    .tlsshim_getpeercert = do_getpeercert,
    .tlsshim_verified_chain = do_verified_chain,
    .tlsshim_unverified_chain = do_unverified_chain,
    .tlsshim_selected_alpn_protocol = do_alpn,
    .tlsshim_channel_binding = do_channel_binding,
    .tlsshim_session = do_session,
    .tlsshim_session_stats = do_session_stats,
    .tlsshim_pending = do_pending,
    .tlsshim_error = do_error,
    .tlsshim_verify_text = do_verify_text,
    .tlsshim_do_handshake = do_handshake,
    .tlsshim_unwrap = do_unwrap,
    .tlsshim_verify_client_post_handshake = do_verify_post_handshake,
};
