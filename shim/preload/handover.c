/* handover.c - relayed connections as text: cookie.protocol.family.local.peer[!] */
#include <string.h>

#include "handover.h"

/*
 * All numbers are lower-case hexadecimal.  family is 4 or 6; an address is its
 * bytes in network order, its port, and for family 6 its scope, each of fixed
 * width; "-" is an address that the kernel did not know.  "!" marks a number
 * on which nothing may pass.
 */

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* At most most digits, at least one; NULL if there are none or too many. */
static const char *
number(const char *at, int most, uint64_t *out)
{
	int n;

	*out = 0;
	for (n = 0; n < most && digit(*at) >= 0; n++)
		*out = *out << 4 | (uint64_t)digit(*at++);
	return n == 0 || digit(*at) >= 0 ? NULL : at;
}

/* Exactly n bytes as 2n digits. */
static const char *
bytes(const char *at, void *out, size_t n)
{
	unsigned char *to = out;

	for (; n > 0; n--, at += 2) {
		if (digit(at[0]) < 0 || digit(at[1]) < 0)
			return NULL;
		*to++ = (unsigned char)(digit(at[0]) << 4 | digit(at[1]));
	}
	return at;
}

static const char *
point(const char *at)
{
	return at != NULL && *at == '.' ? at + 1 : NULL;
}

static const char *
address(const char *at, uint64_t family, union shim_address *out)
{
	memset(out, 0, sizeof *out);
	if (*at == '-')
		return at + 1;
	if (family == 4) {
		out->in.sin_family = AF_INET;
		at = bytes(at, &out->in.sin_addr, 4);
		return at == NULL ? NULL : bytes(at, &out->in.sin_port, 2);
	}
	out->in6.sin6_family = AF_INET6;
	at = bytes(at, &out->in6.sin6_addr, 16);
	if (at != NULL)
		at = bytes(at, &out->in6.sin6_port, 2);
	return at == NULL ? NULL : bytes(at, &out->in6.sin6_scope_id, 4);
}

static const char *
entry(const char *at, struct shim_relayed *r)
{
	uint64_t cookie, protocol, family;

	at = point(number(at, 16, &cookie));
	if (at != NULL)
		at = point(number(at, 3, &protocol));
	if (at != NULL)
		at = point(number(at, 1, &family));
	if (at == NULL || cookie == 0 || (family != 4 && family != 6))
		return NULL;
	r->cookie = cookie;
	r->protocol = (int)protocol;
	at = point(address(at, family, &r->local));
	if (at == NULL || r->local.sa.sa_family == 0)
		return NULL;
	at = address(at, family, &r->peer);
	r->refused = at != NULL && *at == '!';
	return r->refused ? at + 1 : at;
}

size_t
handover_read(const char *text, struct shim_relayed *out, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		text = entry(text, &out[i]);
		if (text == NULL || *text != ',')
			break;
		text++;
	}
	return i;
}

static size_t
put_number(char *buf, uint64_t value)
{
	int shift = 60;
	size_t n = 0;

	while (shift > 0 && value >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		buf[n++] = "0123456789abcdef"[value >> shift & 15];
	return n;
}

static size_t
put_bytes(char *buf, const void *from, size_t n)
{
	const unsigned char *b = from;
	size_t i;

	for (i = 0; i < n; i++) {
		buf[2 * i] = "0123456789abcdef"[b[i] >> 4];
		buf[2 * i + 1] = "0123456789abcdef"[b[i] & 15];
	}
	return 2 * n;
}

static size_t
put_address(char *buf, const union shim_address *a)
{
	size_t n;

	if (a->sa.sa_family == AF_INET) {
		n = put_bytes(buf, &a->in.sin_addr, 4);
		return n + put_bytes(buf + n, &a->in.sin_port, 2);
	}
	if (a->sa.sa_family != AF_INET6) {
		*buf = '-';
		return 1;
	}
	n = put_bytes(buf, &a->in6.sin6_addr, 16);
	n += put_bytes(buf + n, &a->in6.sin6_port, 2);
	return n + put_bytes(buf + n, &a->in6.sin6_scope_id, 4);
}

size_t
handover_write(const struct shim_relayed *r, char *buf)
{
	size_t n = put_number(buf, r->cookie);

	buf[n++] = '.';
	n += put_number(buf + n, (uint64_t)r->protocol & 0xfff);
	buf[n++] = '.';
	buf[n++] = r->local.sa.sa_family == AF_INET ? '4' : '6';
	buf[n++] = '.';
	n += put_address(buf + n, &r->local);
	buf[n++] = '.';
	n += put_address(buf + n, &r->peer);
	if (r->refused)
		buf[n++] = '!';
	buf[n++] = ',';
	return n;
}
