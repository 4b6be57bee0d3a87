/* pem.c - the certificates in a PEM file, as DER (RFC 7468) */
#include <stdbool.h>
#include <string.h>

#include "pem.h"

#define BEGIN "-----BEGIN "
#define END "-----END "

/* Value + 1; 0: not of the alphabet */
enum { SPACE = 65, PAD = 66 };
static const unsigned char value_of[256] = {
	['\t'] = SPACE, ['\n'] = SPACE, ['\r'] = SPACE, [' '] = SPACE,
	['='] = PAD,
	['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
	19, 20, 21, 22, 23, 24, 25, 26, ['a'] = 27, 28, 29, 30, 31, 32, 33,
	34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50,
	51, 52, ['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, ['+'] = 63,
	['/'] = 64,
};

/* Base64 up to the '-' of the end line; bytes written, or -1. */
static long
base64_read(const char **in, unsigned char *out, size_t len)
{
	unsigned long bits = 0;
	unsigned count = 0, pad = 0, v;
	const char *p;
	size_t n = 0;

	for (p = *in; *p != '-'; p++) {
		v = value_of[(unsigned char)*p];
		if (v == SPACE)
			continue;
		if (v == PAD && ++pad <= 2)
			v = 1;
		else if (v == 0 || v >= SPACE || pad > 0)
			return -1;
		bits = bits << 6 | (v - 1);
		if (++count % 4 != 0)
			continue;
		if (n + 3 > len)
			return -1;
		out[n++] = bits >> 16 & 0xff;
		out[n++] = bits >> 8 & 0xff;
		out[n++] = bits & 0xff;
	}
	*in = p;
	return count == 0 || count % 4 != 0 ? -1 : (long)(n - pad);
}

static bool
line_is(const char *p, const char *word)
{
	size_t n = strlen(word);

	return strncmp(p, word, n) == 0 && strncmp(p + n, "-----", 5) == 0;
}

/* Moves p to where, counting the lines between. */
static void
skip_to(struct pem *in, const char *where)
{
	while ((in->p = memchr(in->p, '\n', (size_t)(where - in->p))) != NULL) {
		in->p++;
		in->line++;
	}
	in->p = where;
}

long
pem_next(struct pem *in, unsigned char *out, size_t len)
{
	const char *p, *label;
	long n;

	while ((p = strstr(in->p, BEGIN)) != NULL) {
		skip_to(in, p);
		label = p + strlen(BEGIN);
		if (!line_is(label, "CERTIFICATE") &&
		    !line_is(label, "X509 CERTIFICATE")) {
			skip_to(in, label);
			continue;
		}
		in->block = in->line;
		p = strstr(label, "-----") + 5;
		n = base64_read(&p, out, len);
		if (n <= 0 || strncmp(p, END, strlen(END)) != 0)
			return -1;
		skip_to(in, p + strlen(END));
		return n;
	}
	return 0;
}
