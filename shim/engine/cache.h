/*
 * cache.h - sessions that a client may resume: in this process, or in a file
 * for all of its user's
 *
 * An entry holds a session's secrets: whoever has one frees it by
 * cache_entry_free, which wipes it, and none of it is ever logged.
 *
 * Concurrency
 *	What is in memory has one lock of its own, held for a walk over 128
 *	heads and never while anything is waited for or another lock is
 *	wanted.  It is only tried: a signal handler may connect() on top of a
 *	thread that has it, and then there is nothing to resume.  A child of
 *	fork has a copy of all entries, so that a ticket may be used by both.
 *	The file is locked by flock on a descriptor of each call's own, with
 *	signals blocked, for a few reads and writes; a lock that cannot be had
 *	within 5 ms means that there is nothing to resume, or to keep.
 */
#ifndef ENGINE_CACHE_H
#define ENGINE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../policy/policy.h"

enum {
	CACHE_KEY = 32,
	CACHE_MEMORY = 128,  /* entries in memory */
	CACHE_PER_KEY = 8,   /* tickets of TLS 1.3 for one server */
	CACHE_USES = 16,     /* of the last of them */
	CACHE_NAME = 255,
	CACHE_DATA = 16000,  /* bytes; a session with more is not kept */
	CACHE_TLS13 = 0x0304,
};

/* What is known of an entry without its secrets; times are of the clock. */
struct cache_head {
	bool used; /* false: nothing is here */
	unsigned char key[CACHE_KEY];
	int64_t since;  /* of its full handshake */
	int64_t stored;
	int64_t until;  /* not to be used from then on */
	uint32_t lifetime; /* s, that the server's ticket said; 0: nothing */
	uint32_t len;   /* bytes of data */
	uint16_t version, port, uses;
};

struct cache_entry {
	struct cache_head head;
	char name[CACHE_NAME + 1];
	unsigned char *data; /* owned; what GnuTLS gave */
};

/* Since the file was made, or since the process began. */
struct cache_counts {
	uint64_t taken, missed, stored, forgotten, full, expired;
};

void cache_entry_free(struct cache_entry *e); /* data alone; wipes */

/*
 * Takes an entry for key: true, and *out is the caller's.  file: where
 * entries are kept, NULL: in memory.
 */
bool cache_take(const char *file, const unsigned char *key, int64_t now,
    struct cache_entry *out);

/* Keeps a copy of e. */
void cache_put(const char *file, const struct cache_entry *e, int64_t now);

/* None of key is good for anything any more. */
void cache_forget(const char *file, const unsigned char *key);

/* No lock: is there anything in memory? */
bool cache_has_any(void);

/* Of what is in memory, and of what was done with files. */
void cache_counts(struct cache_counts *out, size_t *number);

void cache_after_fork(void);

/* From now on no file is touched: the program filters its system calls. */
void cache_seal(void);

/*
 * The name of session.cache_file for this process: %u is its effective user's
 * number, %% a percent sign.  0, or -1 if it is too long.
 */
int cache_path(const char *file, char *buf, size_t len);

/*
 * cache_disk.c, for the tools: hands every good entry of the file to f, with
 * data NULL.  What is damaged is counted in *damaged.  0, or -1 and a fault.
 */
int cache_disk_read(const char *file, struct cache_counts *counts,
    size_t *damaged,
    void (*f)(const struct cache_entry *e, void *arg), void *arg,
    struct fault *fault);

/* Empties it.  The number of entries that were in it, or -1 and a fault. */
int cache_disk_clear(const char *file, struct fault *fault);

#endif
