/*
 * slot.h - which processes hold a connection, who uses its session, and the
 * close_notify that the last of them sends
 *
 * Slots lie in shared arenas that forked processes inherit; when one is full
 * another is mapped.  All functions are lock-free and may be called from any
 * thread; none allocates but slot_init and slot_new.  A NULL slot (no memory
 * for an arena) is accepted everywhere: it stands for "this process alone".
 *
 * holders counts the processes with a descriptor.  A session has two uses,
 * reading and writing, since TLS gives each direction keys and sequence
 * numbers of its own: a process may read what another's child writes (rsync).
 * Each use belongs to the first process that needs it after a fork; a second
 * one would reuse nonces (RFC 8446, 5.3).
 *
 * A use is told by its stamp, a number in the slot and a copy in each
 * process: odd while it belongs to somebody, even while the first to ask gets
 * it.  Whoever takes a use makes it odd, whoever offers it at a fork makes it
 * the next even number, so that a copy that was left behind by an earlier
 * fork matches never again.  A child whose copy is odd was not offered it.
 *
 * The close record is written by the owner before it lets go, so that whoever
 * brings holders to 0 finds it complete.
 */
#ifndef ENGINE_SLOT_H
#define ENGINE_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct slot;

enum slot_use { SLOT_RX, SLOT_TX, SLOT_USES };

#define SLOT_NEVER UINT32_MAX /* the stamp of a use that is not to be had */

#define SLOT_RECORD 72 /* a close_notify record is at most 69 bytes (CBC) */

/* Maps the first arena; 0 or a negative errno.  Once a process tree. */
int slot_init(void);

/*
 * A slot held by pid alone, with the stamps of its uses; NULL when there is
 * no memory for one.
 */
struct slot *slot_new(pid_t pid, uint32_t stamp[SLOT_USES]);

/* The socket that s is about (SO_COOKIE). */
void slot_name(struct slot *s, uint64_t cookie);

/* True if some process of this tree holds a slot of that socket. */
bool slot_known(uint64_t cookie);

/*
 * Before fork(): one more holder, not known yet.  Returns what slot_join and
 * slot_cancel want to be told.
 */
int slot_expect(struct slot *s);

/*
 * In the child: the holder that slot_expect announced is pid, or with pid 0
 * one whose number says nothing (it is of another pid namespace).  False if
 * nobody waits for it any more: the slot is not ours to touch.
 */
bool slot_join(struct slot *s, int expected, pid_t pid);

/*
 * In the parent: the child is pid, in case it dies before it joins; or the
 * fork has failed.
 */
void slot_meet(struct slot *s, int expected, pid_t pid);
void slot_cancel(struct slot *s, int expected);

/*
 * May this process use the session so?  True if it does already or is the
 * first to ask; stamp is its own copy.
 */
bool slot_claim(struct slot *s, enum slot_use use, uint32_t *stamp);

/* Claimed and not used: as it was before. */
void slot_unclaim(struct slot *s, enum slot_use use, uint32_t *stamp);

/* Before fork(), use idle: the first to ask after it gets it. */
void slot_offer(struct slot *s, enum slot_use use, uint32_t *stamp);

/* True if nobody has claimed this use since it was offered to us too. */
bool slot_undecided(
    const struct slot *s, enum slot_use use, uint32_t stamp);

/* True if this process has the use already; others may not, or not yet. */
static inline bool
slot_owned(const struct slot *s, uint32_t stamp)
{
	return stamp != SLOT_NEVER && (s == NULL || (stamp & 1));
}

/* In the child of a fork: the copy of a use that was not offered. */
static inline uint32_t
slot_inherited(uint32_t stamp)
{
	return stamp & 1 ? SLOT_NEVER : stamp;
}

/* True if no other living process holds it. */
bool slot_alone(struct slot *s, pid_t pid);

/*
 * Before an exec, which closes pid's descriptors and not its life: it is no
 * holder any more, if there are others (else false).  slot_step_in: the exec
 * has failed; false if the others have ended the connection (cookie: its
 * socket's) meanwhile.
 */
bool slot_step_out(struct slot *s, pid_t pid);
bool slot_step_in(struct slot *s, pid_t pid, uint64_t cookie);

/*
 * A holder that execs is let go by another one, when that is done; by then the
 * next image may have ended, and a third holder have found it dead.  So it is
 * asked before the exec whether s knows pid by name: if so (named) whoever
 * takes that away counts it out, and nobody a second time.
 */
bool slot_names(const struct slot *s, pid_t pid);
void slot_leave_for(struct slot *s, pid_t pid, bool named);

/* The owner leaves the record that ends the session (len may be 0). */
void slot_leave_record(struct slot *s, const void *record, size_t len);

/* What the last holder finds. */
struct slot_end {
	size_t len; /* of the record left; 0: none */
	unsigned char record[SLOT_RECORD];
	uint32_t stamp[SLOT_USES];
};

/*
 * pid (0: one that slot_join was not told) lets go.  Holders that have died
 * are not counted.  True if pid was the last; then *end says what it finds,
 * and the slot is free again.  end NULL: whoever it is finds nothing to do.
 */
bool slot_leave(struct slot *s, pid_t pid, struct slot_end *end);

/* The same right after slot_alone: who has died is not looked for again. */
bool slot_leave_asked(struct slot *s, pid_t pid, struct slot_end *end);

#endif
