/*
 * known.h - verdicts that hold still: the same chain by the same credentials
 *
 * Whether a chain is accepted depends on the credentials, the side, the name,
 * what is presented and the time, and on nothing else (verify.h).  So what was
 * accepted is accepted again, byte for byte, from then until the first of what
 * that rests on lapses (verdict's until).  A client that comes back to a
 * server, by a full handshake or a resumed session, need not check the
 * signatures again.  Refusals are not kept.
 *
 * Credentials are told apart by a number that no others of this process have
 * had: files that are read anew are others.  Any thread; who finds it in use
 * does without, so that a fork leaves nothing locked.
 */
#ifndef ENGINE_KNOWN_H
#define ENGINE_KNOWN_H

#include "verify.h"

struct known_key {
	unsigned char digest[32];
};

/* What a verdict depends on but for the time; false: no key could be made. */
bool known_key(const struct credentials *c, enum side side, const char *name,
    const struct presented *p, struct known_key *out);

/* Was this accepted, and is that still so at p->now?  Then it is in *out. */
bool known_find(const struct known_key *key, const struct presented *p,
    struct verdict *out);

/* v accepts p. */
void known_add(const struct known_key *key, const struct presented *p,
    const struct verdict *v);

#endif
