/*
 * identity.h - what a rule shows of itself: certificates, their keys, a
 * staple; from PEM, PKCS#12 or a PKCS#11 token
 */
#ifndef POLICY_IDENTITY_H
#define POLICY_IDENTITY_H

#include "credentials.h"

/*
 * Reads every identity of c's rule into c->x509, and notes when the first of
 * their certificates expires.  Nobody is ever asked for a password.  0, or -1
 * and a fault.
 */
int identity_read(struct credentials *c, struct fault *f);

/* The passwords that tokens may ask for again; NULL accepted, wipes them. */
void identity_pins_free(struct identity_pin *p);

#endif
