/*
 * ahead.h - what a look at a connection will read, asked for ahead of time
 *
 * Of many connections none is in a near cache, and what is read of one lies
 * three loads deep: its reg, its conn, its keys.  So whoever goes through many
 * takes each of them a step further while he looks at the ones before.  What is
 * asked for in vain costs a few instructions, and no address is wrong: a
 * prefetch does not fault.
 *
 * Each step reads what the one before it has asked for, which is memory that is
 * never given back: regs of a set that is locked, and conns (conn.h).  A conn is
 * neither locked nor held here, and what it says is old perhaps; it is an
 * address to ask for and no more, which is why none of them is followed further.
 */
#ifndef ENGINE_AHEAD_H
#define ENGINE_AHEAD_H

#include "conn.h"

struct reg;

/* Always: gcc takes a function that only prefetches for one without effect. */
#define AHEAD __attribute__((always_inline)) static inline

#define AHEAD_NOW(p) __builtin_prefetch((p), 1, 3)
#define AHEAD_LATER(p) __builtin_prefetch((p), 1, 2) /* the first cache is small */

AHEAD void
ahead_reg(const struct reg *r)
{
	AHEAD_NOW(r);
	AHEAD_NOW((const char *)r + CONN_LINE);
}

AHEAD void
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

/* What comes is read first; an answer may be written behind it. */
AHEAD void
ahead_keys(const struct conn *c)
{
#ifndef __SANITIZE_THREAD__ /* it would be right, and of no use: see above */
	const struct record_key *rx = &c->record.rx, *tx = &c->record.tx;
	int i;

	AHEAD_NOW(c->slot);
	for (i = 0; i < RECORD_HANDLE; i += CONN_LINE) {
		AHEAD_NOW((const char *)rx->hd + i);
		AHEAD_LATER((const char *)tx->hd + i);
	}
	for (i = 0; i < RECORD_STATE; i += CONN_LINE) {
		AHEAD_NOW((const char *)rx->state + i);
		AHEAD_LATER((const char *)tx->state + i);
	}
#else
	(void)c;
#endif
}

#endif
