/* watch.c - bytes that pass as they are, once they have shown what they are */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "call.h"
#include "hello.h"
#include "log.h"
#include "unwrap.h"
#include "watch.h"

#define MESSAGE 8192 /* a ServerHello with any key share known is far shorter */

/* record types and message types of RFC 8446, 5.1 and 4 */
enum { RECORD_ALERT = 21, RECORD_HANDSHAKE = 22 };
enum { CLIENT_HELLO = 1, SERVER_HELLO = 2 };

/* What each direction has said so far; NULL in the conn once both are known. */
struct watch {
	struct bytes in, out;
	bool in_known, out_known;
};

/* Bytes of the message that begins at msg; 0: its head is not all there. */
static size_t
whole(const unsigned char *msg, size_t n)
{
	return n < 4 ? 0
		     : 4 + ((size_t)msg[1] << 16 | (size_t)msg[2] << 8 | msg[3]);
}

/*
 * May this be what has come of a record before a session?  RFC 8446, 5.1: an
 * alert is whole in one, a handshake message's part is not empty.
 */
static bool
may_be_record(const unsigned char *p, size_t len)
{
	size_t k = len >= 5 ? (size_t)p[3] << 8 | p[4] : 2;

	if ((len > 1 && p[1] != 3) || (len > 2 && p[2] > 4))
		return false;
	return p[0] == RECORD_ALERT
		   ? k == 2
		   : p[0] == RECORD_HANDSHAKE && k > 0 && k <= 1 << 14;
}

/*
 * The first handshake message, out of its records, as far as it has come; of
 * a ClientHello the head, so that nothing behind it changes what it is.
 * Alerts between are passed over: a server that refuses sends nothing else.
 */
static enum heard
gather(const unsigned char *p, size_t len, bool head, unsigned char *msg,
    size_t *n)
{
	for (*n = 0; len > 0;) {
		size_t k = len >= 5 ? (size_t)p[3] << 8 | p[4] : 0;
		size_t have = len >= 5 ? len - 5 : 0;

		if (!may_be_record(p, len))
			return HEARD_ELSE;
		if (have > k)
			have = k;
		if (p[0] == RECORD_HANDSHAKE) {
			if (have > MESSAGE - *n)
				have = MESSAGE - *n;
			memcpy(msg + *n, p + (len < 5 ? len : 5), have);
			*n += have;
		}
		if (len < 5 + k || (*n >= 4 && (head || *n >= whole(msg, *n))))
			break;
		p += 5 + k;
		len -= 5 + k;
	}
	return HEARD_PART;
}

enum heard
watch_hear(const unsigned char *p, size_t len, bool client_hello, int minimum,
    unsigned *version)
{
	unsigned char msg[MESSAGE];
	size_t n;

	*version = 0;
	if (gather(p, len, client_hello, msg, &n) == HEARD_ELSE)
		return HEARD_ELSE;
	if (n == 0)
		return HEARD_PART;
	if (msg[0] != (client_hello ? CLIENT_HELLO : SERVER_HELLO))
		return HEARD_ELSE;
	if (client_hello)
		return n >= 4 ? HEARD_HELLO : HEARD_PART;
	if (whole(msg, n) > MESSAGE)
		return HEARD_ELSE;
	if (n < 4 || n < whole(msg, n))
		return HEARD_PART;
	*version = hello_newest(msg + 4, whole(msg, n) - 4, false);
	return (int)*version - 0x0301 >= minimum ? HEARD_HELLO : HEARD_ELSE;
}

void
watch_free(struct conn *c)
{
	if (c->watch == NULL)
		return;
	bytes_free(&c->watch->in);
	bytes_free(&c->watch->out);
	free(c->watch);
	c->watch = NULL;
}

int
watch_begin(struct conn *c)
{
	c->watch = calloc(1, sizeof *c->watch);
	if (c->watch == NULL)
		return -ENOMEM;
	c->state = CONN_WATCHED;
	return 0;
}

static int
refuse(struct conn *c, int fd, bool in, unsigned version)
{
	static const char *const names[] = {
	    "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
	bool hello = (c->side == SIDE_CLIENT) != in;
	char text[240];

	watch_free(c);
	if (version >= 0x0300 && version <= 0x0304) {
		snprintf(text, sizeof text,
		    "the server chose %s, and the rule wants at least %s",
		    names[version - 0x0300],
		    names[c->rule->values.minimum_version + 1]);
		return handshake_refuse(
		    c, fd, -ECONNABORTED, "version_too_old", text);
	}
	snprintf(text, sizeof text,
	    "what %s sent first is no TLS %s: action = \"native\" is for "
	    "programs that speak TLS themselves",
	    in ? "the peer" : "the program",
	    hello ? "ClientHello" : "ServerHello");
	return handshake_refuse(c, fd, -ECONNABORTED, "handshake", text);
}

/* Adds what iov holds, at most len bytes; 0 or -ENOMEM. */
static int
append(struct bytes *b, const struct iovec *iov, int n, size_t len)
{
	int i, rv = 0;

	for (i = 0; i < n && len > 0 && rv == 0; i++) {
		size_t k = iov[i].iov_len < len ? iov[i].iov_len : len;

		rv = bytes_put(b, iov[i].iov_base, k);
		len -= k;
	}
	return rv;
}

/*
 * Locked.  Hears len bytes that come after what is known of a direction; says
 * no by a negative errno.  They count only by `keep`: what was peeked at or
 * could not be sent comes once more.
 */
static int
hear(struct conn *c, int fd, bool in, const struct iovec *iov, int n,
    size_t len, bool keep)
{
	struct watch *w = c->watch;
	struct bytes *b;
	bool *known, client;
	unsigned version;
	size_t was;
	enum heard h;

	if (w == NULL)
		return c->state == CONN_WATCHED ? 0 : c->err;
	b = in ? &w->in : &w->out;
	known = in ? &w->in_known : &w->out_known;
	client = (c->side == SIDE_CLIENT) != in;
	if (*known || len == 0)
		return 0;
	was = b->len;
	if (append(b, iov, n, len) < 0)
		return -ENOMEM;
	h = watch_hear(bytes_at(b), bytes_left(b), client,
	    c->rule->values.minimum_version, &version);
	if (h == HEARD_PART && bytes_left(b) > 4 * MESSAGE)
		h = HEARD_ELSE;
	if (h == HEARD_ELSE)
		return refuse(c, fd, in, version);
	if (!keep)
		b->len = was;
	else if (h == HEARD_HELLO)
		*known = true;
	if (w->in_known && w->out_known)
		watch_free(c);
	return 0;
}

void
watch_hint(struct conn *c, const struct iovec *iov, int n)
{
	static _Atomic bool said;
	const unsigned char *p = n > 0 ? iov[0].iov_base : NULL;

	c->wrote = true;
	if (c->rule == NULL || c->rule->action != ACTION_TLS || p == NULL ||
	    iov[0].iov_len < 6 || p[0] != RECORD_HANDSHAKE || p[1] != 3 ||
	    p[5] != CLIENT_HELLO || atomic_exchange(&said, true))
		return;
	log_conn(c, LOG_NOTICE, "tls", NULL,
	    "the program speaks TLS itself, so that there are two sessions "
	    "one in the other: action = \"native\" is for such programs");
}

static ssize_t
transfer(int fd, const struct iovec *iov, int n, int flags, bool in)
{
	struct msghdr m = {.msg_iov = (struct iovec *)iov,
	    .msg_iovlen = (size_t)n};
	ssize_t rv;

	CALL_WAIT_BEGIN(NULL);
	rv = as_engine(in ? host->libc->recvmsg(fd, &m, flags)
			  : host->libc->sendmsg(fd, &m, flags));
	CALL_WAIT_END();
	return rv;
}

/*
 * Behind `done` bytes that a session has left: a short read means "drained"
 * to callers under edge-triggered epoll.
 */
static ssize_t
read_on(int fd, const struct iovec *iov, int n, int flags, size_t done)
{
	struct iovec rest[16];
	size_t skip = done;
	ssize_t rv = 0;
	int i, k = 0;

	for (i = 0; i < n && k < 16; i++) {
		size_t s = skip < iov[i].iov_len ? skip : iov[i].iov_len;

		skip -= s;
		if (s == iov[i].iov_len)
			continue;
		rest[k++] = (struct iovec){
		    (char *)iov[i].iov_base + s, iov[i].iov_len - s};
	}
	if (k > 0)
		rv = transfer(fd, rest, k,
		    flags & MSG_WAITALL ? flags : flags | MSG_DONTWAIT, true);
	return rv > 0 ? (ssize_t)done + rv : (ssize_t)done;
}

ssize_t
watch_read(struct conn *c, int fd, const struct iovec *iov, int n, int flags)
{
	ssize_t rv;
	size_t left;
	int no = 0;

	conn_lock(c);
	left = unwrap_left(c, iov, n, flags);
	/* what is thrown away unseen could not be judged */
	if (c->watch != NULL && !c->watch->in_known && (flags & MSG_TRUNC))
		no = -EOPNOTSUPP;
	pthread_mutex_unlock(&c->lock);
	if (no < 0)
		return no;
	if (left > 0)
		return read_on(fd, iov, n, flags, left);
	rv = transfer(fd, iov, n, flags, true);
	if (rv <= 0)
		return rv;
	conn_lock(c);
	no = hear(c, fd, true, iov, n, (size_t)rv, !(flags & MSG_PEEK));
	pthread_mutex_unlock(&c->lock);
	return no < 0 ? no : rv;
}

ssize_t
watch_write(struct conn *c, int fd, const struct iovec *iov, int n, int flags)
{
	ssize_t rv;
	int no;

	conn_lock(c);
	no = hear(c, fd, false, iov, n, MESSAGE, false);
	pthread_mutex_unlock(&c->lock);
	if (no < 0)
		return no;
	rv = transfer(fd, iov, n, flags, false);
	conn_lock(c);
	if (rv > 0)
		(void)hear(c, fd, false, iov, n, (size_t)rv, true);
	pthread_mutex_unlock(&c->lock);
	return rv;
}

/* Waits for the client's first bytes; tx is held by nobody else yet. */
static int
wait_first(struct conn *c, int fd, const struct patience *p)
{
	int rv = turn_take(c, &c->tx, fd, p);

	if (rv < 0)
		return rv;
	rv = wait_allowed(fd, p->flags)
		 ? wait_writable(c, fd, POLLIN, p)
		 : -EAGAIN;
	turn_give(&c->tx);
	return rv;
}

int
watch_detect(struct conn *c, int fd, const struct patience *p)
{
	unsigned char first = 0;
	ssize_t n;
	int rv;

	while (c->state == CONN_PRE) {
		n = as_engine(
		    host->libc->recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT));
		if (n < 0 && n != -EAGAIN)
			return (int)n;
		if (n == 1 && first == RECORD_HANDSHAKE)
			return 0;
		if (n >= 0) {
			c->state = CONN_WATCHED;
			log_write(&(struct log_line){.level = LOG_NOTICE,
			    .verdict = "plain",
			    .side = c->side,
			    .peer = c->peer,
			    .rule = c->rule,
			    .text = "the client speaks no TLS, and the rule "
				    "says action = \"detect\""});
			return 0;
		}
		rv = wait_first(c, fd, p);
		if (rv < 0)
			return rv;
	}
	return 0;
}
