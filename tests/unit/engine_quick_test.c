/*
 * engine_quick_test.c - the short way of one record: that it is taken, that it
 * is left wherever there is more to do, and that both ways go on from there
 */
#include "../../shim/engine/argument.h"
#include "../../shim/engine/intake.h"
#include "../../shim/engine/quick.h"
#include "../../shim/engine/stream.h"

#include "traffic.h"

static struct traffic t;

/* Both ends have keys of their own, and have been read and written lately. */
static void
warm(void)
{
	int i, k;

	start(&t, TLS13, "");
	for (i = 0; i < 12; i++)
		for (k = 0; k < 2; k++)
			if (!carry(&t, k, i == 0 ? 16384 : 10, MOST))
				memory_die("no bytes");
}

static ssize_t
quick_put(int from, size_t len, int flags)
{
	struct iovec v = {pattern[from] + t.sent[from], len};
	ssize_t n;

	(void)argument_readable(&v, 1); /* seen before: else it is not quick */
	n = quick_write(t.p.fd[from], v.iov_base, len, flags);
	if (n > 0)
		t.sent[from] += (size_t)n;
	return n;
}

static ssize_t
quick_get(int from, size_t len)
{
	ssize_t n;

	(void)argument_writable(&(struct iovec){in, len}, 1);
	n = quick_read(t.p.fd[!from], in, len, 0);
	return came(&t, from, in, n) ? n : -3;
}

/* Among threads a read looks first, and what is long is not for this way. */
static void
test_taken(void)
{
	static const size_t sizes[] = {1, 64, 1006, 1007, 5000, 16384};
	bool alone = single_threaded();
	unsigned sends, recvs;
	size_t i;
	int k;

	memory_test = "one record, one system call";
	warm();
	for (k = 0; k < 2; k++)
		for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			bool quick = alone || sizes[i] <= 1024;

			sends = t.p.m[k]->sends;
			recvs = t.p.m[!k]->recvs;
			result(quick_put(k, sizes[i], 0) ==
				       (quick ? (ssize_t)sizes[i] : QUICK_NOT) &&
				   (quick ||
				       put(&t, k, sizes[i], 0) ==
					   (ssize_t)sizes[i]) &&
				   quick_get(k, 20000) == (ssize_t)sizes[i] &&
				   t.p.m[k]->sends == sends + 1 &&
				   t.p.m[!k]->recvs == recvs + (alone ? 1 : 2),
			    "%zu bytes", sizes[i]);
		}
	pair_close(&t.p);
}

/* What makes a connection one for the ordinary way, and the way back. */
#define FLAG(which, member)                                   \
	static void which##_##member(struct conn *c, bool on) \
	{                                                     \
		c->member = on;                               \
	}
FLAG(both, timeouts)
FLAG(both, shut_later)
FLAG(both, out_dead)
FLAG(both, out_lost)
FLAG(both, ticket_owed)
FLAG(in, rd_eof)
FLAG(in, rd_shut)
FLAG(in, in_eof)
FLAG(in, held_back)
FLAG(out, wr_shut)
FLAG(out, hurried)

static void
both_state(struct conn *c, bool on)
{
	c->state = on ? CONN_FAILED : CONN_OPEN;
}

static void
both_in_err(struct conn *c, bool on)
{
	c->in_err = on ? -ECONNRESET : 0;
}

static void
both_early(struct conn *c, bool on)
{
	c->early.len = on;
}

static void
both_out(struct conn *c, bool on)
{
	c->out.len = on;
}

static void
both_in(struct conn *c, bool on)
{
	c->in.len = on;
}

static void
in_plain(struct conn *c, bool on)
{
	c->plain.len = on;
}

static void
in_lowat(struct conn *c, bool on)
{
	c->lowat = on ? 10 : 1;
}

static void
in_reauth(struct conn *c, bool on)
{
	c->reauth = on ? REAUTH_ASKED : REAUTH_NONE;
}

static void
in_turn(struct conn *c, bool on)
{
	atomic_store(&c->rx.busy, on ? 1 : 0);
}

static void
in_claim(struct conn *c, bool on)
{
	static uint32_t was;

	if (on)
		was = c->stamp[SLOT_RX];
	c->stamp[SLOT_RX] = on ? SLOT_NEVER : was;
}

static void
in_key(struct conn *c, bool on)
{
	c->record.rx.known = !on;
}

static void
out_turn(struct conn *c, bool on)
{
	atomic_store(&c->tx.busy, on ? 1 : 0);
}

static void
out_claim(struct conn *c, bool on)
{
	static uint32_t was;

	if (on)
		was = c->stamp[SLOT_TX];
	c->stamp[SLOT_TX] = on ? SLOT_NEVER : was;
}

static void
out_first(struct conn *c, bool on)
{
	c->wrote = !on;
}

static void
out_room(struct conn *c, bool on)
{
	c->room = on ? 4000 : 1 << 20;
}

/* A client that has read nothing takes its tickets in. */
static void
out_tickets(struct conn *c, bool on)
{
	c->got_data = !on;
}

static void
out_key(struct conn *c, bool on)
{
	c->record.tx.known = !on;
}

static void
out_asks(struct conn *c, bool on)
{
	c->record.asks = on;
}

static void
out_rekey(struct conn *c, bool on)
{
	static uint64_t was;

	if (on)
		was = c->record.tx.number;
	c->record.tx.number = on ? 0xfffff4 : was;
}

static void
out_size(struct conn *c, bool on)
{
	c->record.taken = on ? 5 : 16384;
}

enum { IN = 1, OUT = 2 };
#define ROW(ways, f)        \
	{                   \
#f, ways, f \
	}
static const struct {
	const char *name;
	int ways;
	void (*make)(struct conn *c, bool on);
} situations[] = {
    ROW(IN | OUT, both_timeouts),
    ROW(IN | OUT, both_shut_later),
    ROW(IN | OUT, both_out_dead),
    ROW(IN | OUT, both_out_lost),
    ROW(IN | OUT, both_ticket_owed),
    ROW(IN | OUT, both_state),
    ROW(IN | OUT, both_in_err),
    ROW(IN | OUT, both_early),
    ROW(IN | OUT, both_out),
    ROW(IN | OUT, both_in),
    ROW(IN, in_rd_eof),
    ROW(IN, in_rd_shut),
    ROW(IN, in_in_eof),
    ROW(IN, in_held_back),
    ROW(IN, in_plain),
    ROW(IN, in_lowat),
    ROW(IN, in_reauth),
    ROW(IN, in_turn),
    ROW(IN, in_claim),
    ROW(IN, in_key),
    ROW(OUT, out_wr_shut),
    ROW(OUT, out_hurried),
    ROW(OUT, out_turn),
    ROW(OUT, out_claim),
    ROW(OUT, out_first),
    ROW(OUT, out_room),
    ROW(OUT, out_tickets),
    ROW(OUT, out_key),
    ROW(OUT, out_asks),
    ROW(OUT, out_rekey),
    ROW(OUT, out_size),
};

static void
test_left(void)
{
	struct conn *c;
	unsigned recvs, sends;
	size_t i;
	bool good;

	memory_test = "left to the ordinary way, with nothing done";
	warm();
	c = t.p.c[CLIENT];
	for (i = 0; i < sizeof situations / sizeof *situations; i++) {
		recvs = t.p.m[CLIENT]->recvs;
		sends = t.p.m[CLIENT]->sends;
		good = true;
		situations[i].make(c, true);
		conn_touched(c);
		if (situations[i].ways & OUT)
			good &= quick_put(CLIENT, 10, 0) == QUICK_NOT;
		if (situations[i].ways & IN)
			good &= quick_get(SERVER, 100) == QUICK_NOT;
		situations[i].make(c, false);
		conn_touched(c);
		result(good && t.p.m[CLIENT]->recvs == recvs &&
			   t.p.m[CLIENT]->sends == sends &&
			   quick_put(CLIENT, 10, 0) == 10 &&
			   quick_get(CLIENT, 100) == 10 &&
			   quick_put(SERVER, 10, 0) == 10 &&
			   quick_get(SERVER, 100) == 10,
		    "%s", situations[i].name);
	}
	result(quick_put(CLIENT, 10, MSG_MORE) == QUICK_NOT &&
		   quick_put(CLIENT, 0, 0) == QUICK_NOT &&
		   quick_put(CLIENT, 16385, 0) == QUICK_NOT,
	    "MSG_MORE, nothing, more than a record");
	pair_close(&t.p);
}

/* What comes is not one record that fits: nothing of it is lost. */
static void
test_goes_on(void)
{
	static const struct {
		size_t first, second, most, piece;
	} rows[] = {{10, 10, 0, MOST}, {10, 3000, 0, MOST}, {500, 0, 0, 7},
	    {3000, 0, 0, 100}, {10, 10, 7, MOST}, {10, 10, 3, MOST},
	    {3000, 20, 1000, MOST}, {16384, 16384, 0, MOST},
	    {16384, 16384, 16406, MOST}, {16384, 1, 16405, 16384}};
	size_t i, want;
	ssize_t n = 1;

	memory_test = "and goes on there";
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		warm();
		put(&t, CLIENT, rows[i].first, 0);
		if (rows[i].second > 0)
			put(&t, CLIENT, rows[i].second, 0);
		t.p.m[SERVER]->recv_most = rows[i].most;
		want = t.sent[CLIENT];
		while (t.got[CLIENT] < want && n > 0)
			n = get(&t, CLIENT, rows[i].piece, 0);
		result(n > 0 && get(&t, CLIENT, 1, 0) == -1 && errno == EAGAIN,
		    "%zu and %zu bytes, %zu at a time", rows[i].first,
		    rows[i].second, rows[i].most);
		pair_close(&t.p);
	}
}

static void
test_nothing_there(void)
{
	unsigned recvs;

	memory_test = "nothing has come";
	warm();
	recvs = t.p.m[SERVER]->recvs;
	result(get(&t, CLIENT, 100, 0) == -1 && errno == EAGAIN &&
		   t.p.m[SERVER]->recvs == recvs + 1,
	    "is asked once");
	t.p.m[SERVER]->recv_fails = (struct trouble){recvs + 2, EINTR};
	result(get(&t, CLIENT, 100, 0) == -1 && errno == EINTR, "interrupted");
	t.p.m[SERVER]->recv_fails = (struct trouble){recvs + 3, ECONNRESET};
	result(get(&t, CLIENT, 100, 0) == -1 && errno == ECONNRESET &&
		   get(&t, CLIENT, 100, 0) == 0,
	    "a reset is said once");
	pair_close(&t.p);
	warm();
	t.p.m[SERVER]->fin = true;
	result(get(&t, CLIENT, 100, 0) == -1 && errno == ECONNRESET,
	    "an end without close_notify is none");
	pair_close(&t.p);
}

static void
test_not_all_sent(void)
{
	memory_test = "the kernel takes a part";
	warm();
	t.p.m[CLIENT]->send_most = 9;
	result(put(&t, CLIENT, 100, 0) == 100 &&
		   bytes_left(&t.p.c[CLIENT]->out) > 0,
	    "the rest is ours");
	t.p.m[CLIENT]->send_most = 0;
	result(carry(&t, CLIENT, 10, MOST), "and goes before what follows");
	t.p.m[CLIENT]->send_fails =
	    (struct trouble){t.p.m[CLIENT]->sends + 1, ENOBUFS};
	result(put(&t, CLIENT, 100, 0) == 100 && carry(&t, CLIENT, 10, MOST),
	    "or nothing, for now");
	t.p.m[CLIENT]->send_fails =
	    (struct trouble){t.p.m[CLIENT]->sends + 1, ECONNRESET};
	result(put(&t, CLIENT, 100, MSG_NOSIGNAL) == -1 &&
		   errno == ECONNRESET &&
		   put(&t, CLIENT, 100, MSG_NOSIGNAL) == -1 && errno == EPIPE,
	    "an error is said once");
	pair_close(&t.p);
}

/* What the only thread has found is asked for again after other calls. */
static void
test_forgets(void)
{
	struct timeval tv = {1, 0};
	struct conn *c;
	int fd;

	memory_test = "what was found is forgotten";
	warm();
	c = t.p.c[CLIENT];
	fd = t.p.fd[CLIENT];
	result(quick_put(CLIENT, 10, 0) == 10 && quick_get(CLIENT, 100) == 10 &&
		   quick_put(SERVER, 10, 0) == 10 &&
		   quick_get(SERVER, 100) == 10 && c->still_rx && c->still_tx,
	    "it was");
	result(tls.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) ==
		       0 &&
		   !c->still_rx && !c->still_tx &&
		   quick_put(CLIENT, 10, 0) == QUICK_NOT &&
		   quick_get(SERVER, 10) == QUICK_NOT,
	    "after setsockopt");
	c->timeouts = false;
	(void)quick_put(CLIENT, 10, 0);
	result(quick_get(CLIENT, 100) == 10 && c->still_tx &&
		   tls.shutdown(fd, SHUT_WR) == 0 &&
		   quick_put(CLIENT, 10, 0) == QUICK_NOT &&
		   put(&t, CLIENT, 10, MSG_NOSIGNAL) == -1 && errno == EPIPE,
	    "after shutdown");
	pair_close(&t.p);
}

static void *
wait_idle(void *end)
{
	(void)!read(*(int *)end, &(char){0}, 1);
	return NULL;
}

static void
test_all(void)
{
	test_taken();
	test_left();
	test_goes_on();
	test_nothing_there();
	test_not_all_sent();
}

int
main(void)
{
	pthread_t idle;
	int ends[2];

	pair_setup();
	test_all();
	test_forgets();
	if (pipe(ends) == -1 ||
	    pthread_create(&idle, NULL, wait_idle, &ends[0]) != 0)
		memory_die("no thread");
	result(!single_threaded(), "and with a second thread:");
	test_all();
	close(ends[1]);
	pthread_join(idle, NULL);
	return failures > 0;
}
