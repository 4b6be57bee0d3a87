/*
 * chain.h - a path from the peer's certificate to an anchor
 *
 * GnuTLS 3.7.9 follows one issuer of several; here every issuer is tried, and
 * the work that a peer can cause is bounded.
 */
#ifndef ENGINE_CHAIN_H
#define ENGINE_CHAIN_H

#include <gnutls/gnutls.h>

#include "../../policy/crl.h"
#include "cert.h"
#include "verify.h"

enum {
	/*
	 * Certificates a peer may send, unless verify_depth says more.  Real
	 * chains have two to six; GnuTLS takes 16, OpenSSL what fits into 100
	 * KB; BetterTLS, which asks for a path among many, sends 36.  Each costs
	 * GnuTLS an import, ours another, and may cost a signature.
	 */
	CHAIN_SENT = 40,
	CHAIN_CERTS = 160, /* and those of the trust list looked at */
	CHAIN_BYTES = 512 * 1024,
	CHAIN_LENGTH = VERDICT_PATH, /* verify_depth is 100 at most */
	CHAIN_STEPS = 4000,
	CHAIN_SIGNATURES = 128,
	CHAIN_NAMES = 250000, /* names compared with constraints */
	CHAIN_LISTS = 64,     /* revocation lists whose signature is checked */
};

struct chain {
	const struct trust *trust; /* borrowed */
	struct rules rules;
	bool partial; /* partial_chain: whatever is trusted is an anchor */
	int depth;    /* verify_depth */
	/* what path.c asks of a whole path */
	const struct rule_values *values; /* borrowed */
	const struct crls *crls;          /* borrowed; NULL: none */
	bool staples;                     /* the peer was asked for them */

	struct cert *cert[CHAIN_CERTS]; /* owned; the peer's own first */
	size_t n, sent;
	signed char *edge; /* owned: signatures known good (1), bad (-1) */

	struct cert *path[CHAIN_LENGTH]; /* the last one is the anchor */
	struct reason why[CHAIN_LENGTH]; /* worst so far, by position */
	size_t length;

	bool lax; /* second pass: go on over faults, to name the best one */
	bool limited, unreadable;
	unsigned steps, signatures, names;
	bool reached;             /* some path, faulty or not, an anchor */
	struct reason best;       /* of those that did */
	struct cert *shown[CHAIN_LENGTH]; /* that path, or the longest */
	size_t nshown;
	const struct cert *ended; /* the end of the longest that did not */
	size_t ended_at;
	struct { /* whether a list's signature is good: found out once */
		const struct crl *crl;
		const struct cert *issuer;
		enum signature state;
	} listed[CHAIN_LISTS];
	size_t nlisted;
	bool ended_forged; /* it had an issuer by name, not by signature */
};

/* How many certificates a peer may send under v: its own and a root count. */
size_t chain_most(const struct rule_values *v);

/*
 * Takes what the peer sent, leaf first; false and *why when that alone is
 * too much or its first certificate unreadable.  chain_free in any case.
 */
bool chain_read(struct chain *b, const struct presented *p, struct reason *why);
void chain_free(struct chain *b);

/*
 * Finds a path without fault; its certificates are then path[0..length-1].
 * Of the peer's own certificate (path[0]) nothing but its signature and its
 * names under constraints is judged here.
 */
struct reason chain_find(struct chain *b);

/*
 * path.c: revocation and pins, for a path that is in order otherwise.  Each
 * signature it verifies is taken from what b may spend.
 */
struct reason path_check(struct chain *b);

/* Is the key of c one of pins ("sha256//BASE64")? */
bool path_pinned(const struct list *pins, const struct cert *c);

/* ocsp.c: what the answer stapled to c says */
enum staple { STAPLE_GOOD, STAPLE_REVOKED, STAPLE_UNUSABLE };

/*
 * issuer issued c.  *detail is why an answer is not usable, a constant that
 * completes the sentence about c; *signatures counts down.
 */
enum staple staple_read(const struct cert *c, const struct cert *issuer,
    const struct rules *r, unsigned *signatures, const char **detail);

/* When the first of what an answer says is out of date; 0: it says nothing. */
time_t staple_until(const struct der *staple);

#endif
