/*
 * hello_fuzz.c - any bytes as the first message of a program or of its peer
 *
 * What has been decided of a part does not change when more comes.
 */
#include "../../shim/engine/hello.h"
#include "../../shim/engine/watch.h"
#include "fuzz.h"

static enum heard
hear(const uint8_t *data, size_t size, bool client, unsigned *version)
{
	uint8_t *copy = malloc(size + 1); /* to the byte */
	enum heard h;

	MUST(copy != NULL);
	if (size > 0)
		memcpy(copy + 1, data, size);
	h = watch_hear(copy + 1, size, client, TLS_V1_2, version);
	free(copy);
	return h;
}

static void
both(const uint8_t *data, size_t size, bool client)
{
	enum heard before = HEARD_PART, h = HEARD_PART;
	unsigned version = 0;
	size_t n;

	for (n = 0; n <= size; n += 1 + n / 16) {
		h = hear(data, n, client, &version);
		MUST(before == HEARD_PART || h == before);
		before = h;
	}
	h = hear(data, size, client, &version);
	MUST(before == HEARD_PART || h == before);
	MUST(version == 0 || (version >= 0x0300 && version <= 0x0304));
	MUST(h != HEARD_HELLO || client || version >= 0x0303);
	(void)hello_newest(data, size, client);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	both(data, size, true);
	both(data, size, false);
	return 0;
}
