/*
 * reauth.h - certificates that are asked for after the handshake (RFC 8446,
 * 4.6.2)
 */
#ifndef ENGINE_REAUTH_H
#define ENGINE_REAUTH_H

#include "conn.h"

/* Locked.  The flag of gnutls_init for a session that may ask or be asked. */
unsigned reauth_flags(const struct conn *c);

/*
 * Locked.  A TLS 1.3 client that says it can be asked later, where its rule
 * has post_handshake_auth, is not asked in the handshake.
 */
bool reauth_waits(const struct conn *c, bool offered, unsigned newest);

/* Locked.  Is c one of these, and has not shown anything yet? */
bool reauth_is_open(const struct conn *c);

/*
 * Locked.  A server has asked this client: answers with what the rule has to
 * show.  0, or a negative errno: the session has failed.
 */
int reauth_answer(struct conn *c);

/*
 * Locked, c->reauth is REAUTH_ASKED: sends the request if that has not been
 * done, and takes what has arrived of the answer.  0: it is there and has been
 * verified; -EALREADY: application data comes before it; -EAGAIN: it needs
 * more input; 1: the peer has ended the session; or a negative errno, the
 * session has failed.
 */
int reauth_step(struct conn *c);

/*
 * Locked.  As a server, asks c's client and waits for the answer as p says
 * and handshake_timeout allows.  What the client has sent before it is kept
 * for reads.  0, also where it came while the program read after an earlier
 * call; -EAGAIN, -EINTR, -ETIMEDOUT: call again; -ENOBUFS: so are reads first;
 * -EOPNOTSUPP: c cannot be asked; or the errno of its failure.
 */
int reauth_ask(struct conn *c, int fd, struct patience *p);

/*
 * handshake.c's, locked: keeps v's path for who asks; without memory there is
 * none.
 */
void handshake_keep_path(struct conn *c, const struct verdict *v);

#endif
