/* engine_table_test.c - the table of descriptors, all 1,048,576 of them */

#include <sched.h>

#include "pair.h"

/* A thread that receives by c's number, after so many turns of others. */
static struct {
	struct conn *c;
	int turns, arrives;
} receiver;

/* libc's, in this program. */
int
sched_yield(void)
{
	if (++receiver.turns == receiver.arrives)
		atomic_store(&receiver.c->receiving, false);
	return 0;
}

static void
test_every_number(void)
{
	struct conn *even = conn_new(SIDE_SERVER, CONN_LISTEN);
	struct conn *odd = conn_new(SIDE_SERVER, CONN_LISTEN);
	int fd, wrong = 0;

	memory_test = "every number";
	for (fd = 0; fd < FD_MAX; fd++)
		table_set(fd, fd % 2 ? odd : even);
	for (fd = 0; fd < FD_MAX; fd++) {
		struct conn *c = table_get(fd);

		wrong += c != (fd % 2 ? odd : even) || !table_has(fd) ||
		    class_of[fd] != FD_GOVERNED;
		if (c != NULL)
			conn_put(c);
	}
	result(wrong == 0, "stands for its conn: %d do not", wrong);
	result(atomic_load(&even->fds) == FD_MAX / 2, "is counted");
	for (fd = FD_MAX - 1; fd >= 0; fd--) {
		struct conn *c = table_close_begin(fd);

		wrong += c != (fd % 2 ? odd : even);
		wrong += table_is(fd, even) && !atomic_load(&even->ending);
		table_close_end(fd, c);
		wrong += table_has(fd) || class_of[fd] != FD_UNKNOWN;
	}
	result(wrong == 0, "stands for nothing once closed: %d do", wrong);
	result(atomic_load(&even->fds) == 0 && atomic_load(&even->refs) == 1,
	    "holds no reference");
	conn_put(even);
	conn_put(odd);
}

static void
test_beyond(void)
{
	memory_test = "beyond the table";
	result(table_get(FD_MAX) == NULL && table_get(-1) == NULL, "no conn");
	result(!table_has(FD_MAX) && !table_has(-1), "none is had");
	result(table_close_begin(FD_MAX) == NULL, "nothing to close");
}

/* A number is not given away while somebody is on his way to its socket. */
static void
test_receiver(void)
{
	struct conn *c = conn_new(SIDE_SERVER, CONN_LISTEN);

	memory_test = "a receiver";
	receiver.c = c;
	receiver.arrives = 7;
	table_set(5, c);
	atomic_store(&c->receiving, true);
	(void)table_close_begin(5);
	result(receiver.turns == 7 && !atomic_load(&c->receiving),
	    "is waited for");
	table_close_end(5, c);
	receiver.turns = receiver.arrives = 0;
	table_set(5, c);
	atomic_store(&c->receiving, true);
	(void)table_close_begin(5);
	result(receiver.turns > 7 && receiver.turns < 1000,
	    "is taken to wait in the kernel, after %d turns", receiver.turns);
	atomic_store(&c->receiving, false);
	table_close_end(5, c);
	conn_put(c);
}

int
main(void)
{
	pair_setup();
	test_every_number();
	test_beyond();
	test_receiver();
	return failures > 0;
}
