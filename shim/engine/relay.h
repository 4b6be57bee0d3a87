/*
 * relay.h - a process that holds a session for a program that cannot
 *
 * A relay is born with a copy of all that the engine knows of a conn, and
 * waits: it owns nothing yet, but holds a session whose handshake is not done,
 * so that nobody else begins with it.  relay_go, or the exec of whoever started
 * it, makes it the owner; relay_stop makes it go away with everything as it was.
 * What it owns it carries between the socket and the program's end of a socket
 * pair, until both have ended.
 */
#ifndef ENGINE_RELAY_H
#define ENGINE_RELAY_H

#include "conn.h"

struct relay {
	int end; /* the program's end of the pair: ours, close-on-exec */
	int ctl; /* its end of file tells the relay to begin; -1: none */
};

/*
 * Starts a relay for c, whose socket is fd here (in a vfork child not
 * necessarily in the table).  c is locked, nobody receives or sends on it,
 * and its session is this process's to give away.  leaves: this process, if
 * it holds c no longer once the relay begins and does not say so itself; 0:
 * it goes on.  0 or a negative errno.
 */
int relay_start(struct conn *c, int fd, pid_t leaves, struct relay *r);

/* The relay begins; the caller keeps r->end, and nothing of c is its own. */
void relay_go(struct relay *r);

/* The relay has ended when this returns. */
void relay_stop(struct relay *r);

/* An end whose relay has gone: ECONNRESET to read, once; EPIPE to write. */
int relay_none(struct relay *r, int fd);

/*
 * How the connection of the other end, `end` being the relay's, has ended
 * (abi.h, SHIM_ORDERLY_NAME); the first word counts.
 */
void relay_say_orderly(int end);
void relay_say_cut(int end);

/* relay_pump.c: in the relay; ends the process. */
_Noreturn void relay_pump(struct conn *c, int fd, int end);

#endif
