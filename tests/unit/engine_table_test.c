/* engine_table_test.c - the table of descriptors, all 1,048,576 of them */

#include "pair.h"


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

int
main(void)
{
	pair_setup();
	test_every_number();
	test_beyond();
	return failures > 0;
}
