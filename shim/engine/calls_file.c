/* calls_file.c - sendfile: a file's bytes that pass no program's buffer */

#include <stdlib.h>
#include <sys/stat.h>

#include "argument.h"
#include "call.h"
#include "carry.h"

/*
 * From file's byte at on, len of them, through buf (cap).  A count, which may
 * fall short as the socket's does, or a negative errno where nothing went.
 */
static ssize_t
send_from(int fd, int file, off64_t at, size_t len, char *buf, size_t cap)
{
	size_t done = 0;

	while (done < len) {
		size_t want = len - done < cap ? len - done : cap;
		ssize_t sent, got =
		    as_engine(pread64(file, buf, want, at + (off64_t)done));

		if (got == 0)
			break;
		sent = got < 0
		    ? got
		    : as_engine(engine_calls()->write(fd, buf, (size_t)got));
		if (sent < 0)
			return done > 0 ? (ssize_t)done : sent;
		done += (size_t)sent;
		if (sent < got)
			break;
	}
	return (ssize_t)done;
}

/*
 * The kernel is asked to send nothing first: it judges both descriptors, the
 * offset and its pointer.  Only the file's own position or *off tells a
 * program how much went: the other is left alone.
 */
static ssize_t
do_sendfile64(int fd, int file, off64_t *off, size_t len)
{
	/* no more than is asked: malloc() has small ones at hand */
	size_t cap = len < 1 << 16 ? len : 1 << 16;
	struct stat st;
	off64_t at;
	ssize_t rv;
	char *buf;

	if (host->libc->sendfile64(fd, file, off, 0) == -1)
		return -1;
	if ((ssize_t)len < 0 || !table_has(fd))
		return carry_refused(EINVAL);
	at = off != NULL ? *off : lseek64(file, 0, SEEK_CUR);
	buf = malloc(cap);
	if (buf == NULL)
		return carry_refused(ENOMEM);
	rv = send_from(
	    fd, file, at, len < CALL_MOST ? len : CALL_MOST, buf, cap);
	free(buf);
	if (rv == 0 && len > 0 && fstat(file, &st) == 0 && S_ISCHR(st.st_mode))
		rv = -EISDIR; /* /dev/null */
	if (rv < 0) /* what has no pages to send is no file to it */
		return carry_refused(rv == -EISDIR ? EINVAL : (int)-rv);
	if (off != NULL)
		*off = at + rv;
	else
		(void)lseek64(file, at + rv, SEEK_SET);
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
