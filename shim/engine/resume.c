/* resume.c - which session a client offers and which ones it keeps */

#include <endian.h>
#include <gnutls/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../policy/credentials.h"
#include "cache.h"
#include "resume.h"

enum { KEPT_MOST = 16 }; /* tickets of one connection: a server may flood */

/* What a client's connection has to do with sessions of before and after. */
struct resume {
	unsigned char key[CACHE_KEY];
	bool keyed; /* key is found out */
	uint16_t port;
	bool offered;
	int64_t since; /* of the full handshake that all goes back to */
	int64_t until; /* of what its verification rests on; 0: not known */
	unsigned kept;
};

static _Atomic uint64_t connects, connects_good, accepts, accepts_good, hits,
    misses;

static bool
is_wanted(const struct conn *c)
{
	return c->side == SIDE_CLIENT && c->rule->values.session_resume &&
	    c->rule->enforce && !c->full_only;
}

unsigned
resume_flags(const struct conn *c)
{
	if (c->side == SIDE_SERVER)
		return GNUTLS_NO_AUTO_SEND_TICKET;
	if (is_wanted(c) && !(c->rule->values.options & OPT_NO_TICKET))
		return 0;
	return GNUTLS_NO_TICKETS;
}

static uint16_t
port_of(const struct conn *c)
{
	const char *colon = strrchr(c->peer, ':');
	unsigned port = 0;

	while (colon != NULL && *++colon >= '0' && *colon <= '9')
		port = port * 10 + (unsigned)(*colon - '0');
	return (uint16_t)port;
}

/* GnuTLS's format of a session is its version's own. */
static bool
find_key(const struct conn *c, struct resume *r)
{
	const unsigned char *digest = credentials_digest(c->cred);
	const char *version = gnutls_check_version(NULL);
	size_t nversion = strlen(version) + 1, nname = strlen(c->name);
	unsigned port = port_of(c);
	unsigned char text[DIGEST_SIZE + sizeof port + 64 + sizeof c->name];
	unsigned char *at = text;

	if (r->keyed)
		return true;
	if (digest == NULL || nversion > 64)
		return false;
	at = mempcpy(at, digest, DIGEST_SIZE);
	at = mempcpy(at, &port, sizeof port);
	at = mempcpy(at, version, nversion);
	at = mempcpy(at, c->name, nname);
	r->port = (uint16_t)port;
	r->keyed = gnutls_hash_fast(GNUTLS_DIG_SHA256, text,
		       (size_t)(at - text), r->key) >= 0;
	return r->keyed;
}

bool
resume_offer(struct conn *c)
{
	const char *file = c->rule->values.session_cache_file;
	struct cache_entry e;
	int rv;

	if (!is_wanted(c))
		return true;
	c->resume = calloc(1, sizeof *c->resume);
	if (c->resume == NULL)
		return true;
	c->resume->since = time(NULL);
	/* the digest is not found out for nothing */
	if (file == NULL && !cache_has_any())
		return true;
	if (!find_key(c, c->resume) ||
	    !cache_take(file, c->resume->key, c->resume->since, &e))
		return true;
	rv = gnutls_session_set_data(c->session, e.data, e.head.len);
	c->resume->offered = rv >= 0;
	c->resume->since = rv >= 0 ? e.head.since : c->resume->since;
	cache_entry_free(&e);
	if (rv < 0)
		cache_forget(file, c->resume->key);
	return rv >= 0;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return b != 0 && b < a ? b : a;
}

static uint32_t
number(const unsigned char *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof n);
	return be32toh(n);
}

/*
 * The last block: its length, lifetime, age_add, nonce, ticket, secret.  From
 * the end, which is near: before it lie the peer's certificates.
 */
unsigned
resume_lifetime(const unsigned char *data, size_t len)
{
	size_t at, i;

	for (at = len > 40 ? len - 40 : 0; at-- > 0;) {
		if (number(data + at) != len - at - 4)
			continue;
		i = at + 13 + data[at + 12]; /* behind the nonce */
		if (i + 4 > len || number(data + i) >= len - i - 4)
			continue;
		i += 4 + number(data + i); /* behind the ticket */
		if (i < len && i + 1 + data[i] + 16 == len)
			return number(data + at + 4);
	}
	return 0;
}

static void
keep(struct conn *c, const gnutls_datum_t *data, bool tls13)
{
	struct resume *r = c->resume;
	int64_t now = time(NULL);
	struct cache_entry e = {.data = data->data};

	if (!find_key(c, r))
		return;
	memcpy(e.head.key, r->key, CACHE_KEY);
	strcpy(e.name, c->name);
	e.head.used = true;
	e.head.since = r->since;
	e.head.stored = now;
	e.head.until = sooner(
	    r->since + c->rule->values.session_timeout, r->until);
	if (tls13)
		c->ticket_lifetime = resume_lifetime(data->data, data->size);
	e.head.lifetime = c->ticket_lifetime;
	if (e.head.lifetime != 0)
		e.head.until = sooner(e.head.until, now + e.head.lifetime);
	e.head.len = data->size;
	e.head.version = tls13 ? CACHE_TLS13 : CACHE_TLS13 - 1;
	e.head.port = r->port;
	if (e.head.until > now)
		cache_put(c->rule->values.session_cache_file, &e, now);
	r->kept++;
}

/*
 * A client that offers a pre-shared key beside an earlier session has lost
 * that session's certificates by the time it is resumed (GnuTLS 3.7.9), and
 * nothing could be verified.
 */
static bool
stays_verifiable(const struct conn *c)
{
	return c->cred->psks == NULL ||
	    gnutls_auth_server_get_type(c->session) == GNUTLS_CRD_PSK;
}

static void
keep_session(struct conn *c, bool tls13)
{
	gnutls_datum_t data;

	if (c->resume->kept >= KEPT_MOST || !stays_verifiable(c) ||
	    gnutls_session_get_data2(c->session, &data) < 0)
		return;
	keep(c, &data, tls13);
	explicit_bzero(data.data, data.size);
	gnutls_free(data.data);
}

/* Only what was accepted is kept: the handshake is over by now. */
void
resume_ticket(struct conn *c)
{
	c->has_ticket = true;
	if (c->resume != NULL && c->state == CONN_OPEN)
		keep_session(c, true);
}

/*
 * RFC 7627, 5: without the extended master secret a session of TLS 1.2 may be
 * somebody else's too (the triple handshake).
 */
static bool
may_keep_tls12(const struct conn *c)
{
	return !resume_is_resumed(c) &&
	    gnutls_session_ext_master_secret_status(c->session) != 0;
}

static void
settle_client(struct conn *c, const struct verdict *v)
{
	struct resume *r = c->resume;

	r->until = v->until;
	if (!resume_is_resumed(c)) {
		if (r->offered)
			cache_forget(c->rule->values.session_cache_file,
			    r->key);
		r->since = time(NULL);
	}
	c->opened = r->since;
	if (gnutls_protocol_get_version(c->session) < GNUTLS_TLS1_3 &&
	    may_keep_tls12(c))
		keep_session(c, false);
}

void
resume_settle(struct conn *c, const struct verdict *v)
{
	bool resumed = resume_is_resumed(c);

	if (c->resume != NULL)
		settle_client(c, v);
	atomic_fetch_add(
	    c->side == SIDE_CLIENT ? &connects_good : &accepts_good, 1);
	if (resumed)
		atomic_fetch_add(&hits, 1);
	else if (c->side == SIDE_SERVER && c->ticket_shown)
		atomic_fetch_add(&misses, 1);
}

void
resume_forget(struct conn *c)
{
	if (c->resume != NULL && (c->resume->offered || c->resume->kept > 0))
		cache_forget(
		    c->rule->values.session_cache_file, c->resume->key);
	if (c->resume != NULL)
		c->resume->offered = false;
}

void
resume_free(struct conn *c)
{
	if (c->resume != NULL)
		explicit_bzero(c->resume, sizeof *c->resume);
	free(c->resume);
	c->resume = NULL;
}

bool
resume_is_resumed(const struct conn *c)
{
	return c->session != NULL && !c->full_seen &&
	    gnutls_session_is_resumed(c->session);
}

void
resume_count(const struct conn *c)
{
	atomic_fetch_add(c->side == SIDE_CLIENT ? &connects : &accepts, 1);
}

void
resume_stats(struct resume_stats *out)
{
	struct cache_counts counts;
	size_t n;

	memset(out, 0, sizeof *out);
	cache_counts(&counts, &n);
	out->number = n;
	out->connect = atomic_load(&connects);
	out->connect_good = atomic_load(&connects_good);
	out->accept = atomic_load(&accepts);
	out->accept_good = atomic_load(&accepts_good);
	out->hits = atomic_load(&hits);
	out->misses = atomic_load(&misses);
	out->timeouts = counts.expired;
	out->cache_full = counts.full;
}

int
resume_facts(const struct conn *c, struct resume_facts *out)
{
	memset(out, 0, sizeof *out);
	if (c->state != CONN_OPEN || c->session == NULL)
		return -ENOTCONN;
	out->id_len = sizeof out->id;
	if (gnutls_session_get_id(c->session, out->id, &out->id_len) < 0)
		out->id_len = 0;
	out->time = c->opened;
	out->timeout = (unsigned)c->rule->values.session_timeout;
	out->ticket_lifetime = c->ticket_lifetime;
	out->has_ticket = c->has_ticket;
	out->reused = resume_is_resumed(c);
	return 0;
}
