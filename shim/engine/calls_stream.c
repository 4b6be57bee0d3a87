/* calls_stream.c - read, write, recv, send and their vectors */

#include <limits.h>
#include <stdlib.h>

#include "argument.h"
#include "call.h"
#include "carry.h"
#include "quick.h"

static bool
empty(const struct iovec *iov, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (iov[i].iov_len > 0)
			return false;
	return true;
}

/* What the kernel judges before it asks the socket (vfs_read). */
static inline int
judge(const struct iovec *v, enum argument_access a)
{
	if (likely(argument_seen(v->iov_base, v->iov_len, a)))
		return 0;
	if ((uintptr_t)v->iov_base > INTPTR_MAX || argument_iovec(v, 1) < 0)
		return -EFAULT;
	return 0;
}

OFTEN static ssize_t
do_read(int fd, void *buf, size_t len)
{
	struct iovec v = {buf, len};
	ssize_t n = quick_read(fd, buf, len, 0);

	if (likely(n != QUICK_NOT))
		return n;
	if (judge(&v, FOR_WRITING) < 0)
		return carry_refused(EFAULT);
	/* a read of nothing is answered before the socket is asked, too */
	return len == 0 ? 0 : carry_in(fd, &v, 1, 0);
}

OFTEN static ssize_t
do_write(int fd, const void *buf, size_t len)
{
	struct iovec v = {(void *)buf, len};
	ssize_t n = quick_write(fd, buf, len, 0);

	if (likely(n != QUICK_NOT))
		return n;
	if (judge(&v, FOR_READING) < 0)
		return carry_refused(EFAULT);
	return carry_out(fd, &v, 1, 0);
}

/* -1 and errno, or 1: go on. */
static int
judge_vector(const struct iovec *iov, int n)
{
	int rv = n < 0 || n > IOV_MAX ? -EINVAL : argument_iovec(iov, n);

	return rv < 0 ? (int)carry_refused(-rv) : 1;
}

static ssize_t
do_readv(int fd, const struct iovec *iov, int n)
{
	if (judge_vector(iov, n) < 0)
		return -1;
	return empty(iov, n) ? 0 : carry_in(fd, iov, n, 0);
}

static ssize_t
do_writev(int fd, const struct iovec *iov, int n)
{
	if (judge_vector(iov, n) < 0)
		return -1;
	return empty(iov, n) ? 0 : carry_out(fd, iov, n, 0);
}

/*
 * A socket has no offset: -1 means "as readv", others are ESPIPE.  0: nothing
 * to do; 1: go on; -1 and errno.
 */
static int
judge_position(const struct iovec *iov, int n, off_t off, int flags)
{
	if (off != -1)
		return (int)carry_refused(off < 0 ? EINVAL : ESPIPE);
	if (judge_vector(iov, n) < 0)
		return -1;
	if (empty(iov, n))
		return 0;
	if (flags &
	    ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))
		return (int)carry_refused(EOPNOTSUPP);
	return 1;
}

static ssize_t
do_preadv2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	int rv = judge_position(iov, n, off, flags);

	return rv <= 0
	    ? rv
	    : carry_in(fd, iov, n, flags & RWF_NOWAIT ? MSG_DONTWAIT : 0);
}

static ssize_t
do_pwritev2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	int rv = judge_position(iov, n, off, flags);

	return rv <= 0
	    ? rv
	    : carry_out(fd, iov, n, flags & RWF_NOWAIT ? MSG_DONTWAIT : 0);
}

/* Unlike read(2), recv(2) first takes what is too long for a count off it. */
static int
judge_short(struct iovec *v, enum argument_access a)
{
	if (v->iov_len > CALL_MOST)
		v->iov_len = CALL_MOST;
	return judge(v, a);
}

OFTEN static ssize_t
do_recv(int fd, void *buf, size_t len, int flags)
{
	struct iovec v = {buf, len};
	ssize_t n = quick_read(fd, buf, len, flags);

	if (likely(n != QUICK_NOT))
		return n;
	if (flags & MSG_ERRQUEUE)
		return host->libc->recv(fd, buf, len, flags);
	if (judge_short(&v, FOR_WRITING) < 0)
		return carry_refused(EFAULT);
	return carry_in(fd, &v, 1, flags);
}

OFTEN static ssize_t
do_send(int fd, const void *buf, size_t len, int flags)
{
	struct iovec v = {(void *)buf, len};
	ssize_t n = quick_write(fd, buf, len, flags);

	if (likely(n != QUICK_NOT))
		return n;
	if (judge_short(&v, FOR_READING) < 0)
		return carry_refused(EFAULT);
	return carry_out(fd, &v, 1, flags);
}

/* Fortified names: the object's size is known and too small is fatal. */
static ssize_t
do_read_chk(int fd, void *buf, size_t len, size_t size)
{
	if (len > size)
		abort();
	return do_read(fd, buf, len);
}

static ssize_t
do_recv_chk(int fd, void *buf, size_t len, size_t size, int flags)
{
	if (len > size)
		abort();
	return do_recv(fd, buf, len, flags);
}

void
calls_stream(struct shim_calls *c)
{
	c->read = do_read;
	c->write = do_write;
	c->readv = do_readv;
	c->writev = do_writev;
	c->preadv2 = do_preadv2;
	c->pwritev2 = do_pwritev2;
	c->preadv64v2 = do_preadv2;
	c->pwritev64v2 = do_pwritev2;
	c->recv = do_recv;
	c->send = do_send;
	c->__read_chk = do_read_chk;
	c->__recv_chk = do_recv_chk;
	calls_message(c);
	calls_file(c);
	calls_splice(c);
}
