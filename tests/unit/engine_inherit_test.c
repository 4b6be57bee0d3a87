/* engine_inherit_test.c - what a child has of a connection after a fork */
#include <stdio.h>
#include <unistd.h>

#include "../../shim/engine/conn.h"
#include "result.h"

/*
 * Offered while nobody was at it, and then a thread of the parent's came: the
 * child cannot use it, and the parent, which finds it undecided whose it is,
 * would leave the end to the child.
 */
static void
test_torn(void)
{
	static struct conn c = {
	    .state = CONN_OPEN, .lock = PTHREAD_MUTEX_INITIALIZER};
	uint32_t parent[SLOT_USES];
	struct slot *s = slot_new(getpid(), c.stamp);

	parent[SLOT_RX] = c.stamp[SLOT_RX];
	parent[SLOT_TX] = c.stamp[SLOT_TX];
	c.slot = s;
	c.expected = slot_expect(s);
	result(!slot_alone(s, getpid()), "a child is expected");
	pthread_mutex_lock(&c.lock);
	fork_inherit(&c, true);
	result(c.state == CONN_FOREIGN && c.slot == NULL &&
		   c.stamp[SLOT_TX] == SLOT_NEVER,
	    "one that a thread was at is not the child's");
	result(
	    slot_alone(s, getpid()) && slot_claim(s, SLOT_TX, &parent[SLOT_TX]),
	    "but the parent's alone, which may end it");
	(void)slot_leave(s, getpid(), NULL);
}

int
main(void)
{
	static const struct shim_calls calls = {.close = close};
	static const char sealed;
	static const struct shim_host mine = {
	    .libc = &calls, .sealed = &sealed, .asynchronous = &sealed};

	host = &mine;
	setvbuf(stdout, NULL, _IOLBF, 0);
	result(slot_init() == 0, "the arena is mapped");
	test_torn();
	return failures > 0;
}
