/*
 * handshake.h - the GnuTLS session and its beginning (part of conn.h)
 */
#ifndef ENGINE_HANDSHAKE_H
#define ENGINE_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

struct conn;
struct patience;
struct verdict;

/* session.c: the GnuTLS session */

/* Locked.  Makes c->session by its rule; 0 or a negative errno. */
int session_new(struct conn *c);
void session_free(struct conn *c);

/* TLS 1.3's ChangeCipherSpec, a record that means nothing (RFC 8446, 5). */
extern const unsigned char session_ccs[6];

/* Locked.  What is put to c->out next begins in a buffer of the thread's. */
void session_out(struct conn *c);

/*
 * Locked.  Is the peer, as far as the handshake has come, one to talk to?  0,
 * or -1 and *out.  Under enforce = false what its certificates lack is logged
 * once and passes.
 */
int session_verify(struct conn *c, struct verdict *out);

/*
 * Locked.  The same once the handshake has ended: what was verified within it
 * need not be again, if that is what is there.
 */
int session_confirm(struct conn *c, struct verdict *out);

/* handshake.c */

/*
 * Brings c to OPEN.  Locked; unlocks while it waits.  0 when it is open,
 * -EAGAIN (in progress, may not wait), -EINTR, or the errno of its failure.
 */
int handshake_drive(struct conn *c, int fd, const struct patience *p);

/* Locked, CONN_TCP: connect() has said that c is connected.  As above. */
int handshake_begin(struct conn *c, int fd);

/*
 * Locked, in a handshake: how much of c->in GnuTLS may have.  Once the peer
 * has said hello it gets whole records, so that c->in begins with one whenever
 * it wants more than there is.  Who takes some of them takes as many off
 * c->record_left.
 */
size_t handshake_input(struct conn *c);

/* handshake_refuse.c; all locked */

/* Ends a failed handshake; logs, sends the alert.  Returns errno. */
int handshake_refuse(struct conn *c, int fd, int err, const char *cause,
    const char *text);

/* Likewise where GnuTLS has ended it with code: says why, tells the peer. */
int handshake_refuse_code(struct conn *c, int fd, int code);

/*
 * Refuses a peer whose first bytes, in c->in, are no TLS, and shows them: they
 * mostly say what it is.  A record begins with its type and major version 3
 * (RFC 8446, 5.1).  They may come one at a time, and GnuTLS has the one before
 * then.  0 or a negative errno.
 */
int handshake_check_first(struct conn *c, int fd);

#endif
