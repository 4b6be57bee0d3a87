/* calls_stream.c - the calls that move bytes */

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "call.h"
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

/* The engine has done its work: what handlers wrote meanwhile goes out. */
static void
write_kept(void)
{
	char buf[THREAD_KEEP];
	int fd, saved = errno;
	size_t len;

	while ((len = thread_kept(&fd, buf)) > 0) {
		struct iovec v = {buf, len};
		struct call k;
		ssize_t n = call_begin(&k, fd);

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

static ssize_t
in(int fd, const struct iovec *iov, int n, int flags)
{
	struct call k;
	ssize_t rv = call_begin(&k, fd);

	if (rv == 0)
		rv = flags & MSG_OOB ? -EINVAL
				     : stream_read(k.c, fd, iov, n, flags);
	rv = call_end(&k, rv);
	if (k.cancel != -1)
		write_kept();
	return rv;
}

static ssize_t
out(int fd, const struct iovec *iov, int n, int flags)
{
	struct call k;
	ssize_t rv = call_begin(&k, fd);

	if (rv == 0)
		rv = stream_write(k.c, fd, iov, n, flags);
	/* a handler interrupted this thread at work, or holding its turn */
	if (rv == -EAGAIN && (k.cancel == -1 || thread_nested()) &&
	    wait_allowed(fd, flags))
		rv = keep(fd, iov, n);
	rv = call_end(&k, rv);
	if (k.cancel != -1)
		write_kept();
	return rv;
}

static bool
empty(const struct iovec *iov, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (iov[i].iov_len > 0)
			return false;
	return true;
}

static ssize_t
bad_count(void)
{
	errno = EINVAL;
	return -1;
}

static ssize_t
do_read(int fd, void *buf, size_t len)
{
	/* the kernel answers a read of nothing before it asks the socket */
	return len == 0 ? 0 : in(fd, &(struct iovec){buf, len}, 1, 0);
}

static ssize_t
do_write(int fd, const void *buf, size_t len)
{
	return out(fd, &(struct iovec){(void *)buf, len}, 1, 0);
}

static ssize_t
do_readv(int fd, const struct iovec *iov, int n)
{
	if (n < 0 || n > IOV_MAX)
		return bad_count();
	return empty(iov, n) ? 0 : in(fd, iov, n, 0);
}

static ssize_t
do_writev(int fd, const struct iovec *iov, int n)
{
	if (n < 0 || n > IOV_MAX)
		return bad_count();
	return out(fd, iov, n, 0);
}

/* A socket has no offset: -1 means "as readv", others are ESPIPE. */
static ssize_t
do_preadv2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	if (off != -1) {
		errno = ESPIPE;
		return -1;
	}
	if (n < 0 || n > IOV_MAX)
		return bad_count();
	return empty(iov, n)
	    ? 0
	    : in(fd, iov, n, flags & RWF_NOWAIT ? MSG_DONTWAIT : 0);
}

static ssize_t
do_pwritev2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	if (off != -1) {
		errno = ESPIPE;
		return -1;
	}
	if (n < 0 || n > IOV_MAX)
		return bad_count();
	return out(fd, iov, n, flags & RWF_NOWAIT ? MSG_DONTWAIT : 0);
}

static ssize_t
do_recv(int fd, void *buf, size_t len, int flags)
{
	return in(fd, &(struct iovec){buf, len}, 1, flags);
}

static ssize_t
do_send(int fd, const void *buf, size_t len, int flags)
{
	return out(fd, &(struct iovec){(void *)buf, len}, 1, flags);
}

/* TCP says nothing of the sender: a length of 0 (recvfrom in net/socket.c). */
static ssize_t
do_recvfrom(int fd, void *buf, size_t len, int flags, __SOCKADDR_ARG addr,
    socklen_t *alen)
{
	ssize_t rv = do_recv(fd, buf, len, flags);

	if (rv >= 0 && addr.__sockaddr__ != NULL && alen != NULL)
		*alen = 0;
	return rv;
}

/*
 * The address is ignored on a connected socket.  A fast open would carry
 * plaintext in its SYN: as on a kernel that has it switched off.
 */
static ssize_t
do_sendto(int fd, const void *buf, size_t len, int flags,
    __CONST_SOCKADDR_ARG addr, socklen_t alen)
{
	if (flags & MSG_FASTOPEN) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return do_send(fd, buf, len, flags);
}

static ssize_t
do_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t rv;

	if (flags & MSG_ERRQUEUE)
		return host->libc->recvmsg(fd, msg, flags);
	if (msg->msg_iovlen > IOV_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	rv = in(fd, msg->msg_iov, (int)msg->msg_iovlen, flags);
	if (rv >= 0) {
		msg->msg_namelen = 0;
		msg->msg_controllen = 0;
		msg->msg_flags = flags & MSG_CMSG_CLOEXEC;
	}
	return rv;
}

static ssize_t
do_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (flags & MSG_FASTOPEN) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (msg->msg_iovlen > IOV_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	return out(fd, msg->msg_iov, (int)msg->msg_iovlen, flags);
}

/* One result row each; an error after the first message waits for the next
 * call (recvmmsg(2)). */
static int
do_recvmmsg(int fd, struct mmsghdr *vec, unsigned n, int flags,
    struct timespec *timeout)
{
	unsigned i;
	int first = flags & ~MSG_WAITFORONE;

	for (i = 0; i < n; i++) {
		ssize_t rv = do_recvmsg(fd, &vec[i].msg_hdr, first);

		if (rv < 0)
			return i > 0 ? (int)i : -1;
		vec[i].msg_len = (unsigned)rv;
		if (rv == 0)
			return (int)i + 1;
		if (flags & MSG_WAITFORONE)
			first |= MSG_DONTWAIT;
	}
	return (int)i;
}

static int
do_sendmmsg(int fd, struct mmsghdr *vec, unsigned n, int flags)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		ssize_t rv = do_sendmsg(fd, &vec[i].msg_hdr, flags);

		if (rv < 0)
			return i > 0 ? (int)i : -1;
		vec[i].msg_len = (unsigned)rv;
	}
	return (int)i;
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

static ssize_t
do_recvfrom_chk(int fd, void *buf, size_t len, size_t size, int flags,
    __SOCKADDR_ARG addr, socklen_t *alen)
{
	if (len > size)
		abort();
	return do_recvfrom(fd, buf, len, flags, addr, alen);
}

/* Bytes of the file that a send took; what it did not take stays unread. */
static ssize_t
send_piece(int fd, int from, off64_t *off, char *buf, size_t len)
{
	ssize_t got, sent;

	got = off != NULL ? pread64(from, buf, len, *off)
			  : host->libc->read(from, buf, len);
	if (got <= 0)
		return got;
	sent = do_write(fd, buf, (size_t)got);
	if (off != NULL && sent > 0)
		*off += sent;
	if (off == NULL && sent < got)
		(void)lseek64(from, (sent > 0 ? sent : 0) - got, SEEK_CUR);
	return sent;
}

static ssize_t
do_sendfile64(int fd, int from, off64_t *off, size_t len)
{
	size_t done = 0, cap = 1 << 16;
	char *buf;

	if (!table_has(fd)) { /* out of a governed socket */
		errno = EINVAL;
		return -1;
	}
	buf = malloc(cap);
	if (buf == NULL) {
		errno = ENOMEM;
		return -1;
	}
	while (done < len) {
		size_t want = len - done < cap ? len - done : cap;
		ssize_t n = send_piece(fd, from, off, buf, want);

		if (n < 0 && done == 0) {
			free(buf);
			return -1;
		}
		if (n <= 0)
			break;
		done += (size_t)n;
		if ((size_t)n < want)
			break;
	}
	free(buf);
	return (ssize_t)done;
}

static ssize_t
do_sendfile(int fd, int from, off_t *off, size_t len)
{
	return do_sendfile64(fd, from, off, len);
}

/* Callers fall back to read and write, as on files that cannot splice. */
static ssize_t
do_splice(int fd, off64_t *off, int other, off64_t *oout, size_t len,
    unsigned flags)
{
	errno = EINVAL;
	return -1;
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
	c->recvfrom = do_recvfrom;
	c->recvmsg = do_recvmsg;
	c->recvmmsg = do_recvmmsg;
	c->send = do_send;
	c->sendto = do_sendto;
	c->sendmsg = do_sendmsg;
	c->sendmmsg = do_sendmmsg;
	c->__read_chk = do_read_chk;
	c->__recv_chk = do_recv_chk;
	c->__recvfrom_chk = do_recvfrom_chk;
	c->sendfile = do_sendfile;
	c->sendfile64 = do_sendfile64;
	c->splice = do_splice;
}
