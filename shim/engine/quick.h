/*
 * quick.h - one record read or written, where nothing else is to be done
 *
 * Most of what a short message costs is the code that it comes by, which the
 * kernel's TCP has driven out of the nearest cache meanwhile (`perf record` of
 * a ping-pong: an instruction of ours takes three times as long as in a loop).
 * So the ordinary way of nearly every read and write is here once more, in one
 * piece and from the program's call on: a row of comparisons, one record, one
 * system call.  What is not as it mostly is goes the way of carry.c and stream.h,
 * from the start or from where that has come to; both answer the same.
 */
#ifndef ENGINE_QUICK_H
#define ENGINE_QUICK_H

#include <sys/types.h>

#define QUICK_NOT (-2) /* nothing has happened: it is for the ordinary way */

/*
 * As recv(2) and send(2), on a governed fd.  Buffers are judged.  Any thread; in
 * a signal handler that interrupts the engine they answer QUICK_NOT.
 */
ssize_t quick_read(int fd, void *buf, size_t len, int flags);
ssize_t quick_write(int fd, const void *data, size_t len, int flags);

#endif
