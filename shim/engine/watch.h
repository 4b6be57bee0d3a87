/*
 * watch.h - connections whose bytes pass as they are: action "native", where
 * the program speaks TLS itself and has to show it, and "detect", where the
 * client's first bytes said that it speaks none
 */
#ifndef ENGINE_WATCH_H
#define ENGINE_WATCH_H

#include "conn.h"

/* Is there no session of ours to be under a connection of this rule? */
static inline bool
watch_wanted(const struct conn *c)
{
	return c->rule != NULL && c->rule->action == ACTION_NATIVE;
}

/* Locked.  Does it hang on the client's first bytes whether there is one? */
static inline bool
watch_undecided(const struct conn *c)
{
	return c->state == CONN_PRE && c->rule != NULL &&
	    c->rule->action == ACTION_DETECT;
}

/* Locked.  c is WATCHED from now on: both first messages are to be seen. */
int watch_begin(struct conn *c);

/*
 * Locked; unlocks while it waits.  What does the client of a "detect" rule
 * speak?  0: TLS, or nothing of the kind and c is WATCHED; -EAGAIN while it
 * has not spoken and p does not allow to wait; or a negative errno.
 */
int watch_detect(struct conn *c, int fd, const struct patience *p);

/* As stream_read and stream_write, on a WATCHED conn.  Not locked. */
ssize_t watch_read(
    struct conn *c, int fd, const struct iovec *iov, int n, int flags);
ssize_t watch_write(
    struct conn *c, int fd, const struct iovec *iov, int n, int flags);

/* Locked.  The first write of the program: says once if it is a ClientHello. */
void watch_hint(struct conn *c, const struct iovec *iov, int n);

/* In what a conn owns: c->watch and what it holds. */
void watch_free(struct conn *c);

enum heard {
	HEARD_PART,  /* so far it may be one */
	HEARD_HELLO, /* that is one */
	HEARD_ELSE,  /* that is none, or an older one than minimum */
};

/*
 * Do the first len bytes of one direction begin with a ClientHello, or with
 * a ServerHello of at least minimum (enum tls_version)?  *version: what a
 * whole ServerHello chose, 0x0303 and so on.  Pure; RFC 8446, 4.1 and 5.1.
 */
enum heard watch_hear(const unsigned char *p, size_t len, bool client_hello,
    int minimum, unsigned *version);

#endif
