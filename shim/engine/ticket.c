/* ticket.c - a server's tickets: with which key, how many, and when */

#include <gnutls/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../policy/credentials.h"
#include "../../policy/secret.h"
#include "../../policy/ticket_keys.h"
#include "reserve.h"
#include "resume.h"
#include "ticket.h"

enum { PERIOD = 3 }; /* times timeout: GnuTLS's STEK_ROTATION_PERIOD_PRODUCT */

static unsigned char *_Atomic own_key; /* TICKET_KEY bytes, for ever */

/*
 * The key that was derived last.  Its memory is a secret's, and it opens no
 * more than what it comes from, which lies beside it.
 */
struct derived {
	uint64_t number; /* of the credentials; 0: nothing is here */
	bool tls13;
	char name[256];
	unsigned char key[TICKET_KEY];
};
static struct derived *_Atomic last; /* owned, for ever */
static atomic_flag busy = ATOMIC_FLAG_INIT; /* guards *last; only tried */
static _Atomic bool again; /* the process has more than one connection */

/* Without memory each connection derives its own. */
static void
last_init(void)
{
	struct derived *none = NULL, *d = secret_new(sizeof *d);

	if (d != NULL && !atomic_compare_exchange_strong(&last, &none, d))
		secret_free(d, sizeof *d);
}

int
ticket_init(void)
{
	unsigned char *made, *none = NULL;

	if (atomic_load(&own_key) != NULL)
		return 0;
	last_init();
	made = secret_new(TICKET_KEY);
	if (made == NULL)
		return -ENOMEM;
	if (gnutls_rnd(GNUTLS_RND_KEY, made, TICKET_KEY) < 0) {
		secret_free(made, TICKET_KEY);
		return -EIO;
	}
	if (!atomic_compare_exchange_strong(&own_key, &none, made)) {
		secret_free(made, TICKET_KEY);
	}
	return 0;
}

bool
ticket_wanted(const struct rule *r)
{
	const struct rule_values *v = &r->values;

	return r->side == SIDE_SERVER && v->session_resume && r->enforce &&
	    v->session_num_tickets > 0 && !(v->options & OPT_NO_TICKET);
}

/*
 * A ticket of TLS 1.2 in a ClientHello that gets TLS 1.3 is "resumed" to
 * GnuTLS 3.7.9, with its client's certificate: so each version has its key.
 */
static int
derive(const struct conn *c, const struct hello *h, const unsigned char *from,
    bool tls13, unsigned char *out)
{
	const unsigned char *digest = credentials_digest(c->cred);
	unsigned char text[8 + DIGEST_SIZE + 1 + sizeof h->name];
	size_t name = strlen(h->name);

	if (digest == NULL)
		return -ENOMEM;
	memcpy(text, "tlsshim", 8);
	memcpy(text + 8, digest, DIGEST_SIZE);
	text[8 + DIGEST_SIZE] = tls13;
	memcpy(text + 9 + DIGEST_SIZE, h->name, name);
	return gnutls_hmac_fast(GNUTLS_MAC_SHA512, from, TICKET_KEY, text,
		   9 + DIGEST_SIZE + name, out) < 0
	    ? -EIO
	    : 0;
}

static bool
is_last(const struct derived *d, const struct conn *c, const char *name,
    bool tls13)
{
	return d->number == c->cred->number && d->tls13 == tls13 &&
	    strcmp(d->name, name) == 0;
}

/*
 * From own_key, which lives as long: those of files are to be gone with them.
 * SHA-512 is 15,000 instructions, and the answer is most often the last one.  A
 * process with one connection (a forked child) keeps nothing, and has no page
 * to copy.
 */
static int
derive_own(const struct conn *c, const struct hello *h, bool tls13,
    unsigned char *out)
{
	const unsigned char *from = atomic_load(&own_key);
	struct derived *d = atomic_load(&last);
	int rv = 0;

	if (d == NULL || atomic_flag_test_and_set(&busy))
		return derive(c, h, from, tls13, out);
	if (is_last(d, c, h->name, tls13)) {
		memcpy(out, d->key, TICKET_KEY);
	} else {
		rv = derive(c, h, from, tls13, out);
		if (rv == 0 && atomic_exchange(&again, true)) {
			d->number = c->cred->number;
			d->tls13 = tls13;
			strcpy(d->name, h->name);
			memcpy(d->key, out, TICKET_KEY);
		}
	}
	atomic_flag_clear(&busy);
	return rv;
}

/*
 * GnuTLS makes the key of a ticket from the session's and the number of the
 * period, and a ticket begins with the first bytes of that (lib/stek.c).  It
 * looks at this period's and the last one's.
 */
static bool
opens(const unsigned char *key, const struct hello *h, unsigned timeout)
{
	uint64_t period = (uint64_t)time(NULL) / ((uint64_t)timeout * PERIOD);
	unsigned char text[8 + TICKET_KEY], out[64];
	bool same = false;
	int back, i;

	memcpy(text + 8, key, TICKET_KEY);
	for (back = 0; back < 2 && !same; back++, period--) {
		for (i = 0; i < 8; i++)
			text[i] = (unsigned char)(period >> (56 - 8 * i));
		same = gnutls_hash_fast(GNUTLS_DIG_SHA3_512, text, sizeof text,
			   out) >= 0 &&
		    memcmp(out, h->ticket, sizeof h->ticket) == 0;
	}
	explicit_bzero(text, sizeof text);
	explicit_bzero(out, sizeof out);
	return same;
}

/* The key for this session; c->ticket_old: it opens, and makes no more. */
static int
choose_key(
    struct conn *c, const struct hello *h, bool tls13, unsigned char *key)
{
	const struct ticket_keys *k = c->cred->ticket_keys;
	unsigned timeout = (unsigned)c->rule->values.session_timeout;
	size_t i;

	if (k == NULL)
		return ticket_init() < 0
		    ? -EIO
		    : derive_own(c, h, tls13, key);
	for (i = 1; h->has_ticket && i < k->n; i++)
		if (derive(c, h, k->key[i], tls13, key) == 0 &&
		    opens(key, h, timeout)) {
			c->ticket_old = true;
			return 0;
		}
	return derive(c, h, k->key[0], tls13, key);
}

void
ticket_enable(struct conn *c, const struct hello *h)
{
	const struct rule_values *v = &c->rule->values;
	bool tls13 = h->newest >= 0x0304 && v->maximum_version >= TLS_V1_3;
	unsigned char key[TICKET_KEY];
	gnutls_datum_t d = {key, sizeof key};

	c->ticket_shown = h->has_ticket;
	if (!ticket_wanted(c->rule))
		return;
	/* RFC 7627, 5.3: nothing to resume without it */
	if (!tls13 && !h->extended_master)
		return;
	if (choose_key(c, h, tls13, key) == 0) {
		gnutls_db_set_cache_expiration(
		    c->session, v->session_timeout);
		c->tickets =
		    gnutls_session_ticket_enable_server(c->session, &d) >= 0;
	}
	explicit_bzero(key, sizeof key);
}

/*
 * Not before the peer has been accepted; nothing more is made with a key that
 * is on its way out.
 */
void
ticket_owe(struct conn *c)
{
	c->ticket_owed = c->tickets && !c->ticket_old &&
	    gnutls_protocol_get_version(c->session) == GNUTLS_TLS1_3;
}

/*
 * Who resumes has used up one, and gets one.  But for memory, a ticket that
 * cannot be sent is no fault of the connection's.
 */
void
ticket_put(struct conn *c)
{
	unsigned n = resume_is_resumed(c)
	    ? 1
	    : (unsigned)c->rule->values.session_num_tickets;

	c->ticket_owed = false;
	record_yield(c);
	c->has_ticket = gnutls_session_ticket_send(c->session, n, 0) >= 0;
	c->ticket_lifetime = (unsigned)c->rule->values.session_timeout;
}

/* Without taking from another process what that may want to do. */
static bool
may_write(struct conn *c)
{
	return slot_owned(c->slot, c->stamp[SLOT_TX]) ||
	    (slot_alone(c->slot, process_holder()) &&
		slot_claim(c->slot, SLOT_TX, &c->stamp[SLOT_TX]));
}

void
ticket_pay(struct conn *c)
{
	if (!c->ticket_owed || c->state != CONN_OPEN || !reserve_enough())
		return;
	if (!may_write(c)) {
		/* a fork's other process writes, and owes it, or it may yet */
		c->ticket_owed = slot_undecided(
		    c->slot, SLOT_TX, c->stamp[SLOT_TX]);
		return;
	}
	if (turn_take(c, &c->tx, -1, NULL) < 0)
		return;
	ticket_put(c);
	c->hurried &= c->has_ticket;
	turn_give(&c->tx);
	if (bytes_left(&c->out) > 0)
		wait_output_now(c);
}
