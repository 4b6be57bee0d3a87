/*
 * algorithms.h - groups, signatures and the security profile that they and
 * all keys must reach; options, as tokens of a GnuTLS priority string
 *
 * Convention: 0, or -1 and a fault at the key's line.
 */
#ifndef POLICY_ALGORITHMS_H
#define POLICY_ALGORITHMS_H

#include <gnutls/gnutls.h>

#include "policy.h"

/* A string that grows to len; n may pass len: then it did not fit. */
struct tokens {
	char *p;
	size_t len, n;
};

void tokens_put(struct tokens *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* ":-GROUP-ALL:+GROUP-X25519..." by groups, or what is built in. */
int groups_put(struct tokens *t, const struct rule_values *v,
    const struct origin *origin, struct fault *f);

/* ":-SIGN-ALL:+SIGN-..." by signature_algorithms, or what is built in. */
int signatures_put(struct tokens *t, const struct rule_values *v,
    const struct origin *origin, struct fault *f);

/* ":%PROFILE_MEDIUM", and the flags that options stand for on this side. */
void options_put(
    struct tokens *t, const struct rule_values *v, enum side side);

#endif
