/* name.c - the one form in which host names and addresses are compared */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"

#define NAME_MAX_LEN 253 /* RFC 1035, 2.3.4, as text */
#define LABEL_MAX_LEN 63
#define SEARCH_MAX 32 /* glibc has had no bound since 2.26 */
#define BLANKS " \t\r\n"

/*
 * Addresses as getaddrinfo takes them: also 127.1 and 0x7f000001 for IPv4.
 * Writes the shortest form of host to out.
 */
static bool
address_canon(const char *host, char *out, size_t len)
{
	unsigned char a6[16];
	struct in_addr a4;
	char bare[INET6_ADDRSTRLEN];
	size_t n = strcspn(host, "%");

	if (strchr(host, ':') == NULL) {
		/* inet_aton takes "1.2.3.4 rubbish" */
		if (host[strspn(host, "0123456789abcdefABCDEFxX.")] != '\0' ||
		    inet_aton(host, &a4) == 0)
			return false;
		return inet_ntop(AF_INET, &a4, out, (socklen_t)len) != NULL;
	}
	if (n >= sizeof bare)
		return false;
	memcpy(bare, host, n);
	bare[n] = '\0';
	if (inet_pton(AF_INET6, bare, a6) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED((struct in6_addr *)a6))
		return inet_ntop(AF_INET, a6 + 12, out, (socklen_t)len) != NULL;
	return inet_ntop(AF_INET6, a6, out, (socklen_t)len) != NULL;
}

/* Lower case in place; not tolower, which the host's locale could bend. */
static void
lower(char *s)
{
	for (; *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

static bool
well_formed(const char *s)
{
	size_t label = 0;

	if (*s == '\0' || strlen(s) > NAME_MAX_LEN)
		return false;
	for (; *s != '\0'; s++) {
		if (*s == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') ||
			*s == '-' || *s == '_'))
			return false;
		if (++label > LABEL_MAX_LEN)
			return false;
	}
	return label > 0;
}

static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

int
name_canon(const char *host, char *out, size_t len)
{
	gnutls_datum_t mapped = {NULL, 0};
	size_t n;
	int rv = -1;

	if (address_canon(host, out, len))
		return 0;
	if (!is_ascii(host)) {
		if (gnutls_idna_map(host, (unsigned)strlen(host), &mapped, 0) <
		    0)
			return -1;
		host = (const char *)mapped.data;
	}
	n = strlen(host);
	if (n > 0 && host[n - 1] == '.')
		n--;
	if (n < len) {
		memcpy(out, host, n);
		out[n] = '\0';
		lower(out);
		/* "10.1.2.3." is looked up as a name, and would be verified
		 * as the address: of whoever answers for that name */
		if (well_formed(out) && !name_is_address(out))
			rv = 0;
	}
	gnutls_free(mapped.data);
	return rv;
}

bool
name_is_address(const char *host)
{
	char out[INET6_ADDRSTRLEN];

	return address_canon(host, out, sizeof out);
}

/* resolv.conf(5): the last of the search and domain lines counts. */
static void
search_line(char *line, char *found, size_t len)
{
	char *word, *save;

	line[strcspn(line, "#;\n")] = '\0';
	word = strtok_r(line, BLANKS, &save);
	if (word == NULL ||
	    (strcmp(word, "search") != 0 && strcmp(word, "domain") != 0))
		return;
	if (save != NULL)
		snprintf(found, len, "%s", save);
}

static size_t
words_split(char *text, char ***out)
{
	char **v = calloc(SEARCH_MAX, sizeof *v);
	char *word, *save, canon[256];
	size_t n = 0;

	*out = v;
	if (v == NULL)
		return 0;
	for (word = strtok_r(text, BLANKS, &save);
	     word != NULL && n < SEARCH_MAX;
	     word = strtok_r(NULL, BLANKS, &save)) {
		if (name_canon(word, canon, sizeof canon) == -1)
			continue;
		v[n] = strdup(canon);
		if (v[n] == NULL)
			break;
		n++;
	}
	return n;
}

size_t
name_search_read(const char *path, const char *localdomain, char ***out)
{
	char line[4096], found[4096] = "";
	FILE *f;

	if (localdomain != NULL) {
		snprintf(found, sizeof found, "%s", localdomain);
		return words_split(found, out);
	}
	f = fopen(path != NULL ? path : "/etc/resolv.conf", "re");
	if (f != NULL) {
		while (fgets(line, sizeof line, f) != NULL)
			search_line(line, found, sizeof found);
		fclose(f);
	}
	return words_split(found, out);
}

void
name_search_free(char **v, size_t n)
{
	size_t i;

	if (v == NULL)
		return;
	for (i = 0; i < n; i++)
		free(v[i]);
	free(v);
}
