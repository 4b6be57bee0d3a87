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
 * had: files that are read anew are others.  All of it is compared byte for
 * byte: a digest would have to be made of each chain again.  Any thread; who
 * finds it in use does without, so that a fork leaves nothing locked.
 */
#ifndef ENGINE_KNOWN_H
#define ENGINE_KNOWN_H

#include "verify.h"

/* What a verdict depends on but for the time; all borrowed. */
struct known_case {
	const struct credentials *cred;
	enum side side;
	const char *name;
	const struct presented *shown;
};

/* Was this accepted, and is that still so at shown->now?  Then it is in *out. */
bool known_find(const struct known_case *k, struct verdict *out);

/* v accepts it.  Kept if there is memory, and it is no longer than most are. */
void known_add(const struct known_case *k, const struct verdict *v);

#endif
