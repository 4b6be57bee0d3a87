/*
 * ahead.h - what a look at a connection will read, asked for ahead of time
 *
 * Of many connections none is in a near cache, and what is read of one lies
 * three loads deep: its reg, its conn, its keys.  So whoever goes through many
 * takes each of them a step further while he looks at the ones before.  What
 * is asked for in vain costs an instruction a line, and no address is wrong: a
 * prefetch does not fault.
 *
 * Each step reads what the one before it has asked for, which is memory that is
 * never given back: regs of a set that is locked, and conns.  A conn is neither
 * locked nor held here (conn.h): what it says may be old, or another's by now.
 * It is an address to ask for and no more; none of them is followed further.
 *
 * Which lines: those that a message of 64 bytes there and back reads or writes,
 * by lackey (valgrind).  How far ahead: so that a line is there when it is read,
 * a look at one connection being longer than the way to the last cache.
 */
#ifndef ENGINE_AHEAD_H
#define ENGINE_AHEAD_H

#include "conn.h"

struct reg;

/* GnuTLS 3.7.9's handle of a cipher, and its state of AES-GCM. */
#define AHEAD_HANDLE 128
#define AHEAD_STATE 640

#define AHEAD_NOW(p) __builtin_prefetch((p), 0, 3)
#define AHEAD_LATER(p) __builtin_prefetch((p), 0, 2) /* past the small cache */

/* ALWAYS: gcc takes a function that only prefetches for one without effect. */
ALWAYS void
ahead_reg(const struct reg *r)
{
	AHEAD_NOW(r);
	AHEAD_NOW((const char *)r + CONN_LINE - 1);
}

ALWAYS void
ahead_conn(const struct conn *c)
{
	AHEAD_NOW(&c->refs);
	AHEAD_NOW(&c->lock);
	AHEAD_NOW(&c->still_rx);
	AHEAD_NOW(&c->record);
	AHEAD_NOW(&c->record.whose);
	AHEAD_NOW(&c->session);
	AHEAD_NOW(&c->out);
	AHEAD_NOW(&c->plain);
	AHEAD_NOW(&c->fresh);
	AHEAD_NOW(&c->wrote);
	AHEAD_NOW(&c->deadline);
}

#ifndef __SANITIZE_THREAD__
#define AHEAD_READ(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)

/* What comes is read first; an answer may be written behind it. */
ALWAYS void
ahead_keys(const struct conn *c)
{
	const char *rx = (const char *)AHEAD_READ(c->record.rx.hd);
	const char *tx = (const char *)AHEAD_READ(c->record.tx.hd);
	int i;

	AHEAD_NOW(AHEAD_READ(c->slot));
	if (rx == NULL) /* it is GnuTLS's, or has carried few records so far */
		return;
	for (i = 0; i < AHEAD_HANDLE; i += CONN_LINE)
		AHEAD_NOW(rx + i);
	rx = AHEAD_READ(c->record.rx.state);
	for (i = 0; i < AHEAD_STATE; i += CONN_LINE)
		AHEAD_NOW(rx + i);
	if (tx == NULL)
		return;
	for (i = 0; i < AHEAD_HANDLE; i += CONN_LINE)
		AHEAD_LATER(tx + i);
	tx = AHEAD_READ(c->record.tx.state);
	for (i = 0; i < AHEAD_STATE; i += CONN_LINE)
		AHEAD_LATER(tx + i);
}
#else
/* It would report these reads, which no lock orders. */
ALWAYS void
ahead_keys(const struct conn *c)
{
	(void)c;
}
#endif

#endif
