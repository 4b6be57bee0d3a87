/* crl.c - the revocation lists that a rule names, taken apart */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "credentials.h"
#include "crl.h"
#include "file.h"
#include "folder.h"
#include "pem.h"

/* Lists of large authorities are; a policy's other files are not. */
#define CRL_MAX ((size_t)64 << 20)

static int
serial_compare(const void *a, const void *b)
{
	return der_compare(a, b);
}

/* In its shortest form (X.690 8.3.2), which not every issuer writes: what is
 * revoked must be found all the same. */
static struct der
shortest(const struct der *serial)
{
	struct der d = *serial;

	while (d.len > 1 && d.p[0] == 0 && d.p[1] < 0x80)
		d.p++, d.len--;
	return d;
}

bool
crl_has(const struct crl *c, const struct der *serial)
{
	const struct der wanted = shortest(serial);

	return c->n > 0 && bsearch(&wanted, c->serial, c->n,
			       sizeof *c->serial, serial_compare) != NULL;
}

/* IssuingDistributionPoint: [5] onlyContainsAttributeCerts.  Their numbers
 * are none of ours. */
static bool
is_of_attributes(struct der in)
{
	struct der_item list, item;

	if (!der_take(&in, DER_SEQUENCE, &list))
		return true;
	while (der_next(&list.value, &item))
		if (item.tag == (DER_CONTEXT | 5))
			return true;
	return list.value.len > 0;
}

static const char *
broken(struct crl *c)
{
	c->mute = true;
	return "has a revocation list that has broken extensions";
}

/*
 * Of extensions only cRLNumber says nothing about what the list covers (RFC
 * 5280 5.2.3; never critical), and the hint at the issuer's key.  A list of
 * changes or of a part of the certificates must not pass for a whole one: what
 * it names is revoked, and of the others it says nothing.
 */
static const char *
extension_fault(struct crl *c, struct der in, bool *number)
{
	static const unsigned char crl_number[] = {0x55, 0x1d, 20};
	static const unsigned char partial[] = {0x55, 0x1d, 28};
	static const unsigned char delta[] = {0x55, 0x1d, 27};
	struct der_item oid, flag, value;
	bool critical = false, known;

	if (!der_take(&in, DER_OID, &oid))
		return broken(c);
	if (der_take(&in, DER_BOOLEAN, &flag))
		critical = flag.value.len != 1 || flag.value.p[0] != 0;
	if (!der_take(&in, DER_OCTETS, &value) || in.len != 0)
		return broken(c);
	known = oid.value.len == sizeof crl_number;
	if (known && memcmp(oid.value.p, crl_number, sizeof crl_number) == 0)
		*number = true;
	if (known && (memcmp(oid.value.p, partial, sizeof partial) == 0 ||
			 memcmp(oid.value.p, delta, sizeof delta) == 0)) {
		c->mute |= oid.value.p[2] == partial[2] &&
			   is_of_attributes(value.value);
		return "has a revocation list that covers only a part of its issuer's certificates";
	}
	if (!critical)
		return NULL;
	c->mute = true;
	return "has a revocation list that has a critical extension which is "
	       "unknown or must not be critical";
}

/* crlExtensions [0] EXPLICIT, of version 2 alone */
static const char *
extensions_fault(struct crl *c, struct der in, unsigned version)
{
	static const char unnumbered[] =
	    "has a revocation list that has no number (cRLNumber)";
	struct der_item outer, list, item;
	bool number = false;
	const char *fault = NULL, *next;

	if (version == 1)
		return in.len == 0 ? NULL : broken(c);
	if (in.len == 0)
		return unnumbered;
	if (!der_take(&in, DER_CONTEXT | DER_CONSTRUCTED, &outer) ||
	    in.len != 0 || !der_take(&outer.value, DER_SEQUENCE, &list) ||
	    outer.value.len != 0)
		return broken(c);
	while (list.value.len > 0) {
		if (!der_take(&list.value, DER_SEQUENCE, &item))
			return broken(c);
		next = extension_fault(c, item.value, &number);
		fault = fault == NULL ? next : fault;
	}
	return fault == NULL && !number ? unnumbered : fault;
}

/* Is an entry's reasonCode removeFromCRL (8), which only changes have? */
static bool
is_back(struct der in)
{
	static const unsigned char reason[] = {0x55, 0x1d, 21};
	struct der_item list, item, part, oid;

	if (!der_take(&in, DER_SEQUENCE, &list))
		return false;
	while (der_take(&list.value, DER_SEQUENCE, &item))
		if (der_take(&item.value, DER_OID, &oid) &&
		    oid.value.len == sizeof reason &&
		    memcmp(oid.value.p, reason, sizeof reason) == 0 &&
		    der_take(&item.value, DER_OCTETS, &part) &&
		    der_take(&part.value, DER_ENUM, &part))
			return part.value.len == 1 && part.value.p[0] == 8;
	return false;
}

/* revokedCertificates ::= SEQUENCE OF { serial, time, extensions OPTIONAL } */
static bool
serials_read(struct crl *c, struct der in)
{
	struct der_item entry, serial;
	size_t cap = 0;
	time_t when;
	void *more;

	while (in.len > 0) {
		if (c->n == cap) {
			cap = cap == 0 ? 64 : 2 * cap;
			more = reallocarray(c->serial, cap, sizeof *c->serial);
			if (more == NULL)
				return false;
			c->serial = more;
		}
		if (!der_take(&in, DER_SEQUENCE, &entry) ||
		    !der_take(&entry.value, DER_INTEGER, &serial) ||
		    !der_time(&entry.value, &when))
			return false;
		/* critical: it may be another issuer's certificate */
		if (entry.value.len > 0 && !der_extensions_plain(entry.value)) {
			c->fault = "has a revocation list that holds certificates of other issuers";
			c->mute = true;
		}
		if (!is_back(entry.value))
			c->serial[c->n++] = shortest(&serial.value);
	}
	if (c->n > 0)
		qsort(c->serial, c->n, sizeof *c->serial, serial_compare);
	return true;
}

static bool
body_read(struct crl *c, struct der in)
{
	struct der_item item, inner;
	unsigned version = 1;
	const char *fault;

	if (der_take(&in, DER_INTEGER, &item)) {
		if (item.value.len != 1 || item.value.p[0] != 1)
			return false;
		version = 2;
	}
	if (!der_take(&in, DER_SEQUENCE, &inner) ||
	    !der_same(&inner.whole, &c->algorithm) ||
	    !der_take(&in, DER_SEQUENCE, &item) || !der_time(&in, &c->from))
		return false;
	c->issuer = item.whole;
	if (in.len > 0 &&
	    (in.p[0] == DER_UTC_TIME || in.p[0] == DER_GENERAL_TIME)) {
		if (!der_time(&in, &c->until))
			return false;
	} else {
		/* RFC 5280 5.1.2.5: it must say; else it would hold forever */
		c->until = (time_t)INT64_MAX;
		c->fault = "has a revocation list that does not say when the next is due";
	}
	if (der_take(&in, DER_SEQUENCE, &item) && !serials_read(c, item.value))
		return false;
	fault = extensions_fault(c, in, version);
	if (fault != NULL)
		c->fault = fault;
	return true;
}

bool
crl_parse(struct crl *out, const unsigned char *der, size_t len)
{
	struct der in = {der, len};
	struct der_item list, body, algorithm, signature;

	memset(out, 0, sizeof *out);
	if (!der_take(&in, DER_SEQUENCE, &list) || in.len != 0 ||
	    !der_take(&list.value, DER_SEQUENCE, &body) ||
	    !der_take(&list.value, DER_SEQUENCE, &algorithm) ||
	    !der_take(&list.value, DER_BITS, &signature) ||
	    list.value.len != 0 || signature.value.len < 2 ||
	    signature.value.p[0] != 0)
		return false;
	out->tbs = body.whole;
	out->algorithm = algorithm.whole;
	out->signature =
	    (struct der){signature.value.p + 1, signature.value.len - 1};
	if (body_read(out, body.value))
		return true;
	free(out->serial);
	out->serial = NULL;
	return false;
}

static int
no_memory(struct fault *f)
{
	return fault_set(f, NULL, 0, "out of memory");
}

static int
list_add(struct crls *c, const unsigned char *der, size_t len, const char *path,
    int line, struct fault *f)
{
	struct crl *more = reallocarray(c->v, c->n + 1, sizeof *c->v);

	if (more == NULL)
		return no_memory(f);
	c->v = more;
	if (!crl_parse(&c->v[c->n], der, len))
		return fault_set(
		    f, path, line, "this revocation list cannot be read");
	c->n++;
	return 0;
}

/* The block that text becomes is as large as text, which DER needs. */
int
crls_add(struct crls *c, const char *text, size_t len, const char *path,
    struct fault *f)
{
	struct pem in = {text, 1, 1};
	unsigned char **more, *block;
	size_t used = 0;
	long n;

	more = reallocarray(c->block, c->nblock + 1, sizeof *c->block);
	if (more == NULL)
		return no_memory(f);
	c->block = more;
	block = malloc(len + 1);
	if (block == NULL)
		return no_memory(f);
	c->block[c->nblock++] = block;
	if (len > 0 && (unsigned char)text[0] == DER_SEQUENCE) {
		memcpy(block, text, len);
		return list_add(c, block, len, path, 1, f);
	}
	while ((n = pem_next_of(
		    &in, "X509 CRL", block + used, len - used)) > 0) {
		if (list_add(c, block + used, (size_t)n, path, in.block, f) ==
		    -1)
			return -1;
		used += (size_t)n;
	}
	return n == 0 ? 0
		      : fault_set(f, path, in.block,
			    "this revocation list cannot be read");
}

/* In a folder of certificates and lists a file may be without a list. */
static int
entry_add(void *to, const char *path, const struct origin *at, struct fault *f)
{
	char *text = NULL;
	size_t len;
	int rv;

	if (file_read(path, FILE_PUBLIC, CRL_MAX, &text, &len, f, at->file,
		at->line) == -1)
		return -1;
	rv = crls_add(to, text, len, path, f);
	free(text);
	return rv;
}

static int
file_add(struct crls *c, const char *path, const struct origin *at,
    struct fault *f)
{
	if (entry_add(c, path, at, f) == -1)
		return -1;
	return c->n > 0 ? 0
			: fault_set(f, at->file, at->line,
			      "%s holds no revocation list", path);
}

int
crls_read(const struct rule *r, struct crls **out, struct fault *f)
{
	static const char *const ends[] = {".pem", ".crl", NULL};
	const struct rule_values *v = &r->values;
	const struct origin of_file = origin_of(r, K_crlfile);
	const struct origin of_path = origin_of(r, K_crlpath);
	struct crls *c;

	*out = NULL;
	if (v->verify_mode == VERIFY_NONE ||
	    (v->crlfile == NULL && v->crlpath == NULL))
		return 0;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return no_memory(f);
	if ((v->crlfile != NULL &&
		file_add(c, v->crlfile, &of_file, f) == -1) ||
	    (v->crlpath != NULL &&
		folder_each(v->crlpath, ends, 'r', entry_add, c, &of_path, f) ==
		    -1)) {
		crls_free(c);
		return -1;
	}
	*out = c;
	return 0;
}

void
crls_free(struct crls *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < c->n; i++)
		free(c->v[i].serial);
	for (i = 0; i < c->nblock; i++)
		free(c->block[i]);
	free(c->v);
	free(c->block);
	free(c);
}
