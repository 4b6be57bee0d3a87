/* plain.c - no TLS, unless tlsshim is put under it */
#include "../transport.h"

int transport_tickets;

void
transport_init(const char *ca, const char *cert, const char *key)
{
	(void)ca, (void)cert, (void)key;
}

bool
end_begin(struct end *e, int fd, bool server)
{
	(void)server;
	end_of(e, fd);
	return true;
}

bool
end_resumed(const struct end *e)
{
	(void)e;
	return false;
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

bool
end_pending(const struct end *e)
{
	(void)e;
	return false;
}

void
end_keep_session(struct end *e)
{
	(void)e;
}

void
end_finish(struct end *e)
{
	close(e->fd);
}
