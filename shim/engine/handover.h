/*
 * handover.h - numbers that stand for the program's end of a relay's pair
 *
 * Two occasions.  In place: libc's own streams write to a number past every
 * hook, so that the connection moves into a relay and all numbers of this
 * process become its end.  At exec: the next image knows no session; what
 * becomes of the numbers is undone if the exec fails.
 */
#ifndef ENGINE_HANDOVER_H
#define ENGINE_HANDOVER_H

#include "relay.h"

/*
 * All of c's numbers here, fd among them, and n more that are the same
 * socket, become the end of a relay's pair (class FD_RELAYED).  0, or a
 * negative errno and everything as it was.  c is not locked.
 */
int handover_all(struct conn *c, int fd, const int *more, int n);

#define HANDOVER_CONNS 8
#define HANDOVER_NUMBERS 128

/*
 * Other threads may close what is looked at here, and get the conn again for
 * another connection: so each entry has a reference, which handover_undo gives
 * back and an exec that succeeds takes with it.  A vfork child has none, since
 * its exec would leave them in its parent for ever: what its parent's other
 * threads close meanwhile is theirs to answer for, as over TCP.
 */
struct handover {
	bool holds;
	int conns, numbers;
	pid_t leaves; /* relay_start's */
	int protects; /* will the next image have the preload? -1: not asked */
	const char *path; /* of the next image */
	int dead; /* a vfork child's dead_end; -1: none yet */
	struct {
		struct conn *c;
		struct relay relay;
	} to[HANDOVER_CONNS];
	struct {
		int fd, saved; /* saved: the connection, close-on-exec */
		struct conn *raw; /* passes as it is; saved is -1 */
	} number[HANDOVER_NUMBERS];
};

/* No number and no connection yet, for the program at path. */
void handover_init(struct handover *h, const char *path);

/*
 * Before an exec by this process or a vfork child: numbers that outlive it
 * become ends.  Nothing in the tables changes.  h is the caller's, on its
 * stack; there is no failure: a number without an end is closed by the exec.
 */
void handover_begin(struct handover *h, const char *path);

/*
 * What becomes of a number above 2 that outlives an exec by another process
 * than the one that uses the session.  Only a handshake that nobody has begun
 * goes along as it is, to a program with the preload, which judges it anew
 * and holds the slot by its number meanwhile.  Any other number must not be
 * the socket: the next image could write into the session, and would hold it
 * open.
 */
bool handover_raw(struct handover *h, const struct conn *c);

/*
 * A socket that no byte can go through, on which the next image says why; it
 * is ours and close-on-exec.  -1: there is none.
 */
int handover_dead_end(struct handover *h);

/* True if c passes as it is. */
bool handover_passes(const struct handover *h, const struct conn *c);

/* The exec has failed: everything is as it was; errno is kept. */
void handover_undo(struct handover *h);

/* posix_spawn: the child has its ends, and the relays have theirs. */
void handover_go(struct handover *h);

/*
 * A relay for c, whose socket is fd; one for all numbers of it.  Where c
 * cannot be given (logged) the end is of a pair without a relay.  The index in
 * h->to, or -1 when there is no room or no descriptor.  c is not locked.
 */
int handover_to(struct handover *h, struct conn *c, int fd);

/*
 * The environment of the next image: envp with entry, which relayed_tell has
 * filled, instead of what stands there of that name.  It is made in `to`, of
 * handover_entries bytes, and borrows its strings.  Allocates nothing, so that
 * vfork children may call it.
 */
size_t handover_entries(char *const envp[]);
char *const *handover_entry(char *const envp[], void *to, char *entry);

/*
 * The same with an entry of its own, in one piece of memory that is the
 * caller's to free; NULL where there is nothing to tell, or no memory.
 */
char **handover_environ(char *const envp[]);

#endif
