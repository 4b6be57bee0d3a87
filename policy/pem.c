/* pem.c - the certificates in a PEM file, as DER (RFC 7468) */
#include <stdbool.h>
#include <string.h>

#include "pem.h"

#define BEGIN "-----BEGIN "
#define END "-----END "

enum { SPACE = 64, PAD };

/*
 * By table, since branches on random letters cost 5 ns each; one more than
 * the value, so that 0 is what has none.
 */
static const unsigned char values[256] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 65, 65, 0,
    0, 65, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 65, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 63, 0, 0, 0, 64, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,
    0, 0, 0, 66, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 0, 0, 0, 0, 0, 0, 27, 28, 29, 30,
    31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49,
    50, 51, 52};

static unsigned
value_of(char c)
{
	return values[(unsigned char)c] - 1u;
}

/*
 * Four letters at a time, as long as there are four: nearly all of a file, and
 * the system's authorities have 200 KB.  How many fours; 3 bytes of each.
 */
static size_t
fours_read(const char **in, unsigned char *out, size_t len)
{
	const char *p = *in;
	unsigned a, b, c, d;
	size_t n;

	for (n = 0; len - 3 * n >= 3; n++, p += 4) {
		if ((a = value_of(p[0])) >= SPACE ||
		    (b = value_of(p[1])) >= SPACE ||
		    (c = value_of(p[2])) >= SPACE ||
		    (d = value_of(p[3])) >= SPACE)
			break;
		*out++ = (unsigned char)(a << 2 | b >> 4);
		*out++ = (unsigned char)(b << 4 | c >> 2);
		*out++ = (unsigned char)(c << 6 | d);
	}
	*in = p;
	return n;
}

/* Base64 up to the '-' of the end line; bytes written, or -1. */
static long
base64_read(const char **in, unsigned char *out, size_t len)
{
	unsigned long bits = 0;
	unsigned count = 0, pad = 0, v;
	const char *p;
	size_t n = 0, fours, all = 0;

	for (p = *in;; p++) {
		if (count % 4 == 0 && pad == 0) {
			fours = fours_read(&p, out + n, len - n);
			n += 3 * fours;
			all += fours;
		}
		if (*p == '-')
			break;
		v = value_of(*p);
		if (v == SPACE)
			continue;
		if (v == PAD && ++pad <= 2)
			v = 0;
		else if (v >= SPACE || pad > 0)
			return -1;
		bits = bits << 6 | v;
		if (++count % 4 != 0)
			continue;
		if (n + 3 > len)
			return -1;
		out[n++] = bits >> 16 & 0xff;
		out[n++] = bits >> 8 & 0xff;
		out[n++] = bits & 0xff;
	}
	*in = p;
	return all + count == 0 || count % 4 != 0 ? -1 : (long)(n - pad);
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

static long
block_next(struct pem *in, const char *one, const char *other,
    unsigned char *out, size_t len)
{
	const char *p, *label;
	long n;

	while ((p = strstr(in->p, BEGIN)) != NULL) {
		skip_to(in, p);
		label = p + strlen(BEGIN);
		if (!line_is(label, one) && !line_is(label, other)) {
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

long
pem_next(struct pem *in, unsigned char *out, size_t len)
{
	return block_next(in, "CERTIFICATE", "X509 CERTIFICATE", out, len);
}

long
pem_next_of(struct pem *in, const char *label, unsigned char *out, size_t len)
{
	return block_next(in, label, label, out, len);
}
