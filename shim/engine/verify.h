/*
 * verify.h - is this peer the one the rule wants: the one place where a
 * certificate chain is judged, by client, server, probe and verify
 */
#ifndef ENGINE_VERIFY_H
#define ENGINE_VERIFY_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <time.h>

#include "../../policy/credentials.h"
#include "../../policy/der.h"

enum { VERDICT_PATH = 104 }; /* certificates in a path, both ends counted */

/* What a peer shows, and when. */
struct presented {
	const gnutls_datum_t *chain; /* DER, its own certificate first */
	size_t n;                    /* may be 0 */
	/* the OCSP answer stapled to chain[i], size 0: none; NULL: none at all */
	const gnutls_datum_t *staple;
	time_t now; /* the time to judge at */
};

/* What a session's verdict was about: which chain, by which rule. */
struct verified {
	const struct credentials *by; /* borrowed; NULL: nothing */
	const gnutls_datum_t *chain;  /* borrowed from the session */
	unsigned char digest[32];     /* of its bytes */
};

struct verdict {
	const char *cause; /* one of the cause words, NULL: accepted */
	unsigned alert;    /* gnutls_alert_description_t for a refusal */
	unsigned status;   /* GNUTLS_CERT_* bits, as far as they apply */
	/*
	 * One sentence a person can act on: wanted name, names in the
	 * certificate, issuer, trust store file.  "" when accepted.
	 */
	char text[1024];
	time_t until; /* accepted: when the first of what that rests on
		       * (certificates, lists, staples) lapses; 0: not known */
	/*
	 * The path found, the peer's own certificate first: whole DER, borrowed
	 * from what was presented and from c's trust.  Of a refusal it is the
	 * one that came farthest, and may be empty.
	 */
	struct der path[VERDICT_PATH];
	size_t npath;
	struct verified of; /* for who keeps a verdict */
};

/* Nothing is said yet; the text and the path that do not count stay as they are. */
static inline void
verdict_init(struct verdict *v)
{
	v->cause = NULL;
	v->alert = v->status = 0;
	v->text[0] = '\0';
	v->until = 0;
	v->npath = 0;
	v->of = (struct verified){NULL, NULL, {0}};
}

/*
 * Judges what side's peer presents under c: name is what to find in the SANs
 * (DNS name or address in text; "" with check_hostname on is a refusal).
 * Returns 0 (accepted) or -1, and fills *out.  No global state, no lock, no
 * file: any thread.  Bounded work whatever is presented (chain.h).
 */
int verify_peer(const struct credentials *c, enum side side, const char *name,
    const struct presented *p, struct verdict *out);

/* The same for a chain of n certificates without OCSP answers. */
int verify_chain(const struct credentials *c, enum side side,
    const char *name, const gnutls_datum_t *chain, size_t n, time_t now,
    struct verdict *out);

/*
 * The same for a session whose handshake has come so far that the peer's
 * certificates are known; also checks version and key exchange afterwards.
 */
int verify_session(const struct credentials *c, enum side side,
    const char *name, gnutls_session_t session, struct verdict *out);

/*
 * Whether n certificates are as many as are looked at under c, asked before
 * anything is made of them: 0, or -1 and *out.  Where nobody is refused for
 * certificates (verify_mode "none", enforce = false) it is 0.
 */
int verify_count(const struct credentials *c, size_t n, struct verdict *out);

/*
 * The part of it that is about the handshake alone: 0: the certificates count
 * and are to be looked at, 1: a pre-shared key is enough, or -1 and *out.
 */
int verify_terms(const struct credentials *c, enum side side,
    gnutls_session_t session, struct verdict *out);

/* What a verdict on session under c is about; false: no certificates. */
bool verify_judged(const struct credentials *c, gnutls_session_t session,
    struct verified *out);

#endif
