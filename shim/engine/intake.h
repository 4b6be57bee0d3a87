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

#endif
