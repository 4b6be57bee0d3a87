/*
 * psk_fuzz.c - any bytes as a psk_file: keys or a fault, never more
 *
 * Needs clang's fuzzer.  From the top folder:
 *
 * clang -g -O1 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined
 *     policy/psk.c policy/file.c policy/stamp.c policy/fault.c
 *     tests/fuzz/psk_fuzz.c -lgnutls -o psk_fuzz
 * printf 'me:000102030405060708090a0b0c0d0e0f\n#ff:00\n' >seeds/1
 * ./psk_fuzz -max_len=2048 seeds
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/credentials.h"
#include "../../policy/psk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* credentials.c's, which brings all of the rest along. */
struct origin
origin_of(const struct rule *r, enum key_index k)
{
	return r->origin[k];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault f = {{0}, -1, {0}};
	struct psks *p = NULL;
	size_t i;

	if (psks_parse((const char *)data, size, "fuzz", &p, &f) == -1) {
		if (p != NULL || f.line < 0 || f.text[0] == '\0')
			abort(); /* every fault says where and why */
		return 0;
	}
	if (p->n == 0)
		abort();
	for (i = 0; i < p->n; i++) {
		const struct psk *k = &p->v[i];

		if (psks_find(p, k->identity, k->identity_len) != k ||
		    k->key_len < PSK_KEY_LEAST || k->key_len > PSK_KEY_MOST ||
		    memchr(k->identity, 0, k->identity_len) != NULL)
			abort();
	}
	psks_free(p);
	return 0;
}
