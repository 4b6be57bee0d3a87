/*
 * traffic.h - for unit tests: bytes between the two ends of a pair, each of
 * them looked at
 */
#ifndef UNIT_TRAFFIC_H
#define UNIT_TRAFFIC_H

#include "../../shim/engine/reauth.h"
#include "pair.h"

#define TLS12 "maximum_version = \"TLSv1.2\";"
#define TLS13 "minimum_version = \"TLSv1.3\";"
#define MOST PATTERN_MOST

static const char *const versions[] = {TLS12, TLS13};
static unsigned char in[MOST];

/* What both sides have written and read so far. */
struct traffic {
	struct pair p;
	size_t sent[2], got[2];
};

static inline void
start(struct traffic *t, const char *client, const char *server)
{
	memset(t, 0, sizeof *t);
	pair_start(&t->p, client, server);
}

/* Writes len bytes once; as send(). */
static inline ssize_t
put(struct traffic *t, int from, size_t len, int flags)
{
	ssize_t n;

	if (t->sent[from] + len > MOST)
		memory_die("more than the pattern has");
	n = tls.send(t->p.fd[from], pattern[from] + t->sent[from], len, flags);
	if (n > 0)
		t->sent[from] += (size_t)n;
	return n;
}

/* len bytes in buf came from `from`; false if they are not the next ones. */
static inline bool
came(struct traffic *t, int from, const unsigned char *buf, ssize_t len)
{
	if (len <= 0)
		return true;
	if (memcmp(buf, pattern[from] + t->got[from], (size_t)len) != 0)
		return false;
	t->got[from] += (size_t)len;
	return true;
}

/* Reads at most len bytes of what `from` sent, once; -2: wrong bytes. */
static inline ssize_t
get(struct traffic *t, int from, size_t len, int flags)
{
	ssize_t n = tls.recv(t->p.fd[!from], in, len, flags);

	return came(t, from, in, n) ? n : -2;
}

static inline short
ready(int fd, short events)
{
	struct pollfd p = {fd, events, 0};

	return tls.poll(&p, 1, 0) >= 0 ? p.revents : -1;
}

/*
 * Moves len more bytes, with a poll for every write, as whoever gets a short
 * count has to: it sends what is left of a record.  True when all have come and
 * nothing else has.
 */
static inline bool
carry(struct traffic *t, int from, size_t len, size_t piece)
{
	size_t want = t->sent[from] + len;
	int quiet = 0;

	while (t->got[from] < want && quiet < 20) {
		size_t moved = pair_moved(&t->p) + t->got[from];
		size_t left = want - t->sent[from];

		if (left > 0 && put(t, from, left, 0) < 0 && errno != EAGAIN)
			return false;
		(void)ready(t->p.fd[from], POLLOUT);
		if (get(t, from, piece, 0) < 0 && errno != EAGAIN)
			return false;
		quiet =
		    pair_moved(&t->p) + t->got[from] == moved ? quiet + 1 : 0;
	}
	return t->got[from] == want && get(t, from, 1, 0) == -1 &&
	       errno == EAGAIN;
}

/* Keys of a client that may be asked for a certificate later, and of who asks. */
#define ANSWERS TLS13 "post_handshake_auth = true;"
#define ASKS                                                   \
	"cafile = \"trust.pem\"; verify_mode = \"optional\";" \
	"post_handshake_auth = true;"

/* As tlsshim_verify_client_post_handshake(), without waiting. */
static inline int
asks(struct pair *p)
{
	struct patience quick = {.flags = MSG_DONTWAIT};
	struct conn *c = p->c[SERVER];
	int rv;

	conn_lock(c);
	rv = reauth_ask(c, p->fd[SERVER], &quick);
	bytes_settle(&c->in);
	bytes_settle(&c->out);
	bytes_settle(&c->plain);
	pthread_mutex_unlock(&c->lock);
	return rv;
}

#endif
