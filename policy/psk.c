/* psk.c - the pre-shared keys of psk_file */
#include <stdlib.h>
#include <string.h>

#include "credentials.h"
#include "file.h"
#include "psk.h"
#include "secret.h"

/* Where a reader is, in a file and in what it makes of it. */
struct place {
	const char *file;
	int line;
	unsigned char *to; /* the next free byte of psks.bytes */
	struct fault *f;
};

static int
refuse(const struct place *at, const char *why)
{
	return fault_set(at->f, at->file, at->line, "%s", why);
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* How many bytes n hexadecimal digits are, written to out; -1: not such. */
static long
unhex(const char *s, size_t n, unsigned char *out)
{
	size_t i;

	if (n % 2 != 0)
		return -1;
	for (i = 0; i < n; i += 2) {
		int high = digit(s[i]), low = digit(s[i + 1]);

		if (high < 0 || low < 0)
			return -1;
		out[i / 2] = (unsigned char)(high << 4 | low);
	}
	return (long)(n / 2);
}

/*
 * An identity as the file spells it; out has room for n bytes.  One with a
 * NUL would be two to peers that read it as a string.
 */
static long
identity_decode(const char *s, size_t n, unsigned char *out)
{
	long len = (long)n;

	if (n > 0 && s[0] == '#')
		len = unhex(s + 1, n - 1, out);
	else
		memcpy(out, s, n);
	if (len <= 0 || len > PSK_IDENTITY_MOST ||
	    memchr(out, '\0', (size_t)len) != NULL)
		return -1;
	return len;
}

static int
line_parse(struct place *at, const char *s, size_t n, struct psk *out)
{
	const char *colon = memchr(s, ':', n);
	size_t head = colon != NULL ? (size_t)(colon - s) : 0;
	long len;

	if (colon == NULL)
		return refuse(at, "is no line IDENTITY:HEX");
	len = identity_decode(s, head, at->to);
	if (len < 0)
		return refuse(at,
		    "the identity is not 1 to 256 bytes without a NUL (one "
		    "that begins with '#' is hexadecimal)");
	*out = (struct psk){
	    .identity = at->to, .identity_len = (size_t)len, .line = at->line};
	at->to += len;
	len = unhex(colon + 1, n - head - 1, at->to);
	if (len < 0)
		return refuse(at, "the key is not hexadecimal");
	if (len < PSK_KEY_LEAST || len > PSK_KEY_MOST)
		return refuse(at, "the key has not 16 to 512 bytes");
	out->key = at->to;
	out->key_len = (size_t)len;
	at->to += len;
	return 0;
}

static size_t
lines_count(const char *text, size_t len)
{
	const char *end = text + len, *p;
	size_t n = 1;

	for (p = text; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		n++;
	return n;
}

/* Without what editors and other systems leave at the end of a line. */
static size_t
line_length(const char *s, size_t n)
{
	while (n > 0 && strchr(" \t\r", s[n - 1]) != NULL)
		n--;
	return n;
}

static int
lines_parse(struct psks *p, const char *text, size_t len, struct place *at)
{
	const char *end = text + len, *next;
	size_t n;

	for (; text < end; text = next) {
		next = memchr(text, '\n', (size_t)(end - text));
		n = (size_t)((next != NULL ? next : end) - text);
		next = next != NULL ? next + 1 : end;
		at->line++;
		n = line_length(text, n);
		if (n == 0)
			continue;
		if (p->n == PSK_MOST)
			return refuse(at, "is one key too many");
		if (line_parse(at, text, n, &p->v[p->n]) == -1)
			return -1;
		p->n++;
	}
	return p->n > 0 ? 0 : refuse(at, "holds no key");
}

static int
by_identity(const void *a, const void *b)
{
	const struct psk *x = a, *y = b;
	size_t n = x->identity_len < y->identity_len ? x->identity_len
						     : y->identity_len;
	int rv = memcmp(x->identity, y->identity, n);

	if (rv != 0)
		return rv;
	if (x->identity_len != y->identity_len)
		return x->identity_len < y->identity_len ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static int
repeats_check(const struct psks *p, struct place *at)
{
	size_t i;

	for (i = 1; i < p->n; i++) {
		const struct psk *a = &p->v[i - 1], *b = &p->v[i];

		if (a->identity_len != b->identity_len ||
		    memcmp(a->identity, b->identity, a->identity_len) != 0)
			continue;
		at->line = b->line;
		return refuse(at, "this identity has a key already");
	}
	return 0;
}

void
psks_free(struct psks *p)
{
	if (p == NULL)
		return;
	secret_free(p->bytes, p->size);
	free(p->v);
	free(p);
}

int
psks_parse(const char *text, size_t len, const char *file, struct psks **out,
    struct fault *f)
{
	struct place at = {.file = file, .f = f};
	struct psks *p = calloc(1, sizeof *p);
	size_t most = lines_count(text, len);
	int rv = -1;

	if (p == NULL)
		return fault_set(f, NULL, 0, "out of memory");
	p->size = len + 1;
	p->bytes = at.to = secret_new(p->size);
	p->v = calloc(most < PSK_MOST ? most : PSK_MOST, sizeof *p->v);
	if (p->bytes == NULL || p->v == NULL) {
		fault_set(f, NULL, 0, "out of memory");
		goto out;
	}
	if (lines_parse(p, text, len, &at) == -1)
		goto out;
	qsort(p->v, p->n, sizeof *p->v, by_identity);
	if (repeats_check(p, &at) == -1)
		goto out;
	*out = p;
	p = NULL;
	rv = 0;
out:
	psks_free(p);
	return rv;
}

const struct psk *
psks_find(const struct psks *p, const void *identity, size_t len)
{
	const struct psk *found = NULL;
	size_t i;

	for (i = 0; i < p->n; i++)
		if (p->v[i].identity_len == len &&
		    gnutls_memcmp(p->v[i].identity, identity, len) == 0)
			found = &p->v[i];
	return found;
}

/* The one that a client presents. */
static int
own_find(const struct rule *r, struct psks *p, struct fault *f)
{
	const struct origin at = origin_of(r, K_psk_identity);
	const struct origin file = origin_of(r, K_psk_file);
	const char *name = r->values.psk_identity;
	unsigned char buf[2 * PSK_IDENTITY_MOST + 2];
	size_t n = name != NULL ? strlen(name) : 0;
	long len;

	if (name == NULL && p->n == 1)
		p->own = p->v;
	if (name == NULL && p->n != 1)
		return fault_set(f, file.file, file.line,
		    "psk_file %s holds %zu keys: psk_identity says which one "
		    "a client presents",
		    r->values.psk_file, p->n);
	if (name == NULL)
		return 0;
	len = n < sizeof buf ? identity_decode(name, n, buf) : -1;
	if (len > 0)
		p->own = psks_find(p, buf, (size_t)len);
	if (p->own != NULL)
		return 0;
	return fault_set(f, at.file, at.line,
	    "psk_identity \"%.300s\" is not in psk_file %s", name,
	    r->values.psk_file);
}

int
psks_read(const struct rule *r, struct psks **out, struct fault *f)
{
	const struct origin at = origin_of(r, K_psk_file);
	const char *path = r->values.psk_file;
	struct psks *p = NULL;
	char *text;
	size_t len;
	int rv;

	*out = NULL;
	if (path == NULL)
		return 0;
	if (file_read(path, FILE_SECRET, FILE_MAX, &text, &len, f, at.file,
		at.line) == -1)
		return -1;
	rv = psks_parse(text, len, path, &p, f);
	explicit_bzero(text, len);
	free(text);
	if (rv == 0 && r->side == SIDE_CLIENT)
		rv = own_find(r, p, f);
	if (rv == -1)
		psks_free(p);
	else
		*out = p;
	return rv;
}
