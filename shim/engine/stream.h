/*
 * stream.h - what both directions of the record path share (locked, all)
 */
#ifndef ENGINE_STREAM_H
#define ENGINE_STREAM_H

#include "conn.h"

/*
 * Brings c to OPEN and claims it; p->until becomes the deadline that option
 * (SO_RCVTIMEO or SO_SNDTIMEO) sets.  0 or a negative errno.
 */
int stream_ready(struct conn *c, int fd, int option, struct patience *p);

/*
 * GnuTLS gave a fatal code: FAILED, logged once.  Returns the negative errno.
 */
int stream_break(struct conn *c, int code);

/* The bytes that an iovec holds. */
size_t stream_room(const struct iovec *iov, int n);

#endif
