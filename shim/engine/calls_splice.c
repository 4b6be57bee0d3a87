/*
 * calls_splice.c - splice between a pipe and a connection, as fs/splice.c
 *
 * Never more is taken out of the pipe than the connection has taken, nor out
 * of the connection than the pipe has: both ways the bytes are looked at
 * first (tee; peek) and dropped once they have arrived.  How many go in one
 * call is free within what splice(2) says: what is there, and fits.
 */

#include <limits.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "argument.h"
#include "call.h"
#include "carry.h"

#define ONCE (1 << 16)

/* 0 or 1, or -errno: is fd the end of a pipe that may be used so? */
static int
pipe_end(int fd, int way)
{
	struct stat st;
	int fl = host->libc->fcntl(fd, F_GETFL, 0L);

	if (fl == -1)
		return -EBADF;
	if (fstat(fd, &st) == -1 || !S_ISFIFO(st.st_mode))
		return 0;
	return (fl & O_ACCMODE) == way || (fl & O_ACCMODE) == O_RDWR
	    ? 1
	    : -EBADF;
}

/* O_NONBLOCK of the pipe's end counts like the call's own flag. */
static bool
may_wait(int pipe, unsigned flags)
{
	return !(flags & SPLICE_F_NONBLOCK) && wait_allowed(pipe, 0);
}

static int
wait_pipe(struct pollfd *p, bool wait)
{
	int rv;

	CALL_WAIT_BEGIN(NULL);
	rv = (int)as_engine(host->libc->poll(p, 1, wait ? -1 : 0));
	CALL_WAIT_END();
	return rv;
}

/* Bytes in the pipe, waited for; 0: it has ended; -EAGAIN, -EINTR. */
static ssize_t
wait_content(int pipe, bool wait)
{
	struct pollfd p = {pipe, POLLIN, 0};
	int n = 0, rv = wait_pipe(&p, wait);

	if (rv <= 0)
		return rv < 0 ? rv : -EAGAIN;
	(void)host->libc->ioctl(pipe, FIONREAD, &n);
	return n;
}

/* What a splice out of a pipe looks at the bytes with. */
struct glass {
	int pipe[2];
	char *buf; /* ONCE */
};

static int
glass_make(struct glass *g)
{
	if (pipe2(g->pipe, O_CLOEXEC) == -1)
		return -ENOMEM;
	g->buf = malloc(ONCE);
	if (g->buf != NULL)
		return 0;
	host->libc->close(g->pipe[0]);
	host->libc->close(g->pipe[1]);
	return -ENOMEM;
}

static void
glass_free(void *arg)
{
	struct glass *g = arg;

	host->libc->close(g->pipe[0]);
	host->libc->close(g->pipe[1]);
	free(g->buf);
}

/* One look and one write; what was written leaves the pipe. */
static ssize_t
out_once(struct call *k, int pipe, int fd, struct glass *g, size_t len,
    int flags)
{
	struct iovec v;
	ssize_t sent, n = as_engine(tee(pipe, g->pipe[1],
	    len < ONCE ? len : ONCE, SPLICE_F_NONBLOCK));

	if (n > 0)
		n = as_engine(
		    host->libc->read(g->pipe[0], g->buf, (size_t)n));
	if (n <= 0)
		return n;
	v = (struct iovec){g->buf, (size_t)n};
	sent = carry_write(k, carry_number(k, fd), &v, 1, flags);
	if (sent > 0)
		(void)!host->libc->read(pipe, g->buf, (size_t)sent);
	return sent;
}

static ssize_t
out_all(struct call *k, int pipe, int fd, struct glass *g, size_t len,
    int flags)
{
	size_t done = 0;
	ssize_t rv = 1;

	while (done < len && rv > 0) {
		rv = out_once(k, pipe, fd, g, len - done, flags);
		if (rv > 0)
			done += (size_t)rv;
		if (rv > 0 && done < len)
			rv = wait_content(pipe, false);
	}
	return done > 0 ? (ssize_t)done : rv;
}

/* splice_to_socket: all that is in the pipe, waiting for a first byte. */
static ssize_t
splice_out(struct call *k, int pipe, int fd, size_t len, unsigned flags)
{
	struct glass g;
	ssize_t rv = carry_begun(k);

	if (rv == 0)
		rv = wait_content(pipe, may_wait(pipe, flags));
	if (rv > 0 && glass_make(&g) < 0)
		return -ENOMEM;
	if (rv <= 0)
		return rv;
	CALL_UNDO_BEGIN(glass_free, &g);
	rv = out_all(
	    k, pipe, fd, &g, len, flags & SPLICE_F_MORE ? MSG_MORE : 0);
	CALL_UNDO_END(1);
	return rv;
}

/*
 * stream_hand_on's: without waiting, whatever the pipe's flags are.  A free
 * page of it is known of where no such flag can be given (a named pipe).
 */
static ssize_t
put(void *arg, const void *data, size_t len)
{
	int pipe = *(int *)arg;
	struct iovec v = {(void *)data, len};
	ssize_t n = as_engine(
	    host->libc->pwritev2(pipe, &v, 1, -1, RWF_NOWAIT));

	if (n != -EOPNOTSUPP)
		return n;
	for (n = 0; (size_t)n < len;) {
		struct pollfd p = {pipe, POLLOUT, 0};
		size_t k = len - (size_t)n;
		ssize_t rv = -EAGAIN;

		if (host->libc->poll(&p, 1, 0) == 1)
			rv = as_engine(host->libc->write(pipe,
			    (const char *)data + n,
			    k < PIPE_BUF ? k : PIPE_BUF));
		if (rv < 0)
			return n > 0 ? n : rv;
		n += rv;
	}
	return n;
}

/* splice_file_to_pipe: room in the pipe first, then what there is. */
static ssize_t
splice_in(struct conn *c, int fd, int pipe, size_t len, unsigned flags)
{
	struct pollfd p = {pipe, POLLOUT, 0};
	int rv = wait_pipe(&p, may_wait(pipe, flags));

	if (rv <= 0)
		return rv < 0 ? rv : -EAGAIN;
	if (p.revents & POLLERR) /* nobody reads: SIGPIPE is the kernel's */
		return as_engine(host->libc->write(pipe, "", 1));
	return stream_hand_on(c, fd, len < ONCE ? len : ONCE, put, &pipe);
}

/* What is wrong with the arguments, in the order of do_splice. */
static int
judge(int in, const off64_t *off, int out, const off64_t *oout,
    unsigned flags)
{
	int from, to;

	if (flags &
	    ~(SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE |
		SPLICE_F_GIFT))
		return -EINVAL;
	from = pipe_end(in, O_RDONLY);
	to = from < 0 ? 0 : pipe_end(out, O_WRONLY);
	if (from < 0 || to < 0)
		return -EBADF;
	if ((from && off != NULL) || (to && oout != NULL))
		return -ESPIPE;
	if (off != NULL || oout != NULL || from == to)
		return -EINVAL;
	return table_has(from ? out : in) ? 0 : -EINVAL;
}

static ssize_t
do_splice(int in, off64_t *off, int out, off64_t *oout, size_t len,
    unsigned flags)
{
	struct call k;
	int why;
	ssize_t rv;

	if (len == 0)
		return 0;
	why = judge(in, off, out, oout, flags);
	if (why < 0)
		return carry_refused(-why);
	if (len > CALL_MOST)
		len = CALL_MOST;
	if (!table_has(in)) {
		carry_begin(&k, out);
		return carry_end(&k, out, splice_out(&k, in, out, len, flags));
	}
	rv = call_begin(&k, in);
	if (rv == 0)
		rv = splice_in(k.c, in, out, len, flags);
	return call_end(&k, rv);
}

void
calls_splice(struct shim_calls *c)
{
	c->splice = do_splice;
}
