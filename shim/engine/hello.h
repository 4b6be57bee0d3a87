/*
 * hello.h - what the first messages of a handshake say: the name a client
 * asks for, the versions and the application protocols of both
 *
 * All of it with conn->lock held, as the rest of the handshake.
 */
#ifndef ENGINE_HELLO_H
#define ENGINE_HELLO_H

#include "conn.h"

/* What of a ClientHello others ask for. */
struct hello {
	unsigned newest;      /* 0x0303 and so on, 0: none */
	char name[256];       /* of SNI, "" none */
	const unsigned char *suites; /* borrowed from the message */
	size_t suites_len;
	bool extended_master; /* RFC 7627 */
	bool foreign;         /* its version is none of TLS */
	bool key_share;       /* RFC 8446, 4.2.8: of either */
	bool asked_later;     /* it may be asked for a certificate later */
	bool has_ticket;      /* it offers a session by a ticket, which ... */
	unsigned char ticket[16]; /* ... begins so: the name of its key */
};

/*
 * Sets on a new session SNI (clients), ALPN, what a server asks of its
 * clients, and the hooks: one of them gives c the rule and credentials that
 * sni has for the name a client asks for.  0 or a GnuTLS code.
 */
int hello_set(struct conn *c);

/*
 * Is there the application protocol that alpn_mandatory wants?  0, or -1 and
 * the reason in *out.
 */
int hello_check_alpn(const struct conn *c, struct verdict *out);

/*
 * The newest version that a ClientHello offers or a ServerHello chose, of the
 * body of the message: 0x0303 and so on, 0 if it holds none.  Pure.
 */
unsigned hello_newest(const unsigned char *body, size_t len, bool client);

/*
 * The newest version that the peer's hello offered, where it lies outside of
 * what the rule takes; NULL where the versions fit or the hello was not seen.
 */
const char *hello_misfit(const struct conn *c);

#endif
