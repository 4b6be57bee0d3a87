/*
 * fuzz.h - what fuzzers share: their input, taken off its front
 *
 * A fuzzer is one function.  clang's libFuzzer calls it (make fuzz), or
 * replay.c with the files of corpus/ (tests/fuzz_test.sh).
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct feed {
	const uint8_t *p;
	size_t left;
};

/* The next byte, 0 once all are gone. */
static inline unsigned
feed_byte(struct feed *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->p++;
}

static inline unsigned
feed_pair(struct feed *f)
{
	unsigned high = feed_byte(f);

	return high << 8 | feed_byte(f);
}

/* At most len bytes; *n: how many there are. */
static inline const uint8_t *
feed_bytes(struct feed *f, size_t len, size_t *n)
{
	const uint8_t *p = f->p;

	*n = len < f->left ? len : f->left;
	f->p += *n;
	f->left -= *n;
	return p;
}

/*
 * A line without its end, as a string of its own memory, so that a byte
 * beyond it is seen; the caller's to free.
 */
static inline char *
feed_line(struct feed *f)
{
	const uint8_t *end =
	    f->left > 0 ? memchr(f->p, '\n', f->left) : NULL;
	size_t n = end != NULL ? (size_t)(end - f->p) : f->left;
	char *s = malloc(n + 1);

	if (s == NULL)
		abort();
	if (n > 0)
		memcpy(s, f->p, n);
	s[n] = '\0';
	f->p += n + (end != NULL);
	f->left -= n + (end != NULL);
	return s;
}

/* What must hold whatever comes in. */
#define MUST(x)                                                          \
	do {                                                             \
		if (!(x)) {                                              \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, \
			    __LINE__, #x);                               \
			abort();                                         \
		}                                                        \
	} while (0)

#endif
