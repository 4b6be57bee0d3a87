/*
 * secret.h - memory for keys: in no core dump, wiped when it is given back
 *
 * Pages of their own, so for a few things that live long.  What GnuTLS keeps
 * of a private key is its own, in its heap.  Any thread; not in a signal
 * handler.
 */
#ifndef POLICY_SECRET_H
#define POLICY_SECRET_H

#include <stddef.h>

/* Zeroed; NULL and errno without memory.  n > 0. */
void *secret_new(size_t n);
void secret_free(void *p, size_t n); /* n as it was asked for; NULL accepted */

#endif
