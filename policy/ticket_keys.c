/* ticket_keys.c - the keys of tickets that several servers have in common */
#include <stdlib.h>
#include <string.h>

#include "credentials.h"
#include "file.h"
#include "secret.h"
#include "ticket_keys.h"

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* p[0..len) without blanks around it; NULL, or why it is no key. */
static const char *
key_parse(const char *p, size_t len, unsigned char *out)
{
	size_t i;

	if (len != 2 * TICKET_KEY)
		return "needs 128 hexadecimal digits a line (openssl rand "
		       "-hex 64)";
	for (i = 0; i < TICKET_KEY; i++) {
		int high = digit(p[2 * i]), low = digit(p[2 * i + 1]);

		if (high < 0 || low < 0)
			return "holds something else than hexadecimal digits";
		out[i] = (unsigned char)(high << 4 | low);
	}
	return NULL;
}

static const char *
line_parse(const char *p, size_t len, struct ticket_keys *out)
{
	const char *comment = memchr(p, '#', len), *why;
	size_t i;

	if (comment != NULL)
		len = (size_t)(comment - p);
	for (; len > 0 && strchr(" \t", *p) != NULL && *p != '\0'; p++)
		len--;
	while (len > 0 && strchr(" \t\r", p[len - 1]) != NULL &&
	       p[len - 1] != '\0')
		len--;
	if (len == 0)
		return NULL;
	if (out->n == TICKET_KEYS_MOST)
		return "holds more than 16 keys";
	why = key_parse(p, len, out->key[out->n]);
	if (why != NULL)
		return why;
	for (i = 0; i < out->n; i++)
		if (memcmp(out->key[i], out->key[out->n], TICKET_KEY) == 0)
			return "holds the same key twice";
	out->n++;
	return NULL;
}

int
ticket_keys_parse(const char *text, size_t len, struct ticket_keys *out,
    int *line, const char **why)
{
	const char *end = text + len, *next;

	memset(out, 0, sizeof *out);
	for (*line = 1; text < end; text = next + 1, ++*line) {
		next = memchr(text, '\n', (size_t)(end - text));
		if (next == NULL)
			next = end;
		*why = line_parse(text, (size_t)(next - text), out);
		if (*why != NULL)
			return -1;
	}
	*why = "holds no key";
	*line = 1;
	return out->n > 0 ? 0 : -1;
}

int
ticket_keys_read(
    const struct rule *r, struct ticket_keys **out, struct fault *f)
{
	const char *path = r->values.session_ticket_key_file, *why;
	const struct origin at = origin_of(r, K_session_ticket_key_file);
	struct ticket_keys *k;
	char *text;
	size_t len;
	int line, rv;

	*out = NULL;
	if (path == NULL)
		return 0;
	if (file_read(path, FILE_SECRET, 65536, &text, &len, f, at.file,
		at.line) == -1)
		return -1;
	k = secret_new(sizeof *k);
	rv = k == NULL ? fault_set(f, NULL, 0, "out of memory")
		       : ticket_keys_parse(text, len, k, &line, &why);
	explicit_bzero(text, len);
	free(text);
	if (k != NULL && rv == -1)
		fault_set(f, path, line, "session.ticket_key_file %s", why);
	if (rv == -1)
		ticket_keys_free(k);
	else
		*out = k;
	return rv;
}

void
ticket_keys_free(struct ticket_keys *k)
{
	secret_free(k, sizeof *k);
}
