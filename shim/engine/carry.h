/*
 * carry.h - bytes between a program's buffers and its conn, as one call
 *
 * Both judge the buffers (argument.h), not the array or its count.  They
 * answer as libc does; flags as recv(2) and send(2).
 */
#ifndef ENGINE_CARRY_H
#define ENGINE_CARRY_H

#include <sys/types.h>
#include <sys/uio.h>

struct call;

ssize_t carry_in(int fd, const struct iovec *iov, int n, int flags);
ssize_t carry_out(int fd, const struct iovec *iov, int n, int flags);

/* The end of such a call: rv, a count or a negative errno, as libc's. */
ssize_t carry_end(struct call *k, int fd, ssize_t rv);

/*
 * The engine has done its work: what handlers wrote and closed meanwhile
 * (thread.h) is written and closed, in their order.
 */
void carry_kept(void);

/* -1 and errno, as a call that was refused for its arguments answers. */
ssize_t carry_refused(int err);

#endif
