/*
 * hostname.c - is a certificate for this name (RFC 9525)
 *
 * Own matching: GnuTLS 3.7.9 falls back to the common name, and no flag
 * forbids it.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cert.h"

enum { NAME_DNS = DER_CONTEXT | 2, NAME_IP = DER_CONTEXT | 7 };

/* The next entry of the subjectAltName; false at its end. */
static bool
alt_name_next(struct der *in, struct der_item *out)
{
	return in->len > 0 && der_next(in, out);
}

static struct der
alt_names(const struct cert *c)
{
	struct der in = c->ext[EXT_ALT_NAMES].value;
	struct der_item list;

	if (!c->ext[EXT_ALT_NAMES].present ||
	    !der_take(&in, DER_SEQUENCE, &list))
		return (struct der){NULL, 0};
	return list.value;
}

bool
hostname_has(const struct cert *c)
{
	struct der in = alt_names(c);
	struct der_item name;

	while (alt_name_next(&in, &name))
		if (name.tag == NAME_DNS || name.tag == NAME_IP)
			return true;
	return false;
}

/* Names are ASCII here: a U-label in a SAN is none (RFC 5280 7.2). */
static bool
same_text(const unsigned char *a, const char *b, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (tolower(a[i]) != tolower((unsigned char)b[i]) ||
		    a[i] >= 0x80 || a[i] == '\0')
			return false;
	return true;
}

/*
 * A wildcard is the whole first label and stands for exactly one; two more
 * labels must follow, or *.com would be everybody.
 */
static bool
match_dns(const struct der *pattern, const char *name)
{
	const unsigned char *p = pattern->p;
	size_t n = pattern->len, first;

	if (n > 2 && p[0] == '*' && p[1] == '.') {
		first = strcspn(name, ".");
		if (first == 0 || memchr(p + 2, '.', n - 2) == NULL)
			return false;
		p++, n--;
		name += first;
	}
	return n > 0 && n == strlen(name) && memchr(p, '*', n) == NULL &&
	       same_text(p, name, n);
}

static bool
is_value_tag(unsigned tag)
{
	return tag == 0x0c || tag == 0x13 || tag == 0x16 || tag == 0x14;
}

bool
common_name_next(struct der *rdns, struct der *out)
{
	static const unsigned char cn[] = {0x55, 0x04, 0x03};
	struct der_item set, pair, oid, value;

	while (der_take(rdns, DER_SET, &set))
		while (der_take(&set.value, DER_SEQUENCE, &pair))
			if (der_take(&pair.value, DER_OID, &oid) &&
			    oid.value.len == sizeof cn &&
			    memcmp(oid.value.p, cn, sizeof cn) == 0 &&
			    der_next(&pair.value, &value) &&
			    is_value_tag(value.tag)) {
				*out = value.value;
				return true;
			}
	return false;
}

static struct der
subject_rdns(const struct cert *c)
{
	struct der in = c->d.subject;
	struct der_item list;

	if (!der_take(&in, DER_SEQUENCE, &list))
		return (struct der){NULL, 0};
	return list.value;
}

static bool
match_common_name(const struct cert *c, const char *name)
{
	struct der in = subject_rdns(c), value;

	while (common_name_next(&in, &value))
		if (match_dns(&value, name))
			return true;
	return false;
}

bool
hostname_match(const struct cert *c, const char *name, bool common_name)
{
	struct der in = alt_names(c);
	unsigned char address[16];
	struct der_item item;
	struct der ip = {address, 0};

	if (name[0] == '\0')
		return false;
	if (inet_pton(AF_INET, name, address) == 1)
		ip.len = 4;
	else if (inet_pton(AF_INET6, name, address) == 1)
		ip.len = 16;
	while (alt_name_next(&in, &item))
		if (ip.len > 0
			? item.tag == NAME_IP && der_same(&item.value, &ip)
			: item.tag == NAME_DNS && match_dns(&item.value, name))
			return true;
	return common_name && ip.len == 0 && !hostname_has(c) &&
	       match_common_name(c, name);
}

/* RFC 5321 2.4: the part before '@' is its host's business. */
static bool
same_mail(const struct der *name, const char *text)
{
	const char *at = strrchr(text, '@');
	size_t local = at != NULL ? (size_t)(at - text) : 0;

	return at != NULL && name->len == strlen(text) &&
	       memcmp(name->p, text, local) == 0 &&
	       same_text(name->p + local, at, name->len - local);
}

bool
hostname_has_text(const struct cert *c, bool mail, const char *text)
{
	const unsigned tag = DER_CONTEXT | (mail ? 1 : 6);
	struct der in = alt_names(c);
	struct der_item name;

	while (alt_name_next(&in, &name))
		if (name.tag == tag &&
		    (mail ? same_mail(&name.value, text)
			  : name.value.len == strlen(text) &&
				memcmp(name.value.p, text, name.value.len) ==
				    0))
			return true;
	return false;
}

static void
name_text(const struct der_item *name, char *buf, size_t len)
{
	const char *what = name->tag == (DER_CONTEXT | 6)   ? "URI "
			   : name->tag == (DER_CONTEXT | 1) ? "mail "
							    : "";
	size_t i, n = 0;

	buf[0] = '\0';
	if (name->tag == NAME_IP) {
		if (name->value.len == 4)
			inet_ntop(AF_INET, name->value.p, buf, (socklen_t)len);
		else if (name->value.len == 16)
			inet_ntop(AF_INET6, name->value.p, buf, (socklen_t)len);
		return;
	}
	if (name->tag != NAME_DNS && *what == '\0')
		return;
	n = (size_t)snprintf(buf, len, "%s", what);
	for (i = 0; i < name->value.len && n + 1 < len; i++, n++)
		buf[n] = isgraph(name->value.p[i]) && name->value.p[i] < 0x80
			     ? (char)name->value.p[i]
			     : '?';
	buf[n] = '\0';
}

bool
hostname_is_copy(const struct cert *c, const struct der *text)
{
	struct der in = alt_names(c);
	struct der_item item;
	char name[256];

	while (alt_name_next(&in, &item)) {
		if (item.tag == NAME_DNS && der_same(&item.value, text))
			return true;
		if (item.tag != NAME_IP)
			continue;
		name_text(&item, name, sizeof name);
		if (strlen(name) == text->len &&
		    memcmp(name, text->p, text->len) == 0)
			return true;
	}
	return false;
}

/* Ten names say enough; a certificate may have a thousand. */
void
hostname_list(const struct cert *c, char *buf, size_t len)
{
	struct der in = alt_names(c);
	struct der_item item;
	char name[128];
	size_t n = 0, count = 0;

	snprintf(buf, len, "no name at all");
	while (n + 1 < len && alt_name_next(&in, &item)) {
		name_text(&item, name, sizeof name);
		if (name[0] == '\0')
			continue;
		if (count++ == 10) {
			snprintf(buf + n, len - n, " and more");
			return;
		}
		n += (size_t)snprintf(
		    buf + n, len - n, "%s%s", count > 1 ? ", " : "", name);
	}
}
