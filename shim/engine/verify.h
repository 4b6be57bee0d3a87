/*
 * verify.h - is this peer the one the rule wants: the one place where a
 * certificate chain is judged, by client, server, probe and verify
 */
#ifndef ENGINE_VERIFY_H
#define ENGINE_VERIFY_H

#include <gnutls/gnutls.h>
#include <time.h>

#include "../../policy/credentials.h"

struct verdict {
	const char *cause; /* one of the cause words, NULL: accepted */
	unsigned alert;    /* gnutls_alert_description_t for a refusal */
	unsigned status;   /* GNUTLS_CERT_* bits, as far as they apply */
	/*
	 * One sentence a person can act on: wanted name, names in the
	 * certificate, issuer, trust store file.  "" when accepted.
	 */
	char text[1024];
};

/*
 * Judges chain (DER, leaf first, n certificates; n may be 0) as side's peer
 * under c: name is what to find in the SANs (DNS name or address in text; ""
 * with check_hostname on is a refusal), now the time to judge at.  Returns 0
 * (accepted) or -1, and fills *out.  No global state, no lock, no file: any
 * thread.  Bounded work whatever the chain (DESIGN 10, verify_depth).
 */
int verify_chain(const struct credentials *c, enum side side,
    const char *name, const gnutls_datum_t *chain, size_t n, time_t now,
    struct verdict *out);

/*
 * The same for a session whose handshake has come so far that the peer's
 * certificates are known; also checks version and key exchange afterwards.
 */
int verify_session(const struct credentials *c, enum side side,
    const char *name, gnutls_session_t session, struct verdict *out);

#endif
