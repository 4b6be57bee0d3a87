/* hostname_test.c - is a certificate for this name: RFC 9525, row by row */
#include <arpa/inet.h>

#include "../../shim/engine/cert.h"
#include "made.h"

/* What a certificate holds: d DNS, i address, m mail, u URI, n common name. */
static const struct {
	const char *holds, *name;
	bool common_name, want;
} rows[] = {
    {"d db.example", "db.example", false, true},
    {"d DB.Example", "db.example", false, true},
    {"d db.example", "db.examplf", false, false},
    {"d db.example", "db.exampl", false, false},
    {"d db.exampl", "db.example", false, false},
    {"d db.example", "db.example.evil", false, false},
    {"d db.example.evil", "db.example", false, false},
    {"d db.example", "a.db.example", false, false},
    {"d b.example", "db.example", false, false},
    {"d db.example.", "db.example", false, false},
    {"d ", "db.example", false, false},
    {"d other.example d db.example", "db.example", false, true},

    /* a wildcard is one whole label, the first */
    {"d *.example.org", "db.example.org", false, true},
    {"d *.EXAMPLE.org", "db.example.org", false, true},
    {"d *.example.org", "a.db.example.org", false, false},
    {"d *.example.org", "example.org", false, false},
    {"d *.example.org", ".example.org", false, false},
    {"d *.example.org", "dbexample.org", false, false},
    {"d *.example.org", "db.example.org.evil", false, false},
    {"d *.example.org", "db.example.com", false, false},
    {"d d*.example.org", "db.example.org", false, false},
    {"d *b.example.org", "db.example.org", false, false},
    {"d db.*.org", "db.example.org", false, false},
    {"d *.*.org", "db.example.org", false, false},
    {"d *.org", "example.org", false, false},
    {"d *", "org", false, false},
    {"d *.", "org", false, false},

    /* addresses are no names, and names no addresses */
    {"i 10.1.2.3", "10.1.2.3", false, true},
    {"i 10.1.2.3", "10.1.2.4", false, false},
    {"d 10.1.2.3", "10.1.2.3", false, false},
    {"d *.1.2.3", "10.1.2.3", false, false},
    {"i ::1", "::1", false, true},
    {"i ::1", "::2", false, false},

    /* the common name, where it is asked for and there is no other */
    {"n db.example", "db.example", false, false},
    {"n db.example", "db.example", true, true},
    {"n other.example", "db.example", true, false},
    {"n db.example d other.example", "db.example", true, false},
    {"n db.example i 10.1.2.3", "db.example", true, false},
    {"n 10.1.2.3", "10.1.2.3", true, false},

    {"m db.example", "db.example", false, false},
    {"u db.example", "db.example", false, false},
    {"d db.example", "", false, false},
};

/* Of mail addresses the host alone has no case; of URIs nothing. */
static const struct {
	const char *holds, *text;
	bool mail, want;
} texts[] = {
    {"m ann@db.example", "ann@db.example", true, true},
    {"m ann@DB.example", "ann@db.example", true, true},
    {"m Ann@db.example", "ann@db.example", true, false},
    {"m ann@db.example", "ann@db.exampl", true, false},
    {"m ann@db.example", "an@db.example", true, false},
    {"m db.example", "ann@db.example", true, false},
    {"u ann@db.example", "ann@db.example", true, false},
    {"u spiffe://a/b", "spiffe://a/b", false, true},
    {"u spiffe://A/b", "spiffe://a/b", false, false},
    {"u spiffe://a/b/c", "spiffe://a/b", false, false},
    {"m spiffe://a/b", "spiffe://a/b", false, false},
};

static size_t
der_put(unsigned char *to, unsigned tag, const void *p, size_t n)
{
	memmove(to + 2, p, n); /* which may be p itself */
	to[0] = (unsigned char)tag;
	to[1] = (unsigned char)n;
	return n + 2;
}

static size_t
put_alt_name(unsigned char *to, char kind, const char *text)
{
	unsigned char ip[16];

	switch (kind) {
	case 'd':
		return der_put(to, 0x82, text, strlen(text));
	case 'm':
		return der_put(to, 0x81, text, strlen(text));
	case 'u':
		return der_put(to, 0x86, text, strlen(text));
	}
	if (inet_pton(AF_INET, text, ip) == 1)
		return der_put(to, 0x87, ip, 4);
	inet_pton(AF_INET6, text, ip);
	return der_put(to, 0x87, ip, 16);
}

/* SEQUENCE { SET { SEQUENCE { commonName, UTF8String } } } */
static size_t
put_subject(unsigned char *to, const char *text)
{
	unsigned char buf[120] = {0x06, 0x03, 0x55, 0x04, 0x03};
	size_t n = 5 + der_put(buf + 5, 0x0c, text, strlen(text));

	n = der_put(buf, 0x30, buf, n);
	n = der_put(buf, 0x31, buf, n);
	return der_put(to, 0x30, buf, n);
}

/* The part of a certificate that is looked at; static, so one at a time. */
static struct cert *
made(const char *holds)
{
	static unsigned char names[128], subject[128];
	static struct cert c;
	char copy[128], *kind, *text, *rest = copy;
	size_t n = 0, cn = 0;

	memset(&c, 0, sizeof c);
	snprintf(copy, sizeof copy, "%s", holds);
	while ((kind = strsep(&rest, " ")) != NULL) {
		text = strsep(&rest, " ");
		if (*kind == 'n')
			cn = put_subject(subject, text);
		else
			n += put_alt_name(names + n, *kind, text);
	}
	if (n > 0)
		n = der_put(names, 0x30, names, n);
	c.ext[EXT_ALT_NAMES].present = n > 0;
	c.ext[EXT_ALT_NAMES].value = (struct der){names, n};
	c.d.subject = (struct der){subject, cn};
	return &c;
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		report(hostname_match(made(rows[i].holds), rows[i].name,
			   rows[i].common_name) == rows[i].want,
		    "\"%s\" is %s%s%s", rows[i].holds,
		    rows[i].want ? "" : "not ", rows[i].name,
		    rows[i].common_name ? ", the common name counts" : "");
	for (i = 0; i < sizeof texts / sizeof texts[0]; i++)
		report(hostname_has_text(made(texts[i].holds), texts[i].mail,
			   texts[i].text) == texts[i].want,
		    "\"%s\" has %s%s", texts[i].holds,
		    texts[i].want ? "" : "no ", texts[i].text);
	return failures > 0;
}
