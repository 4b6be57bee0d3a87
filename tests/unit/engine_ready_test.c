/*
 * engine_ready_test.c - poll() of several connections: what it says of each,
 * and that it costs nothing where nothing has come
 */
#include "traffic.h"

#define PAIRS 3

static struct traffic t[PAIRS];
static struct pollfd asked[PAIRS];

static void
open_all(short events)
{
	int i;

	for (i = 0; i < PAIRS; i++) {
		start(&t[i], "", "");
		asked[i] = (struct pollfd){t[i].p.fd[SERVER], events, 0};
	}
}

static void
close_all(void)
{
	int i;

	for (i = 0; i < PAIRS; i++)
		pair_close(&t[i].p);
}

static unsigned
recvs(void)
{
	unsigned n = 0;
	int i;

	for (i = 0; i < PAIRS; i++)
		n += t[i].p.m[SERVER]->recvs;
	return n;
}

/* Does poll() say of each what is expected, with so many recv()s at most? */
static bool
says(short first, short second, short third, unsigned most)
{
	const short want[PAIRS] = {first, second, third};
	int n = (first != 0) + (second != 0) + (third != 0), i;
	unsigned before = recvs();
	bool good = tls.poll(asked, PAIRS, 0) == n;

	for (i = 0; i < PAIRS; i++)
		good = good && asked[i].revents == want[i];
	if (!good || recvs() - before > most)
		printf("# %d %d %d, %u recv()s\n", asked[0].revents,
		    asked[1].revents, asked[2].revents, recvs() - before);
	return good && recvs() - before <= most;
}

static void
test_what_has_come(void)
{
	struct memory *m;
	size_t all;

	memory_test = "poll";
	open_all(POLLIN);
	result(says(0, 0, 0, 0), "nothing has come: no recv()");
	(void)put(&t[1], CLIENT, 10, 0);
	result(says(0, POLLIN, 0, 1), "a record of one: its own recv()");
	result(says(0, POLLIN, 0, 0), "it is here now: none");
	result(get(&t[1], CLIENT, 100, 0) == 10 && says(0, 0, 0, 0),
	    "it has been read: none");

	(void)put(&t[2], CLIENT, 10, 0);
	m = t[2].p.m[SERVER];
	all = m->end;
	m->end = all - 5; /* the rest is on its way */
	/* it comes, and nothing is behind it */
	result(says(0, 0, 0, 2), "a part of a record is nothing to read");
	result(says(0, 0, 0, 0), "nor is it looked at again");
	m->end = all;
	result(says(0, 0, POLLIN, 1) && get(&t[2], CLIENT, 100, 0) == 10,
	    "its rest");

	(void)put(&t[0], CLIENT, 10, 0);
	result(get(&t[0], CLIENT, 4, MSG_PEEK) >= 0 && says(POLLIN, 0, 0, 0),
	    "what a look has decrypted, and the kernel has not");
	close_all();
}

static void
test_what_there_is_room_for(void)
{
	memory_test = "poll";
	open_all(POLLIN | POLLOUT);
	result(says(POLLOUT, POLLOUT, POLLOUT, 0), "room alone: no recv()");
	(void)put(&t[1], CLIENT, 10, 0);
	result(says(POLLOUT, POLLIN | POLLOUT, POLLOUT, 1), "room, and a record");
	close_all();
}

/* Output that is queued fails at last, and the socket itself says nothing. */
static void
test_what_is_lost(void)
{
	struct memory *m;

	memory_test = "poll";
	open_all(POLLIN);
	m = t[1].p.m[SERVER];
	t[1].p.m[CLIENT]->room = memory_left(t[1].p.m[CLIENT]) + 10;
	(void)put(&t[1], SERVER, 1000, MSG_NOSIGNAL);
	m->send_fails = (struct trouble){m->sends + 1, EHOSTUNREACH};
	result(bytes_left(&t[1].p.c[SERVER]->out) > 0 &&
		   says(0, POLLIN | POLLERR, 0, 2),
	    "an answer to what was lost never comes");
	close_all();
}

/* One that waits for room alone takes in the tickets that the kernel tells of. */
static void
test_tickets(void)
{
	struct pollfd p;
	struct memory *m;
	unsigned before;
	bool good;

	memory_test = "poll of a client";
	start(&t[0], TLS13, TLS13);
	p = (struct pollfd){t[0].p.fd[CLIENT], POLLOUT, 0};
	m = t[0].p.m[CLIENT];
	good = tls.poll(&p, 1, 0) == 1 && p.revents == POLLOUT;
	before = m->recvs;
	good = good && tls.poll(&p, 1, 0) == 1 && p.revents == POLLOUT;
	result(good && m->recvs == before, "for room: %u recv()s",
	    m->recvs - before);
	pair_close(&t[0].p);
}

/*
 * Another thread is about to call connect(2), or learns how it has ended: the
 * socket hangs up, which says nothing yet.
 */
static void
test_connect_at_work(void)
{
	struct pair *p = &t[0].p;
	struct pollfd f;
	bool good;

	memory_test = "poll beside connect()";
	pair_open(p, "", "");
	f = (struct pollfd){p->fd[CLIENT], POLLIN | POLLOUT, 0};
	atomic_store(&p->c[CLIENT]->dialing, true);
	p->m[CLIENT]->reset = true;
	good = tls.poll(&f, 1, 0) == 0 && p->c[CLIENT]->state == CONN_TCP;
	result(good, "begins no handshake, and takes no error");
	atomic_store(&p->c[CLIENT]->dialing, false);
	result(tls.poll(&f, 1, 0) == 1 && (f.revents & POLLHUP) &&
		   p->c[CLIENT]->state == CONN_FAILED,
	    "and behind it says how it has ended");
	pair_close(p);
}

static void
test_ends(void)
{
	memory_test = "poll";
	open_all(POLLIN);
	tls.shutdown(t[0].p.fd[CLIENT], SHUT_WR);
	result(says(POLLIN, 0, 0, 2) && get(&t[0], CLIENT, 10, 0) == 0,
	    "an end");
	result(says(POLLIN, 0, 0, 0), "an end that has been read");
	close_all();
}

int
main(void)
{
	pair_setup();
	test_what_has_come();
	test_what_there_is_room_for();
	test_what_is_lost();
	test_tickets();
	test_connect_at_work();
	test_ends();
	return failures > 0;
}
