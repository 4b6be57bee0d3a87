/* conn.c - the life of a governed socket */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "failure.h"
#include "log.h"
#include "ours.h"
#include "watch.h"

static const char *const state_names[CONN_STATES] = {
    [CONN_FREE] = "free",
    [CONN_LISTEN] = "listening",
    [CONN_PRE] = "accepted",
    [CONN_TCP] = "connecting",
    [CONN_HANDSHAKE] = "handshake",
    [CONN_OPEN] = "open",
    [CONN_WATCHED] = "watched",
    [CONN_FAILED] = "failed",
    [CONN_FOREIGN] = "foreign",
    [CONN_RELAYED] = "relayed",
};

const char *
conn_state_name(enum conn_state s)
{
	return state_names[s];
}

_Atomic int conn_listeners;

struct conn *
conn_new(enum side side, enum conn_state state)
{
	struct conn *c = table_alloc();

	if (c == NULL)
		return NULL;
	atomic_store(&c->ending, false);
	atomic_store(&c->left, -1);
	c->cookie = 0;
	c->regs = NULL;
	memset(&c->state, 0, sizeof *c - offsetof(struct conn, state));
	c->side = side;
	c->state = state;
	c->listens = state == CONN_LISTEN;
	c->early.secret = c->plain.secret = true;
	if (state == CONN_LISTEN)
		atomic_fetch_add(&conn_listeners, 1);
	else
		c->slot = slot_new(process_holder(), c->stamp);
	atomic_store(&c->refs, 1);
	return c;
}

/*
 * The call that was under way when the last number was closed ends: now the
 * session does.  True if somebody else has a use for c still.
 */
static bool
end_left(struct conn *c)
{
	int fd = atomic_load(&c->left);

	atomic_store(&c->refs, 1);
	conn_end(c, fd);
	ours_close(&c->left);
	return atomic_fetch_sub(&c->refs, 1) != 1;
}

void
conn_unused(struct conn *c)
{
	if (atomic_load(&c->left) != -1 && end_left(c))
		return;
	if (c->state == CONN_LISTEN)
		atomic_fetch_sub(&conn_listeners, 1);
	session_free(c);
	bytes_free(&c->early);
	bytes_free(&c->in);
	bytes_free(&c->out);
	bytes_free(&c->now);
	bytes_free(&c->plain);
	free(c->verdict);
	c->verdict = NULL;
	failure_free(c);
	free(c->path);
	c->path = NULL;
	free(c->offered);
	c->offered = NULL;
	snapshot_put(c->snapshot); /* after the session that uses it */
	c->snapshot = NULL;
	watch_free(c);
	c->state = CONN_FREE;
	table_release(c);
}

bool
conn_connected(const struct conn *c)
{
	return c->state == CONN_OPEN || c->state == CONN_WATCHED ||
	    c->connected_told ||
	    (c->deferred && c->state == CONN_HANDSHAKE);
}

bool
conn_tcp_failed(struct conn *c, bool told)
{
	bool failed;

	conn_lock(c);
	failed = c->state == CONN_FAILED && c->tcp_failed &&
	    (c->err_told || !told);
	pthread_mutex_unlock(&c->lock);
	return failed;
}

bool
conn_buffered(const struct conn *c)
{
	if (c->state != CONN_OPEN)
		return c->state == CONN_FAILED || bytes_left(&c->plain) > 0;
	return conn_enough(c) || record_waits(c) ||
	    bytes_left(&c->out) > 0 || c->rd_eof || c->rd_shut ||
	    c->in_eof || c->in_err != 0 ||
	    record_keeps(c);
}

void
conn_learn_lowat(struct conn *c, int fd)
{
	int low = 1, one = 1;
	socklen_t len = sizeof low;

	host->libc->getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, &len);
	conn_lock(c);
	c->lowat = low > 1 ? (size_t)low : 1;
	c->fresh = true; /* what is there may be enough now: tcp_set_rcvlowat */
	pthread_mutex_unlock(&c->lock);
	if (low > 1)
		host->libc->setsockopt(
		    fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
}

static int
foreign(struct conn *c)
{
	if (!c->foreign_told)
		log_conn(c, LOG_ERROR, "refused", "process",
		    "another process reads or writes this TLS session "
		    "already, and only one can do either; let the program "
		    "serve a connection in one process, or put a TLS proxy "
		    "before it");
	c->foreign_told = true;
	return -ECONNABORTED;
}

int
conn_claim_use(struct conn *c, enum slot_use use)
{
	if (c->state != CONN_FOREIGN && c->state != CONN_RELAYED &&
	    slot_claim(c->slot, use, &c->stamp[use]))
		return 0;
	return foreign(c);
}

/*
 * Until it is open a session is offered whole or not at all, so that who has
 * one use gets the other; the order spares a lost race the other's reading.
 */
int
conn_claim(struct conn *c)
{
	if (c->state != CONN_FOREIGN && c->state != CONN_RELAYED &&
	    slot_claim(c->slot, SLOT_TX, &c->stamp[SLOT_TX]) &&
	    slot_claim(c->slot, SLOT_RX, &c->stamp[SLOT_RX]))
		return 0;
	if (c->state != CONN_OPEN)
		c->state = CONN_FOREIGN;
	return foreign(c);
}

void
conn_unclaim(struct conn *c)
{
	slot_unclaim(c->slot, SLOT_TX, &c->stamp[SLOT_TX]);
	slot_unclaim(c->slot, SLOT_RX, &c->stamp[SLOT_RX]);
}

void
conn_fail(struct conn *c, int err)
{
	c->state = CONN_FAILED;
	c->err = err;
	c->err_told = false;
	conn_tell(c);
}

/* Where it cannot be asked about it is left as it is: on, as far as we care. */
bool
conn_nodelay(struct conn *c, int fd)
{
	int on = 0;
	socklen_t len = sizeof on;

	if (c->undelayed == 0 && host->libc->getsockopt(fd, IPPROTO_TCP,
				     TCP_NODELAY, &on, &len) == 0)
		c->undelayed = on ? 1 : -1;
	return c->undelayed >= 0 || c->nodelay;
}

void
conn_undelayed(struct conn *c, bool on)
{
	conn_lock(c);
	c->hurried = c->nodelay = false; /* the program's own word from now on */
	c->undelayed = on ? 1 : -1;
	pthread_mutex_unlock(&c->lock);
}

static void
set_nodelay(int fd, int on)
{
	host->libc->setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void
conn_first_sends(struct conn *c, int fd)
{
	if (!c->hurried || conn_nodelay(c, fd))
		return;
	set_nodelay(fd, 1);
	c->nodelay = true;
}

void
conn_first_sent(struct conn *c, int fd)
{
	c->hurried = false;
	if (!c->nodelay)
		return;
	c->nodelay = false;
	set_nodelay(fd, 0);
}
