/*
 * resume.h - which session a client offers, which ones it keeps, and what
 * there is to tell of a session
 *
 * All with conn->lock held but for resume_stats.  What is offered and kept is
 * bound to the name and port, to the contents of the rule and of its files
 * (credentials_digest), and to GnuTLS's version; whether the peer is the one
 * that the rule wants is asked anew each time (session_verify).
 */
#ifndef ENGINE_RESUME_H
#define ENGINE_RESUME_H

#include "conn.h"

/* A handshake begins. */
void resume_count(const struct conn *c);

/* The flags of gnutls_init that say whether c asks for tickets. */
unsigned resume_flags(const struct conn *c);

/*
 * A client's new session gets one of before, where there is one.  False: the
 * session is spoilt and has to be made anew, without.
 */
bool resume_offer(struct conn *c);

/* A ticket has come: kept, if this session's may be. */
void resume_ticket(struct conn *c);

/*
 * The handshake is over and its peer accepted, by what lapses at v->until:
 * counts, keeps what TLS 1.2 gave, gives up what the server did not want.
 */
void resume_settle(struct conn *c, const struct verdict *v);

/* It failed, or the session broke: what was offered, or kept, is no good. */
void resume_forget(struct conn *c);

void resume_free(struct conn *c);

/*
 * RFC 5246, F.1.4 and RFC 8446, 4.2.11: was this session one of before?  Told
 * by what was sent in the handshake, since GnuTLS 3.7.9 says so too soon.
 */
bool resume_is_resumed(const struct conn *c);

/* What Python's SSLContext.session_stats() tells, of this process. */
struct resume_stats {
	uint64_t number; /* of sessions kept in memory */
	uint64_t connect, connect_good, connect_renegotiate;
	uint64_t accept, accept_good, accept_renegotiate;
	uint64_t hits;       /* resumed, on either side */
	uint64_t misses;     /* offered by a client and not resumed by us */
	uint64_t timeouts;   /* kept for too long when it was wanted */
	uint64_t cache_full; /* given up for another one */
};

/* Any thread; signal-safe but for the numbers of what is kept. */
void resume_stats(struct resume_stats *out);

/* What Python's SSLSession tells. */
struct resume_facts {
	unsigned char id[32];
	size_t id_len;
	int64_t time;     /* of the full handshake, as far as it is known here */
	unsigned timeout; /* s: session.timeout */
	unsigned ticket_lifetime; /* s, as the server said; 0: it said nothing */
	bool has_ticket;  /* this connection was given one, or has given one */
	bool reused;
};

/* Of an open session; -ENOTCONN else. */
int resume_facts(const struct conn *c, struct resume_facts *out);

/*
 * Pure.  The lifetime that the ticket in a TLS 1.3 session's data (as GnuTLS
 * 3.7 and 3.8 pack it) has; 0 if it is not found.
 */
unsigned resume_lifetime(const unsigned char *data, size_t len);

#endif
