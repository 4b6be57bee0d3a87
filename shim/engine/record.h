/*
 * record.h - TLS 1.3 application data between a program's memory and the wire
 *
 * GnuTLS 3.7.9 allocates, copies and frees twice for each record that it
 * receives and once for each that it sends.  Here its AEAD goes straight from
 * the thread's buffer to the program's and back: gnutls_cipher_*, which takes a
 * record in parts, and a short one with a fifth fewer instructions than
 * gnutls_aead_cipher_decrypt.
 * All that is not application data stays GnuTLS's: handshake, alerts, tickets,
 * KeyUpdate, close_notify, TLS 1.2, and whatever fails here is given to it as
 * it came, to be judged and answered as always.
 *
 * One truth
 *	Keys, nonces and sequence numbers are GnuTLS's.  They are asked for once
 *	(gnutls_record_get_state, as its own kTLS does) and counted on here
 *	until GnuTLS is to work on the session again: record_yield tells it the
 *	numbers (gnutls_record_set_state) and forgets them, so that they are
 *	asked for anew.  So both may take turns record by record, no number is
 *	used twice, and a KeyUpdate is noticed by its nonce.
 *	No call of GnuTLS's can slip by: all that it sends or takes goes
 *	through session.c's push and pull, which ask record_idle.  Where nobody
 *	has said record_yield they refuse, and the session is over before a
 *	byte of it is on the wire.
 *	GnuTLS answers a KeyUpdate, and makes one of its own after 2^24 records
 *	(RFC 8446, 5.5), in its next send: that one is left to it.
 *	While c is open GnuTLS is given whole records only, so that none of
 *	them is half in its buffers.  Behind one that was no data it gets the
 *	next one too: it knows whether a handshake message goes on there, which
 *	no data may interrupt (RFC 8446, 5.1).
 *
 * All with c locked.  Safe in signal handlers as the calls around them are.
 */
#ifndef ENGINE_RECORD_H
#define ENGINE_RECORD_H

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct conn;

#define RECORD_NONCE 12
#define RECORD_HEADER 5
#define RECORD_EXTRA (1 + 16) /* behind the content: its type, and a tag */

/* One direction. */
struct record_key {
	gnutls_cipher_hd_t hd; /* its key, owned; NULL: none yet */
	const void *state; /* hd's memory, for ahead.h alone; record.c */
	uint64_t number; /* of the next record, where known */
	unsigned char iv[RECORD_NONCE]; /* which key that is */
	uint8_t before; /* records until it is worth its memory */
	bool known;     /* key, iv and number are GnuTLS's */
	bool ahead;     /* and GnuTLS has not been told of number */
};

struct record {
	struct record_key rx, tx;
	enum { RECORD_UNKNOWN, RECORD_OURS, RECORD_THEIRS } whose;
	size_t lent;  /* OURS: of c->in, what GnuTLS may take now */
	size_t taken; /* the most that GnuTLS has sent as one record */
	bool asks;    /* GnuTLS may have to say something first */
	bool within;  /* its last record was no data: it may be part of a message */
	bool kept;    /* it may have plaintext that nobody has taken */
};

/*
 * The first record of c->in into buf: its length; -EAGAIN if it is not there
 * as a whole; 0 if it is for GnuTLS, and lent to it.
 */
ssize_t record_open(struct conn *c, void *buf, size_t len);

/* len bytes as one record behind c->out: len, or 0 if GnuTLS has to do it. */
size_t record_seal(struct conn *c, const void *data, size_t len);

/*
 * Has GnuTLS plaintext that nobody has taken?  c has a session, which is looked
 * at only where it may have: one of many connections' is in no cache.  Locked.
 */
bool record_keeps(const struct conn *c);

/* May the next record be opened, or sealed, by the two below? */
static inline bool
record_opens(const struct record *r)
{
	return r->rx.known && r->whose == RECORD_OURS && !r->kept &&
	       !r->within && r->lent == 0;
}

static inline bool
record_seals(const struct record *r)
{
	return r->tx.known && r->whose == RECORD_OURS && !r->asks;
}

/*
 * The same for one record that is all there is, in a buffer of the caller's:
 * the n bytes at h, and nothing in c->in; and at `at`, where is room for
 * RECORD_MOST, with nothing in c->out.  Its plaintext's length, its own
 * length; or 0, and nothing has changed: it is for the ordinary way.
 */
size_t record_open_one(
    struct conn *c, const unsigned char *h, size_t n, void *buf, size_t len);
size_t record_seal_one(
    struct conn *c, unsigned char *at, const void *data, size_t len);

/* Before any call that lets GnuTLS send or receive. */
void record_yield(struct conn *c);

/*
 * GnuTLS is sending, or taking what has come (reading): true where it may, and
 * what was known of that direction is to be asked for anew.
 */
bool record_idle(struct conn *c, bool reading);

/* GnuTLS has received, or sent len bytes as one record. */
void record_received(struct conn *c, ssize_t result);
void record_sent(struct conn *c, size_t len);

/* Is there something in c->in that reading would take? */
bool record_waits(const struct conn *c);

void record_free(struct conn *c);

#endif
