/* exhibit.c - what tlsshim verify is to judge, read from files */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/pem.h"
#include "exhibit.h"
#include "tools.h"

/*
 * All of a file, - being standard input; a NUL follows.  What is judged may
 * belong to anybody, so that nothing but its size is asked.
 */
char *
input_read(const char *path, size_t max, size_t *len)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	size_t cap = 65536, n = 0, got = 0;
	char *text = malloc(cap), *more;

	while (in != NULL && text != NULL) {
		got = fread(text + n, 1, cap - n - 1, in);
		n += got;
		if (got == 0 || n > max)
			break;
		if (n + 1 < cap)
			continue;
		more = realloc(text, cap *= 2);
		if (more == NULL)
			break;
		text = more;
	}
	if (in == NULL || text == NULL || ferror(in) || n > max || got != 0) {
		complain("verify: %s: %s", path,
		    in == NULL || ferror(in) ? strerror(errno)
					     : "is too large");
		free(text);
		text = NULL;
	} else {
		text[n] = '\0';
		*len = n;
	}
	if (in != NULL && in != stdin)
		fclose(in);
	return text;
}

/* Two digits at p, or -1. */
static int
two(const char *p)
{
	if (!isdigit((unsigned char)p[0]) || !isdigit((unsigned char)p[1]))
		return -1;
	return (p[0] - '0') * 10 + p[1] - '0';
}

/* "Z", "+hh:mm" or "-hh:mm", as seconds to take away. */
static bool
zone_read(const char *p, long *out)
{
	int h, m;

	*out = 0;
	if (strcasecmp(p, "Z") == 0)
		return true;
	if ((p[0] != '+' && p[0] != '-') || strlen(p) != 6 || p[3] != ':' ||
	    (h = two(p + 1)) < 0 || h > 23 || (m = two(p + 4)) < 0 || m > 59)
		return false;
	*out = (h * 60L + m) * 60 * (p[0] == '+' ? 1 : -1);
	return true;
}

/* RFC 3339, or seconds since the epoch. */
bool
time_read(const char *text, time_t *out)
{
	struct tm tm = {0}, day;
	const char *p = text + 19;
	long long seconds;
	long zone;
	char *end;

	errno = 0;
	seconds = strtoll(text, &end, 10);
	if (end != text && *end == '\0') {
		*out = (time_t)seconds;
		return errno == 0;
	}
	if (strlen(text) < 20 || text[4] != '-' || text[7] != '-' ||
	    strchr("Tt ", text[10]) == NULL || text[13] != ':' ||
	    text[16] != ':' || two(text) < 0 || two(text + 2) < 0)
		return false;
	tm.tm_year = two(text) * 100 + two(text + 2) - 1900;
	tm.tm_mon = two(text + 5) - 1;
	tm.tm_mday = two(text + 8);
	tm.tm_hour = two(text + 11);
	tm.tm_min = two(text + 14);
	tm.tm_sec = two(text + 17);
	if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 ||
	    tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 ||
	    tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
		return false;
	day = (struct tm){.tm_year = tm.tm_year,
	    .tm_mon = tm.tm_mon,
	    .tm_mday = tm.tm_mday};
	/* the 30th of February would become another day */
	timegm(&day);
	if (day.tm_mday != tm.tm_mday)
		return false;
	if (*p == '.' && isdigit((unsigned char)p[1]))
		for (p++; isdigit((unsigned char)*p); p++)
			;
	if (!zone_read(p, &zone))
		return false;
	*out = timegm(&tm) - zone;
	return true;
}

/* PEM, or one certificate in DER; what cannot be read is judged as such. */
static void
chain_split(struct exhibit *x, size_t len)
{
	struct pem in = {x->text, 1, 1};
	size_t used = 0;
	long n;

	if (len > 0 && x->text[0] == 0x30) {
		memcpy(x->der, x->text, len);
		x->chain[x->p.n++] = (gnutls_datum_t){x->der, (unsigned)len};
		return;
	}
	while (x->p.n < EXHIBIT_CERTS &&
	       (n = pem_next(&in, x->der + used, len - used)) != 0) {
		x->chain[x->p.n++] = (gnutls_datum_t){
		    x->der + used, n > 0 ? (unsigned)n : 0};
		if (n < 0)
			break; /* where the next begins nobody can say */
		used += (size_t)n;
	}
	if (x->p.n == 0)
		x->chain[x->p.n++] = (gnutls_datum_t){x->der, 0};
}

int
exhibit_read(struct exhibit *x, const char *chain, const char *staple)
{
	size_t len;

	x->text = input_read(chain, INPUT_MAX, &len);
	if (x->text == NULL || (x->der = malloc(len + 1)) == NULL)
		return -1;
	x->p.chain = x->chain;
	chain_split(x, len);
	if (staple == NULL)
		return 0;
	x->answer = input_read(staple, INPUT_MAX, &len);
	if (x->answer == NULL)
		return -1;
	x->staple[0] =
	    (gnutls_datum_t){(unsigned char *)x->answer, (unsigned)len};
	x->p.staple = x->staple;
	return 0;
}

void
exhibit_free(struct exhibit *x)
{
	free(x->text);
	free(x->answer);
	free(x->der);
}
