/*
 * engine_connection_test.c - where there is no memory for a conn, a connection
 * is refused and never plain
 */
#include "../../shim/engine/conn.h"

/* What conn.c's says without memory. */
static struct conn *
no_conn(enum side side, enum conn_state state)
{
	(void)side;
	(void)state;
	return NULL;
}

#define conn_new no_conn
#include "../../shim/engine/connection.c"
#undef conn_new

#include "pair.h"

static int connects, closed;

static int
count_connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	(void)fd, (void)addr, (void)len;
	connects++;
	return 0;
}

static int taken; /* what accept4() gives */

static int
give(int fd, __SOCKADDR_ARG addr, socklen_t *len, int flags)
{
	int one = taken;

	(void)fd, (void)addr, (void)len, (void)flags;
	errno = EAGAIN;
	taken = -1; /* there is no other */
	return one;
}

static int
note_close(int fd)
{
	closed = fd;
	return memory_close(fd);
}

int
main(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons(443),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct sockaddr *to = (const struct sockaddr *)&sin;
	struct shim_calls c;
	struct shim_host h;
	int fd[2];

	pair_setup();
	c = *host->libc;
	c.connect = count_connect;
	c.accept4 = give;
	c.close = note_close;
	h = *host;
	h.libc = &c;
	host = &h;
	memory_test = "no memory";
	memory_pair(fd);
	taken = fd[1];
	class_of[fd[0]] = class_of[fd[1]] = FD_STREAM;
	result(connection_connect(fd[0], to, sizeof sin) == -ENOMEM &&
		   connects == 0 && class_of[fd[0]] == FD_STREAM,
	    "connect() is ENOMEM, and nothing is connected");
	result(connection_accept(fd[0], NULL, NULL, 0) == -EAGAIN &&
		   closed == fd[1] && class_of[fd[1]] != FD_PASS,
	    "accept() closes what it had and waits for the next");
	return failures > 0;
}
