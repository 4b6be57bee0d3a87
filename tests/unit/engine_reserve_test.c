/*
 * engine_reserve_test.c - blocks of the reserve: they do not overlap, come
 * back wiped, join again, and there is an end of them
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static bool none_left; /* for malloc of reserve_enough */

static void *
scarce_malloc(size_t len)
{
	return none_left ? NULL : malloc(len);
}

#define malloc scarce_malloc
#include "../../shim/engine/reserve.c"
#undef malloc
#include "result.h"

static void
test_one_block(void)
{
	unsigned char *p = reserve_get(100), *q;
	int other;

	result(p != NULL && (uintptr_t)p % 16 == 0, "a block is aligned");
	result(reserve_has(p) && !reserve_has(&other) && !reserve_has(NULL),
	    "a block is known by its address");
	result(reserve_size(p) >= 100, "it holds what was asked for");
	memset(p, 0xa5, 100);
	reserve_put(p);
	q = reserve_get(100);
	result(q == p && q[0] == 0 && q[99] == 0, "what comes back is wiped");
	reserve_put(q);
	p = reserve_get(0);
	result(p != NULL && reserve_get(SIZE) == NULL &&
		reserve_get(SIZE_MAX) == NULL,
	    "nothing is a block, and all and more is none");
	reserve_put(p);
}

/* Fills it with blocks of many sizes that hold their own number. */
static void
test_until_it_is_empty(void)
{
	static unsigned char *block[4096];
	size_t n = 0, i, j, wrong = 0;

	while (n < 4096 && (block[n] = reserve_get(1 + n * 37 % 3000)) != NULL) {
		memset(block[n], (int)n, 1 + n * 37 % 3000);
		n++;
	}
	result(n > 1000 && n < 4096, "it comes to an end");
	for (i = 0; i < n; i++)
		for (j = 0; j < 1 + i * 37 % 3000; j++)
			wrong += block[i][j] != (unsigned char)i;
	result(wrong == 0, "no two blocks overlap");
	none_left = true;
	result(!reserve_enough(), "then there is not enough");
	none_left = false;
	result(reserve_enough(), "but where malloc has some again");
	for (i = 0; i < n; i += 2)
		reserve_put(block[i]);
	for (i = 1; i < n; i += 2)
		reserve_put(block[i]);
	none_left = true;
	result(taken == 0 && reserve_enough(), "all can be given back");
	block[0] = reserve_get(SIZE - 64);
	result(block[0] != NULL, "and is one block again");
	reserve_put(block[0]);
}

int
main(void)
{
	test_one_block();
	test_until_it_is_empty();
	return failures > 0;
}
