/*
 * engine_handover_test.c - connections that an exec is about to pass on, while
 * another thread closes them
 */
#include "../../shim/engine/handover.c"
#include "pair.h"

static int
close_number(int fd)
{
	return tls.close(fd);
}

/* A connection that nobody has begun, as an entry of h. */
static void
passed(struct handover *h, struct pair *p)
{
	handover_init(h, "/bin/true");
	pass(h, p->c[SERVER], p->fd[SERVER]);
	result(h->numbers == 1 && handover_passes(h, p->c[SERVER]),
	    "a connection that nobody has begun goes along");
}

static void
test_closed_meanwhile(void)
{
	struct pair p;
	struct handover h;
	struct conn *c, *next;

	memory_test = "exec while another thread closes";
	pair_open(&p, "", "");
	c = p.c[SERVER];
	passed(&h, &p);
	result(close_number(p.fd[SERVER]) == 0 && !table_has(p.fd[SERVER]),
	    "close() by another thread");
	next = conn_new(SIDE_SERVER, CONN_PRE);
	result(next != NULL && next != c && c->state == CONN_PRE,
	    "what was looked at is no other connection's yet");
	handover_undo(&h);
	/* a client may wait for the handshake that nobody has begun */
	result(c->state == CONN_FREE || c->listed,
	    "it ends once the exec has failed");
	conn_put(next);
	pair_close(&p);
}

static void
test_given_back(void)
{
	struct pair p;
	struct handover h;
	uint32_t refs;

	memory_test = "exec that fails";
	pair_open(&p, "", "");
	refs = p.c[SERVER]->refs;
	passed(&h, &p);
	result(p.c[SERVER]->refs == refs + 1, "is referred to meanwhile");
	handover_undo(&h);
	result(p.c[SERVER]->refs == refs && table_has(p.fd[SERVER]),
	    "is as it was afterwards");
	pair_close(&p);
}

int
main(void)
{
	pair_setup();
	test_given_back();
	test_closed_meanwhile();
	return failures > 0;
}
