/*
 * keylog.h - secrets of sessions, written for a protocol analyser where the
 * policy says so
 *
 * The format is NSS's: LABEL, client random, secret.  Every line is one
 * write(2) to a file that is opened for appending.  What cannot be written is
 * lost, and nothing waits for it.
 *
 * Concurrency
 *	Opening takes a lock of its own, under conn->lock or `loading`
 *	(snapshot.c) and above none.  Who writes reads what has been published
 *	and takes no lock.
 */
#ifndef ENGINE_KEYLOG_H
#define ENGINE_KEYLOG_H

#include "conn.h"

/* Opens what sessions of r, a rule of p (NULL: unknown), will write to. */
void keylog_open(const struct policy *p, const struct rule *r);

/*
 * A new session's secrets go there; without a file to nowhere, and not where
 * GnuTLS would put them by itself.  conn->lock held.
 */
void keylog_set(struct conn *c);

/* The handshake is over: the secret of a resumed session of TLS 1.2. */
void keylog_settle(struct conn *c);

void keylog_after_fork(void);

#endif
