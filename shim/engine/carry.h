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

/*
 * The same in parts, for calls that move bytes more than once: the kernel looks
 * their number up at the beginning, and what others make of it meanwhile is
 * none of theirs.  carry_begun: 0, or a negative errno, with which the rest
 * answers too.  carry_number: the number that the conn has now, for each further
 * part.  carry_read and carry_write answer a count or a negative errno, carry_end
 * what libc does.
 */
void carry_begin(struct call *k, int fd);
int carry_begun(const struct call *k);
int carry_number(const struct call *k, int fd);
ssize_t carry_read(
    struct call *k, int fd, const struct iovec *iov, int n, int flags);
ssize_t carry_write(
    struct call *k, int fd, const struct iovec *iov, int n, int flags);
ssize_t carry_end(struct call *k, int fd, ssize_t rv);

/*
 * The engine has done its work: what handlers wrote and closed meanwhile
 * (thread.h) is written and closed, in their order.
 */
void carry_kept(void);

/* -1 and errno, as a call that was refused for its arguments answers. */
ssize_t carry_refused(int err);

#endif
