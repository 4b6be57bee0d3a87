/*
 * pem_test.c - what stands between the lines of PEM, and what it comes to
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../../policy/pem.h"

static const struct row {
	const char *text;
	const char *want; /* NULL: malformed */
	size_t room;      /* 0: enough */
} rows[] = {
    {"YWJj", "abc", 0},
    {"YWJjZGVmZ2hp", "abcdefghi", 0},
    {"YWJjZGVmZ2hp", "abcdefghi", 9},
    {"YWJjZGVmZ2hp", NULL, 8},
    {"YWJjZGVmZ2g=", "abcdefgh", 9},
    {"YWJjZGVmZw==", "abcdefg", 9},
    {"YWJjZGVmZw==", NULL, 8},
    {"YWJj\nZGVm\r\nZ2hp\n", "abcdefghi", 0},
    {"Y\nWJjZ\nGVmZ2\nhp\n", "abcdefghi", 0}, /* lines of odd lengths */
    {"YW Jj\tZG Vm", "abcdef", 0},
    {" Y W J j Z A = = ", "abcd", 0},
    {"YWJjZGVmZw=\n=", "abcdefg", 0},
    {"Pj4+Pz8/", ">>>???", 0}, /* + and / */
    {"", NULL, 0},
    {"\n", NULL, 0},
    {"YWJjZ", NULL, 0},
    {"YWJjZG", NULL, 0},
    {"YWJjZGV", NULL, 0},
    {"YWJjZ===", NULL, 0},
    {"YWJjZA==YWJj", NULL, 0}, /* more behind the padding */
    {"YWJj====", NULL, 0},
    {"=YWJ", NULL, 0},
    {"YWJjZ*Vm", NULL, 0},
    {"YWJj_GVm", NULL, 0},
    {"YWJjZGV\x80", NULL, 0},
    {"YWJjZGVm\x01", NULL, 0},
};

static int failures;

static void
row_check(const struct row *r)
{
	char text[256];
	unsigned char out[64];
	struct pem in = {text, 1, 1};
	size_t want = r->want != NULL ? strlen(r->want) : 0;
	long n;
	bool ok;

	snprintf(text, sizeof text,
	    "-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n",
	    r->text);
	memset(out, 0x5a, sizeof out);
	n = pem_next(&in, out, r->room > 0 ? r->room : sizeof out);
	ok = r->want == NULL
		 ? n == -1
		 : n == (long)want && memcmp(out, r->want, want) == 0;
	ok = ok && (r->room == 0 || out[r->room] == 0x5a);
	failures += !ok;
	printf("%sok row %zu: %ld\n", ok ? "" : "not ", (size_t)(r - rows), n);
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		row_check(&rows[i]);
	return failures > 0;
}
