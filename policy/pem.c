/* pem.c - the certificates in a PEM file, as DER (RFC 7468) */
#include <stdbool.h>
#include <string.h>

#include "pem.h"

#define BEGIN "-----BEGIN "
#define END "-----END "

enum { SPACE = 64, PAD, OTHER };

/*
 * By table, since branches on random letters cost 5 ns each.  '0' and what
 * follows it stand for 0 to 63, from '+' on; ' ' for what is none.
 */
static unsigned
value_of(unsigned char c)
{
	static const char values[] =
	    "n   odefghijklm       0123456789:;<=>?@A"
	    "BCDEFGHI      JKLMNOPQRSTUVWXYZ[\\]^_`abc";

	if (c >= '+' && c <= 'z' && values[c - '+'] != ' ')
		return (unsigned)(values[c - '+'] - '0');
	if (c == '\n' || c == '\r' || c == ' ' || c == '\t')
		return SPACE;
	return c == '=' ? PAD : OTHER;
}

/* Base64 up to the '-' of the end line; bytes written, or -1. */
static long
base64_read(const char **in, unsigned char *out, size_t len)
{
	unsigned long bits = 0;
	unsigned count = 0, pad = 0, v;
	const char *p;
	size_t n = 0;

	for (p = *in; *p != '-'; p++) {
		v = value_of((unsigned char)*p);
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
