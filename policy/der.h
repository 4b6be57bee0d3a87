/*
 * der.h - the little of DER that finding an issuer and judging names needs
 *
 * Borrowed slices of a certificate that stays where it is; nothing here
 * allocates.  Signal-safe and thread-safe.
 */
#ifndef POLICY_DER_H
#define POLICY_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BITS = 0x03,
	DER_OCTETS = 0x04,
	DER_OID = 0x06,
	DER_ENUM = 0x0a,
	DER_UTC_TIME = 0x17,
	DER_GENERAL_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CONTEXT = 0x80,     /* | number, primitive */
	DER_CONSTRUCTED = 0x20, /* | DER_CONTEXT | number */
};

struct der {
	const unsigned char *p;
	size_t len;
};

struct der_item {
	unsigned tag;
	struct der value; /* the contents */
	struct der whole; /* tag, length and contents */
};

/* The slices of one certificate; tbs, names and key are whole TLVs. */
struct der_cert {
	struct der tbs, serial, issuer, subject, key, signature;
	struct der validity; /* the contents: two times */
	struct der rest;  /* of tbs, after key: unique ids and extensions */
	unsigned version; /* 1, 2 or 3; 0 when it is none of them */
};

/* Takes the next item off in's front; false at the end or when malformed. */
bool der_next(struct der *in, struct der_item *out);

/* Same, and the tag must be as given. */
bool der_take(struct der *in, unsigned tag, struct der_item *out);

/*
 * Takes a time off in's front, as RFC 5280 4.1.2.5 allows it: in UTC, with
 * seconds, without fractions.
 */
bool der_time(struct der *in, time_t *out);

/*
 * A peer chooses these bytes: none may move a terminal, end a string of JSON
 * or forge a line of the log.  Control characters, quotes and what is no
 * UTF-8 (RFC 3629) become '?'.
 */
void der_text_clean(char *text);

/*
 * How many bytes the UTF-8 character at p has; 0 when it is none, or a
 * control beyond ASCII (U+0080 to U+009F).  No byte behind a NUL is read.
 */
size_t text_character(const unsigned char *p);

/* Is in one SEQUENCE of extensions, well formed, none of them critical? */
bool der_extensions_plain(struct der in);

/* Exactly one certificate and nothing after it. */
bool der_cert(const void *data, size_t len, struct der_cert *out);

int der_compare(const struct der *a, const struct der *b);

static inline bool
der_same(const struct der *a, const struct der *b)
{
	return der_compare(a, b) == 0;
}

#endif
