/* connection.c - how a socket becomes governed: connect, listen, accept */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "conn.h"
#include "deferred.h"
#include "epoll.h"
#include "libc_stream.h"
#include "log.h"
#include "own.h"
#include "watch.h"

static void
set_class(int fd, enum fd_class k)
{
	if (fd >= 0 && fd < FD_MAX)
		host->set_class(fd, k);
}

static int
option(int fd, int level, int name)
{
	int val = 0;
	socklen_t len = sizeof val;

	if (host->libc->getsockopt(fd, level, name, &val, &len) == -1)
		return -1;
	return val;
}

static void
learn_linger(struct conn *c, int fd)
{
	struct linger l = {0, 0};
	socklen_t len = sizeof l;

	host->libc->getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len);
	c->linger_set = l.l_onoff != 0 && l.l_linger == 0;
	c->linger_s = l.l_onoff != 0 ? l.l_linger : 0;
}

static bool
is_nonblock(int fd)
{
	int fl = host->libc->fcntl(fd, F_GETFL, 0L);

	return fl != -1 && (fl & O_NONBLOCK);
}

/* A look of ours is at the first byte (SO_PEEK_OFF, for TCP since Linux 6.9). */
static void
look_at_first(int fd)
{
	int none = -1;

	/* a server's filter may let it ask, and not set (seccomp) */
	if (option(fd, SOL_SOCKET, SO_PEEK_OFF) >= 0)
		host->libc->setsockopt(
		    fd, SOL_SOCKET, SO_PEEK_OFF, &none, sizeof none);
}

/* What hooks keep up to date from here on. */
static void
learn(struct conn *c, int fd, bool nonblock)
{
	look_at_first(fd);
	c->nonblock = nonblock;
	learn_linger(c, fd);
	conn_learn_lowat(c, fd);
	c->timeouts =
	    wait_until(fd, SO_RCVTIMEO) != 0 || wait_until(fd, SO_SNDTIMEO) != 0;
}

/* SCTP and SMC streams cannot be governed; they count as refused. */
static bool
is_tcp(int fd)
{
	int proto = option(fd, SOL_SOCKET, SO_PROTOCOL);

	return proto == IPPROTO_TCP || proto == IPPROTO_MPTCP;
}

/*
 * Takes a connect as far as it goes, allowed: it has asked whether it may
 * wait, and is as TCP's own, which looks once.  0 when it is through (deferred: the
 * ClientHello is on its way), -EAGAIN in progress, -EISCONN if that has been
 * said before, or a negative errno.
 */
static int
shake_hands(struct conn *c, int fd, bool allowed)
{
	struct patience p = {.flags = c->deferred ? MSG_DONTWAIT : 0,
	    .allowed = allowed && !c->deferred};
	int rv;

	conn_lock(c);
	if (c->timeouts)
		p.until = wait_until(fd, SO_SNDTIMEO);
	p.timed = p.until > 0;
	if (conn_connected(c) && c->connect_told)
		rv = -EISCONN;
	else
		rv = handshake_drive(c, fd, &p);
	if (rv == -EAGAIN && conn_connected(c))
		rv = 0;
	if (rv == 0)
		c->connected_told = c->connect_told = true;
	else if (c->state == CONN_FAILED)
		c->err_told = true;
	bytes_settle(&c->in);
	bytes_settle(&c->out);
	pthread_mutex_unlock(&c->lock);
	return rv;
}

/*
 * c's socket is an ordinary unconnected one again, by whatever number: a connect
 * by one of them will govern the others, as copies that no hook saw.
 */
static void
forget(struct conn *was, int fd)
{
	struct conn *c;
	int low;

	table_lose_others(fd, was);
	c = table_close_begin(fd);
	if (c == NULL)
		return;
	low = (int)c->lowat;
	if (low > 1)
		host->libc->setsockopt(
		    fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
	table_close_end(fd, c);
	descriptor_show(fd);
	set_class(fd, FD_STREAM);
}

/*
 * connect() to AF_UNSPEC has reset the connection: whatever would end c by its
 * socket now (close_notify, a helper that waits for the peer's end) would end
 * the one that the program makes next.
 */
static void
forget_reset(struct conn *c, int fd)
{
	conn_lock(c);
	if (!c->listens)
		conn_fail(c, -ECONNRESET);
	pthread_mutex_unlock(&c->lock);
	forget(c, fd);
}

/* From here on fd stands for c. */
static void
govern(struct conn *c, int fd, bool nonblock)
{
	c->cookie = shim_cookie(host->libc, fd);
	slot_name(c->slot, c->cookie);
	learn(c, fd, nonblock);
	table_set(fd, c);
}

static int
tcp_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	int rv;

	CALL_WAIT_BEGIN(NULL);
	rv = (int)as_engine(host->libc->connect(
	    fd, (__CONST_SOCKADDR_ARG){.__sockaddr__ = addr}, len));
	CALL_WAIT_END();
	return rv;
}

/* A reference that a cancelled connect() must not keep. */
static void
put(void *arg)
{
	struct conn *c = arg;

	atomic_store(&c->dialing, false);
	conn_put(c);
}

/*
 * The other end may be this thread's too and be waited on first, as where
 * Twisted and asyncio make a pair of sockets.
 */
static void
drive_later(struct conn *c)
{
	conn_lock(c);
	if (c->state == CONN_TCP)
		deferred_add(c);
	pthread_mutex_unlock(&c->lock);
}

/* What goes wrong here is c's state, and shake_hands tells of it. */
static void
connected(struct conn *c, int fd)
{
	conn_lock(c);
	if (c->state == CONN_TCP)
		(void)handshake_begin(c, fd);
	pthread_mutex_unlock(&c->lock);
}

static int
connect_tls(
    struct conn *c, int fd, const struct sockaddr *addr, socklen_t len)
{
	int zero = 0, rv;
	bool nonblock = is_nonblock(fd);

	/* fast open would let a first write travel without a handshake */
	host->libc->setsockopt(
	    fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &zero, sizeof zero);
	c->deferred = !watch_wanted(c) &&
	    (!c->rule->values.do_handshake_on_connect || own_listener(addr));
	atomic_store(&c->dialing, true);
	govern(c, fd, nonblock);
	descriptor_hide_as_is(fd);
	libc_stream_silence(fd, c);
	epoll_connected(fd, c);
	rv = tcp_connect(fd, addr, len);
	atomic_store(&c->dialing, false);
	if (rv == -EINPROGRESS && c->deferred)
		drive_later(c);
	if (rv == -EINPROGRESS || rv == -EINTR)
		return rv;
	if (rv < 0) {
		forget(c, fd);
		return rv;
	}
	connected(c, fd);
	rv = shake_hands(c, fd, !nonblock);
	if (rv == 0)
		libc_stream_take_over(fd, c);
	return rv == -EAGAIN ? -EINPROGRESS : rv;
}

/*
 * connect_tls, or what is left of it for a second connect() (addr NULL).  The
 * caller's reference goes if the thread is cancelled in it.
 */
static __attribute__((noinline)) int
or_put(struct conn *c, int fd, const struct sockaddr *addr, socklen_t len)
{
	int rv;

	CALL_UNDO_BEGIN(put, c);
	rv = addr != NULL ? connect_tls(c, fd, addr, len) : shake_hands(c, fd, false);
	CALL_UNDO_END(0);
	return rv;
}

static int
connect_new(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct conn *c = conn_new(SIDE_CLIENT, CONN_TCP);
	enum judgement j;
	int rv = -EACCES;

	if (c == NULL)
		return -ENOMEM;
	j = judge_connect(c, fd, addr, len);
	if (j == JUDGED_TLS && !is_tcp(fd))
		j = JUDGED_REFUSED;
	if (j == JUDGED_PASS) {
		set_class(fd, FD_PASS);
		rv = tcp_connect(fd, addr, len);
		/* the next connect of this socket is judged again */
		if (rv < 0 && rv != -EINPROGRESS && rv != -EINTR)
			set_class(fd, FD_STREAM);
	} else if (j == JUDGED_TLS) {
		rv = or_put(c, fd, addr, len);
	}
	conn_put(c);
	return rv;
}

/*
 * A connect() that tells of the failure of the one before makes the socket an
 * unconnected one.  We have that failure by SO_ERROR, which leaves this
 * undone, and the next connect() would give ECONNABORTED (af_inet.c): so the
 * kernel is asked once more, where it does nothing else.
 */
int
connection_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct conn *c = table_get(fd);
	int rv;

	if (c != NULL && conn_tcp_failed(c, true)) {
		forget(c, fd);
		conn_put(c);
		c = NULL;
	}
	if (c != NULL && (addr == NULL || addr->sa_family != AF_UNSPEC)) {
		rv = or_put(c, fd, NULL, 0);
		if (addr != NULL && conn_tcp_failed(c, false))
			(void)tcp_connect(fd, addr, len); /* see above */
		conn_put(c);
		return rv == -EAGAIN ? -EALREADY : rv;
	}
	if (addr == NULL || len < sizeof(sa_family_t) ||
	    (addr->sa_family != AF_INET && addr->sa_family != AF_INET6)) {
		rv = tcp_connect(fd, addr, len);
		if (c != NULL && rv == 0)
			forget_reset(c, fd);
		if (c != NULL)
			conn_put(c);
		return rv;
	}
	if (len < (addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
					      : 24 /* RFC 2133's form */))
		return -EINVAL;
	return connect_new(fd, addr, len);
}

/*
 * An accepted socket: governed, passed on, or closed with a reset.  flags are
 * accept4's, but that the socket would not outlive an exec so far; peer NULL:
 * not known.
 */
static int
take_in(int fd, int flags, const struct sockaddr *peer)
{
	bool keep = !(flags & SOCK_CLOEXEC);
	struct conn *c = conn_new(SIDE_SERVER, CONN_PRE);
	struct linger reset = {1, 0};
	enum judgement j;

	table_lost(fd);
	if (c == NULL) {
		host->libc->close(fd);
		return -ENOMEM;
	}
	j = judge_accept(c, fd, peer);
	if (j == JUDGED_TLS) {
		c->connected_told = c->connect_told = true;
		govern(c, fd, flags & SOCK_NONBLOCK);
		descriptor_hidden(fd, keep); /* accept4 has hidden it */
		/* of a daemon that has closed its standard numbers */
		libc_stream_silence(fd, c);
	} else if (j == JUDGED_PASS) {
		if (keep)
			host->libc->fcntl(fd, F_SETFD, 0L);
		set_class(fd, FD_PASS);
	} else {
		host->libc->setsockopt(
		    fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		host->libc->close(fd);
	}
	if (j != JUDGED_TLS)
		conn_let_go(c, fd);
	conn_put(c);
	return j == JUDGED_REFUSED ? -EACCES : 0;
}

/*
 * What was closed before its handshake is ended by later waits, and this may
 * be the only place where the program waits.
 */
static int
wait_client(int fd)
{
	int rv;

	if (!deferred_any() || !wait_allowed(fd, 0))
		return 0;
	CALL_WAIT_BEGIN(NULL);
	rv = wait_fd(fd, POLLIN, wait_until(fd, SO_RCVTIMEO));
	CALL_WAIT_END();
	return rv;
}

/* What accept() has told, if it is all that getpeername() would. */
static const struct sockaddr *
whole(const struct sockaddr *addr, socklen_t len, socklen_t room)
{
	return len <= room && len >= sizeof(struct sockaddr_in) &&
		(addr->sa_family == AF_INET ||
		    len >= sizeof(struct sockaddr_in6))
	    ? addr
	    : NULL;
}

int
connection_accept(int fd, struct sockaddr *addr, socklen_t *alen, int flags)
{
	socklen_t room = alen != NULL ? *alen : 0, len;
	struct sockaddr_storage own;

	/*
	 * A peer that the policy refuses is closed and the next one is waited
	 * for: to the program it never came.
	 */
	for (;;) {
		int got = wait_client(fd);

		if (got < 0)
			return got;
		if (got >= FD_MAX) { /* fs.nr_open was raised */
			host->libc->close(got);
			return -EMFILE;
		}
		CALL_WAIT_BEGIN(NULL);
		len = sizeof own;
		got = (int)as_engine(host->libc->accept4(fd,
		    (__SOCKADDR_ARG){.__sockaddr__ = addr != NULL
			    ? addr
			    : (struct sockaddr *)&own},
		    addr != NULL ? alen : &len, flags | SOCK_CLOEXEC));
		CALL_WAIT_END();
		if (got < 0)
			return got;
		if (take_in(got, flags,
			addr != NULL ? whole(addr, *alen, room)
				     : whole((struct sockaddr *)&own, len,
					   sizeof own)) == 0)
			return got;
		if (alen != NULL)
			*alen = room;
	}
}

/*
 * A server is about to have children, each with a handshake that needs up to
 * 100 KB.  Where the heap ends with less, each of them would have it grow, and
 * shrink again, by system calls of its own; once is enough.
 */
static void
make_room(void)
{
	static _Atomic bool made;
	void *volatile room;

	if (atomic_exchange(&made, true))
		return;
	room = malloc(112 * 1024); /* mmap() comes at 128 */
	free(room);
}

int
connection_listen(int fd, int backlog)
{
	struct conn *c;
	int rv = 0;

	switch (is_tcp(fd) ? judge_listen(fd) : JUDGED_REFUSED) {
	case JUDGED_PASS:
		set_class(fd, FD_PASS);
		return backlog < 0
		    ? 0
		    : (int)as_engine(host->libc->listen(fd, backlog));
	case JUDGED_REFUSED:
		return -EACCES;
	case JUDGED_TLS:
		break;
	}
	if (backlog >= 0)
		rv = (int)as_engine(host->libc->listen(fd, backlog));
	if (rv < 0)
		return rv;
	c = conn_new(SIDE_SERVER, CONN_LISTEN);
	if (c == NULL)
		return -ENOMEM;
	deferred_expect();
	make_room();
	c->cookie = shim_cookie(host->libc, fd);
	table_set(fd, c);
	conn_put(c);
	return 0;
}

/*
 * Another process of this tree has the session, and this one has only the
 * socket: what it sends would stand in the middle of the other's records.
 */
static int
adopt_foreign(struct conn *c, int fd)
{
	log_write(&(struct log_line){.level = LOG_ERROR,
	    .verdict = "refused",
	    .side = c->side,
	    .cause = "process",
	    .text = "the TLS session of this connection is in another process "
		    "and cannot be passed on; let the program serve a "
		    "connection in one process, or put a TLS proxy before "
		    "it"});
	conn_fail(c, -ECONNABORTED);
	conn_let_go(c, fd);
	table_set(fd, c);
	descriptor_hide_as_is(fd);
	libc_stream_take_over(fd, c);
	return 0;
}

/*
 * What the image before has put where a connection was that this one cannot
 * have (handover.h).
 */
static int
adopt_dead_end(struct conn *c, int fd, uint64_t cookie)
{
	char text[200];

	snprintf(text, sizeof text,
	    "descriptor %d was a connection whose TLS session another process "
	    "has; hand it to this program as its descriptor 0, 1 or 2, or "
	    "before anything was read or written", fd);
	log_write(&(struct log_line){.level = LOG_ERROR,
	    .verdict = "refused",
	    .side = c->side,
	    .cause = "process",
	    .text = text});
	conn_fail(c, -EACCES);
	conn_let_go(c, fd);
	c->cookie = cookie;
	table_set(fd, c);
	descriptor_hide_as_is(fd);
	return 0;
}

static int
adopt_connection(struct conn *c, int fd, uint64_t cookie)
{
	if (slot_known(cookie))
		return adopt_foreign(c, fd);
	switch (judge_inherited(c, fd)) {
	case JUDGED_TLS:
		c->connected_told = c->connect_told = true;
		govern(c, fd, is_nonblock(fd));
		descriptor_hide_as_is(fd);
		libc_stream_take_over(fd, c);
		break;
	case JUDGED_PASS:
		set_class(fd, FD_PASS);
		conn_let_go(c, fd);
		break;
	case JUDGED_REFUSED:
		conn_fail(c, -EACCES);
		conn_let_go(c, fd);
		table_set(fd, c);
		descriptor_hide_as_is(fd);
		libc_stream_take_over(fd, c);
	}
	return 0;
}

int
connection_adopt(int fd)
{
	uint64_t cookie = shim_cookie(host->libc, fd);
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;
	struct conn *c = table_find(cookie);
	int rv;

	if (c != NULL) { /* a copy that no hook saw */
		table_set(fd, c);
		if (!c->listens) {
			descriptor_hide_as_is(fd);
			libc_stream_take_over(fd, c);
		}
		conn_put(c);
		return 0;
	}
	if (option(fd, SOL_SOCKET, SO_DOMAIN) == AF_UNIX) {
		c = conn_new(SIDE_SERVER, CONN_PRE);
		rv = c != NULL ? adopt_dead_end(c, fd, cookie) : -ENOMEM;
		if (c != NULL)
			conn_put(c);
		return rv;
	}
	if (option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1)
		return connection_listen(fd, -1);
	if (host->libc->getpeername(fd, (struct sockaddr *)&peer, &len) == -1) {
		set_class(fd, FD_STREAM);
		return 0;
	}
	c = conn_new(SIDE_SERVER, CONN_PRE);
	if (c == NULL)
		return -ENOMEM;
	rv = adopt_connection(c, fd, cookie);
	conn_put(c);
	return rv;
}
