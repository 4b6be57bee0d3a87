/*
 * handover_fuzz.c - any text as what a relay's program hands on: TLSSHIM_RELAYED
 *
 * What was taken is written and read once more, and must be the same.
 */
#include "../../shim/preload/handover.c"
#include "fuzz.h"

enum { MOST = 8 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed f = {data, size};
	struct shim_relayed one[MOST], two[MOST];
	char *text = feed_line(&f), *again;
	size_t n, i, len = 0;

	memset(one, 0, sizeof one);
	memset(two, 0, sizeof two);
	n = handover_read(text, one, MOST);
	MUST(n <= MOST);
	again = malloc(MOST * HANDOVER_ENTRY + 1);
	MUST(again != NULL);
	for (i = 0; i < n; i++) {
		char *to = malloc(HANDOVER_ENTRY);
		size_t k = handover_write(&one[i], to);

		MUST(k <= HANDOVER_ENTRY);
		memcpy(again + len, to, k);
		len += k;
		free(to);
		MUST(one[i].cookie != 0 && one[i].local.sa.sa_family != 0);
	}
	again[len] = '\0';
	MUST(handover_read(again, two, MOST) == n);
	for (i = 0; i < n; i++)
		MUST(one[i].cookie == two[i].cookie &&
		     one[i].protocol == two[i].protocol &&
		     one[i].refused == two[i].refused &&
		     memcmp(&one[i].local, &two[i].local,
			 sizeof one[i].local) == 0 &&
		     memcmp(&one[i].peer, &two[i].peer, sizeof one[i].peer) ==
			 0);
	free(again);
	free(text);
	return 0;
}
