/*
 * pem_fuzz.c - any text as a file of certificates or of revocation lists, and
 * any bytes as one in DER
 */
#include "../../policy/crl.h"
#include "../../policy/pem.h"
#include "fuzz.h"

/* Slices lie within what they are slices of. */
static bool
is_within(const struct der *d, const unsigned char *p, size_t len)
{
	return d->len == 0 || (d->p >= p && d->p + d->len <= p + len);
}

static void
cert_look(const unsigned char *p, size_t len)
{
	struct der_cert c;
	struct der in;
	time_t t;

	if (!der_cert(p, len, &c))
		return;
	MUST(is_within(&c.tbs, p, len) && is_within(&c.serial, p, len) &&
	     is_within(&c.issuer, p, len) && is_within(&c.subject, p, len) &&
	     is_within(&c.key, p, len) && is_within(&c.signature, p, len) &&
	     is_within(&c.rest, p, len));
	in = c.validity;
	while (der_time(&in, &t))
		;
	(void)der_extensions_plain(c.rest);
	MUST(der_same(&c.issuer, &c.issuer));
}

static void
list_look(const unsigned char *p, size_t len)
{
	struct crl c;
	size_t i;

	if (!crl_parse(&c, p, len))
		return;
	for (i = 0; i < c.n; i++)
		MUST(crl_has(&c, &c.serial[i]));
	free(c.serial);
}

static void
blocks_look(const char *text, size_t size, const char *label)
{
	struct pem in = {text, 1, 0};
	unsigned char *out;
	size_t room = size / 4 * 3 + 3;
	long n;

	for (;;) {
		out = malloc(room);
		MUST(out != NULL);
		n = label == NULL ? pem_next(&in, out, room)
				  : pem_next_of(&in, label, out, room);
		MUST(n <= (long)room && in.p >= text && in.p <= text + size &&
		     in.line >= in.block);
		if (n > 0) {
			out = realloc(out, (size_t)n);
			cert_look(out, (size_t)n);
			list_look(out, (size_t)n);
		}
		free(out);
		if (n <= 0)
			return;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *c;

	MUST(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	cert_look(data, size);
	list_look(data, size);
	blocks_look(text, size, NULL);
	blocks_look(text, size, "X509 CRL");
	der_text_clean(text);
	for (c = text; *c != '\0'; c++)
		MUST((unsigned char)*c >= 0x20 && *c != 0x7f && *c != '"');
	free(text);
	return 0;
}
