/* carry.c - bytes between a program's buffers and its conn, as one call */

#include <string.h>

#include "argument.h"
#include "call.h"
#include "carry.h"
#include "epoll.h"
#include "thread.h"

/* A signal handler writes while this thread is at work in the engine. */
static ssize_t
keep(int fd, const struct iovec *iov, int n)
{
	char joined[THREAD_KEEP];
	size_t len = 0;
	int i;

	for (i = 0; i < n; i++) {
		if (iov[i].iov_len > sizeof joined - len)
			return -EAGAIN;
		memcpy(joined + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	return thread_keep(fd, joined, len);
}

static void
close_kept(int fd)
{
	struct call k;

	(void)call_enter(&k);
	epoll_close_set(fd);
	(void)descriptor_close(fd);
	(void)call_end(&k, 0);
}

void
carry_kept(void)
{
	char buf[THREAD_KEEP];
	int fd, saved = errno;
	size_t len;

	while ((len = thread_kept(&fd, buf)) > 0) {
		struct iovec v = {buf, len};
		struct call k;
		ssize_t n;

		if (len == THREAD_CLOSE) {
			close_kept(fd);
			thread_kept_done();
			continue;
		}
		n = call_begin(&k, fd);
		/* it was taken: a further signal is no reason to lose it */
		while (v.iov_len > 0 && (n >= 0 || n == -EINTR)) {
			n = stream_write(k.c, fd, &v, 1, 0);
			if (n > 0) {
				v.iov_base = (char *)v.iov_base + n;
				v.iov_len -= (size_t)n;
			}
		}
		(void)call_end(&k, 0);
		thread_kept_done();
	}
	errno = saved;
}

/*
 * What no socket answers says that the number was closed past every hook:
 * the program gets that errno once, and from then on what stands there.
 */
ssize_t
carry_end(struct call *k, int fd, ssize_t rv)
{
	if (k->c != NULL && (rv == -EBADF || rv == -ENOTSOCK))
		(void)table_verify(fd);
	return call_end(k, rv);
}

/*
 * The program's buffer cannot be used: that counts only once there is
 * something for it (the kernel copies last).
 */
static ssize_t
read_nowhere(struct conn *c, int fd, int flags)
{
	char byte;
	ssize_t rv = stream_read(c, fd, &(struct iovec){&byte, 1}, 1,
	    (flags & MSG_DONTWAIT) | MSG_PEEK);

	return rv > 0 ? -EFAULT : rv;
}

/* As above: whether it may write at all comes first. */
static ssize_t
write_nowhere(struct conn *c, int fd, int flags)
{
	ssize_t rv = stream_write(c, fd, NULL, 0, flags);

	return rv < 0 ? rv : -EFAULT;
}

static inline bool
seen(const struct iovec *iov, int n, enum argument_access a)
{
	return n == 1 && argument_seen(iov->iov_base, iov->iov_len, a);
}

void
carry_begin(struct call *k, int fd)
{
	pthread_testcancel();
	(void)call_begin(k, fd);
}

int
carry_begun(const struct call *k)
{
	if (k->cancel == -1)
		return -EAGAIN;
	return k->c != NULL ? 0 : -EBADF;
}

int
carry_number(const struct call *k, int fd)
{
	return k->c != NULL ? table_number(fd, k->c) : fd;
}

ssize_t
carry_read(struct call *k, int fd, const struct iovec *iov, int n, int flags)
{
	int rv = carry_begun(k);

	if (rv < 0)
		return rv;
	if (flags & MSG_OOB)
		return -EINVAL;
	if (!seen(iov, n, FOR_WRITING) && !(flags & MSG_TRUNC) &&
	    !argument_writable(iov, n))
		return read_nowhere(k->c, fd, flags);
	return stream_read(k->c, fd, iov, n, flags);
}

ssize_t
carry_write(struct call *k, int fd, const struct iovec *iov, int n, int flags)
{
	bool good = seen(iov, n, FOR_READING) || argument_readable(iov, n);
	ssize_t rv = carry_begun(k);

	if (rv == 0)
		rv = good ? stream_write(k->c, fd, iov, n, flags)
			  : write_nowhere(k->c, fd, flags);
	/* a handler interrupted this thread at work, or holding its turn */
	if (rv == -EAGAIN && good && (k->cancel == -1 || thread_nested()) &&
	    wait_allowed(fd, flags))
		rv = keep(fd, iov, n);
	return rv;
}

ssize_t
carry_in(int fd, const struct iovec *iov, int n, int flags)
{
	struct call k;

	carry_begin(&k, fd);
	return carry_end(&k, fd, carry_read(&k, fd, iov, n, flags));
}

ssize_t
carry_out(int fd, const struct iovec *iov, int n, int flags)
{
	struct call k;

	carry_begin(&k, fd);
	return carry_end(&k, fd, carry_write(&k, fd, iov, n, flags));
}

ssize_t
carry_refused(int err)
{
	errno = err;
	return -1;
}
