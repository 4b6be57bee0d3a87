/*
 * engine_resume_test.c - sessions that go on from one before: whom they trust,
 * and that no copy of their secrets is left where nobody wipes it
 */
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

static unsigned gone, gone_clean;

/* Whether memory that goes holds nothing any more. */
static void
look(const unsigned char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] == 0)
		i++;
	gone++;
	gone_clean += i == n;
}

/* A session that was packed: longer than this even without certificates. */
static void
session_gone(void *p)
{
	look(p, 64);
	(gnutls_free)(p);
}

static int
pages_gone(void *p, size_t n)
{
	look(p, n);
	return munmap(p, n);
}

#include "../../shim/engine/cache.h"

static int64_t kept_until;

static void
note_put(const char *file, const struct cache_entry *e, int64_t now)
{
	kept_until = e->head.until;
	cache_put(file, e, now);
}

/* GnuTLS negotiates it wherever it can. */
static unsigned ext_master = 1;

static unsigned
ext_master_status(gnutls_session_t s)
{
	return ext_master && gnutls_session_ext_master_secret_status(s);
}

#undef gnutls_free
#define gnutls_free session_gone
#define cache_put note_put
#define gnutls_session_ext_master_secret_status ext_master_status
#include "../../shim/engine/resume.c"
#undef gnutls_session_ext_master_secret_status
#undef cache_put
#undef gnutls_free
#define munmap pages_gone
#include "../../policy/secret.c"
#undef munmap
#include "../../shim/engine/ticket.c"
#include "traffic.h"

#define TICKETS "session = { num_tickets = 1; };"

/* Client and server say a byte, and the client has taken in its ticket. */
static bool
visit(struct pair *p)
{
	char byte = 'x';

	return pair_shake(p) && tls.send(p->fd[CLIENT], "x", 1, 0) == 1 &&
	       tls.recv(p->fd[SERVER], &byte, 1, 0) == 1 &&
	       tls.send(p->fd[SERVER], "y", 1, 0) == 1 &&
	       tls.recv(p->fd[CLIENT], &byte, 1, 0) == 1 && byte == 'y';
}

/*
 * The ClientHello offers the session of before; then the client wants another
 * name than that session's certificate has.
 */
static void
test_resumed(const char *version)
{
	struct pair p;

	memory_test = version == versions[0] ? "TLS 1.2" : "TLS 1.3";
	gone = gone_clean = 0;
	pair_open(&p, version, TICKETS);
	result(visit(&p) && !resume_is_resumed(p.c[CLIENT]), "a first session");
	pair_close(&p);
	result(gone > 0 && gone_clean == gone,
	    "%u copies of it, %u of them wiped", gone, gone_clean);
	pair_open(&p, version, TICKETS);
	result(visit(&p) && resume_is_resumed(p.c[CLIENT]) &&
		   resume_is_resumed(p.c[SERVER]),
	    "a second one goes on from it");
	pair_close(&p);
	pair_open(&p, version, TICKETS);
	snprintf(p.c[CLIENT]->peer, sizeof p.c[CLIENT]->peer, "127.0.0.1:444");
	result(visit(&p) && !resume_is_resumed(p.c[CLIENT]),
	    "another port of the same host's does not");
	pair_close(&p);
	pair_open(&p, version, TICKETS);
	pair_drive(&p, CLIENT);
	snprintf(p.c[CLIENT]->name, sizeof p.c[CLIENT]->name, "other.tls.test");
	result(!pair_shake(&p) && p.c[CLIENT]->state == CONN_FAILED &&
		   strstr(memory_log, "cause=name_mismatch") != NULL,
	    "its certificate is judged again, by who is wanted now");
	pair_close(&p);
}

/* Kept for `most` seconds, give or take what this test takes. */
static bool
kept_for(int64_t most, int64_t since)
{
	return kept_until >= since + most && kept_until <= time(NULL) + most;
}

/* No longer than the rule, the server and the certificates say. */
static void
test_kept(const char *version)
{
	int64_t since = time(NULL);
	struct pair p;
	char text[200];
	bool tls13 = version == versions[1];

	memory_test = tls13 ? "TLS 1.3" : "TLS 1.2";
	snprintf(
	    text, sizeof text, "%s session = { timeout = 100; };", version);
	pair_open(&p, text, TICKETS);
	result(
	    visit(&p) && kept_for(100, since), "kept as long as the rule says");
	since = time(NULL);
	p.c[CLIENT]->resume->until = since + 30;
	keep_session(p.c[CLIENT], tls13);
	result(kept_for(30, since), "and as its certificates are good");
	pair_close(&p);
	/* in TLS 1.2 GnuTLS keeps what the server says to itself */
	if (!tls13)
		return;
	since = time(NULL);
	pair_open(&p, "", "session = { num_tickets = 1; timeout = 60; };");
	result(visit(&p) && kept_for(60, since), "and as the server says");
	pair_close(&p);
}

/* A server may flood. */
static void
test_flood(void)
{
	struct pair p;
	unsigned i;

	memory_test = "TLS 1.3";
	pair_open(&p, "", TICKETS);
	result(visit(&p), "a session");
	gone = 0;
	for (i = 0; i < 1000; i++)
		resume_ticket(p.c[CLIENT]);
	result(gone < 20, "of 1000 tickets %u are looked at", gone);
	pair_close(&p);
}

/*
 * RFC 7627: a session without the extended master secret may be somebody
 * else's too.
 */
static void
test_master(void)
{
	struct pair p;

	memory_test = "TLS 1.2";
	kept_until = 0;
	ext_master = 0;
	pair_open(&p, TLS12, TICKETS);
	result(visit(&p) && !resume_is_resumed(p.c[CLIENT]) && kept_until == 0,
	    "not kept without the extended master secret");
	ext_master = 1;
	pair_close(&p);
}

/* What a call has left on the stack below this frame. */
#define BELOW 16384
static unsigned char below[BELOW];

static __attribute__((noinline, no_sanitize("address"))) void
keep_stack(void)
{
	const volatile unsigned char *p =
	    (const unsigned char *)__builtin_frame_address(0) - BELOW;
	size_t i;

	for (i = 0; i < BELOW; i++)
		below[i] = p[i];
}

static void
test_ticket_key(void)
{
	struct hello h = {.newest = 0x0304, .extended_master = true};
	unsigned char key[TICKET_KEY], *page;
	struct pair p;
	bool there, made;

	memory_test = "keys of tickets";
	pair_start(&p, "", TICKETS);
	ticket_enable(p.c[SERVER], &h);
	keep_stack();
	made = derive(p.c[SERVER], &h, atomic_load(&own_key), true, key) == 0;
	there = memmem(below, BELOW, key, 32) != NULL;
	result(made && !there, "none is left on the stack");
	keep_stack();
	pair_close(&p);
	gone = gone_clean = 0;
	page = secret_new(TICKET_KEY);
	if (page == NULL)
		memory_die("no page");
	memset(page, 'k', TICKET_KEY);
	secret_free(page, TICKET_KEY);
	result(gone == 1 && gone_clean == 1, "their memory is wiped");
}

/* Whether the key of the last connection is that of this one. */
static bool
key_is_own(struct pair *p, const char *name, bool tls13, uint64_t number)
{
	struct hello h = {.newest = 0x0304};
	struct credentials *cred = (struct credentials *)p->c[SERVER]->cred;
	unsigned char key[TICKET_KEY], want[TICKET_KEY];
	uint64_t was = cred->number;
	bool same;

	strcpy(h.name, name);
	cred->number = number;
	same = choose_key(p->c[SERVER], &h, tls13, key) == 0 &&
	    derive(p->c[SERVER], &h, atomic_load(&own_key), tls13, want) == 0 &&
	    memcmp(key, want, TICKET_KEY) == 0;
	cred->number = was;
	return same;
}

static void
test_last_key(void)
{
	static const unsigned char other[TICKET_KEY];
	struct derived *d;
	struct pair p;

	memory_test = "the key of the last ticket";
	pair_start(&p, "", TICKETS);
	result(key_is_own(&p, "a", true, 7) && key_is_own(&p, "a", true, 7) &&
		key_is_own(&p, "a", true, 7), "is that of the next one");
	d = atomic_load(&last);
	result(d != NULL && is_last(d, p.c[SERVER], "a", true) == false &&
		d->number == 7 && strcmp(d->name, "a") == 0, "and is kept");
	memcpy(d->key, other, TICKET_KEY);
	result(!key_is_own(&p, "a", true, 7), "so that it is not made again");
	result(key_is_own(&p, "b", true, 7), "but for another name");
	memcpy(d->key, other, TICKET_KEY);
	result(key_is_own(&p, "b", false, 7), "for another version");
	memcpy(d->key, other, TICKET_KEY);
	result(key_is_own(&p, "b", false, 8), "and for other files");
	pair_close(&p);
}

/*
 * What a hook has seen is not asked, and what was asked is known.  The first
 * data waits for no acknowledgement, unless the program has said since that it
 * may; and so it is as the program has set it.
 */
static void
test_nodelay(int side, int set, bool late, unsigned asked)
{
	struct pair p;
	int was = -1, set_by_program = set == 1;
	socklen_t len = sizeof was;

	pair_open(&p, "", "session = { num_tickets = 1; };");
	if (set != -1 && !late)
		tls.setsockopt(p.fd[side], IPPROTO_TCP, TCP_NODELAY, &set,
		    sizeof set);
	(void)pair_shake(&p);
	if (set != -1 && late)
		tls.setsockopt(p.fd[side], IPPROTO_TCP, TCP_NODELAY, &set,
		    sizeof set);
	tls.getsockopt(p.fd[side], IPPROTO_TCP, TCP_NODELAY, &was, &len);
	p.m[side]->nodelay_asked--;
	tls.write(p.fd[side], "a", 1);
	result(p.m[side]->nodelay_asked == asked,
	    "side %d, set %d %d: asked %u times", side, set, late,
	    p.m[side]->nodelay_asked);
	result(was == set_by_program &&
		p.m[side]->nodelay_sent == (set == 0 && late ? 0 : 1) &&
		p.m[side]->nodelay == set_by_program,
	    "side %d, set %d %d: %d for the program, %d for the first data, "
	    "%d then", side, set, late, was, p.m[side]->nodelay_sent,
	    p.m[side]->nodelay);
	tls.write(p.fd[side], "b", 1);
	result(p.m[side]->nodelay_sent == set_by_program,
	    "side %d, set %d %d: and the next is as it says", side, set, late);
	pair_close(&p);
}

static void
test_nodelays(void)
{
	memory_test = "TCP_NODELAY";
	test_nodelay(CLIENT, -1, false, 1);
	test_nodelay(CLIENT, 0, false, 0);
	test_nodelay(CLIENT, 1, false, 0);
	test_nodelay(CLIENT, 0, true, 0);
	test_nodelay(CLIENT, 1, true, 0);
	test_nodelay(SERVER, -1, false, 1);
	test_nodelay(SERVER, 0, false, 0);
	test_nodelay(SERVER, 1, false, 0);
	test_nodelay(SERVER, 0, true, 0);
	test_nodelay(SERVER, 1, true, 0);
}

/* An open pair whose server has looked for nothing but the handshake's end. */
static void
shake_with(struct pair *p, const char *client, const char *server)
{
	static const struct patience quick = {.flags = MSG_DONTWAIT};
	struct conn *c;
	int round;

	pair_open(p, client, server);
	c = p->c[SERVER];
	p->m[SERVER]->nodelay = 1;
	for (round = 0; round < 9 &&
	     !(conn_decided(p->c[CLIENT]) && conn_decided(c)); round++) {
		pair_drive(p, CLIENT);
		conn_lock(c);
		(void)handshake_drive(c, p->fd[SERVER], &quick);
		bytes_settle(&c->in);
		bytes_settle(&c->out);
		pthread_mutex_unlock(&c->lock);
	}
	if (!conn_decided(p->c[CLIENT]) || !conn_decided(c))
		memory_die("the handshake does not complete");
	p->m[SERVER]->sends = 0;
}

static void
shake_only(struct pair *p)
{
	shake_with(p, TLS13, TICKETS);
}

/* What the client reads is len bytes, and its ticket is in front of them. */
static bool
hears(struct pair *p, size_t len)
{
	static char buf[70000];
	size_t got = 0, one = 1;
	bool first = false;
	ssize_t n;

	while ((n = tls.recv(p->fd[CLIENT], buf, one, MSG_DONTWAIT)) > 0) {
		first |= got == 0 && p->c[CLIENT]->has_ticket;
		got += (size_t)n;
		one = sizeof buf;
	}
	return got == len && (first || (len == 0 && p->c[CLIENT]->has_ticket));
}

/* Who resumes has one flight of the server's to take in, and no signature. */
static void
test_one_flight(void)
{
	struct pair p;
	unsigned before, k;

	memory_test = "one flight";
	pair_open(&p, TLS13, TICKETS);
	(void)visit(&p);
	pair_close(&p);
	for (k = 0; k < 2; k++) {
		pair_open(&p, TLS13, TICKETS);
		p.m[SERVER]->nodelay = 1;
		p.c[CLIENT]->full_only = k == 0;
		pair_drive(&p, CLIENT);
		before = p.m[SERVER]->sends;
		pair_drive(&p, SERVER);
		result(p.m[SERVER]->sends == before + 2 - k,
		    "resumed %u: %u sends", k, p.m[SERVER]->sends - before);
		result(visit(&p) && resume_is_resumed(p.c[SERVER]) == (k == 1),
		    "resumed %u: it opens", k);
		pair_close(&p);
	}
}

/* ticket.h says when. */
static void
test_ticket_goes(void)
{
	static char data[60000];
	struct pair p;
	size_t sent;
	char byte;

	memory_test = "when a ticket goes";
	shake_only(&p);
	sent = p.m[SERVER]->sent;
	result(p.c[SERVER]->ticket_owed &&
		   tls.recv(p.fd[CLIENT], &byte, 1, MSG_DONTWAIT) == -1 &&
		   !p.c[CLIENT]->has_ticket,
	    "not behind the handshake");
	tls.send(p.fd[CLIENT], "a", 1, 0);
	result(tls.recv(p.fd[SERVER], &byte, 1, 0) == 1 &&
		   p.m[SERVER]->sent == sent,
	    "nor while there is something to read");
	result(tls.send(p.fd[SERVER], "b", 1, 0) == 1 &&
		   p.m[SERVER]->sends == 1 && hears(&p, 1),
	    "but with the answer");
	sent = p.m[SERVER]->sent;
	result(tls.send(p.fd[SERVER], "b", 1, 0) == 1 &&
		   p.m[SERVER]->sent == sent + 5 + 1 + 17,
	    "and once");
	pair_close(&p);
	shake_only(&p);
	result(tls.send(p.fd[SERVER], data, sizeof data, 0) == sizeof data &&
		   p.m[SERVER]->sends == 1 && hears(&p, sizeof data),
	    "in front of much");
	pair_close(&p);
	shake_only(&p);
	result(tls.recv(p.fd[SERVER], &byte, 1, MSG_DONTWAIT) == -1 &&
		   errno == EAGAIN && p.m[SERVER]->sends == 1 && hears(&p, 0),
	    "alone, where there is nothing to read");
	pair_close(&p);
	shake_only(&p);
	pair_drive(&p, SERVER);
	result(p.m[SERVER]->sends == 1 && hears(&p, 0),
	    "or poll() finds nothing");
	pair_close(&p);
}

/* Who may not write, has said the end, or is to make no call of its own. */
static void
test_ticket_stays(void)
{
	struct pair p;
	struct conn *c;
	int expected;
	char byte;

	memory_test = "when no ticket goes";
	shake_only(&p);
	c = p.c[SERVER];
	slot_offer(c->slot, SLOT_TX, &c->stamp[SLOT_TX]); /* a fork */
	expected = slot_expect(c->slot);
	tls.recv(p.fd[SERVER], &byte, 1, MSG_DONTWAIT);
	result(p.m[SERVER]->sends == 0 && c->ticket_owed,
	    "from a process that only reads");
	result(tls.send(p.fd[SERVER], "b", 1, 0) == 1 && hears(&p, 1),
	    "but from one that writes");
	slot_cancel(c->slot, expected);
	pair_close(&p);
	shake_only(&p);
	c = p.c[SERVER];
	slot_offer(c->slot, SLOT_TX, &c->stamp[SLOT_TX]);
	tls.recv(p.fd[SERVER], &byte, 1, MSG_DONTWAIT);
	result(p.m[SERVER]->sends == 1 && hears(&p, 0),
	    "or from one that is alone again");
	pair_close(&p);
	shake_only(&p);
	c = p.c[SERVER];
	c->stamp[SLOT_TX] = SLOT_NEVER;
	tls.recv(p.fd[SERVER], &byte, 1, MSG_DONTWAIT);
	result(p.m[SERVER]->sends == 0 && !c->ticket_owed,
	    "where another process writes: it owes it");
	pair_close(&p);
	shake_only(&p);
	tls.shutdown(p.fd[SERVER], SHUT_WR);
	p.m[SERVER]->sends = 0;
	tls.recv(p.fd[SERVER], &byte, 1, MSG_DONTWAIT);
	result(p.m[SERVER]->sends == 0, "behind a close_notify");
	pair_close(&p);
	shake_only(&p);
	tls.close(p.fd[SERVER]);
	result(tls.recv(p.fd[CLIENT], &byte, 1, 0) == 0 &&
		   !p.c[CLIENT]->has_ticket,
	    "nor with that of a close");
	pair_close(&p);
	shake_only(&p);
	memory_sealed = 1;
	tls.recv(p.fd[SERVER], &byte, 1, MSG_DONTWAIT);
	result(p.m[SERVER]->sends == 0 && p.c[SERVER]->ticket_owed,
	    "in a read under a filter");
	result(tls.send(p.fd[SERVER], "b", 1, 0) == 1 && hears(&p, 1),
	    "but in a write");
	memory_sealed = 0;
	pair_close(&p);
}

/* A ticket would have in it who is known then, and not who is known later. */
static void
test_ticket_asked(void)
{
	struct pair p;
	struct conn *c;
	char byte;
	int rv;

	memory_test = "a ticket before a question";
	shake_with(&p, ANSWERS, TICKETS ASKS);
	c = p.c[SERVER];
	result(c->ticket_owed, "is owed");
	rv = asks(&p);
	result(rv == -EAGAIN && !c->ticket_owed && hears(&p, 0),
	    "goes in front of it");
	p.c[CLIENT]->has_ticket = false;
	rv = asks(&p);
	tls.send(p.fd[SERVER], "b", 1, 0);
	result(rv == 0 &&
		   tls.recv(p.fd[CLIENT], &byte, 1, MSG_DONTWAIT) == 1 &&
		   byte == 'b' && !p.c[CLIENT]->has_ticket,
	    "and none comes of who has answered");
	pair_close(&p);
}

/* The program's own word about TCP_NODELAY holds. */
static void
test_ticket_nodelay(void)
{
	int off = 0, set;
	struct pair p;
	char byte;

	memory_test = "TCP_NODELAY and tickets";
	for (set = 0; set < 2; set++) {
		shake_only(&p);
		p.m[SERVER]->nodelay = 0;
		p.c[SERVER]->undelayed = -1;
		if (set)
			tls.setsockopt(p.fd[SERVER], IPPROTO_TCP, TCP_NODELAY,
			    &off, sizeof off);
		tls.recv(p.fd[SERVER], &byte, 1, MSG_DONTWAIT);
		tls.send(p.fd[SERVER], "b", 1, 0);
		result(p.m[SERVER]->nodelay_sent == !set,
		    "set %d: behind a ticket", set);
		pair_close(&p);
		shake_only(&p);
		p.m[SERVER]->nodelay = 0;
		p.c[SERVER]->undelayed = -1;
		tls.send(p.fd[SERVER], "b", 1, 0);
		result(p.m[SERVER]->nodelay_sent == 0, "set %d: with one", set);
		pair_close(&p);
	}
}

int
main(void)
{
	size_t i;

	pair_setup();
	for (i = 0; i < sizeof versions / sizeof versions[0]; i++)
		test_resumed(versions[i]);
	for (i = 0; i < sizeof versions / sizeof versions[0]; i++)
		test_kept(versions[i]);
	test_flood();
	test_master();
	test_ticket_key();
	test_last_key();
	test_nodelays();
	test_one_flight();
	test_ticket_goes();
	test_ticket_stays();
	test_ticket_asked();
	test_ticket_nodelay();
	return failures > 0;
}
