/*
 * bytes.h - a queue of bytes that may begin in a buffer it has borrowed
 *
 * Ciphertext passes through a buffer of the thread; only what is left at the
 * end of a call is kept, on the heap, by bytes_settle.  No lock of its own:
 * the connection's lock guards it.
 */
#ifndef ENGINE_BYTES_H
#define ENGINE_BYTES_H

#include <stdbool.h>
#include <stddef.h>

struct bytes {
	unsigned char *base; /* owned unless borrowed; NULL when empty */
	size_t off;          /* first byte that has not been taken */
	size_t len;          /* end of what was put */
	size_t cap;
	bool borrowed; /* base belongs to the thread */
	bool secret;   /* plaintext: what is let go of is wiped; it stays set */
};

static inline size_t
bytes_left(const struct bytes *b)
{
	return b->len - b->off;
}

static inline unsigned char *
bytes_at(const struct bytes *b)
{
	return b->base == NULL ? NULL : b->base + b->off;
}

/* Looks at len bytes of buf (cap large) that stay the thread's. */
void bytes_borrow(
    struct bytes *b, unsigned char *buf, size_t len, size_t cap);

/* Where n bytes can be appended, by hand, and then len moved on; or NULL. */
unsigned char *bytes_room(struct bytes *b, size_t n);

/* Appends; 0 or -ENOMEM (nothing appended then). */
int bytes_put(struct bytes *b, const void *data, size_t len);

/* Drops n bytes from the front; releases an empty queue's memory. */
void bytes_take(struct bytes *b, size_t n);

/* What is borrowed and left moves to the heap; 0 or -ENOMEM (bytes lost). */
int bytes_settle(struct bytes *b);

void bytes_free(struct bytes *b);

#endif
