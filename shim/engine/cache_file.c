/* cache_file.c - the bytes of a file of sessions */

#include <stdlib.h>
#include <string.h>

#include "cache_file.h"

static const unsigned char magic[16] = "tlsshim cache 1\n";

/* Where in a row */
enum {
	AT_KEY = 0,
	AT_SINCE = 32,
	AT_STORED = 40,
	AT_UNTIL = 48,
	AT_LIFETIME = 56,
	AT_LEN = 60,
	AT_VERSION = 64,
	AT_PORT = 66,
	AT_USES = 68,
	AT_USED = 70,
	AT_PLACE_SUM = 72,
	AT_SUM = 80,
};

static uint64_t
get(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static void
put(unsigned char *p, size_t n, uint64_t v)
{
	for (; n-- > 0; v >>= 8)
		*p++ = (unsigned char)v;
}

/* FNV-1a, 64 bits */
static uint64_t
sum(const unsigned char *p, size_t n)
{
	uint64_t h = 14695981039346656037u;

	while (n-- > 0)
		h = (h ^ *p++) * 1099511628211u;
	return h;
}

static bool
is_zero(const unsigned char *p, size_t n)
{
	while (n > 0 && *p == 0)
		p++, n--;
	return n == 0;
}

enum cache_state
cache_file_state(const unsigned char *top, size_t len, uint64_t size)
{
	bool ours = len >= sizeof magic && memcmp(top, magic, sizeof magic) == 0;

	if (size == 0)
		return CACHE_NEW;
	if (size == CACHE_SIZE && len >= CACHE_TOP) {
		if (ours)
			return CACHE_GOOD;
		if (is_zero(top, CACHE_TOP))
			return CACHE_NEW;
	}
	return ours || size == CACHE_SIZE ? CACHE_DAMAGED : CACHE_OTHER;
}

void
cache_counts_read(const unsigned char *top, struct cache_counts *out)
{
	const unsigned char *p = top + sizeof magic;

	out->taken = get(p, 8);
	out->missed = get(p + 8, 8);
	out->stored = get(p + 16, 8);
	out->forgotten = get(p + 24, 8);
	out->full = get(p + 32, 8);
	out->expired = get(p + 40, 8);
}

void
cache_header_write(unsigned char *top, const struct cache_counts *c)
{
	unsigned char *p = top + sizeof magic;

	memcpy(top, magic, sizeof magic);
	put(p, 8, c->taken);
	put(p + 8, 8, c->missed);
	put(p + 16, 8, c->stored);
	put(p + 24, 8, c->forgotten);
	put(p + 32, 8, c->full);
	put(p + 40, 8, c->expired);
}

bool
cache_row_read(const unsigned char *row, struct cache_head *out)
{
	memset(out, 0, sizeof *out);
	if (row[AT_USED] == 0)
		return is_zero(row, CACHE_ROW);
	if (row[AT_USED] != 1 || get(row + AT_SUM, 8) != sum(row, AT_SUM))
		return false;
	memcpy(out->key, row + AT_KEY, CACHE_KEY);
	out->since = (int64_t)get(row + AT_SINCE, 8);
	out->stored = (int64_t)get(row + AT_STORED, 8);
	out->until = (int64_t)get(row + AT_UNTIL, 8);
	out->lifetime = (uint32_t)get(row + AT_LIFETIME, 4);
	out->len = (uint32_t)get(row + AT_LEN, 4);
	out->version = (uint16_t)get(row + AT_VERSION, 2);
	out->port = (uint16_t)get(row + AT_PORT, 2);
	out->uses = (uint16_t)get(row + AT_USES, 2);
	out->used = out->len > 0 && out->len <= CACHE_DATA;
	return out->used;
}

void
cache_row_write(const struct cache_head *h, unsigned char *row)
{
	if (!h->used) {
		memset(row, 0, CACHE_ROW);
		return;
	}
	memcpy(row + AT_KEY, h->key, CACHE_KEY);
	put(row + AT_SINCE, 8, (uint64_t)h->since);
	put(row + AT_STORED, 8, (uint64_t)h->stored);
	put(row + AT_UNTIL, 8, (uint64_t)h->until);
	put(row + AT_LIFETIME, 4, h->lifetime);
	put(row + AT_LEN, 4, h->len);
	put(row + AT_VERSION, 2, h->version);
	put(row + AT_PORT, 2, h->port);
	put(row + AT_USES, 2, h->uses);
	put(row + AT_USED, 2, 1);
	put(row + AT_SUM, 8, sum(row, AT_SUM));
}

bool
cache_place_read(const struct cache_head *h, const unsigned char *row,
    const unsigned char *place, size_t len, struct cache_entry *out)
{
	size_t name = len > 0 ? place[0] : 0, all = 1 + name + h->len;

	memset(out, 0, sizeof *out);
	if (len == 0 || all > len ||
	    memchr(place + 1, '\0', name) != NULL ||
	    get(row + AT_PLACE_SUM, 8) != sum(place, all))
		return false;
	out->data = malloc(h->len);
	if (out->data == NULL)
		return false;
	out->head = *h;
	memcpy(out->name, place + 1, name);
	memcpy(out->data, place + 1 + name, h->len);
	return true;
}

size_t
cache_entry_write(
    const struct cache_entry *e, unsigned char *row, unsigned char *place)
{
	size_t name = strlen(e->name), all = 1 + name + e->head.len;

	place[0] = (unsigned char)name;
	memcpy(place + 1, e->name, name);
	memcpy(place + 1 + name, e->data, e->head.len);
	memset(row, 0, CACHE_ROW);
	put(row + AT_PLACE_SUM, 8, sum(place, all));
	cache_row_write(&e->head, row);
	return all;
}
