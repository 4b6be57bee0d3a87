/* calls_file.c - sendfile: a file's bytes that pass no program's buffer */

#include <stdlib.h>
#include <sys/stat.h>

#include "argument.h"
#include "call.h"
#include "carry.h"
#include "thread.h"

/* A file, and some of it. */
struct source {
	int file;
	off64_t at;
	size_t len; /* what is to be sent of it */
	char *buf;
	size_t cap;
	ssize_t got; /* buf has that much of its beginning; 0: not read yet */
};

static ssize_t
fill(const struct source *s, size_t done)
{
	size_t want = s->len - done < s->cap ? s->len - done : s->cap;

	return as_engine(
	    pread64(s->file, s->buf, want, s->at + (off64_t)done));
}

/* One piece, as write(2) has it. */
static ssize_t
send_piece(int fd, const struct source *s, size_t len)
{
	return as_engine(engine_calls()->write(fd, s->buf, len));
}

/* The same, for a call that has several. */
static ssize_t
send_part(struct call *k, int fd, const struct source *s, size_t len)
{
	struct iovec v = {s->buf, len};

	return carry_write(k, carry_number(k, fd), &v, 1, 0);
}

/*
 * A count, which may fall short as the socket's does, or a negative errno where
 * nothing went.  k: NULL where one piece is all.
 */
static ssize_t
send_from(struct call *k, int fd, struct source *s)
{
	size_t done = 0;

	while (done < s->len) {
		ssize_t sent, got = s->got > 0 ? s->got : fill(s, done);

		s->got = 0;
		if (got == 0)
			break;
		sent = got;
		if (got > 0)
			sent = k == NULL ? send_piece(fd, s, (size_t)got)
					 : send_part(k, fd, s, (size_t)got);
		if (sent < 0)
			return done > 0 ? (ssize_t)done : sent;
		done += (size_t)sent;
		if (sent < got || k == NULL)
			break;
	}
	return (ssize_t)done;
}

static ssize_t
send_pieces(int fd, struct source *s)
{
	struct call k;

	if (s->len <= s->cap)
		return send_from(NULL, fd, s);
	carry_begin(&k, fd);
	return as_engine(carry_end(&k, fd, send_from(&k, fd, s)));
}

/*
 * A file of which something was read at *off is one that may be sent.  Where
 * nothing was, or its own position counts, the kernel is asked to send nothing:
 * it judges both descriptors, the offset and its pointer.  0, or -1 and errno.
 */
static int
judge(int fd, struct source *s, off64_t *off)
{
	struct iovec v = {off, sizeof *off};

	if (off != NULL && table_has(fd) && argument_writable(&v, 1)) {
		s->at = *off;
		s->got = fill(s, 0);
		if (s->got > 0)
			return 0;
		s->got = 0;
	}
	if (host->libc->sendfile64(fd, s->file, off, 0) == -1)
		return -1;
	s->at = off != NULL ? *off : lseek64(s->file, 0, SEEK_CUR);
	return 0;
}

static bool
is_device(int file)
{
	struct stat st;

	return fstat(file, &st) == 0 && S_ISCHR(st.st_mode);
}

/*
 * Only the file's own position or *off tells a program how much went: the
 * other is left alone.
 */
static ssize_t
send_file(int fd, struct source *s, off64_t *off)
{
	ssize_t rv;

	if (judge(fd, s, off) == -1)
		return -1;
	if (!table_has(fd))
		return carry_refused(EINVAL);
	rv = send_pieces(fd, s);
	if (rv == 0 && s->len > 0 && is_device(s->file))
		rv = -EISDIR; /* /dev/null */
	if (rv < 0) /* what has no pages to send is no file to it */
		return carry_refused(rv == -EISDIR ? EINVAL : (int)-rv);
	if (off != NULL)
		*off = s->at + rv;
	else
		(void)lseek64(s->file, s->at + rv, SEEK_SET);
	return rv;
}

static ssize_t
do_sendfile64(int fd, int file, off64_t *off, size_t len)
{
	struct source s = {
	    .file = file, .len = len < CALL_MOST ? len : CALL_MOST};
	ssize_t rv;

	if ((ssize_t)len < 0) /* the descriptors are judged before it */
		return host->libc->sendfile64(fd, file, off, 0) == -1
		    ? -1
		    : carry_refused(EINVAL);
	/* no more than is asked: malloc() has small ones at hand */
	s.cap = s.len < OUTPUT_PLAIN ? s.len : OUTPUT_PLAIN;
	s.buf = malloc(s.cap);
	if (s.buf == NULL)
		return carry_refused(ENOMEM);
	rv = send_file(fd, &s, off);
	free(s.buf);
	return rv;
}

static ssize_t
do_sendfile(int fd, int file, off_t *off, size_t len)
{
	return do_sendfile64(fd, file, off, len);
}

void
calls_file(struct shim_calls *c)
{
	c->sendfile = do_sendfile;
	c->sendfile64 = do_sendfile64;
}
