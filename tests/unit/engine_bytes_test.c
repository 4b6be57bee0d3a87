/*
 * engine_bytes_test.c - a queue of bytes against a plain array, and without
 * memory
 */
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned left_to_give = ~0u; /* how many more mallocs succeed */

static void *
scarce_malloc(size_t len)
{
	return left_to_give-- > 0 ? malloc(len) : (left_to_give = 0, NULL);
}

static const unsigned char *looked_for; /* 64 bytes that nothing freed has */
static bool was_freed, was_found;

static void
watched_free(void *p)
{
	if (p != NULL && looked_for != NULL) {
		was_freed = true;
		was_found |= memmem(p, malloc_usable_size(p), looked_for,
				 64) != NULL;
	}
	free(p);
}

#define malloc scarce_malloc
#define free watched_free
#include "../../shim/engine/bytes.c"
#undef malloc
#undef free
#include "result.h"

static unsigned char data[1 << 17], borrowed[70000];

static bool
holds(const struct bytes *b, const unsigned char *want, size_t len)
{
	return bytes_left(b) == len &&
	       (len == 0 || memcmp(bytes_at(b), want, len) == 0);
}

/* Growing, taking all and freeing each let go of what was put. */
static bool
leaves_traces(bool secret)
{
	struct bytes b = {.secret = secret};

	looked_for = data + 10;
	was_freed = was_found = false;
	bytes_put(&b, data, 4000);
	bytes_put(&b, data, 60000);
	bytes_take(&b, 64000);
	bytes_put(&b, data, 100);
	bytes_free(&b);
	looked_for = NULL;
	return !was_freed || was_found || b.secret != secret;
}

static void
test_secrets_are_wiped(void)
{
	result(!leaves_traces(true), "a secret queue leaves no trace");
	result(leaves_traces(false), "another one does");
}

/* As many as are taken come: always in the same memory. */
static void
test_what_flows_through(void)
{
	struct bytes b = {.secret = true};
	const unsigned char *base;
	int i, grown = 0;

	bytes_put(&b, data, 3000);
	base = b.base;
	for (i = 0; i < 100; i++) {
		bytes_take(&b, 2000);
		bytes_put(&b, data + 100 * i, 2000);
		grown += b.base != base;
		base = b.base;
	}
	result(grown <= 1 && bytes_left(&b) == 3000,
	    "100 times 2000 of 3000 lie where the first did");
	bytes_free(&b);
	bytes_put(&b, data, 3000);
	bytes_take(&b, 2900);
	(void)bytes_room(&b, b.cap - b.len + 1);
	result(memmem(b.base, 3000, data + 1000, 64) == NULL &&
		   holds(&b, data + 2900, 100),
	    "what has been taken is wiped when the rest moves");
	bytes_free(&b);
}

static void
test_put_and_take(void)
{
	struct bytes b = {0};

	result(bytes_left(&b) == 0, "a queue of zeros is empty");
	result(bytes_put(&b, data, 0) == 0 && bytes_left(&b) == 0,
	    "nothing is put");
	result(
	    bytes_put(&b, data, 100) == 0 && holds(&b, data, 100), "100 bytes");
	result(bytes_put(&b, data + 100, 70000) == 0 && holds(&b, data, 70100),
	    "70000 behind them");
	bytes_take(&b, 99);
	result(holds(&b, data + 99, 70001), "99 are taken from the front");
	bytes_take(&b, 70001);
	result(bytes_left(&b) == 0 && b.base == NULL,
	    "an empty queue keeps no memory");
	bytes_free(&b);
	bytes_free(&b);
	result(bytes_left(&b) == 0 && b.cap == 0, "freeing twice is harmless");
}

static void
test_borrow(void)
{
	struct bytes b = {0};

	memcpy(borrowed, data, 1000);
	bytes_borrow(&b, borrowed, 1000, sizeof borrowed);
	result(holds(&b, data, 1000) && bytes_at(&b) == borrowed,
	    "a borrowed buffer is looked at in place");
	bytes_put(&b, data + 1000, 10);
	result(bytes_at(&b) == borrowed && holds(&b, data, 1010),
	    "and appended to in place");
	bytes_take(&b, 1010);
	result(b.base == borrowed && b.off == 0,
	    "once empty it begins at its front again");
	bytes_put(&b, data, 5);
	result(bytes_settle(&b) == 0 && !b.borrowed && holds(&b, data, 5),
	    "what is left moves to the heap");
	memset(borrowed, 0, 10);
	result(holds(&b, data, 5), "where the thread cannot change it");
	bytes_borrow(&b, borrowed, 0, sizeof borrowed);
	result(bytes_left(&b) == 0 && bytes_settle(&b) == 0 && b.base == NULL,
	    "nothing left, nothing kept");
	bytes_borrow(&b, borrowed, 0, 100);
	result(bytes_put(&b, data, 101) == 0 && !b.borrowed &&
		   holds(&b, data, 101),
	    "what a borrowed buffer cannot hold goes to the heap");
	bytes_free(&b);
}

static void
test_no_memory(void)
{
	struct bytes b = {0};

	left_to_give = 1;
	result(bytes_put(&b, data, 100) == 0, "the last memory there is");
	result(bytes_put(&b, data, 100000) == -ENOMEM && holds(&b, data, 100),
	    "a put that fails appends nothing");
	bytes_free(&b);
	bytes_borrow(&b, borrowed, 10, 10);
	result(bytes_put(&b, data, 1) == -ENOMEM && b.borrowed &&
		   bytes_left(&b) == 10,
	    "nor to a borrowed one");
	result(bytes_settle(&b) == -ENOMEM && bytes_left(&b) == 0 &&
		   b.base == NULL,
	    "a settle that fails leaves nothing of the thread's");
	left_to_give = ~0u;
}

static uint32_t
next_random(void)
{
	static uint32_t x = 2463534242u;

	x ^= x << 13; /* Marsaglia, Xorshift RNGs, 2003 */
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

/* Any order of calls: what comes out is what went in. */
static void
test_any_order(void)
{
	struct bytes b = {0};
	size_t in = 0, out = 0;
	int i, wrong = 0;

	for (i = 0; i < 20000; i++) {
		size_t n = next_random() % 3000;

		switch (next_random() % 4) {
		case 0:
		case 1:
			if (in + n > sizeof data)
				break;
			if (b.base == NULL && n % 2)
				bytes_borrow(&b, borrowed, 0, 5000);
			wrong += bytes_put(&b, data + in, n) != 0;
			in += n;
			break;
		case 2:
			n %= bytes_left(&b) + 1;
			bytes_take(&b, n);
			out += n;
			break;
		case 3:
			wrong += bytes_settle(&b) != 0 || b.borrowed;
		}
		wrong += !holds(&b, data + out, in - out);
		if (out == in)
			in = out = 0;
		else if (in + 3000 > sizeof data) {
			bytes_take(&b, in - out);
			in = out = 0;
		}
	}
	result(wrong == 0, "20000 calls in any order");
	bytes_free(&b);
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)next_random();
	test_secrets_are_wiped();
	test_what_flows_through();
	test_put_and_take();
	test_borrow();
	test_no_memory();
	test_any_order();
	return failures > 0;
}
