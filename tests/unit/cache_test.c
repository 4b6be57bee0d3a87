/*
 * cache_test.c - the bytes of a file of sessions and of ticket keys, and which
 * entry of a cache is taken or given up
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/ticket_keys.h"
#include "../../shim/engine/cache_file.h"
#include "../../shim/engine/cache.h"
#include "../../shim/engine/cache_pick.h"
#include "../../shim/engine/resume.h"

static int failures;

static void
check(bool good, const char *name)
{
	failures += !good;
	printf("%s %s\n", good ? "ok" : "not ok", name);
}

static const unsigned char key[CACHE_KEY] = "one", other[CACHE_KEY] = "two";

static struct cache_head
head(const unsigned char *k, int version, int64_t stored, int64_t until)
{
	struct cache_head h = {.used = true,
	    .since = 1,
	    .stored = stored,
	    .until = until,
	    .len = 5,
	    .version = (uint16_t)version,
	    .port = 443};

	memcpy(h.key, k, CACHE_KEY);
	return h;
}

static void
test_pick(void)
{
	struct cache_head v[4] = {head(key, CACHE_TLS13, 10, 100),
	    head(other, CACHE_TLS13, 99, 100), head(key, CACHE_TLS13, 20, 100),
	    head(key, CACHE_TLS13, 30, 50)};
	bool stays;

	check(cache_pick(v, 4, key, 40, &stays) == 3 && !stays,
	    "the latest ticket is taken");
	check(cache_pick(v, 4, key, 50, &stays) == 2 && !stays,
	    "an expired one is not");
	v[2].uses = 1;
	check(cache_pick(v, 4, key, 60, &stays) == 0 && !stays,
	    "one that was not used comes first");
	v[0].used = false;
	check(cache_pick(v, 4, key, 60, &stays) == 2 && stays,
	    "the last one stays");
	v[2].uses = CACHE_USES;
	check(cache_pick(v, 4, key, 60, &stays) == -1,
	    "but not for ever");
	v[2].version = CACHE_TLS13 - 1;
	check(cache_pick(v, 4, key, 60, &stays) == 2 && stays,
	    "a session of TLS 1.2 does");
	check(cache_pick(v, 4, key, 0, &stays) == -1,
	    "nothing is taken where the clock was set back");
}

static void
test_place(void)
{
	struct cache_head v[12] = {{0}}, e;
	bool full;
	size_t i;

	for (i = 0; i < CACHE_PER_KEY; i++) {
		e = head(key, CACHE_TLS13, (int64_t)(10 + i), 100);
		v[cache_place(v, 12, &e, 20, &full)] = e;
	}
	check(v[7].used && !v[8].used && !full, "eight tickets of one server");
	check(cache_place(v, 12, &e, 20, &full) == 0 && !full,
	    "the ninth replaces the oldest");
	e = head(key, CACHE_TLS13 - 1, 20, 100);
	i = cache_place(v, 12, &e, 20, &full);
	v[i] = e;
	check(cache_next(v, 12, -1, key) == (int)i &&
		  cache_next(v, 12, (int)i, key) == -1,
	    "a session of TLS 1.2 replaces all of its server");
	for (i = 0; i < 12; i++) {
		v[i] = head(other, CACHE_TLS13, (int64_t)(50 - i), 100);
		v[i].key[5] = (unsigned char)i;
	}
	e = head(key, CACHE_TLS13, 60, 100);
	check(cache_place(v, 12, &e, 60, &full) == 11 && full,
	    "the oldest goes where there is no room");
	v[4].until = 60;
	check(cache_place(v, 12, &e, 60, &full) == 4 && !full,
	    "an expired one before it");
}

static struct cache_entry
entry(const char *name)
{
	struct cache_entry e = {.head = head(key, CACHE_TLS13, 10, 100)};

	snprintf(e.name, sizeof e.name, "%s", name);
	e.data = (unsigned char *)strdup("DATA");
	return e;
}

static void
test_rows(void)
{
	unsigned char row[CACHE_ROW], place[CACHE_PLACE] = {0};
	struct cache_entry e = entry("a.example"), back;
	struct cache_head h;
	size_t n = cache_entry_write(&e, row, place), i, bad = 0, taken = 0;

	e.head.lifetime = 7;
	e.head.uses = 3;
	cache_row_write(&e.head, row);
	check(cache_row_read(row, &h) &&
		  memcmp(&h, &e.head, sizeof h) == 0,
	    "a head comes back as it was");
	check(cache_place_read(&h, row, place, n, &back) &&
		  strcmp(back.name, "a.example") == 0 &&
		  memcmp(back.data, "DATA", 5) == 0,
	    "and so does what it stands for");
	cache_entry_free(&back);
	for (i = 0; i < CACHE_ROW * 8; i++) {
		row[i / 8] ^= (unsigned char)(1 << i % 8);
		taken += cache_row_read(row, &h) && h.used && i / 8 < 70;
		row[i / 8] ^= (unsigned char)(1 << i % 8);
	}
	check(taken == 0, "a head with a bit turned is none");
	check(cache_row_read(row, &h), "it was a good one");
	for (i = 0; i < n * 8; i++) {
		place[i / 8] ^= (unsigned char)(1 << i % 8);
		if (cache_place_read(&h, row, place, n, &back)) {
			cache_entry_free(&back);
			bad++;
		}
		place[i / 8] ^= (unsigned char)(1 << i % 8);
	}
	check(bad == 0, "a place with a bit turned is none");
	for (i = 0; i < n; i++)
		if (cache_place_read(&h, row, place, i, &back)) {
			cache_entry_free(&back);
			bad++;
		}
	check(bad == 0, "nor one that is too short");
	free(e.data);
}

static void
test_states(void)
{
	unsigned char *top = calloc(1, CACHE_TOP);
	struct cache_counts c = {1, 2, 3, 4, 5, 6}, back;

	check(cache_file_state(top, 0, 0) == CACHE_NEW, "an empty file is new");
	check(cache_file_state(top, CACHE_TOP, CACHE_SIZE) == CACHE_NEW,
	    "one of zeros was about to begin");
	cache_header_write(top, &c);
	cache_counts_read(top, &back);
	check(memcmp(&c, &back, sizeof c) == 0, "counts come back");
	check(cache_file_state(top, CACHE_TOP, CACHE_SIZE) == CACHE_GOOD,
	    "one with a header is good");
	check(cache_file_state(top, 100, 100) == CACHE_DAMAGED,
	    "a part of one is damaged");
	top[0] ^= 1;
	check(cache_file_state(top, CACHE_TOP, CACHE_SIZE) == CACHE_DAMAGED,
	    "one without its magic as well");
	check(cache_file_state(top, 100, 100) == CACHE_OTHER,
	    "of another size it is something else");
	free(top);
}

/* A line of 128 digits c, and what follows it. */
static char *
line(char *to, char c, const char *rest)
{
	memset(to, c, 128);
	strcpy(to + 128, rest);
	return to + 128 + strlen(rest);
}

static void
test_keys(void)
{
	static const struct {
		const char *text, *why;
		int line;
	} bad[] = {
	    {"", "no key", 1},
	    {"# x\n\n", "no key", 1},
	    {"\n12\n", "128", 2},
	    {"z", "128", 1},
	};
	struct ticket_keys k;
	char text[4096], *at;
	const char *why;
	int n;
	size_t i;

	at = line(text, 'a', " # the new one\r\n\t");
	at = line(at, 'B', "");
	check(ticket_keys_parse(text, (size_t)(at - text), &k, &n, &why) == 0 &&
		  k.n == 2 && k.key[0][0] == 0xaa && k.key[1][63] == 0xbb,
	    "two keys");
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		check(ticket_keys_parse(bad[i].text, strlen(bad[i].text), &k,
			  &n, &why) == -1 &&
			  strstr(why, bad[i].why) != NULL && n == bad[i].line,
		    bad[i].why);
	at = line(text, 'a', "\n");
	at = line(at, 'A', "\n");
	check(ticket_keys_parse(text, (size_t)(at - text), &k, &n, &why) ==
			  -1 &&
		  n == 2 && strstr(why, "twice") != NULL,
	    "the same key twice is a mistake");
	at = line(text, 'a', "\n");
	text[5] = '\0';
	check(ticket_keys_parse(text, (size_t)(at - text), &k, &n, &why) == -1,
	    "a NUL is no digit");
	for (at = text, i = 0; i < 17; i++) {
		at = line(at, 'a', "\n");
		at[-2] = "0123456789abcdefg"[i];
		at[-3] = i == 16 ? 'b' : 'a';
		if (i == 16)
			at[-2] = '0';
	}
	check(ticket_keys_parse(text, (size_t)(at - text), &k, &n, &why) ==
			  -1 &&
		  n == 17,
	    "seventeen are too many");
}

static void
test_lifetime(void)
{
	/* anything; length 38; lifetime, age_add, nonce, ticket, secret,
	 * time, early data */
	static const unsigned char data[] = "junk"
	    "\0\0\0\x26" "\0\0\x1c\x20" "AGE+" "\1N" "\0\0\0\3TIC" "\4SECR"
	    "123456789012" "\0\0\0\0";
	size_t i;
	bool none = true;

	check(resume_lifetime(data, sizeof data - 1) == 7200, "7200 s");
	for (i = 0; i < sizeof data - 1; i++)
		none &= resume_lifetime(data, i) == 0;
	check(none, "of a part of it nothing is known");
}

/* An entry of its own key: as old as it is numbered. */
static void
put(unsigned i)
{
	unsigned char data[4];
	struct cache_entry e = {.data = data};

	memcpy(data, &i, sizeof data);
	e.head = head(key, CACHE_TLS13, 10 + i, 1000);
	memcpy(e.head.key, &i, sizeof i);
	e.head.len = sizeof data;
	sprintf(e.name, "n%u", i);
	cache_put(NULL, &e, 500);
}

/* Takes it: is it the one that was put? */
static bool
take(unsigned i)
{
	unsigned char k[CACHE_KEY];
	struct cache_entry e;
	char name[12];
	bool good;

	memcpy(k, key, sizeof k);
	memcpy(k, &i, sizeof i);
	if (!cache_take(NULL, k, 500, &e))
		return false;
	sprintf(name, "n%u", i);
	good = e.head.len == sizeof i && memcmp(e.data, &i, sizeof i) == 0 &&
	    strcmp(e.name, name) == 0;
	cache_entry_free(&e);
	return good;
}

static size_t
kept_now(void)
{
	struct cache_counts counts;
	size_t n;

	cache_counts(&counts, &n);
	return n;
}

static void
test_memory(void)
{
	unsigned char k[CACHE_KEY];
	unsigned i;
	bool all = true;

	for (i = 0; i < CACHE_MEMORY; i++)
		put(i);
	check(kept_now() == CACHE_MEMORY, "as many are kept as there is room");
	put(i);
	check(kept_now() == CACHE_MEMORY && !take(0) && take(i),
	    "one more takes the oldest's place");
	memcpy(k, key, sizeof k);
	for (i = 1; i < CACHE_MEMORY; i += 2) {
		memcpy(k, &i, sizeof i);
		cache_forget(NULL, k);
	}
	for (i = 2; i < CACHE_MEMORY; i += 2)
		all &= take(i);
	check(all, "those between what is forgotten are there");
	for (i = 1; i < CACHE_MEMORY; i += 2)
		all &= !take(i);
	check(all, "and what is forgotten is not");
	for (i = 0; i <= CACHE_MEMORY; i++) {
		memcpy(k, &i, sizeof i);
		cache_forget(NULL, k);
	}
	check(kept_now() == 0 && !cache_has_any(), "nothing is left over");
	put(3);
	check(kept_now() == 1 && take(3), "and there is room again");
}

int
main(void)
{
	test_memory();
	test_pick();
	test_place();
	test_rows();
	test_states();
	test_keys();
	test_lifetime();
	return failures > 0;
}
