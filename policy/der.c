/* der.c - the little of DER that finding an issuer and judging names needs */
#include <string.h>

#include "der.h"
#include "utc.h"

/*
 * X.690 10.1: definite lengths in their shortest form.  More than 3 bytes of
 * length is more than any certificate we accept.
 */
static bool
length_read(const unsigned char *p, size_t left, size_t *head, size_t *len)
{
	size_t i, n;

	if (left < 2)
		return false;
	*head = 2;
	*len = p[1];
	if (p[1] < 0x80)
		return true;
	n = p[1] & 0x7f;
	if (n == 0 || n > 3 || left < 2 + n || p[2] == 0)
		return false;
	for (*len = 0, i = 0; i < n; i++)
		*len = *len << 8 | p[2 + i];
	*head = 2 + n;
	return *len >= 0x80;
}

bool
der_next(struct der *in, struct der_item *out)
{
	size_t head, len;

	if (in->len < 2 || (in->p[0] & 0x1f) == 0x1f ||
	    !length_read(in->p, in->len, &head, &len) || len > in->len - head)
		return false;
	out->tag = in->p[0];
	out->whole = (struct der){in->p, head + len};
	out->value = (struct der){in->p + head, len};
	in->p += head + len;
	in->len -= head + len;
	return true;
}

bool
der_take(struct der *in, unsigned tag, struct der_item *out)
{
	return in->len > 0 && in->p[0] == tag && der_next(in, out);
}

static bool
digits_read(struct der *in, size_t n, int *out)
{
	size_t i;

	if (in->len < n)
		return false;
	for (*out = 0, i = 0; i < n; i++) {
		if (in->p[i] < '0' || in->p[i] > '9')
			return false;
		*out = *out * 10 + (in->p[i] - '0');
	}
	in->p += n;
	in->len -= n;
	return true;
}

bool
der_time(struct der *in, time_t *out)
{
	struct utc at;
	int year;
	struct der_item item;
	bool utc = in->len > 0 && in->p[0] == DER_UTC_TIME;

	if (!der_take(in, utc ? DER_UTC_TIME : DER_GENERAL_TIME, &item) ||
	    !digits_read(&item.value, utc ? 2 : 4, &year) ||
	    !digits_read(&item.value, 2, &at.month) ||
	    !digits_read(&item.value, 2, &at.day) ||
	    !digits_read(&item.value, 2, &at.hour) ||
	    !digits_read(&item.value, 2, &at.minute) ||
	    !digits_read(&item.value, 2, &at.second) || item.value.len != 1 ||
	    item.value.p[0] != 'Z' || at.month < 1 || at.month > 12 ||
	    at.day < 1 || at.day > 31 || at.hour > 23 ||
	    at.minute > 59 || at.second > 60)
		return false;
	if (utc)
		year += year < 50 ? 2000 : 1900;
	at.year = year;
	*out = utc_seconds(&at);
	return true;
}

/* [0] EXPLICIT INTEGER DEFAULT v1 */
static bool
version_read(struct der *in, unsigned *version)
{
	struct der_item outer, number;

	*version = 1;
	if (!der_take(in, DER_CONTEXT | DER_CONSTRUCTED, &outer))
		return in->len > 0;
	if (!der_take(&outer.value, DER_INTEGER, &number) ||
	    number.value.len != 1 || number.value.p[0] > 2)
		*version = 0;
	else
		*version = number.value.p[0] + 1u;
	return true;
}

bool
der_extensions_plain(struct der in)
{
	struct der_item list, item, part;

	if (!der_take(&in, DER_SEQUENCE, &list) || in.len != 0)
		return false;
	while (list.value.len > 0) {
		if (!der_take(&list.value, DER_SEQUENCE, &item) ||
		    !der_take(&item.value, DER_OID, &part))
			return false;
		if (der_take(&item.value, DER_BOOLEAN, &part) &&
		    (part.value.len != 1 || part.value.p[0] != 0))
			return false;
	}
	return true;
}

bool
der_cert(const void *data, size_t len, struct der_cert *out)
{
	struct der in = {data, len}, tbs;
	struct der_item cert, body, serial, algorithm, issuer, validity,
	    subject, key, signature;

	if (!der_take(&in, DER_SEQUENCE, &cert) || in.len != 0 ||
	    !der_take(&cert.value, DER_SEQUENCE, &body) ||
	    !der_take(&cert.value, DER_SEQUENCE, &algorithm) ||
	    !der_take(&cert.value, DER_BITS, &signature) ||
	    signature.value.len < 2 || signature.value.p[0] != 0 ||
	    cert.value.len != 0)
		return false;
	tbs = body.value;
	if (!version_read(&tbs, &out->version) ||
	    !der_take(&tbs, DER_INTEGER, &serial) ||
	    !der_take(&tbs, DER_SEQUENCE, &algorithm) ||
	    !der_take(&tbs, DER_SEQUENCE, &issuer) ||
	    !der_take(&tbs, DER_SEQUENCE, &validity) ||
	    !der_take(&tbs, DER_SEQUENCE, &subject) ||
	    !der_take(&tbs, DER_SEQUENCE, &key))
		return false;
	out->tbs = body.whole;
	out->serial = serial.value;
	out->issuer = issuer.whole;
	out->subject = subject.whole;
	out->key = key.whole;
	out->validity = validity.value;
	out->rest = tbs;
	/* the bit string's first byte counts unused bits: none */
	out->signature =
	    (struct der){signature.value.p + 1, signature.value.len - 1};
	return true;
}

int
der_compare(const struct der *a, const struct der *b)
{
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return a->len == 0 ? 0 : memcmp(a->p, b->p, a->len);
}

size_t
text_character(const unsigned char *p)
{
	size_t i, n;

	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xc2 && p[0] < 0xe0	  ? 2
	    : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
	    : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
					  : 0;
	for (i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* overlong ones, surrogates and what is beyond U+10FFFF */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	/* U+0080 to U+009F are controls as well */
	return p[0] == 0xc2 && p[1] < 0xa0 ? 0 : n;
}

void
der_text_clean(char *text)
{
	unsigned char *p = (unsigned char *)text;
	size_t n;

	while (*p != '\0') {
		n = text_character(p);
		if (n == 0 || *p < 0x20 || *p == 0x7f || *p == '"')
			*p = '?', n = 1;
		p += n;
	}
}
