/* calls_file.c - sendfile and splice: bytes that pass no program's buffer */

#include <stdlib.h>

#include "call.h"
#include "carry.h"

/* Bytes of the file that a send took; what it did not take stays unread. */
static ssize_t
send_piece(int fd, int from, off64_t *off, char *buf, size_t len)
{
	ssize_t got, sent;

	got = off != NULL ? pread64(from, buf, len, *off)
			  : host->libc->read(from, buf, len);
	if (got <= 0)
		return got;
	sent = engine_calls()->write(fd, buf, (size_t)got);
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
calls_file(struct shim_calls *c)
{
	c->sendfile = do_sendfile;
	c->sendfile64 = do_sendfile64;
	c->splice = do_splice;
}
