/* network.c - addresses and the networks that hold them */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matchers.h"

/* The bytes of sa's address; a v4-mapped one is that IPv4 address. */
static int
address_bytes(const struct sockaddr *sa, const unsigned char **bytes)
{
	const struct in6_addr *a6;

	if (sa->sa_family == AF_INET) {
		*bytes =
		    (const unsigned char *)&((const struct sockaddr_in *)sa)
			->sin_addr;
		return AF_INET;
	}
	if (sa->sa_family != AF_INET6)
		return AF_UNSPEC;
	a6 = &((const struct sockaddr_in6 *)sa)->sin6_addr;
	*bytes = a6->s6_addr;
	if (!IN6_IS_ADDR_V4MAPPED(a6))
		return AF_INET6;
	*bytes += 12;
	return AF_INET;
}

static bool
bits_equal(const unsigned char *a, const unsigned char *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool
host_bits_set(const struct network *n)
{
	unsigned i, max = n->family == AF_INET ? 32 : 128;

	for (i = n->bits; i < max; i++)
		if ((n->addr[i / 8] & (0x80 >> (i % 8))) != 0)
			return true;
	return false;
}

/* Digits only: strtoul would take " +8". */
static bool
bits_parse(const char *text, unsigned max, unsigned *out)
{
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > 3 || text[n] != '\0')
		return false;
	*out = (unsigned)strtoul(text, NULL, 10);
	return *out <= max;
}

const char *
network_parse(const char *text, struct network *out)
{
	char addr[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
	unsigned max = 32;

	if (n >= sizeof addr)
		return "is not an IP address or network";
	memset(out, 0, sizeof *out);
	memcpy(addr, text, n);
	addr[n] = '\0';
	out->family = AF_INET;
	if (inet_pton(AF_INET, addr, out->addr) != 1) {
		out->family = AF_INET6;
		max = 128;
		if (inet_pton(AF_INET6, addr, out->addr) != 1)
			return "is not an IP address or network";
	}
	out->bits = max;
	if (slash != NULL && !bits_parse(slash + 1, max, &out->bits))
		return max == 32 ? "needs a prefix length of 0 to 32"
				 : "needs a prefix length of 0 to 128";
	if (host_bits_set(out))
		return "has bits set behind the prefix";
	if (out->family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED((struct in6_addr *)out->addr)) {
		if (out->bits < 96)
			return "covers part of the IPv4-mapped addresses: "
			       "write it as an IPv4 network";
		out->family = AF_INET;
		out->bits -= 96;
		memmove(out->addr, out->addr + 12, 4);
	}
	return NULL;
}

bool
network_has(const struct network *n, const struct sockaddr *sa)
{
	const unsigned char *bytes = NULL;

	return address_bytes(sa, &bytes) == n->family &&
	       bits_equal(bytes, n->addr, n->bits);
}

int
sockaddr_port(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)sa)->sin_port);
	if (sa->sa_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)sa)->sin6_port);
	return 0;
}

bool
sockaddr_is_v4(const struct sockaddr *sa)
{
	const unsigned char *bytes;

	return address_bytes(sa, &bytes) == AF_INET;
}

bool
sockaddr_is_wildcard(const struct sockaddr *sa)
{
	static const unsigned char zero[16];
	const unsigned char *bytes;
	int family = address_bytes(sa, &bytes);

	if (family == AF_UNSPEC)
		return false;
	return memcmp(bytes, zero, family == AF_INET ? 4 : 16) == 0;
}

void
sockaddr_text(const struct sockaddr *sa, char *buf, size_t len)
{
	char text[INET6_ADDRSTRLEN];
	const unsigned char *bytes;
	int family = address_bytes(sa, &bytes);

	if (family == AF_UNSPEC ||
	    inet_ntop(family, bytes, text, sizeof text) == NULL)
		snprintf(buf, len, "an unknown address");
	else
		snprintf(buf, len, family == AF_INET ? "%s:%d" : "[%s]:%d",
		    text, sockaddr_port(sa));
}
