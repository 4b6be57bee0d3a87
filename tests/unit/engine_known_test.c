/*
 * engine_known_test.c - what was accepted is known again, and nothing else is
 */
#include <stdio.h>
#include <string.h>

#include "../../shim/engine/known.h"
#include "result.h"

static struct credentials cred = {.number = 7};
static unsigned char leaf[] = "leaf", ca[] = "ca", anchor[] = "anchor";
static unsigned char big[40000];
static unsigned char answer[] = "good";
static gnutls_datum_t chain[2] = {{leaf, 4}, {ca, 2}};
static gnutls_datum_t staple[VERDICT_PATH] = {{answer, 4}};
static struct presented shown = {chain, 2, staple, 1000};

static struct known_case
case_of(const char *name)
{
	return (struct known_case){&cred, SIDE_CLIENT, name, &shown};
}

static void
add(const char *name, time_t until)
{
	struct verdict v = {.until = until, .npath = 2,
	    .path = {{leaf, 4}, {anchor, 6}}};
	struct known_case k = case_of(name);

	known_add(&k, &v);
}

static bool
find(const char *name, struct verdict *out)
{
	struct known_case k = case_of(name);

	memset(out, 0x55, sizeof *out);
	return known_find(&k, out);
}

static void
test_again(void)
{
	unsigned char copy[] = "leaf";
	struct verdict v;

	result(!find("a", &v), "nothing is known at first");
	add("a", 2000);
	chain[0].data = copy; /* another session's */
	result(find("a", &v) && v.cause == NULL && v.alert == 0 &&
		v.status == 0 && v.text[0] == '\0' && v.of.by == NULL &&
		v.until == 2000,
	    "what was accepted is known again");
	result(v.npath == 2 && v.path[0].p == copy && v.path[1].p == anchor,
	    "its path lies in what is shown now");
	chain[0].data = leaf;
}

static void
test_time(void)
{
	struct verdict v;

	shown.now = 1999;
	result(find("a", &v), "until it lapses");
	shown.now = 2000;
	result(!find("a", &v), "and no longer");
	shown.now = 999;
	result(!find("a", &v), "nor before it was accepted");
	shown.now = 1000;
}

static void
test_others(void)
{
	struct known_case k = case_of("a");
	struct verdict v;

	result(!find("b", &v), "another name is not known");
	k.side = SIDE_SERVER;
	result(!known_find(&k, &v), "nor the other side");
	cred.number = 8;
	result(!find("a", &v), "nor files read anew");
	cred.number = 7;
	leaf[3] ^= 1;
	result(!find("a", &v), "nor another byte");
	leaf[3] ^= 1;
	shown.n = 1;
	result(!find("a", &v), "nor a part of the chain");
	shown.n = 2;
	answer[0] ^= 1;
	result(!find("a", &v), "nor another OCSP answer");
	answer[0] ^= 1;
	chain[0].size = 3;
	result(!find("a", &v), "nor bytes that are parted otherwise");
	chain[0].size = 4;
	chain[0].data = (unsigned char *)"leafc";
	chain[0].size = 5;
	chain[1].data = (unsigned char *)"a";
	chain[1].size = 1;
	result(!find("a", &v), "nor the same bytes in other certificates");
	chain[0] = (gnutls_datum_t){leaf, 4};
	chain[1] = (gnutls_datum_t){ca, 2};
	shown.staple = NULL;
	result(!find("a", &v), "nor without the OCSP answer");
	shown.staple = staple;
	result(find("a", &v), "it still is");
}

static void
test_not_kept(void)
{
	struct verdict v;
	char name[8];
	int i;

	add("c", 0);
	result(!find("c", &v), "what has no end is not kept");
	add("d", 1000);
	result(!find("d", &v), "nor what has lapsed");
	chain[1] = (gnutls_datum_t){big, sizeof big};
	add("e", 2000);
	result(!find("e", &v), "nor what is longer than chains are");
	chain[1].size = sizeof big / 2;
	add("e", 2000);
	result(find("e", &v), "but one that is long");
	chain[1] = (gnutls_datum_t){ca, 2};
	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof name, "n%d", i);
		add(name, 2000);
	}
	result(!find("a", &v) && find("n0", &v) && find("n15", &v),
	    "the oldest makes room");
}

int
main(void)
{
	test_again();
	test_time();
	test_others();
	test_not_kept();
	return failures > 0;
}
