/*
 * constraint.c - name constraints (RFC 5280 4.2.1.10)
 *
 * Own code: GnuTLS 3.7.9 lets a wildcard SAN past an excluded name under it
 * and does not know directory names, mail hosts or URIs as constraints.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "cert.h"

/* tags of GeneralName */
enum {
	NAME_MAIL = DER_CONTEXT | 1,
	NAME_DNS = DER_CONTEXT | 2,
	NAME_DIRECTORY = DER_CONTEXT | DER_CONSTRUCTED | 4,
	NAME_URI = DER_CONTEXT | 6,
	NAME_IP = DER_CONTEXT | 7,
};

enum match { NO, YES, BROKEN };

struct check {
	struct der permitted, excluded;
	unsigned *work;
	struct reason why;
};

static bool
same_text(const struct der *a, const struct der *b)
{
	return a->len == b->len &&
	       (a->len == 0 || strncasecmp((const char *)a->p,
				   (const char *)b->p, a->len) == 0);
}

/* The last n bytes of d. */
static struct der
tail(const struct der *d, size_t n)
{
	return (struct der){d->p + (d->len - n), n};
}

static struct der
after(const struct der *d, char c, bool *found)
{
	const unsigned char *p = d->len == 0 ? NULL : memchr(d->p, c, d->len);

	*found = p != NULL;
	return p == NULL ? *d : tail(d, d->len - (size_t)(p + 1 - d->p));
}

/* Is host base itself (unless base has a leading dot) or below it? */
static bool
host_is_under(const struct der *host, const struct der *base)
{
	struct der end;

	if (base->len == 0)
		return true;
	if (host->len < base->len)
		return false;
	end = tail(host, base->len);
	if (!same_text(&end, base))
		return false;
	return host->len == base->len || base->p[0] == '.' ||
	       host->p[host->len - base->len - 1] == '.';
}

/*
 * A wildcard name stands for every name it could match: it is within a
 * permitted tree if all of them are, in an excluded one if any of them is.
 * RFC 5280 has no leading dot here, but OpenSSL's users write one: permitted
 * it means less, excluded more than without.
 */
static enum match
match_dns(const struct der *base, const struct der *name, bool excluded)
{
	struct der tree = *base, rest, parent;
	bool found;

	if (excluded && tree.len > 0 && tree.p[0] == '.')
		tree = tail(&tree, tree.len - 1);
	if (name->len == 0 || name->p[0] == '.')
		return NO; /* no name of any host */
	if (host_is_under(name, &tree))
		return YES;
	if (!excluded || name->len < 2 || memcmp(name->p, "*.", 2) != 0)
		return NO;
	rest = tail(name, name->len - 2);
	parent = after(&tree, '.', &found);
	return found && same_text(&rest, &parent) ? YES : NO;
}

/* Address and mask, of which the mask must be a prefix (RFC 4632). */
static enum match
match_ip(const struct der *base, const struct der *name)
{
	size_t i, half = base->len / 2;
	const unsigned char *mask = base->p + half;
	bool ended = false;

	if (base->len != 8 && base->len != 32)
		return BROKEN;
	for (i = 0; i < half * 8; i++) {
		bool one = (mask[i / 8] & 0x80 >> i % 8) != 0;

		if (one && ended)
			return BROKEN;
		ended |= !one;
	}
	if (name->len != half)
		return NO;
	for (i = 0; i < half; i++)
		if (((base->p[i] ^ name->p[i]) & mask[i]) != 0)
			return NO;
	return YES;
}

/* "user@host" is one mailbox, "host" all of a host, ".domain" all below. */
static enum match
match_mail(const struct der *base, const struct der *name)
{
	bool base_at, name_at;
	struct der base_host = after(base, '@', &base_at);
	struct der host = after(name, '@', &name_at);

	if (!name_at)
		return BROKEN;
	if (base_at)
		return same_text(&host, &base_host) && base->len == name->len &&
			       memcmp(base->p, name->p,
				   base->len - base_host.len) == 0
			   ? YES
			   : NO;
	if (base->len == 0)
		return YES;
	if (base->p[0] == '.')
		return host_is_under(&host, base) ? YES : NO;
	return same_text(&host, base) ? YES : NO;
}

/* The host of scheme://user@host:port/; len 0 when there is none. */
static struct der
uri_host(const struct der *uri)
{
	struct der rest = *uri;
	bool found;
	size_t n;

	rest = after(uri, ':', &found);
	if (!found || rest.len < 2 || memcmp(rest.p, "//", 2) != 0)
		return (struct der){NULL, 0};
	rest = tail(&rest, rest.len - 2);
	for (n = 0; n < rest.len && strchr("/?#", rest.p[n]) == NULL; n++)
		;
	rest.len = n;
	rest = after(&rest, '@', &found);
	for (n = 0; n < rest.len && rest.p[n] != ':'; n++)
		;
	rest.len = n;
	return rest;
}

/* A URI without a host, or with an address, fails whatever is asked. */
static enum match
match_uri(const struct der *base, const struct der *name)
{
	struct der host = uri_host(name);

	if (host.len == 0 || host.p[0] == '[' || isdigit(host.p[host.len - 1]))
		return BROKEN;
	if (base->len > 0 && base->p[0] == '.')
		return host_is_under(&host, base) ? YES : NO;
	return same_text(&host, base) ? YES : NO;
}

/* The next byte of a directory string as RFC 5280 7.1 compares: case and
 * runs of spaces do not count. */
static int
folded_next(struct der *d)
{
	int c;

	if (d->len == 0)
		return -1;
	c = *d->p;
	if (c == ' ') {
		while (d->len > 0 && *d->p == ' ')
			d->p++, d->len--;
		return d->len == 0 ? -1 : ' ';
	}
	d->p++, d->len--;
	return tolower(c);
}

static bool
same_value(struct der a, struct der b)
{
	int x, y;

	while (a.len > 0 && *a.p == ' ')
		a.p++, a.len--;
	while (b.len > 0 && *b.p == ' ')
		b.p++, b.len--;
	do {
		x = folded_next(&a);
		y = folded_next(&b);
	} while (x == y && x != -1);
	return x == y;
}

/* One RDN; only its first pair counts where it has several, unless they are
 * the same bytes. */
static bool
same_rdn(const struct der_item *a, const struct der_item *b)
{
	struct der x = a->value, y = b->value;
	struct der_item xp, yp, xo, yo, xv, yv;

	if (der_same(&a->whole, &b->whole))
		return true;
	return der_take(&x, DER_SEQUENCE, &xp) && x.len == 0 &&
	       der_take(&y, DER_SEQUENCE, &yp) && y.len == 0 &&
	       der_take(&xp.value, DER_OID, &xo) &&
	       der_take(&yp.value, DER_OID, &yo) &&
	       der_same(&xo.value, &yo.value) && der_next(&xp.value, &xv) &&
	       der_next(&yp.value, &yv) && same_value(xv.value, yv.value);
}

/* Both are Name TLVs: does name begin with all RDNs of base? */
static enum match
match_directory(const struct der *base, const struct der *name)
{
	struct der b = *base, n = *name;
	struct der_item blist, nlist, x, y;

	if (!der_take(&b, DER_SEQUENCE, &blist) ||
	    !der_take(&n, DER_SEQUENCE, &nlist))
		return BROKEN;
	while (blist.value.len > 0) {
		if (!der_take(&blist.value, DER_SET, &x))
			return BROKEN;
		if (!der_take(&nlist.value, DER_SET, &y) || !same_rdn(&x, &y))
			return NO;
	}
	return YES;
}

static enum match
match(
    unsigned tag, const struct der *base, const struct der *name, bool excluded)
{
	switch (tag) {
	case NAME_DNS:
		return match_dns(base, name, excluded);
	case NAME_IP:
		return match_ip(base, name);
	case NAME_MAIL:
		return match_mail(base, name);
	case NAME_URI:
		return match_uri(base, name);
	case NAME_DIRECTORY:
		return match_directory(base, name);
	default:
		/* RFC 5280: process it or refuse; we do not process it */
		return BROKEN;
	}
}

/*
 * Goes through GeneralSubtree ::= SEQUENCE { base, [0] minimum DEFAULT 0,
 * [1] maximum OPTIONAL }; the last two are not to be used (RFC 5280).
 * *seen: some subtree is of the name's type.
 */
static enum match
match_trees(struct der trees, unsigned tag, const struct der *name,
    bool excluded, unsigned *work, bool *seen)
{
	struct der_item tree, base;
	enum match m;

	*seen = false;
	while (trees.len > 0) {
		if (*work == 0 || !der_take(&trees, DER_SEQUENCE, &tree) ||
		    !der_next(&tree.value, &base) || tree.value.len != 0)
			return BROKEN;
		--*work;
		if (base.tag != tag)
			continue;
		*seen = true;
		m = match(tag, &base.value, name, excluded);
		if (m != NO)
			return m;
	}
	return NO;
}

static bool
name_passes(struct check *k, unsigned tag, const struct der *name)
{
	bool seen;
	enum match m;

	m = match_trees(k->excluded, tag, name, true, k->work, &seen);
	if (m != NO) {
		k->why.detail = "has a name that a CA above it excludes";
		return false;
	}
	m = match_trees(k->permitted, tag, name, false, k->work, &seen);
	if (seen && m != YES) {
		k->why.detail = "has a name that a CA above it does not "
				"permit";
		return false;
	}
	return m != BROKEN;
}

static bool
looks_like_host(const struct der *name)
{
	size_t i;

	for (i = 0; i < name->len; i++)
		if (!isalnum(name->p[i]) && strchr("-_.*", name->p[i]) == NULL)
			return false;
	return name->len > 0 && memchr(name->p, '.', name->len) != NULL;
}

/*
 * Where no SAN speaks of hosts, programs take the common name for one
 * (hostname_checks_common_name does): then it is bound as a host is.
 */
static bool
common_names_pass(struct check *k, const struct cert *c)
{
	struct der in = c->d.subject, name;
	struct der_item list;

	if (!der_take(&in, DER_SEQUENCE, &list))
		return false;
	while (common_name_next(&list.value, &name))
		if (looks_like_host(&name) && !name_passes(k, NAME_DNS, &name))
			return false;
	return true;
}

/*
 * A mail address in the subject is bound as one in a SAN is, also where there
 * is a SAN (RFC 5280 4.2.1.10 asks it only where there is none).
 */
static bool
mail_names_pass(struct check *k, const struct cert *c)
{
	static const unsigned char mail[] = {
	    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01};
	struct der in = c->d.subject;
	struct der_item list, set, pair, oid, value;

	if (!der_take(&in, DER_SEQUENCE, &list))
		return false;
	while (der_take(&list.value, DER_SET, &set))
		while (der_take(&set.value, DER_SEQUENCE, &pair))
			if (der_take(&pair.value, DER_OID, &oid) &&
			    oid.value.len == sizeof mail &&
			    memcmp(oid.value.p, mail, sizeof mail) == 0 &&
			    (!der_next(&pair.value, &value) ||
				!name_passes(k, NAME_MAIL, &value.value)))
				return false;
	return true;
}

static bool
names_pass(struct check *k, const struct cert *c, bool leaf)
{
	struct der in = c->ext[EXT_ALT_NAMES].value;
	struct der_item list, name;
	bool host = false;

	if (c->ext[EXT_ALT_NAMES].present) {
		if (!der_take(&in, DER_SEQUENCE, &list))
			return false;
		while (list.value.len > 0) {
			if (!der_next(&list.value, &name))
				return false;
			/* a directory name is tagged explicitly */
			if (!name_passes(k, name.tag, &name.value))
				return false;
			host |= name.tag == NAME_DNS || name.tag == NAME_IP;
		}
	}
	if (c->d.subject.len > 2 &&
	    !name_passes(k, NAME_DIRECTORY, &c->d.subject))
		return false;
	if (!mail_names_pass(k, c))
		return false;
	return !leaf || host || common_names_pass(k, c);
}

/* NameConstraints ::= SEQUENCE { permitted [0], excluded [1] }, not empty */
static bool
trees_read(const struct cert *ca, struct check *k)
{
	struct der in = ca->ext[EXT_CONSTRAINTS].value;
	struct der_item list, trees;

	if (!der_take(&in, DER_SEQUENCE, &list) || in.len != 0)
		return false;
	in = list.value;
	if (der_take(&in, DER_CONTEXT | DER_CONSTRUCTED | 0, &trees))
		k->permitted = trees.value;
	if (der_take(&in, DER_CONTEXT | DER_CONSTRUCTED | 1, &trees))
		k->excluded = trees.value;
	return in.len == 0 && k->permitted.len + k->excluded.len > 0;
}

struct reason
constraint_check(
    const struct cert *ca, const struct cert *c, bool leaf, unsigned *work)
{
	struct check k = {.work = work,
	    .why = {CAUSE_NAME_CONSTRAINT, c,
		"has a name that the constraints of a CA cannot judge"}};

	if (!ca->ext[EXT_CONSTRAINTS].present || (c->self_issued && !leaf))
		return REASON_NONE;
	if (!trees_read(ca, &k))
		return (struct reason){
		    CAUSE_MALFORMED, ca, "has broken nameConstraints"};
	if (names_pass(&k, c, leaf))
		return REASON_NONE;
	if (*work == 0)
		return (struct reason){CAUSE_CHAIN_LIMIT, ca,
		    "has more name constraints than we compare"};
	return k.why;
}
