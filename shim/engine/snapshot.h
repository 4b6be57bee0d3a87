/*
 * snapshot.h - the policy and what its rules have loaded, as of one moment
 *
 * Concurrency
 *	A snapshot's policy never changes, and the credentials of a rule are
 *	published once, so who holds a reference reads both without a lock.
 *	snapshot_get takes no lock, since a signal handler may accept(): it
 *	counts up only from above 0, and looks for the current one again where
 *	it met 0, or where that is another one by then.  The few bytes that hold
 *	the count are therefore never freed, only what they lead to: the next
 *	snapshot that is read gets them, and there are as many as were held at
 *	one time.
 *	The lock `loading` guards the reading of credentials, once each.
 *	reload_interval: who comes first after the interval takes `reloading`
 *	by trylock and reads the new snapshot, which nobody else knows of yet,
 *	with no other lock held; others go on with the old one meanwhile and
 *	never wait for a file.  Then one pointer changes.
 *	Lock order: reloading, loading.  Neither is held with a conn's lock
 *	wanted.  A child of fork gets both anew: a reload that another thread
 *	was at is not its own.
 *	Each conn holds a reference for its rule and credentials: what it began
 *	with stays until its session is gone.
 */
#ifndef ENGINE_SNAPSHOT_H
#define ENGINE_SNAPSHOT_H

#include "../../policy/credentials.h"

struct snapshot;

/*
 * Reads the policy; its fault stays for snapshot_fault.  program, script: who
 * we are, borrowed for ever.  Once, before any other call.
 */
void snapshot_init(const char *program, const char *script);

/* Is there a policy at all?  Never changes after snapshot_init. */
bool snapshot_ready(void);
const struct fault *snapshot_fault(void);

/* The current one, anew where its time has come; NULL: there is no policy. */
struct snapshot *snapshot_get(void);
struct snapshot *snapshot_hold(struct snapshot *s); /* one reference more */
void snapshot_put(struct snapshot *s); /* accepts NULL */

const struct policy *snapshot_policy(const struct snapshot *s);

/*
 * The credentials of r, a rule of s: read at the first call; NULL and a fault
 * if that fails.  They live as long as s.
 */
const struct credentials *snapshot_credentials(
    struct snapshot *s, const struct rule *r, struct fault *f);

/* The same without reading: NULL where that has not been done. */
const struct credentials *snapshot_loaded(
    struct snapshot *s, const struct rule *r);

/* Reads those of every rule that could be this program's: files are about to
 * go out of reach. */
void snapshot_leave(void);

/* Does a connection of this rule take a session of ours? */
bool snapshot_needs_files(const struct rule *r);

void snapshot_after_fork(void);

#endif
