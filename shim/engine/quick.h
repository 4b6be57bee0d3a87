/*
 * quick.h - one record read or written, where nothing else is to be done
 *
 * Most of what a short message costs is the code that it comes by, which the
 * kernel's TCP has driven out of the nearest cache meanwhile (`perf record` of
 * a ping-pong: an instruction of ours takes three times as long as in a loop).
 * So the ordinary way of nearly every read and write is here once more, in one
 * piece: a row of comparisons, one record, one system call.  What is not as it
 * mostly is goes the way of stream_in.c and stream_out.c, from the start or
 * from where that has come to; both answers mean the same.
 *
 * Locked, and unlocked while they wait.
 */
#ifndef ENGINE_QUICK_H
#define ENGINE_QUICK_H

#include "conn.h"

/*
 * stream_read's, with no flag but MSG_DONTWAIT: a count, a negative errno, or
 * 0: read on in the ordinary way, which finds what has come meanwhile.
 */
ssize_t quick_read(
    struct conn *c, int fd, const struct iovec *v, const struct patience *p);

/* stream_write's: the same, and 0 means that nothing has happened. */
ssize_t quick_write(struct conn *c, int fd, const struct iovec *v, int flags);

#endif
