/*
 * libc_stream.h - libc's own streams, which write to a number past every hook,
 * and those of ours that stand in for them
 *
 * Not for signal handlers.  libc's list of streams is read under its lock
 * where there are threads, and what was replaced is noted under one of ours.
 */
#ifndef ENGINE_LIBC_STREAM_H
#define ENGINE_LIBC_STREAM_H

#include <stdio.h>

#include "conn.h"

/*
 * c stands for fd now, and is not locked: streams of libc's that write to the
 * number, or to another copy of the same socket, reach the end of a relay's
 * pair, and so does everybody else; where no relay can have c, nothing
 * (libc_stream_silence).
 */
void libc_stream_take_over(int fd, struct conn *c);

/*
 * Those streams reach nothing: EBADF, but for stdin, stdout and stderr, under
 * whose variables a stream of ours over fd is put.
 */
void libc_stream_silence(int fd, struct conn *c);

/* In the child of a fork: another thread may have been at it. */
void libc_stream_forked(void);

/* Nothing stands for fd any more: libc's streams have it back. */
void libc_stream_give_back(int fd);

/*
 * libc is about to close the number of f, a stream of its own, which the
 * program may have got as a connection meanwhile: that ends, and what f still
 * holds for it is lost.
 */
void libc_stream_leave(FILE *f);

/*
 * Where f stands in for stdin, stdout or stderr: libc's own, under its
 * variable again, while f's number has become /dev/null.  NULL and errno if
 * that cannot be done; f itself where it stands in for none.
 */
FILE *libc_stream_behind(FILE *f);

/*
 * stdio.c: a stream over fd that goes through the exported calls; mode is "r",
 * "w+" and the like.  The caller's, to fclose; NULL and errno.
 */
FILE *stdio_open(int fd, const char *mode);

/* stdio.c: was f made by that? */
bool stdio_is_ours(FILE *f);

#endif
