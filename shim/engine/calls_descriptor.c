/* calls_descriptor.c - numbers that stand for governed sockets */

#include <asm/ioctls.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "argument.h"
#include "call.h"
#include "epoll.h"
#include "libc_stream.h"
#include "log.h"
#include "ours.h"
#include "stream.h"
#include "thread.h"

/*
 * Put over a governed number before it is closed, so that between the end of
 * the connection and the end of the number other threads meet EBADF and not
 * the raw socket.
 */
static void
make_nothing(void)
{
	int fd = open("/dev/null", O_PATH | O_CLOEXEC);

	if (fd != -1 && ours_take(fd, &ours_nothing) == -1)
		host->libc->close(fd);
}

/* False: nothing stood there, or another thread closes it already. */
static bool
vacate(int fd)
{
	struct conn *c = table_close_begin(fd);
	int plug;

	if (c == NULL)
		return false;
	plug = atomic_load(&ours_nothing);
	if (plug != -1)
		host->libc->dup3(plug, fd, O_CLOEXEC);
	table_close_end(fd, c);
	return true;
}

/*
 * No other thread is there to meet the raw socket: the number stands for
 * nothing until the kernel has closed it, and a handler's calls on it are
 * those on a closed one.  False as above.
 */
static bool
close_alone(int fd)
{
	struct conn *c = table_close_begin(fd);

	if (c == NULL)
		return false;
	(void)host->libc->close(fd);
	table_close_end(fd, c);
	return true;
}

int
descriptor_close(int fd)
{
	if (single_threaded() && close_alone(fd))
		return 0;
	if (!vacate(fd))
		return table_has(fd) ? -EBADF
				     : (int)as_engine(host->libc->close(fd));
	(void)host->libc->close(fd);
	return 0;
}

void
descriptor_vacate(int fd)
{
	struct call k;
	int rv = call_enter(&k);

	if (rv == 0) {
		ours_yield(fd);
		epoll_close_set(fd);
		(void)vacate(fd);
	}
	(void)call_end(&k, 0);
}

void
descriptor_lost(int fd)
{
	struct call k;
	int rv = call_enter(&k);

	if (rv == 0) {
		epoll_close_set(fd);
		table_lost(fd);
	}
	(void)call_end(&k, 0);
}

void
descriptor_sweep(void)
{
	struct call k;
	int rv = call_enter(&k);

	if (rv == 0)
		table_sweep();
	(void)call_end(&k, 0);
}

/* A row's `kept`: the program wants the number to outlive an exec (F_GETFD). */

void
descriptor_hidden(int fd, bool keep)
{
	fd_rows[fd].kept = keep;
}

void
descriptor_hide(int fd, bool keep)
{
	descriptor_hidden(fd, keep);
	if (keep)
		host->libc->fcntl(fd, F_SETFD, (long)FD_CLOEXEC);
}

void
descriptor_hide_as_is(int fd)
{
	int fl = host->libc->fcntl(fd, F_GETFD, 0L);

	descriptor_hide(fd, fl != -1 && !(fl & FD_CLOEXEC));
}

void
descriptor_show(int fd)
{
	if (fd_rows[fd].kept)
		host->libc->fcntl(fd, F_SETFD, 0L);
	fd_rows[fd].kept = 0;
}

bool
descriptor_kept(int fd)
{
	return fd_rows[fd].kept != 0;
}

static int
do_close(int fd)
{
	struct call k;
	int rv = call_point(&k);

	/* a handler's, whose thread may hold any lock of ours */
	if (rv == -EAGAIN && thread_at_work())
		return (int)call_end(&k, thread_keep_close(fd));
	epoll_close_set(fd);
	return (int)call_end(&k, descriptor_close(fd));
}

/*
 * A copy of a governed number stands for the same conn.  keep: it is to
 * outlive an exec, as far as the program knows.
 */
static int
copied(struct conn *c, int fd, bool keep)
{
	if (fd >= FD_MAX) {
		host->libc->close(fd);
		return -EMFILE;
	}
	if (fd < 0)
		return fd;
	table_set(fd, c);
	if (!c->listens) {
		descriptor_hide(fd, keep);
		libc_stream_take_over(fd, c);
	}
	return fd;
}

static int
do_dup(int fd)
{
	struct call k;
	int rv = call_begin(&k, fd);

	if (rv == 0)
		rv = copied(k.c, (int)as_engine(host->libc->dup(fd)), true);
	else if (rv == -EBADF && !table_has(fd))
		rv = epoll_copied(fd, (int)as_engine(host->libc->dup(fd)));
	return (int)call_end(&k, rv);
}

/*
 * dup2 and dup3: the kernel replaces `to` in one step; the conn it stood for
 * has ended before, the conn of fd stands there after.
 */
static int
replace(int fd, int to, int flags, bool three)
{
	struct conn *c, *old;
	int rv;

	if (fd == to || host->libc->fcntl(fd, F_GETFD, 0L) == -1)
		return (int)as_engine(three ? host->libc->dup3(fd, to, flags)
					    : host->libc->dup2(fd, to));
	ours_yield(to);
	c = table_get(fd);
	epoll_close_set(to);
	old = table_close_begin(to);
	rv = (int)as_engine(three ? host->libc->dup3(fd, to, flags)
				  : host->libc->dup2(fd, to));
	if (old != NULL)
		table_close_end(to, old);
	if (rv >= 0 && c != NULL) {
		rv = copied(c, rv, !(flags & O_CLOEXEC));
	} else if (rv >= 0 && rv < FD_MAX) {
		host->set_class(rv, FD_UNKNOWN);
		rv = epoll_copied(fd, rv);
	}
	if (c != NULL)
		conn_put(c);
	return rv;
}

static int
do_dup2(int fd, int to)
{
	struct call k;
	int rv = call_enter(&k);

	if (rv == 0)
		rv = replace(fd, to, 0, false);
	return (int)call_end(&k, rv);
}

static int
do_dup3(int fd, int to, int flags)
{
	struct call k;
	int rv = call_enter(&k);

	if (rv == 0)
		rv = replace(fd, to, flags, true);
	return (int)call_end(&k, rv);
}

static int
control(struct conn *c, int fd, int cmd, long arg)
{
	bool hidden = !c->listens;
	int rv;

	if (cmd == F_SETFD && hidden) {
		fd_rows[fd].kept = !(arg & FD_CLOEXEC);
		return 0;
	}
	rv = (int)as_engine(host->libc->fcntl(fd, cmd, arg));
	if (cmd == F_GETFD && hidden && rv >= 0 && fd_rows[fd].kept)
		rv &= ~FD_CLOEXEC;
	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		return copied(c, rv, cmd == F_DUPFD);
	if (cmd == F_SETFL && rv == 0)
		c->nonblock = (arg & O_NONBLOCK) != 0;
	return rv;
}

static int
do_fcntl(int fd, int cmd, ...)
{
	struct call k;
	va_list ap;
	long arg;
	int rv;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	rv = call_begin(&k, fd);
	if (rv == 0)
		rv = control(k.c, fd, cmd, arg);
	else if (rv == -EBADF && !table_has(fd))
		rv = epoll_copied(
		    fd, (int)as_engine(host->libc->fcntl(fd, cmd, arg)));
	return (int)call_end(&k, rv);
}

/*
 * FIONREAD: nginx takes it for the exact count, so all is decrypted.  *out:
 * the kernel's answer; where that has nothing it is not asked again (wrk asks
 * before each 8 KB, and most of them are set aside by then).
 */
static int
count_pending(struct conn *c, int fd, int *out)
{
	struct patience p = {.flags = MSG_DONTWAIT};
	ssize_t n = 0;

	conn_lock(c);
	if (c->state == CONN_OPEN || c->state == CONN_WATCHED ||
	    c->side == SIDE_SERVER)
		if (handshake_drive(c, fd, &p) == 0 && 
		    conn_claim_use(c, SLOT_RX) == 0)
			n = stream_pending(c, fd, *out > 0);
	if (c->state == CONN_FAILED)
		n = (ssize_t)bytes_left(&c->plain);
	bytes_settle(&c->in);
	bytes_settle(&c->out);
	pthread_mutex_unlock(&c->lock);
	*out = (int)n;
	return 0;
}

/* How much is set aside, if that is answer enough: costs no system call. */
static bool
count_few(struct conn *c, int *out)
{
	bool few = false;

	if (!argument_writable(&(struct iovec){out, sizeof *out}, 1))
		return false;
	conn_lock(c);
	if (c->state == CONN_OPEN && bytes_left(&c->plain) >= STREAM_FEW &&
	    conn_claim_use(c, SLOT_RX) == 0 && stream_count_few(c)) {
		*out = (int)bytes_left(&c->plain);
		few = true;
	}
	pthread_mutex_unlock(&c->lock);
	return few;
}

static int
device_control(struct conn *c, int fd, unsigned long request, void *arg)
{
	int rv;

	if (c->listens)
		return (int)as_engine(host->libc->ioctl(fd, request, arg));
	if (request == FIOCLEX || request == FIONCLEX) {
		fd_rows[fd].kept = request == FIONCLEX;
		return 0;
	}
	if (request == FIONREAD && count_few(c, arg))
		return 0;
	rv = (int)as_engine(host->libc->ioctl(fd, request, arg));
	if (rv == 0 && request == FIONREAD)
		return count_pending(c, fd, arg);
	if (rv == 0 && request == FIONBIO)
		c->nonblock = *(int *)arg != 0;
	if (rv == 0 && request == SIOCOUTQ)
		*(int *)arg += (int)bytes_left(&c->out);
	return rv;
}

static int
do_ioctl(int fd, unsigned long request, ...)
{
	struct call k;
	va_list ap;
	void *arg;
	int rv;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	rv = call_begin(&k, fd);
	if (rv == 0)
		rv = device_control(k.c, fd, request, arg);
	return (int)call_end(&k, rv);
}

void
calls_descriptor(struct shim_calls *c)
{
	make_nothing();
	c->close = do_close;
	c->dup = do_dup;
	c->dup2 = do_dup2;
	c->dup3 = do_dup3;
	c->fcntl = do_fcntl;
	c->fcntl64 = do_fcntl;
	c->ioctl = do_ioctl;
}
