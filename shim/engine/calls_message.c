/* calls_message.c - messages with names and control data around their bytes */

#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "argument.h"
#include "call.h"
#include "carry.h"

/* What a header may be before anything is done for it (copy_msghdr). */
static int
judge(const struct msghdr *msg)
{
	if (argument_absurd(msg, sizeof *msg))
		return -EFAULT;
	if (msg->msg_name != NULL && (int)msg->msg_namelen < 0)
		return -EINVAL;
	if (msg->msg_iovlen > IOV_MAX)
		return -EMSGSIZE;
	return argument_iovec(msg->msg_iov, (int)msg->msg_iovlen);
}

/* TCP says nothing of the sender: a length of 0 (recvfrom in net/socket.c). */
static ssize_t
do_recvfrom(int fd, void *buf, size_t len, int flags, __SOCKADDR_ARG addr,
    socklen_t *alen)
{
	ssize_t rv = engine_calls()->recv(fd, buf, len, flags);
	struct iovec v = {alen, sizeof *alen};

	if (rv < 0 || addr.__sockaddr__ == NULL)
		return rv;
	if (!argument_writable(&v, 1))
		return carry_refused(EFAULT);
	if ((int)*alen < 0)
		return carry_refused(EINVAL);
	*alen = 0;
	return rv;
}

static ssize_t
do_recvfrom_chk(int fd, void *buf, size_t len, size_t size, int flags,
    __SOCKADDR_ARG addr, socklen_t *alen)
{
	if (len > size)
		abort();
	return do_recvfrom(fd, buf, len, flags, addr, alen);
}

/*
 * Name and control data of a message count for nothing on a TCP connection,
 * but wrong ones are errors: the kernel is asked about them by a message
 * without bytes.
 */
static int
judge_extras(int fd, const struct msghdr *msg)
{
	struct msghdr bare = *msg;
	int saved = errno, rv;

	if (msg->msg_controllen == 0 && msg->msg_name == NULL)
		return 0;
	bare.msg_iov = NULL;
	bare.msg_iovlen = 0;
	rv = (int)as_engine(host->libc->sendmsg(
	    fd, &bare, MSG_DONTWAIT | MSG_NOSIGNAL));
	errno = saved;
	/* that it is full, or has ended, is our own connection's to say */
	return rv == -EINVAL || rv == -EFAULT || rv == -ENOBUFS ||
		rv == -EPERM
	    ? rv
	    : 0;
}

/* A fast open would carry plaintext in its SYN: as where it is off. */
static ssize_t
send_message(struct call *k, int fd, const struct msghdr *msg, int flags)
{
	int rv = flags & MSG_FASTOPEN ? -EOPNOTSUPP : judge(msg);

	if (rv == 0)
		rv = judge_extras(fd, msg);
	if (rv < 0)
		return rv;
	return carry_write(k, fd, msg->msg_iov, (int)msg->msg_iovlen, flags);
}

static ssize_t
do_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct call k;

	carry_begin(&k, fd);
	return carry_end(&k, fd, send_message(&k, fd, msg, flags));
}

static ssize_t
do_sendto(int fd, const void *buf, size_t len, int flags,
    __CONST_SOCKADDR_ARG addr, socklen_t alen)
{
	struct msghdr name = {
	    .msg_name = (void *)addr.__sockaddr__, .msg_namelen = alen};
	int rv = flags & MSG_FASTOPEN ? -EOPNOTSUPP : 0;

	/* sendto(2) is stricter about the length than sendmsg(2) */
	if (rv == 0 && addr.__sockaddr__ != NULL &&
	    alen > sizeof(struct sockaddr_storage))
		rv = -EINVAL;
	if (rv == 0)
		rv = judge_extras(fd, &name);
	if (rv < 0)
		return carry_refused(-rv);
	return engine_calls()->send(fd, buf, len, flags);
}

static ssize_t
receive_message(struct call *k, int fd, struct msghdr *msg, int flags)
{
	ssize_t rv;

	if (flags & MSG_ERRQUEUE) /* it never waits */
		return as_engine(host->libc->recvmsg(fd, msg, flags));
	rv = judge(msg);
	if (rv == 0)
		rv = carry_read(
		    k, fd, msg->msg_iov, (int)msg->msg_iovlen, flags);
	if (rv < 0)
		return rv;
	if (msg->msg_name != NULL)
		msg->msg_namelen = 0;
	msg->msg_controllen = 0;
	msg->msg_flags = flags & MSG_CMSG_CLOEXEC;
	return rv;
}

static ssize_t
do_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct call k;

	carry_begin(&k, fd);
	return carry_end(&k, fd, receive_message(&k, fd, msg, flags));
}

/* What is left of the time of a recvmmsg; false: none. */
static bool
time_left(struct timespec *timeout, int64_t until)
{
	int64_t left = until - now_ns();

	if (left < 0)
		left = 0;
	timeout->tv_sec = left / NS;
	timeout->tv_nsec = left % NS;
	return left > 0;
}

/*
 * recvmmsg(2): the time is looked at behind each message only, and the end
 * of the stream fills all the rest with messages of length 0.
 */
static int
do_recvmmsg(int fd, struct mmsghdr *vec, unsigned n, int flags,
    struct timespec *timeout)
{
	int one = flags & ~MSG_WAITFORONE;
	int64_t until = 0;
	ssize_t rv = 0;
	struct call k;
	unsigned i = 0;

	if (timeout != NULL && argument_absurd(timeout, sizeof *timeout))
		return (int)carry_refused(EFAULT);
	if (timeout != NULL && !is_time(timeout))
		return (int)carry_refused(EINVAL);
	if (timeout != NULL)
		until = now_ns_after(timeout->tv_sec, timeout->tv_nsec);
	carry_begin(&k, fd);
	while (i < n) {
		rv = receive_message(
		    &k, carry_number(&k, fd), &vec[i].msg_hdr, one);
		if (rv < 0)
			break;
		vec[i++].msg_len = (unsigned)rv;
		if (flags & MSG_WAITFORONE)
			one |= MSG_DONTWAIT;
		if (timeout != NULL && !time_left(timeout, until))
			break;
	}
	return (int)carry_end(&k, fd, i > 0 || rv >= 0 ? (ssize_t)i : rv);
}

static int
do_sendmmsg(int fd, struct mmsghdr *vec, unsigned n, int flags)
{
	ssize_t rv = 0;
	struct call k;
	unsigned i = 0;

	if (n > IOV_MAX) /* sendmmsg(2) */
		n = IOV_MAX;
	carry_begin(&k, fd);
	while (i < n) {
		rv = send_message(
		    &k, carry_number(&k, fd), &vec[i].msg_hdr, flags);
		if (rv < 0)
			break;
		vec[i++].msg_len = (unsigned)rv;
	}
	return (int)carry_end(&k, fd, i > 0 || rv >= 0 ? (ssize_t)i : rv);
}

void
calls_message(struct shim_calls *c)
{
	c->recvfrom = do_recvfrom;
	c->__recvfrom_chk = do_recvfrom_chk;
	c->recvmsg = do_recvmsg;
	c->recvmmsg = do_recvmmsg;
	c->sendto = do_sendto;
	c->sendmsg = do_sendmsg;
	c->sendmmsg = do_sendmmsg;
}
