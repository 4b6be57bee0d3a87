/* calls_socket.c - connect, accept, options and names of governed sockets */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "call.h"

#ifndef TCP_ZEROCOPY_RECEIVE
#define TCP_ZEROCOPY_RECEIVE 35
#endif

static int
do_connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	struct call k;
	int rv = call_point(&k);

	if (rv == 0)
		rv = connection_connect(fd, addr.__sockaddr__, len);
	return (int)call_end(&k, rv);
}

static int
do_accept4(int fd, __SOCKADDR_ARG addr, socklen_t *alen, int flags)
{
	struct call k;
	int rv = call_point(&k);

	if (rv == 0)
		rv = connection_accept(fd, addr.__sockaddr__, alen, flags);
	return (int)call_end(&k, rv);
}

static int
do_accept(int fd, __SOCKADDR_ARG addr, socklen_t *alen)
{
	return do_accept4(fd, addr, alen, 0);
}

static int
do_listen(int fd, int backlog)
{
	struct call k;
	int rv = call_enter(&k);

	if (rv == 0)
		rv = table_has(fd)
		    ? (int)as_engine(host->libc->listen(fd, backlog))
		    : connection_listen(fd, backlog < 0 ? 0 : backlog);
	return (int)call_end(&k, rv);
}

static int
do_shutdown(int fd, int how)
{
	struct call k;
	int rv = call_begin(&k, fd);

	if (rv == 0)
		rv = k.c->listens
		    ? (int)as_engine(host->libc->shutdown(fd, how))
		    : stream_shutdown(k.c, fd, how);
	return (int)call_end(&k, rv);
}

/* Moves an unfinished handshake on, without waiting. */
static void
nudge(struct conn *c, int fd)
{
	struct patience p = {.flags = MSG_DONTWAIT};

	if (c->state == CONN_TCP || c->state == CONN_HANDSHAKE) {
		(void)handshake_drive(c, fd, &p);
		bytes_settle(&c->in);
		bytes_settle(&c->out);
	}
}

/* socket(7): reads and clears the pending error. */
static int
take_error(struct conn *c, int fd)
{
	int err = 0;
	socklen_t len = sizeof err;

	conn_lock(c);
	nudge(c, fd);
	if (c->state == CONN_FAILED && !c->err_told) {
		c->err_told = true;
		err = -c->err;
	} else if (conn_connected(c)) {
		c->connected_told = true;
		host->libc->getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
		if (err == 0)
			err = -stream_lost(c);
		c->lost_told |= err != 0;
		/* a reset that answered a close_notify */
		if ((c->rd_eof || c->rd_shut) && c->wr_shut)
			err = 0;
	}
	pthread_mutex_unlock(&c->lock);
	return err;
}

/* What the kernel said of an option, as the program has set it. */
static void
show_option(struct conn *c, int level, int name, void *val, socklen_t len)
{
	bool low = level == SOL_SOCKET && name == SO_RCVLOWAT;

	if (!low && (level != IPPROTO_TCP || name != TCP_NODELAY))
		return;
	conn_lock(c);
	if (low && c->lowat > 1)
		memcpy(val, &(int){(int)c->lowat}, len);
	if (!low && c->nodelay)
		memset(val, 0, len);
	pthread_mutex_unlock(&c->lock);
}

static int
get_option(struct conn *c, int fd, int level, int name, void *val,
    socklen_t *len)
{
	int rv;

	if (shim_goes_behind(level, name))
		return -ENOPROTOOPT;
	if (level == SOL_SOCKET && name == SO_ERROR && !c->listens) {
		int err;

		/* one of the same size, to judge the pointers */
		rv = (int)as_engine(
		    host->libc->getsockopt(fd, level, SO_TYPE, val, len));
		if (rv < 0)
			return rv;
		err = take_error(c, fd);
		memcpy(val, &err, *len);
		return 0;
	}
	rv = (int)as_engine(
	    host->libc->getsockopt(fd, level, name, val, len));
	if (rv == 0)
		show_option(c, level, name, val, *len);
	return rv;
}

static int
do_getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	struct call k;
	int rv = call_begin(&k, fd);

	if (rv == 0)
		rv = get_option(k.c, fd, level, name, val, len);
	return (int)call_end(&k, rv);
}

/* What a successful setsockopt means to the conn. */
static void
note_option(struct conn *c, int fd, int level, int name, const void *val,
    socklen_t len)
{
	const struct linger *l = val;

	if (level == IPPROTO_TCP && name == TCP_NODELAY)
		conn_undelayed(c, *(const int *)val != 0);
	if (level != SOL_SOCKET)
		return;
	if (name == SO_RCVLOWAT && !c->listens)
		conn_learn_lowat(c, fd);
	conn_lock(c);
	if (name == SO_SNDBUF || name == SO_SNDBUFFORCE)
		c->room = 0; /* what was known of it is no longer true */
	if (name == SO_RCVTIMEO || name == SO_SNDTIMEO)
		c->timeouts = true;
	if (name == SO_LINGER && len >= sizeof *l) {
		c->linger_set = l->l_onoff != 0 && l->l_linger == 0;
		c->linger_s = l->l_onoff != 0 ? l->l_linger : 0;
	}
	pthread_mutex_unlock(&c->lock);
}

static int
do_setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
	struct call k;
	int rv = call_begin(&k, fd);

	if (rv == -EBADF && !table_has(fd)) /* a stream not connected yet */
		rv = (int)as_engine(
		    host->libc->setsockopt(fd, level, name, val, len));
	else if (rv == 0 && shim_goes_behind(level, name))
		rv = -ENOPROTOOPT;
	else if (rv == 0) {
		rv = (int)as_engine(
		    host->libc->setsockopt(fd, level, name, val, len));
		if (rv == 0)
			note_option(k.c, fd, level, name, val, len);
	}
	return (int)call_end(&k, rv);
}

/* getpeername(2) is how programs ask whether a connect is through. */
static int
peer_name(struct conn *c, int fd, struct sockaddr *addr, socklen_t *alen)
{
	bool connected;

	conn_lock(c);
	if (c->side == SIDE_CLIENT)
		nudge(c, fd);
	/* both ends have ended: TCP has forgotten its peer */
	connected = conn_connected(c) && !(c->rd_eof && c->wr_shut);
	pthread_mutex_unlock(&c->lock);
	if (!connected)
		return -ENOTCONN;
	return (int)as_engine(host->libc->getpeername(
	    fd, (__SOCKADDR_ARG){.__sockaddr__ = addr}, alen));
}

static int
do_getpeername(int fd, __SOCKADDR_ARG addr, socklen_t *alen)
{
	struct call k;
	int rv = call_begin(&k, fd);

	if (rv == 0)
		rv = peer_name(k.c, fd, addr.__sockaddr__, alen);
	return (int)call_end(&k, rv);
}

void
calls_socket(struct shim_calls *c)
{
	c->connect = do_connect;
	c->accept = do_accept;
	c->accept4 = do_accept4;
	c->listen = do_listen;
	c->shutdown = do_shutdown;
	c->getsockopt = do_getsockopt;
	c->setsockopt = do_setsockopt;
	c->getpeername = do_getpeername;
}
