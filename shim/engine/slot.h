/*
 * slot.h - which processes hold a connection, who owns its session, and the
 * close_notify that the last of them sends
 *
 * Slots lie in one shared arena that forked processes inherit.  All functions
 * are lock-free and may be called from any thread; none allocates but
 * slot_init.  A NULL slot (the arena was full) is accepted everywhere: it
 * stands for "this process alone".
 *
 * holders counts the processes with a descriptor.  owner is the process that
 * may use the session: 0 until the first use, and again from a fork until the
 * first use after it.  The close record is written by the owner before it
 * lets go, so that whoever brings holders to 0 finds it complete.
 */
#ifndef ENGINE_SLOT_H
#define ENGINE_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct slot;

#define SLOT_RECORD 72 /* a close_notify record is at most 69 bytes (CBC) */

/* Maps the arena; 0 or a negative errno.  Once a process tree. */
int slot_init(void);

/* A slot held by pid alone, or NULL when the arena is full. */
struct slot *slot_new(pid_t pid);

/* The socket that s is about (SO_COOKIE). */
void slot_name(struct slot *s, uint64_t cookie);

/* True if some process of this tree holds a slot of that socket. */
bool slot_known(uint64_t cookie);

/* Before fork(): one more holder, not known yet. */
void slot_expect(struct slot *s);

/* In the child: the holder that slot_expect announced is pid. */
void slot_join(struct slot *s, pid_t pid);

/* May pid use the session?  True if it owns it or is the first to ask. */
bool slot_claim(struct slot *s, pid_t pid);

/* Before fork(), session idle: the first use after it decides anew. */
void slot_disown(struct slot *s, pid_t pid);

/* True if no process has used the session since it could have moved. */
bool slot_undecided(const struct slot *s);

/* True if no other living process holds it. */
bool slot_alone(struct slot *s, pid_t pid);

/* The owner leaves the record that ends the session (len may be 0). */
void slot_leave_record(struct slot *s, const void *record, size_t len);

/*
 * pid lets go.  Holders that have died are not counted.  True if pid was the
 * last; then rec (SLOT_RECORD bytes) and *len get the record left, *len 0
 * if there is none, and the slot is free again.
 */
bool slot_drop(struct slot *s, pid_t pid, void *rec, size_t *len);

#endif
