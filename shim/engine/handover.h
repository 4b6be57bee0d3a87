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
#define HANDOVER_NUMBERS 32

struct handover {
	int conns, numbers;
	pid_t leaves; /* relay_start's */
	struct {
		struct conn *c; /* referenced */
		struct relay relay;
	} to[HANDOVER_CONNS];
	struct {
		int fd, saved; /* saved: the connection, close-on-exec */
	} number[HANDOVER_NUMBERS];
};

/*
 * Before an exec by this process or a vfork child: numbers that outlive it
 * become ends.  Nothing in the tables changes.
 */
void handover_begin(struct handover *h);

/* The exec has failed; errno is kept. */
void handover_undo(struct handover *h);

/*
 * A relay for fd's connection, one for all numbers of it.  The index in
 * h->to, or -1 when there is no more room.
 */
int handover_to(struct handover *h, struct conn *c, int fd);

/*
 * The environment of the next image with what it must know of relayed ends,
 * instead of what stands there: entry, which relayed_tell (HANDOVER_TEXT
 * bytes) has filled, added to envp in `to`, of handover_entries bytes.
 */
#define HANDOVER_TEXT 8400 /* 64 entries */
size_t handover_entries(char *const envp[]);
char *const *handover_entry(char *const envp[], void *to, char *entry);

/* The same as one piece of memory, the caller's to free; or NULL. */
char **handover_environ(char *const envp[]);

#endif
