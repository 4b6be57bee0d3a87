/*
 * ticket.h - a server's tickets: with which key, and how many
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
 * When a server's tickets of TLS 1.3 go: with its first data, as one send that
 * wakes the client once, or as soon as it is found to have nothing to read.
 * ticket_owe: the handshake is over and the peer accepted.  ticket_send: behind
 * c->out, in front of data; tx held.  ticket_pay: alone, and out; unless this
 * process may not write (slot.h), or is writing.  All locked; the last two do
 * nothing where no ticket is owed.  Behind a close none goes any more.
 */
void ticket_owe(struct conn *c);
void ticket_send(struct conn *c);
void ticket_pay(struct conn *c);

#endif
