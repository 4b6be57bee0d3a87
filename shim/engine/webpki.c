/*
 * webpki.c - what the CA/Browser Forum's Baseline Requirements (7.1) ask of
 * certificates beyond RFC 5280, where verify_flags holds webpki
 */
#include <string.h>

#include "cert.h"

enum { NAME_DNS = DER_CONTEXT | 2, SERIAL_MAX = 20 };

static struct reason
refuse(const struct cert *c, const char *detail)
{
	return (struct reason){CAUSE_PROFILE, c, detail};
}

/* 6.1.5: RSA moduli are whole bytes long */
static bool
key_is_odd(const struct cert *c)
{
	unsigned bits = 0;
	int algorithm = gnutls_pubkey_get_pk_algorithm(c->key, &bits);

	return (algorithm == GNUTLS_PK_RSA ||
		   algorithm == GNUTLS_PK_RSA_PSS) &&
	       bits % 8 != 0;
}

/* 7.1: above 0, of at most 20 bytes.  Old roots may have 0. */
static bool
serial_is_good(const struct der *serial)
{
	return serial->len > 0 && serial->len <= SERIAL_MAX &&
	       (serial->p[0] & 0x80) == 0 &&
	       (serial->len > 1 || serial->p[0] != 0);
}

/* AuthorityInfoAccessSyntax ::= SEQUENCE SIZE (1..MAX) OF { OID, name } */
static bool
authority_info_is_good(struct der in)
{
	struct der_item list, item, part;

	if (!der_take(&in, DER_SEQUENCE, &list) || in.len != 0 ||
	    list.value.len == 0)
		return false;
	while (list.value.len > 0)
		if (!der_take(&list.value, DER_SEQUENCE, &item) ||
		    !der_take(&item.value, DER_OID, &part) ||
		    !der_next(&item.value, &part) || item.value.len != 0)
			return false;
	return true;
}

static struct reason
check_any(const struct cert *c)
{
	if (key_is_odd(c))
		return refuse(c, "has an RSA key of no whole number of bytes");
	if (c->trusted == NULL && !serial_is_good(&c->d.serial))
		return refuse(c, "has a serial number that is not allowed");
	if (c->ext[EXT_AUTHORITY_INFO].present &&
	    !authority_info_is_good(c->ext[EXT_AUTHORITY_INFO].value))
		return refuse(c, "has a broken authorityInfoAccess");
	if (c->ext[EXT_POLICY_CONSTRAINTS].present &&
	    !c->ext[EXT_POLICY_CONSTRAINTS].critical)
		return refuse(c, "has policyConstraints that are not critical");
	return REASON_NONE;
}

/* 7.1.4.3: at most one, and a copy of a name, character for character */
static bool
common_name_is_good(const struct cert *c)
{
	struct der in = c->d.subject, name;
	struct der_item list;
	int n = 0;

	if (!der_take(&in, DER_SEQUENCE, &list))
		return false;
	while (common_name_next(&list.value, &name))
		if (++n > 1 || !hostname_is_copy(c, &name))
			return false;
	return true;
}

static bool
names_are_good(const struct cert *c)
{
	struct der in = c->ext[EXT_ALT_NAMES].value;
	struct der_item list, name;

	if (!c->ext[EXT_ALT_NAMES].present ||
	    !der_take(&in, DER_SEQUENCE, &list))
		return false;
	while (list.value.len > 0) {
		if (!der_next(&list.value, &name))
			return false;
		if (name.tag == NAME_DNS && name.value.len > 0 &&
		    memchr(name.value.p, '_', name.value.len) != NULL)
			return false;
	}
	return true;
}

struct reason
webpki_check_peer(const struct cert *c)
{
	static const char any[] = "\x55\x1d\x25\x00";
	struct reason why = check_any(c);

	if (why.cause != CAUSE_NONE)
		return why;
	if (c->ca)
		return refuse(c, "is a CA, as a peer's own");
	if (!c->ext[EXT_PURPOSES].present || c->ext[EXT_PURPOSES].critical ||
	    cert_has_purpose(c, any, sizeof any - 1))
		return (struct reason){CAUSE_PURPOSE, c,
		    "must have an extendedKeyUsage, not critical and without "
		    "anyExtendedKeyUsage"};
	if (c->d.subject.len > 2 && c->ext[EXT_ALT_NAMES].critical)
		return refuse(
		    c, "has a subject and a critical subjectAltName");
	if (!names_are_good(c))
		return refuse(c, "has no subjectAltName, or '_' in a name");
	if (!common_name_is_good(c))
		return refuse(c, "has a common name that is no copy of one in "
				 "its subjectAltName");
	return REASON_NONE;
}

/* 7.1.2.1.3: the key identifier, its own, and nothing else */
static bool
root_key_is_good(const struct cert *c)
{
	struct der in = c->ext[EXT_AUTHORITY_KEY].value;
	struct der_item list, id;

	return !c->ext[EXT_AUTHORITY_KEY].present ||
	       (der_take(&in, DER_SEQUENCE, &list) &&
		   der_take(&list.value, DER_CONTEXT, &id) &&
		   list.value.len == 0 && der_same(&id.value, &c->subject_key));
}

/* A DNS name of a tree has no leading dot (RFC 5280 4.2.1.10). */
static bool
trees_are_good(struct der in)
{
	struct der_item trees, tree, base;

	while (der_next(&in, &trees))
		while (der_take(&trees.value, DER_SEQUENCE, &tree))
			if (der_next(&tree.value, &base) &&
			    base.tag == NAME_DNS && base.value.len > 0 &&
			    base.value.p[0] == '.')
				return false;
	return true;
}

struct reason
webpki_check_issuer(const struct cert *c)
{
	struct der in = c->ext[EXT_CONSTRAINTS].value;
	struct reason why = check_any(c);
	struct der_item list;

	if (why.cause != CAUSE_NONE)
		return why;
	if (c->ext[EXT_CONSTRAINTS].present &&
	    der_take(&in, DER_SEQUENCE, &list) && !trees_are_good(list.value))
		return refuse(c, "constrains DNS names by a leading dot");
	if (!c->self_issued || c->trusted == NULL)
		return REASON_NONE;
	if (c->ext[EXT_PURPOSES].present)
		return refuse(c, "is a root with an extendedKeyUsage");
	return root_key_is_good(c)
		   ? REASON_NONE
		   : refuse(c, "is a root with a wrong authorityKeyIdentifier");
}
