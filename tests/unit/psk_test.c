/* psk_test.c - psk_file as bytes: keys, or a fault that says where */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/psk.h"

#define KEY "000102030405060708090a0b0c0d0e0f"
#define STEM "0001020304050607" /* half a key */

static int failures;

static void
report(bool good, const char *what, const char *text)
{
	failures += !good;
	printf("%s psk: %s%s%s\n", good ? "ok" : "not ok", what,
	    good ? "" : ": ", good ? "" : text);
}

static const struct row {
	const char *what, *text;
	size_t n;          /* keys, 0: a fault */
	int line;          /* of the fault */
	const char *fault; /* part of it */
} rows[] = {
    {"one key", "me:" KEY "\n", 1, 0, NULL},
    {"no newline at the end", "me:" KEY, 1, 0, NULL},
    {"lines of another system", "me:" KEY "\r\n\r\nyou:" KEY " \r\n", 2, 0,
	NULL},
    {"capital digits", "me:000102030405060708090A0B0C0D0E0F\n", 1, 0, NULL},
    {"an identity with blanks", " a b :" KEY "\n", 1, 0, NULL},
    {"an identity in hexadecimal", "#613a62:" KEY "\n", 1, 0, NULL},
    {"nothing", "", 0, 0, "holds no key"},
    {"blank lines", "\n\n \n", 0, 3, "holds no key"},
    {"no colon", "me:" KEY "\nyou\n", 0, 2, "IDENTITY:HEX"},
    {"no identity", ":" KEY "\n", 0, 1, "the identity"},
    {"no digits behind #", "#:" KEY "\n", 0, 1, "the identity"},
    {"no digits but letters", "#x:" KEY "\n", 0, 1, "the identity"},
    {"half a byte", "#613:" KEY "\n", 0, 1, "the identity"},
    {"a NUL in hexadecimal", "#610062:" KEY "\n", 0, 1, "the identity"},
    {"no key", "me:\n", 0, 1, "16 to 512"},
    {"a short key", "me:" STEM "08090a0b0c0d0e\n", 0, 1, "16 to 512"},
    {"an odd digit", "me:" KEY "0\n", 0, 1, "not hexadecimal"},
    {"letters", "me:" STEM "xy" STEM "\n", 0, 1, "not hexadecimal"},
    {"two colons", "me:you:" KEY "\n", 0, 1, "not hexadecimal"},
    {"twice the same", "me:" KEY "\nyou:" KEY "\nme:" KEY "00\n", 0, 3,
	"already"},
    {"twice the same, spelt otherwise", "me:" KEY "\n#6d65:" KEY "\n", 0, 2,
	"already"},
};

static void
row_check(const struct row *r)
{
	struct fault f = {0};
	struct psks *p = NULL;
	int rv = psks_parse(r->text, strlen(r->text), "file", &p, &f);
	char said[2100];

	fault_text(&f, said, sizeof said);
	if (r->n > 0)
		report(rv == 0 && p->n == r->n, r->what, said);
	else
		report(rv == -1 && p == NULL && f.line == r->line &&
			   strcmp(f.file, "file") == 0 &&
			   strstr(f.text, r->fault) != NULL &&
			   strstr(f.text, STEM) == NULL,
		    r->what, said);
	psks_free(p);
}

/* len bytes of text, in memory that ends there. */
static int
parse(const char *text, size_t len, struct psks **out, struct fault *f)
{
	char *copy = malloc(len);
	int rv;

	if (copy == NULL)
		abort();
	memcpy(copy, text, len);
	rv = psks_parse(copy, len, "file", out, f);
	free(copy);
	return rv;
}

static void
find_check(void)
{
	static const char text[] =
	    "b:" KEY "\n#ff3a:" KEY "aa\nabc:" KEY "bb\n";
	struct fault f = {0};
	struct psks *p = NULL;
	const struct psk *k;

	if (parse(text, sizeof text - 1, &p, &f) == -1) {
		report(false, "three keys", f.text);
		return;
	}
	k = psks_find(p, "abc", 3);
	report(
	    k != NULL && k->key_len == 17 && k->key[16] == 0xbb && k->line == 3,
	    "a key is found by its identity", "");
	k = psks_find(p, "\xff:", 2);
	report(k != NULL && k->key[16] == 0xaa, "one with a colon in it", "");
	report(
	    psks_find(p, "ab", 2) == NULL && psks_find(p, "abcd", 4) == NULL &&
		psks_find(p, "ABC", 3) == NULL && psks_find(p, "", 0) == NULL,
	    "no other is", "");
	psks_free(p);
}

static void
bounds_check(void)
{
	char text[2000];
	struct fault f = {0};
	struct psks *p = NULL;

	memset(text, 'i', sizeof text);
	memcpy(text + 256, ":" KEY, 33);
	report(parse(text, 256 + 33, &p, &f) == 0, "256 bytes of identity",
	    f.text);
	psks_free(p);
	p = NULL;
	memcpy(text, "i\0j:" KEY, 36);
	report(parse(text, 36, &p, &f) == -1 && p == NULL, "a NUL", "passes");
	memset(text, 'i', 257);
	memcpy(text + 257, ":" KEY, 33);
	report(parse(text, 257 + 33, &p, &f) == -1, "257 bytes", "pass");
	memset(text, 'a', sizeof text);
	text[1] = ':';
	report(
	    parse(text, 2 + 1024, &p, &f) == 0, "a key of 512 bytes", f.text);
	psks_free(p);
	p = NULL;
	report(parse(text, 2 + 1026, &p, &f) == -1, "one of 513", "passes");
	report(parse("x", 0, &p, &f) == -1, "no byte at all", "passes");
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		row_check(&rows[i]);
	find_check();
	bounds_check();
	return failures > 0;
}
