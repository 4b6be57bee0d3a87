/*
 * cache_fuzz.c - any bytes as a file of sessions: its top, a head, a place
 *
 * What is taken for good is the same once it has been written again.
 */
#include "../../shim/engine/cache_file.h"
#include "fuzz.h"

static void
row_look(const uint8_t *data, size_t size)
{
	unsigned char row[CACHE_ROW] = {0}, again[CACHE_ROW];
	unsigned char *place = malloc(size + 1);
	unsigned char *other = malloc(CACHE_PLACE);
	struct cache_head h;
	struct cache_entry e;
	size_t left = size > CACHE_ROW ? size - CACHE_ROW : 0;

	MUST(place != NULL && other != NULL);
	memcpy(row, data, size < CACHE_ROW ? size : CACHE_ROW);
	if (left > 0)
		memcpy(place, data + CACHE_ROW, left);
	if (cache_row_read(row, &h) && h.used &&
	    cache_place_read(&h, row, place, left, &e)) {
		MUST(strlen(e.name) <= CACHE_NAME && e.head.len <= CACHE_DATA);
		MUST(cache_entry_write(&e, again, other) <= left);
		cache_entry_free(&e);
	}
	free(place);
	free(other);
}

/* An entry that was made by us and had a byte changed is damaged, or whole. */
static void
change(const uint8_t *data, size_t size)
{
	unsigned char row[CACHE_ROW], *place = calloc(1, CACHE_PLACE);
	struct cache_entry e = {.head = {.used = true, .version = 0x0304,
				    .since = 1, .stored = 2, .until = 9}};
	struct cache_entry out;
	struct cache_head h;
	size_t used, at = (size_t)data[0] << 8 | data[1];

	MUST(place != NULL);
	snprintf(e.name, sizeof e.name, "a.example");
	e.data = (unsigned char *)data;
	e.head.len = (uint32_t)(size < CACHE_DATA ? size : CACHE_DATA);
	used = cache_entry_write(&e, row, place);
	MUST(used <= CACHE_PLACE);
	MUST(cache_row_read(row, &h) &&
	     cache_place_read(&h, row, place, used, &out));
	MUST(out.head.len == e.head.len &&
	     memcmp(out.data, e.data, e.head.len) == 0 &&
	     strcmp(out.name, e.name) == 0);
	cache_entry_free(&out);
	if (data[2] != 0) {
		place[at % used] ^= data[2];
		MUST(!cache_row_read(row, &h) ||
		     !cache_place_read(&h, row, place, used, &out));
	}
	free(place);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *top = calloc(1, size + 1);
	struct cache_counts counts;

	MUST(top != NULL);
	if (size > 0)
		memcpy(top + 1, data, size);
	(void)cache_file_state(top + 1, size, size % 3 == 0 ? CACHE_SIZE : size);
	if (size >= CACHE_HEADER)
		cache_counts_read(top + 1, &counts);
	free(top);
	row_look(data, size);
	if (size >= 3)
		change(data, size);
	return 0;
}
