/* explain.h - a decision in words: the sentence of struct decision */
#ifndef POLICY_EXPLAIN_H
#define POLICY_EXPLAIN_H

#include "policy.h"

/* The address that a rule's address and port are about; may be NULL. */
const struct sockaddr *endpoint_own(const struct endpoint *e);

/* Each fills out->text from what is set in *out already. */
void explain_decided(const struct policy *p, const struct endpoint *e,
    const char *name, struct decision *out);
void explain_undecided(const struct endpoint *e, struct decision *out);
void explain_ambiguous(const struct endpoint *e, const char *one,
    const char *other, struct decision *out);

#endif
