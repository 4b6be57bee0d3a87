/*
 * intake.h - ciphertext from the socket
 *
 * A recv that does not wait is made with the conn's lock, so that what is left
 * of a record may stay in the thread's buffer; before one that waits it goes
 * to the heap, where other threads may take it.
 */
#ifndef ENGINE_INTAKE_H
#define ENGINE_INTAKE_H

#include "conn.h"

/*
 * Gets more ciphertext into c->in.  Locked; unlocks while it waits.  Returns
 * bytes (> 0), 0 at end of file (c->in_eof), or a negative errno: -EAGAIN
 * when it may not wait or p->until has passed.  While another thread
 * receives, waits for that one and returns 1.
 */
ssize_t wait_input(struct conn *c, int fd, const struct patience *p);

/* The same, and about as much as makes room bytes of plaintext. */
ssize_t wait_input_for(
    struct conn *c, int fd, size_t room, const struct patience *p);

/*
 * About what becomes room bytes, if the peer fills its records: what is more
 * would only have to be kept for the next call.  A record at least.
 */
static inline size_t
intake_worth(const struct conn *c, size_t room)
{
	size_t left = bytes_left(&c->in), n = INPUT_SIZE;

	if (room < BUFFER_SIZE)
		n = room + 22 * (room / RECORD_SIZE + 1);
	n = n > left ? n - left : 0;
	if (n < RECORD_MOST)
		return RECORD_MOST;
	return n < INPUT_SIZE ? n : INPUT_SIZE;
}

/*
 * Locked, with rx, which it gives back: n is what a recv of len bytes into the
 * thread's buffer has said, at INPUT_BEFORE of it.  Returns it, or -ENOMEM.
 */
ssize_t intake_take(struct conn *c, unsigned char *at, size_t len, ssize_t n);

#endif
