/*
 * engine_end_test.c - TCP's answers at every end of a connection, over memory
 */
#include <signal.h>

#include "traffic.h"

/* Whose other side memory_idle plays. */
static struct traffic *idle;

static volatile sig_atomic_t pipes; /* SIGPIPEs that came */

static void
on_pipe(int sig)
{
	pipes++;
}

/* One side ends, the other goes on, then ends too. */
static void
test_half_close(void)
{
	struct traffic t;
	int v, a;

	memory_test = "half-close";
	for (v = 0; v < 4; v++) {
		a = v / 2;
		start(&t, versions[v % 2], "");
		carry(&t, a, 100, 100);
		put(&t, a, 50, 0);
		result(
		    tls.shutdown(t.p.fd[a], SHUT_WR) == 0 && t.p.m[a]->shut_wr,
		    "side %d ends its sending, %s", a, versions[v % 2]);
		result(get(&t, a, 100, 0) == 50 && get(&t, a, 100, 0) == 0 &&
			   get(&t, a, 100, 0) == 0,
		    "what was sent, then 0 and 0 again");
		result(
		    carry(&t, !a, 50000, 9999), "the other direction goes on");
		pipes = 0;
		result(put(&t, a, 1, 0) == -1 && errno == EPIPE && pipes == 1,
		    "a write is EPIPE and SIGPIPE");
		result(put(&t, a, 1, MSG_NOSIGNAL) == -1 && errno == EPIPE &&
			   put(&t, a, 0, MSG_NOSIGNAL) == -1 && pipes == 1,
		    "MSG_NOSIGNAL: EPIPE alone");
		result(tls.shutdown(t.p.fd[!a], SHUT_WR) == 0 &&
			   get(&t, !a, 1, 0) == 0 && get(&t, a, 1, 0) == 0,
		    "the other side ends as well");
		result(tls.shutdown(t.p.fd[!a], SHUT_RDWR) == 0 ||
			   errno == ENOTCONN,
		    "a second shutdown breaks nothing");
		pair_close(&t.p);
	}
}

static void
test_ends(void)
{
	struct traffic t;
	int fd;

	memory_test = "a FIN without close_notify";
	start(&t, "", "");
	fd = t.p.fd[SERVER];
	put(&t, CLIENT, 10, 0);
	memory_shutdown(t.p.fd[CLIENT], SHUT_WR);
	result(get(&t, CLIENT, 4, 0) == 4 && get(&t, CLIENT, 10, 0) == 6,
	    "what came before it is read first");
	result(ready(fd, POLLIN) & POLLIN, "readable: an error is there");
	result(get(&t, CLIENT, 1, 0) == -1 && errno == ECONNRESET,
	    "is ECONNRESET");
	result(t.p.c[SERVER]->state == CONN_FAILED &&
		   strstr(memory_log, "without close_notify") != NULL,
	    "is logged");
	result(get(&t, CLIENT, 1, 0) == -1 && errno == ECONNRESET &&
		   put(&t, SERVER, 1, MSG_NOSIGNAL) == -1,
	    "the session is over");
	pair_close(&t.p);

	memory_test = "a FIN without close_notify, suppress_ragged_eofs";
	start(&t, "", "suppress_ragged_eofs = true;");
	put(&t, CLIENT, 10, 0);
	memory_shutdown(t.p.fd[CLIENT], SHUT_WR);
	result(get(&t, CLIENT, 20, 0) == 10 && get(&t, CLIENT, 1, 0) == 0 &&
		   get(&t, CLIENT, 1, 0) == 0,
	    "is 0, again and again");
	result(carry(&t, SERVER, 1000, 1000), "the other direction goes on");
	pair_close(&t.p);

	memory_test = "a record cut short";
	start(&t, "", "");
	t.p.m[CLIENT]->send_most = 20;
	put(&t, CLIENT, 100, 0);
	t.p.m[CLIENT]->dead = true;
	t.p.m[SERVER]->fin = true;
	result(get(&t, CLIENT, 100, 0) == -1 && errno == ECONNRESET,
	    "is ECONNRESET, and no byte of it is given");
	pair_close(&t.p);
}

static void
test_reset(void)
{
	struct traffic t;
	int err = 0;
	socklen_t len = sizeof err;

	memory_test = "a reset";
	start(&t, "", "");
	put(&t, CLIENT, 10, 0);
	t.p.m[SERVER]->reset = true;
	result(get(&t, CLIENT, 20, 0) == 10, "what came before it is read");
	result(get(&t, CLIENT, 20, 0) == -1 && errno == ECONNRESET,
	    "is ECONNRESET");
	result(get(&t, CLIENT, 20, 0) == 0, "once, then the end");
	result(put(&t, SERVER, 1, MSG_NOSIGNAL) == -1 && errno == EPIPE,
	    "a write is EPIPE");
	result(tls.getsockopt(
		   t.p.fd[SERVER], SOL_SOCKET, SO_ERROR, &err, &len) == 0 &&
		   err == 0,
	    "SO_ERROR has nothing more to say");
	pair_close(&t.p);
}

/* Whoever waits for the socket first has it no other way. */
static void
test_reset_that_poll_sees(void)
{
	struct traffic t;
	int err = 0;
	socklen_t len = sizeof err;

	memory_test = "a reset that a poll has seen";
	start(&t, "", "");
	t.p.m[SERVER]->reset = true;
	result(ready(t.p.fd[SERVER], POLLIN) & POLLIN, "readable");
	result(get(&t, CLIENT, 20, 0) == -1 && errno == ECONNRESET,
	    "is ECONNRESET");
	result(get(&t, CLIENT, 20, 0) == 0, "once, then the end");
	pair_close(&t.p);
	memory_test = "a reset that SO_ERROR tells of";
	start(&t, "", "");
	t.p.m[SERVER]->reset = true;
	result(ready(t.p.fd[SERVER], POLLIN) & POLLERR, "POLLERR before");
	tls.getsockopt(t.p.fd[SERVER], SOL_SOCKET, SO_ERROR, &err, &len);
	result(err == ECONNRESET, "is ECONNRESET");
	tls.getsockopt(t.p.fd[SERVER], SOL_SOCKET, SO_ERROR, &err, &len);
	result(err == 0 && get(&t, CLIENT, 20, 0) == 0, "once, then the end");
	pair_close(&t.p);
}

static bool
peer_ends(void)
{
	bool news = !idle->p.m[CLIENT]->fin;

	idle->p.m[CLIENT]->fin = true;
	return news;
}

/* A close sends close_notify, or a reset where bytes were not read. */
static void
test_close(void)
{
	struct traffic t;
	int err = 0;
	socklen_t len = sizeof err;

	memory_test = "close";
	start(&t, "", "");
	put(&t, CLIENT, 100, 0);
	idle = &t;
	memory_idle = peer_ends; /* tickets could be on their way until then */
	tls.close(t.p.fd[CLIENT]);
	result(get(&t, CLIENT, 200, 0) == 100 && get(&t, CLIENT, 1, 0) == 0,
	    "the peer reads all and then 0");
	pair_close(&t.p);
	start(&t, "", "");
	put(&t, SERVER, 100, 0);
	tls.close(t.p.fd[CLIENT]);
	result(t.p.m[SERVER]->reset, "unread bytes make it a reset");
	pair_close(&t.p);
	start(&t, "", "");
	put(&t, SERVER, 100, 0);
	get(&t, SERVER, 40, 0);
	tls.close(t.p.fd[CLIENT]);
	result(t.p.m[SERVER]->reset, "so do decrypted ones");
	pair_close(&t.p);
	start(&t, TLS13, "");
	gnutls_session_key_update(theirs(&t.p, SERVER), GNUTLS_KU_PEER);
	carry(&t, CLIENT, 1, 1);
	memory_idle = peer_ends;
	tls.close(t.p.fd[CLIENT]);
	result(!t.p.m[SERVER]->reset && get(&t, CLIENT, 1, 0) == 0,
	    "a KeyUpdate that nobody read does not");
	pair_close(&t.p);
	start(&t, "", "");
	tls.getsockopt(t.p.fd[CLIENT], SOL_SOCKET, SO_ERROR, &err, &len);
	tls.send(t.p.fd[CLIENT], "x", 1, MSG_OOB);
	result(err == 0 && errno == EOPNOTSUPP &&
		   tls.recv(t.p.fd[CLIENT], in, 1, MSG_OOB) == -1 &&
		   errno == EINVAL,
	    "there is no urgent data");
	pair_close(&t.p);
}

static const struct {
	const char *what;
	int side;
	bool shuts, sealed; /* shutdown(), not close(); under a filter */
} ends[] = {
    {"a client closes", CLIENT, false, false},
    {"a server closes", SERVER, false, false},
    {"a client shuts down", CLIENT, true, false},
    {"a server shuts down", SERVER, true, false},
    {"a client with a filter closes", CLIENT, false, true},
    {"a server with a filter shuts down", SERVER, true, true},
};

/*
 * A close_notify waits for the FIN that goes with it, and nothing else does.
 * In a program that has a filter a close is a close.
 */
static void
test_one_segment(void)
{
	struct traffic t;
	struct memory *m;
	int fd, flags, v, side;
	size_t i;

	memory_test = "one segment";
	for (i = 0; i < 2 * sizeof ends / sizeof *ends; i++) {
		v = (int)i / 2;
		side = ends[v].side;
		start(&t, versions[i % 2], "");
		memory_sealed = ends[v].sealed;
		m = t.p.m[side];
		fd = t.p.fd[side];
		put(&t, !side, 1, 0);
		get(&t, !side, 1, 0); /* no tickets are to come any more */
		put(&t, side, 1, 0);
		flags = m->flags_sent;
		m->fds++; /* somebody has it that we do not know */
		if (ends[v].shuts)
			tls.shutdown(fd, SHUT_WR);
		else
			tls.close(fd);
		result(!(flags & MSG_MORE) &&
			   !(m->flags_sent & MSG_MORE) == ends[v].sealed &&
			   m->shut_wr == (ends[v].shuts || !ends[v].sealed),
		    "%s, %s", ends[v].what, versions[i % 2]);
		if (ends[v].shuts)
			tls.close(fd);
		memory_at[fd] = m;
		memory_drop(fd);
		memory_sealed = 0;
		pair_close(&t.p);
	}
}

/* What the kernel has no memory for is missing in front of a FIN. */
static void
test_no_fin_behind_nothing(void)
{
	struct traffic t;
	struct memory *m;
	int fd, shuts;

	memory_test = "an end that cannot be sent";
	for (shuts = 0; shuts < 2; shuts++) {
		start(&t, versions[1], "");
		m = t.p.m[SERVER];
		fd = t.p.fd[SERVER];
		put(&t, SERVER, 1, 0);
		get(&t, SERVER, 1, 0);
		m->fds++;
		m->send_fails = (struct trouble){m->sends + 1, ENOBUFS};
		if (shuts) {
			tls.shutdown(fd, SHUT_WR);
			result(!m->shut_wr, "no FIN behind a shutdown");
		}
		m->send_fails.at = m->sends + 1;
		tls.close(fd);
		result(!m->shut_wr, "no FIN before the close %d", shuts);
		memory_at[fd] = m;
		memory_drop(fd);
		pair_close(&t.p);
	}
}

/* Reads on once the other side waits for it. */
static bool
peer_reads(void)
{
	size_t before = pair_moved(&idle->p);

	(void)get(idle, CLIENT, MOST, 0);
	return pair_moved(&idle->p) != before || peer_ends();
}

/* What the kernel did not take before the end is sent by the end. */
static void
test_queued(void)
{
	struct traffic t;
	int v;

	memory_test = "queued output";
	for (v = 0; v < 4; v++) {
		start(&t, versions[v % 2], "");
		idle = &t;
		memory_idle = peer_reads;
		t.p.m[CLIENT]->no_meminfo = true;
		t.p.m[SERVER]->room = 1000;
		while (put(&t, CLIENT, 3000, MSG_DONTWAIT) > 0)
			;
		result(
		    bytes_left(&t.p.c[CLIENT]->out) > 0 && t.sent[CLIENT] > 0,
		    "a part waits, %s", versions[v % 2]);
		if (v / 2 == 1)
			tls.shutdown(t.p.fd[CLIENT], SHUT_WR);
		tls.close(t.p.fd[CLIENT]);
		while (get(&t, CLIENT, MOST, 0) > 0)
			;
		result(t.got[CLIENT] == t.sent[CLIENT] &&
			   get(&t, CLIENT, 1, 0) == 0,
		    "%zu of %zu came, then 0%s", t.got[CLIENT], t.sent[CLIENT],
		    v / 2 == 1 ? ", after a shutdown" : "");
		pair_close(&t.p);
	}
	memory_idle = NULL;
}

/* socket(7): a close() of 0 s aborts, else it waits for the peer so long. */
static void
test_linger(void)
{
	struct linger l = {1, 0};
	struct traffic t;
	int64_t since;

	memory_test = "SO_LINGER";
	start(&t, "", "");
	tls.setsockopt(
	    t.p.fd[CLIENT], SOL_SOCKET, SO_LINGER, &l, sizeof l);
	tls.close(t.p.fd[CLIENT]);
	result(t.p.m[SERVER]->reset && memory_left(t.p.m[SERVER]) == 0,
	    "of 0 s is a reset and no close_notify");
	pair_close(&t.p);
	l.l_linger = 1;
	start(&t, "", "");
	t.p.m[CLIENT]->no_meminfo = true;
	t.p.m[SERVER]->room = 1000;
	while (put(&t, CLIENT, 3000, MSG_DONTWAIT) > 0)
		;
	tls.setsockopt(
	    t.p.fd[CLIENT], SOL_SOCKET, SO_LINGER, &l, sizeof l);
	since = now_ms();
	tls.close(t.p.fd[CLIENT]);
	since = now_ms() - since;
	result(since >= 900 && since < 3000,
	    "of 1 s waits for a peer that does not read: %d ms", (int)since);
	pair_close(&t.p);
}

int
main(void)
{
	pair_setup();
	signal(SIGPIPE, on_pipe);
	test_linger();
	test_half_close();
	test_ends();
	test_reset();
	test_reset_that_poll_sees();
	test_close();
	test_queued();
	test_one_segment();
	test_no_fin_behind_nothing();
	return failures > 0;
}
