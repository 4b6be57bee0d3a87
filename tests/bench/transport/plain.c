/* plain.c - no TLS, unless tlsshim is put under it */
#include "bare.h"

bool
end_begin(struct end *e, int fd, bool server)
{
	(void)server;
	end_of(e, fd);
	return true;
}

ssize_t
end_read(struct end *e, void *buf, size_t len)
{
	return read(e->fd, buf, len);
}

ssize_t
end_write(struct end *e, const void *buf, size_t len)
{
	return write(e->fd, buf, len);
}

void
end_finish(struct end *e)
{
	close(e->fd);
}
