/*
 * cache_file.h - the bytes of a file of sessions.  Pure: bytes in, entries
 * out, whatever the bytes are.
 *
 *	0	CACHE_HEADER bytes: magic, six counts
 *	4096	CACHE_SLOTS heads of CACHE_ROW bytes
 *	36864	CACHE_SLOTS places of CACHE_PLACE bytes: name, data
 *
 * Numbers are little endian.  The size never changes.  A place is written
 * before its head, and its old head is emptied before that, so that who is
 * killed on the way leaves an empty place; checksums tell what a machine that
 * lost power has left of it.  They are against accidents: who may write the
 * file may read it, too.
 */
#ifndef ENGINE_CACHE_FILE_H
#define ENGINE_CACHE_FILE_H

#include "cache.h"

enum {
	CACHE_HEADER = 64,
	CACHE_SLOTS = 256,
	CACHE_ROW = 96,
	CACHE_ROWS_AT = 4096,
	CACHE_PLACE = 16384,
	CACHE_PLACES_AT = CACHE_ROWS_AT + 32768,
	CACHE_TOP = CACHE_ROWS_AT + CACHE_SLOTS * CACHE_ROW,
	CACHE_SIZE = CACHE_PLACES_AT + CACHE_SLOTS * CACHE_PLACE,
};

enum cache_state {
	CACHE_GOOD,
	CACHE_NEW,     /* empty, or of zeros: somebody was about to begin it */
	CACHE_DAMAGED, /* it is one of ours, or was */
	CACHE_OTHER,   /* nothing says that it ever was */
};

/* top: the first bytes of a file of size bytes, as many as there are. */
enum cache_state cache_file_state(
    const unsigned char *top, size_t len, uint64_t size);

void cache_counts_read(const unsigned char *top, struct cache_counts *out);
void cache_header_write(unsigned char *top, const struct cache_counts *c);

/* One head; false: it is damaged, and *out empty. */
bool cache_row_read(const unsigned char *row, struct cache_head *out);

/*
 * The name and the data in a place of len bytes, as h says; false: damaged.
 * *out is the caller's.
 */
bool cache_place_read(const struct cache_head *h, const unsigned char *row,
    const unsigned char *place, size_t len, struct cache_entry *out);

/* Both of e; returns the bytes of place that are used. */
size_t cache_entry_write(
    const struct cache_entry *e, unsigned char *row, unsigned char *place);

/* A head that has changed, of a place that has not. */
void cache_row_write(const struct cache_head *h, unsigned char *row);

#endif
