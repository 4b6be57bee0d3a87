/*
 * ticket.h - a server's tickets: with which key, how many, and when
 *
 * GnuTLS 3.7.9 takes one key for a session and binds a ticket to nothing else,
 * so that one given out under one name of SNI opened another that asks for a
 * certificate.  Here each session's key is derived (HMAC-SHA-512) from the
 * process's or the file's, the digest of the context that the ClientHello has
 * chosen (credentials_digest), the version of TLS and the name asked for: in
 * any other context a ticket cannot be read and means a full handshake.
 */
#ifndef ENGINE_TICKET_H
#define ENGINE_TICKET_H

#include "conn.h"
#include "hello.h"

/*
 * Makes the process's key, once: before it forks, so that its children have
 * the same.  Any thread.  0 or a negative errno.
 */
int ticket_init(void);

/* Does a rule give out tickets at all? */
bool ticket_wanted(const struct rule *r);

/*
 * Locked; in the hook of a ClientHello, once the context is chosen and before
 * GnuTLS has read its extensions.
 */
void ticket_enable(struct conn *c, const struct hello *h);

/*
 * A server's tickets of TLS 1.3 go in front of its first data, in the same
 * send, which wakes the client once; or alone, as soon as a read or a poll
 * finds nothing to read.  Behind our close_notify, or in a close, none goes any
 * more.
 *
 * ticket_owe: the handshake is over and the peer accepted.  Locked.
 */
void ticket_owe(struct conn *c);

/*
 * What is owed (c->ticket_owed) goes behind c->out.  Locked, tx held,
 * reserve_enough() asked.
 */
void ticket_put(struct conn *c);

/*
 * What is owed goes out; what the kernel does not take goes with later output.
 * Nothing where this process may not write (slot.h), or a thread of it does.
 * Locked throughout; tx is only tried, so that rx may be held.
 */
void ticket_pay(struct conn *c);

#endif
