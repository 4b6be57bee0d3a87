/*
 * engine_epoll_test.c - a client in an epoll set whose every change the
 * kernel may refuse once or twice: no wake-up is lost
 */
#include "sets.h"

static struct pair *here;

static bool
server_moves(void)
{
	size_t before = pair_moved(here);

	pair_drive(here, SERVER);
	return pair_moved(here) != before;
}

/* Waits until one of the events is there; how many waits it took. */
static int
wait_for(int ep, uint32_t events)
{
	struct epoll_event ev;
	int i;

	for (i = 1; i < 20; i++)
		if (tls.epoll_wait(ep, &ev, 1, -1) == 1 &&
		    (ev.events & events))
			return i;
	return -1;
}

/* s is closed, and this has the last reference: the next one is s again. */
static bool
ends(struct set *s, int ep)
{
	static struct set *first;

	if (s == NULL || !set_is_closed(s) || set_get(ep, false) != NULL ||
	    s->nregs == 0)
		return false;
	set_put(s);
	if (first == NULL)
		first = s;
	return s == first && s->refs == 0 && s->regs == NULL;
}

/* A connect, a request and its answer; flags: 0 or EPOLLONESHOT. */
static bool
exchange(uint32_t flags, unsigned at, int err)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | flags};
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct pair p;
	struct set *s;
	bool good;

	pair_open(&p, "", "");
	here = &p;
	memory_idle = server_moves;
	memset(in_set, 0, sizeof in_set);
	mods = 0;
	mod_fails = (struct trouble){at, err};
	(void)pair_connect(&p);
	good = tls.epoll_ctl(ep, EPOLL_CTL_ADD, p.fd[CLIENT], &ev) == 0 &&
	    wait_for(ep, EPOLLOUT) > 0 && p.c[CLIENT]->state == CONN_OPEN &&
	    tls.send(p.fd[CLIENT], "ask", 3, MSG_NOSIGNAL) == 3 &&
	    tls.recv(p.fd[SERVER], in, 3, 0) == 3 &&
	    tls.send(p.fd[SERVER], "tell", 4, MSG_NOSIGNAL) == 4;
	if (flags & EPOLLONESHOT) {
		/* as the program has it: a change it asked for, and retries */
		while (tls.epoll_ctl(ep, EPOLL_CTL_MOD, p.fd[CLIENT], &ev) ==
		    -1)
			;
	}
	good = good && wait_for(ep, EPOLLIN) > 0 &&
	    tls.recv(p.fd[CLIENT], in, 10, 0) == 4;
	s = set_get(ep, false);
	pair_close(&p);
	tls.close(ep);
	return good && ends(s, ep);
}

static void
test_changes_that_fail(void)
{
	static const struct {
		const char *name;
		uint32_t flags;
	} kinds[] = {{"level", 0}, {"oneshot", EPOLLONESHOT}};
	static const int errs[] = {ENOMEM, EINTR, ENOSPC};
	unsigned at, most, wrong;
	size_t i, k;

	for (i = 0; i < 4; i++) {
		memory_test = kinds[i / 2].name;
		refused = 1 + i % 2; /* a second time: when it is asked again */
		wrong = !exchange(kinds[i / 2].flags, 0, 0);
		most = mods;
		for (k = 0; k < 3; k++)
			for (at = 1; at <= most; at++)
				wrong += !exchange(
				    kinds[i / 2].flags, at, errs[k]);
		result(wrong == 0, "each of %u changes is refused %u times: %u "
		    "exchanges go wrong", most, refused, wrong);
	}
}

/* Takes what has come, and answers. */
static bool
server_answers(void)
{
	size_t before = memory_left(here->m[SERVER]);

	if (tls.recv(here->fd[SERVER], in, 3, MSG_DONTWAIT) > 0)
		(void)tls.send(here->fd[SERVER], "tell", 4, MSG_NOSIGNAL);
	return memory_left(here->m[SERVER]) != before;
}

/* A part of a request is queued; the program waits for the answer only. */
static void
test_room_is_asked_for_again(void)
{
	struct epoll_event ev;
	struct traffic t;
	int ep;

	memory_test = "queued output";
	ep = set_of(&t, CLIENT, EPOLLIN);
	here = &t.p;
	memory_idle = server_answers;
	while (tls.epoll_wait(ep, &ev, 1, 0) == 1)
		(void)tls.recv(t.p.fd[CLIENT], in, 1, MSG_DONTWAIT);
	t.p.m[SERVER]->room = memory_left(t.p.m[SERVER]) + 10;
	mods = 0;
	mod_fails = (struct trouble){1, ENOMEM};
	refused = 2;
	result(tls.send(t.p.fd[CLIENT], "ask", 3, MSG_NOSIGNAL) > 0 &&
		   t.p.c[CLIENT]->state == CONN_OPEN &&
		   wait_for(ep, EPOLLIN) > 0 &&
		   tls.recv(t.p.fd[CLIENT], in, 10, 0) == 4 && mods > 1,
	    "a change that was refused twice is asked for again");
	mod_fails.at = 0;
	pair_close(&t.p);
	tls.close(ep);
}

static int asks_at; /* the set whose question comes while it waits */
static unsigned slept;

static bool
asks_again(void)
{
	struct epoll_event ev = {.events = EPOLLIN};

	slept++;
	return tls.epoll_ctl(asks_at, EPOLL_CTL_MOD, here->fd[CLIENT], &ev) ==
	       0;
}

/* Ten bytes have come, and a wait of asks_at has told of them. */
static void
hear_ten(struct traffic *t, uint32_t events)
{
	struct epoll_event one;

	asks_at = set_of(t, CLIENT, events);
	here = &t->p;
	(void)put(t, SERVER, 10, 0);
	(void)tls.epoll_wait(asks_at, &one, 1, -1);
	memory_idle = asks_again;
	slept = 0;
}

/* A part was read, and the program has had enough until it asks again. */
static void
test_what_nobody_asks_about(void)
{
	static const uint32_t kinds[] = {0, EPOLLPRI, EPOLLERR};
	struct epoll_event one;
	struct traffic t;
	size_t i;

	memory_test = "a part read";
	for (i = 0; i < 3; i++) {
		hear_ten(&t, EPOLLIN);
		(void)tls.recv(t.p.fd[CLIENT], in, 5, 0);
		one.events = kinds[i];
		tls.epoll_ctl(asks_at, EPOLL_CTL_MOD, t.p.fd[CLIENT], &one);
		result(tls.epoll_wait(asks_at, &one, 1, -1) == 1 &&
			   one.events == EPOLLIN && slept == 1,
		    "a wait for %u sleeps, and ends when more is asked",
		    kinds[i]);
		pair_close(&t.p);
		tls.close(asks_at);
	}
}

/* The kernel tells of a reset though it was asked for nothing. */
static void
test_one_event_and_a_reset(void)
{
	struct epoll_event one;
	struct traffic t;

	memory_test = "one event, and a reset";
	hear_ten(&t, EPOLLIN | EPOLLONESHOT);
	(void)tls.recv(t.p.fd[CLIENT], in, 10, 0);
	t.p.m[CLIENT]->reset = true;
	result(tls.epoll_wait(asks_at, &one, 1, -1) == 1 &&
		   (one.events & EPOLLHUP) && slept == 1,
	    "a wait sleeps until more is asked: %u", slept);
	pair_close(&t.p);
	tls.close(asks_at);
}

/*
 * The kernel tells of room in each wait, and the program has read what came:
 * the doorbell is silent.
 */
static void
test_room_in_every_wait(void)
{
	struct epoll_event some[4];
	int ep, i;
	struct traffic t;
	struct set *s;

	memory_test = "room in every wait";
	memory_idle = NULL;
	ep = set_of(&t, SERVER, EPOLLIN | EPOLLOUT);
	(void)put(&t, CLIENT, 10, 0);
	(void)tls.epoll_wait(ep, some, 4, 0);
	s = set_get(ep, false);
	result(s->rung, "what came rings it");
	(void)tls.recv(t.p.fd[SERVER], in, 10, 0);
	for (i = 0; i < 2; i++)
		(void)tls.epoll_wait(ep, some, 4, 0);
	result(!s->rung && some[0].events == EPOLLOUT, "room does not");
	set_put(s);
	pair_close(&t.p);
	tls.close(ep);
}

/* One event at a time, and each connection is closed at its first. */
static void
test_what_is_closed_is_used_again(void)
{
	struct epoll_event ev = {.events = EPOLLIN}, one;
	int ep = epoll_create1(EPOLL_CLOEXEC), i, told = 0;
	struct set *s = NULL;
	struct traffic t;

	memory_test = "closed at its first event";
	mod_fails.at = 0;
	memset(in_set, 0, sizeof in_set);
	for (i = 0; i < 40; i++) {
		start(&t, "", "");
		(void)put(&t, SERVER, 1, MSG_NOSIGNAL);
		tls.epoll_ctl(ep, EPOLL_CTL_ADD, t.p.fd[CLIENT], &ev);
		told += tls.epoll_wait(ep, &one, 1, -1);
		if (s == NULL)
			s = set_get(ep, false);
		pair_close(&t.p);
	}
	result(told == 40 && s->nregs < 8,
	    "40 connections one after the other: the set has room for %u",
	    s->nregs);
	tls.close(ep);
	set_put(s);
}

/*
 * A read that no event has led to takes all from the kernel and gives the
 * program a part: the set tells of the rest, be it decrypted or not.
 */
static void
test_what_a_read_left(void)
{
	static const struct {
		const char *name;
		size_t first, second, read;
		int flags;
		uint32_t events;
	} rows[] = {
	    {"a record behind", 10, 10, 10, 0, EPOLLIN},
	    {"a part of a record", 20, 0, 10, 0, EPOLLIN},
	    {"a part, and a record", 20, 10, 10, 0, EPOLLIN},
	    {"a look", 10, 0, 10, MSG_PEEK, EPOLLIN},
	    {"a record behind, edge", 10, 10, 10, 0, EPOLLIN | EPOLLET},
	    {"a part of a record, edge", 20, 0, 10, 0, EPOLLIN | EPOLLET},
	};
	struct epoll_event one;
	struct traffic t;
	struct set *s;
	size_t i;

	memory_test = "what a read left";
	memory_idle = NULL;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int ep = set_of(&t, SERVER, rows[i].events), got;

		got = tls.epoll_wait(ep, &one, 1, 0);
		(void)put(&t, CLIENT, rows[i].first, 0);
		if (rows[i].second > 0)
			(void)put(&t, CLIENT, rows[i].second, 0);
		(void)tls.recv(t.p.fd[SERVER], in, rows[i].read, rows[i].flags);
		result(got == 0 && tls.epoll_wait(ep, &one, 1, 0) == 1 &&
			   one.events == EPOLLIN,
		    "%s", rows[i].name);
		/* a set in a set, or in poll() */
		s = set_get(ep, false);
		result(s->rung || (rows[i].events & EPOLLET),
		    "the doorbell of %s", rows[i].name);
		set_put(s);
		pair_close(&t.p);
		tls.close(ep);
	}
}

/* What both sets say of ten bytes that came, the second one behind a read. */
static bool
both_told(struct traffic *t, const uint32_t events[2], size_t read)
{
	struct epoll_event one;
	int set[2], got[2], k;

	for (k = 0; k < 2; k++) {
		struct epoll_event ev = {.events = events[k]};

		set[k] = epoll_create1(EPOLL_CLOEXEC);
		tls.epoll_ctl(set[k], EPOLL_CTL_ADD, t->p.fd[SERVER], &ev);
		if (tls.epoll_wait(set[k], &one, 1, 0) != 0)
			return false;
	}
	(void)put(t, CLIENT, 10, 0);
	got[0] = tls.epoll_wait(set[0], &one, 1, 0);
	if (read > 0)
		(void)tls.recv(t->p.fd[SERVER], in, read, 0);
	got[1] = tls.epoll_wait(set[1], &one, 1, 0);
	tls.close(set[0]);
	tls.close(set[1]);
	return got[0] == 1 && got[1] == (read < 10);
}

/*
 * One wait decrypts what came, and the kernel has nothing left that would tell
 * the other set.
 */
static void
test_two_sets(void)
{
	static const uint32_t kinds[][2] = {{EPOLLIN, EPOLLIN},
	    {EPOLLIN, EPOLLIN | EPOLLET}, {EPOLLIN | EPOLLET, EPOLLIN},
	    {EPOLLIN | EPOLLET, EPOLLIN | EPOLLET}};
	static const size_t reads[] = {0, 5, 10};
	struct traffic t;
	size_t i, k;

	memory_test = "two sets";
	for (i = 0; i < 4; i++)
		for (k = 0; k < 3; k++) {
			memset(in_set, 0, sizeof in_set);
			start(&t, "", "");
			result(both_told(&t, kinds[i], reads[k]),
			    "%s, %s, %zu of 10 read between",
			    kinds[i][0] & EPOLLET ? "edge" : "level",
			    kinds[i][1] & EPOLLET ? "edge" : "level", reads[k]);
			pair_close(&t.p);
		}
}

/*
 * The kernel tells of what comes: a question, and room for output, lead to no
 * recv(), which would find nothing.  What is here already is told all the same.
 */
static void
test_no_look_for_nothing(void)
{
	static const uint32_t kinds[] = {EPOLLIN, EPOLLIN | EPOLLET};
	struct epoll_event ev, one;
	struct traffic t;
	int i, ep, fd;
	unsigned before;
	bool good;

	memory_test = "no look";
	memory_idle = NULL;
	mod_fails.at = 0;
	for (i = 0; i < 2; i++) {
		ep = set_of(&t, SERVER, kinds[i]);
		fd = t.p.fd[SERVER];
		before = t.p.m[SERVER]->recvs;
		ev.events = kinds[i] | EPOLLOUT;
		good = tls.epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev) == 0 &&
		       tls.epoll_wait(ep, &one, 1, 0) == 1 &&
		       one.events == EPOLLOUT;
		ev.events = kinds[i];
		good = good && tls.epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev) == 0;
		result(good && t.p.m[SERVER]->recvs == before,
		    "%s: %u of them", i == 0 ? "level" : "edge",
		    t.p.m[SERVER]->recvs - before);
		(void)put(&t, CLIENT, 10, 0);
		(void)tls.recv(fd, in, 5, MSG_PEEK);
		before = t.p.m[SERVER]->recvs;
		ev.events = kinds[i] | EPOLLOUT;
		tls.epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev);
		good = tls.epoll_wait(ep, &one, 1, 0) == 1;
		result(good && (one.events & EPOLLIN),
		    "what is here already: %u", one.events);
		pair_close(&t.p);
		tls.close(ep);
	}
}

/* One wait ends the handshake, and the other set's may be written to. */
static void
test_two_sets_open(void)
{
	struct epoll_event ev[2] = {{.events = EPOLLIN}, {.events = EPOLLOUT}};
	struct epoll_event one;
	int set[2], i, before;
	struct pair p;

	memory_test = "two sets";
	memset(in_set, 0, sizeof in_set);
	pair_open(&p, "", "");
	(void)pair_connect(&p);
	for (i = 0; i < 2; i++) {
		set[i] = epoll_create1(EPOLL_CLOEXEC);
		tls.epoll_ctl(set[i], EPOLL_CTL_ADD, p.fd[CLIENT], &ev[i]);
	}
	before = tls.epoll_wait(set[1], &one, 1, 0);
	for (i = 0; i < 20 && p.c[CLIENT]->state != CONN_OPEN; i++) {
		pair_drive(&p, SERVER);
		(void)tls.epoll_wait(set[0], &one, 1, 0);
	}
	/* the kernel has not been asked for OUT before */
	result(before == 0 && p.c[CLIENT]->state == CONN_OPEN &&
		   tls.epoll_wait(set[1], &one, 1, 0) == 1 &&
		   one.events == EPOLLOUT,
	    "a handshake that the other one's wait has ended");
	pair_close(&p);
	tls.close(set[0]);
	tls.close(set[1]);
}

static void
test_masks(void)
{
	struct epoll_event one;
	struct traffic t;
	int ep;
	sigset_t mask;
	bool good;

	memory_test = "a mask of signals";
	sigemptyset(&mask);
	ep = set_of(&t, SERVER, EPOLLIN);
	good = tls.epoll_pwait(ep, &one, 1, 0, &mask) == 0;
	result(good && mask_seen == &mask, "is the kernel's while it waits");
	good = tls.epoll_wait(ep, &one, 1, 0) == 0;
	result(good && mask_seen == NULL, "or there is none");
	pair_close(&t.p);
	tls.close(ep);
}

int
main(void)
{
	pair_setup();
	sets_setup();
	test_changes_that_fail();
	test_room_is_asked_for_again();
	test_what_nobody_asks_about();
	test_one_event_and_a_reset();
	test_room_in_every_wait();
	test_what_is_closed_is_used_again();
	test_what_a_read_left();
	test_two_sets();
	test_no_look_for_nothing();
	test_two_sets_open();
	test_masks();
	return failures > 0;
}
