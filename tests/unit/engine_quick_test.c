/*
 * engine_quick_test.c - the short way of one record: that it is taken, that it
 * is left wherever there is more to do, and that both ways go on from there
 */
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
	struct conn *c = t.p.c[from];
	struct iovec v = {pattern[from] + t.sent[from], len};
	ssize_t n;

	pthread_mutex_lock(&c->lock);
	n = quick_write(c, t.p.fd[from], &v, flags);
	bytes_settle(&c->out);
	pthread_mutex_unlock(&c->lock);
	if (n > 0)
		t.sent[from] += (size_t)n;
	return n;
}

static ssize_t
quick_get(int from, size_t len)
{
	struct conn *c = t.p.c[!from];
	struct patience p = {.flags = 0};
	struct iovec v = {in, len};
	ssize_t n;

	pthread_mutex_lock(&c->lock);
	n = quick_read(c, t.p.fd[!from], &v, &p);
	bytes_settle(&c->in);
	pthread_mutex_unlock(&c->lock);
	return came(&t, from, in, n) ? n : -2;
}

static void
test_taken(void)
{
	static const size_t sizes[] = {1, 64, 1006, 1007, 5000, 16384};
	unsigned sends, recvs;
	size_t i;
	int k;

	memory_test = "one record, one system call";
	warm();
	for (k = 0; k < 2; k++)
		for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			sends = t.p.m[k]->sends;
			recvs = t.p.m[!k]->recvs;
			result(quick_put(k, sizes[i], 0) == (ssize_t)sizes[i] &&
				   quick_get(k, 20000) == (ssize_t)sizes[i] &&
				   t.p.m[k]->sends == sends + 1 &&
				   t.p.m[!k]->recvs == recvs + 1,
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
FLAG(in, rd_eof)
FLAG(in, rd_shut)
FLAG(in, in_eof)
FLAG(in, held_back)
FLAG(out, wr_shut)
FLAG(out, nodelay)

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
    ROW(OUT, out_nodelay),
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
		if (situations[i].ways & OUT)
			good &= quick_put(CLIENT, 10, 0) == 0;
		if (situations[i].ways & IN)
			good &= quick_get(SERVER, 100) == 0;
		situations[i].make(c, false);
		result(good && t.p.m[CLIENT]->recvs == recvs &&
			   t.p.m[CLIENT]->sends == sends &&
			   quick_put(CLIENT, 10, 0) == 10 &&
			   quick_get(CLIENT, 100) == 10 &&
			   quick_put(SERVER, 10, 0) == 10 &&
			   quick_get(SERVER, 100) == 10,
		    "%s", situations[i].name);
	}
	result(quick_put(CLIENT, 10, MSG_MORE) == 0 &&
		   quick_put(CLIENT, 0, 0) == 0 &&
		   quick_put(CLIENT, 16385, 0) == 0,
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

int
main(void)
{
	pair_setup();
	test_taken();
	test_left();
	test_goes_on();
	test_nothing_there();
	test_not_all_sent();
	return failures > 0;
}
