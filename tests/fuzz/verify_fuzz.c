/*
 * verify_fuzz.c - any bytes as what a peer presents: a verdict, never more
 *
 * The input is a row of items: a letter, two bytes of length, the bytes.
 * c: a certificate sent, s: the OCSP answer stapled to the last one, t: one
 * that is trusted, r: a revocation list.
 */
#include "../../policy/crl.h"
#include "../../policy/keys.h"
#include "../../policy/trust.h"
#include "../../shim/engine/verify.h"
#include "fuzz.h"

enum { MOST = 120, NOW = 1795219200 };

struct input {
	gnutls_datum_t cert[MOST], staple[MOST];
	size_t n;
	struct trust trust;
	struct crls crls;
};

/* An item of its own memory, so that a byte beyond its end is seen. */
static unsigned char *
copy(const uint8_t *p, size_t len)
{
	unsigned char *q = malloc(len + (len == 0));

	if (q == NULL)
		abort();
	memcpy(q, p, len);
	return q;
}

static void
trust_put(struct input *in, unsigned char *p, size_t len)
{
	struct der_cert d;

	if (in->trust.n < MOST && der_cert(p, len, &d))
		in->trust.cert[in->trust.n++] =
		    (struct trust_cert){{p, len}, d.subject, "fuzz"};
}

static void
list_put(struct input *in, unsigned char *p, size_t len)
{
	if (in->crls.n < MOST && crl_parse(&in->crls.v[in->crls.n], p, len))
		in->crls.n++;
}

static void
item_put(struct input *in, char kind, unsigned char *p, size_t len)
{
	const gnutls_datum_t d = {p, (unsigned)len};

	switch (kind) {
	case 'c':
		if (in->n < MOST)
			in->cert[in->n++] = d;
		break;
	case 's':
		if (in->n > 0)
			in->staple[in->n - 1] = d;
		break;
	case 't':
		trust_put(in, p, len);
		break;
	case 'r':
		list_put(in, p, len);
		break;
	}
}

static void
judge(const struct input *in, enum side side, unsigned flags)
{
	struct rule r = {.side = side, .values = key_defaults[side]};
	struct credentials c = {.rule = &r,
	    .trust = (struct trust *)&in->trust,
	    .crls = (struct crls *)&in->crls};
	const struct presented p = {
	    .chain = in->cert, .n = in->n, .staple = in->staple, .now = NOW};
	struct verdict v;
	int rv;

	r.values.verify_mode = VERIFY_REQUIRED;
	r.values.verify_flags = flags;
	rv = verify_peer(&c, side, "good.tls.test", &p, &v);
	if ((rv == 0) != (v.cause == NULL) || (rv == 0) != (v.text[0] == '\0'))
		abort();
	if (rv == 0 && (in->trust.n == 0 || v.npath == 0))
		abort(); /* nothing is accepted without an anchor */
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *items[4 * MOST];
	struct input in = {.n = 0};
	size_t i, len, nitems = 0;
	const unsigned usual = key_defaults[SIDE_CLIENT].verify_flags;

	in.trust.cert = calloc(MOST, sizeof *in.trust.cert);
	in.crls.v = calloc(MOST, sizeof *in.crls.v);
	while (size >= 3 && nitems < 4 * MOST) {
		len = (size_t)(data[1] << 8 | data[2]);
		if (len > size - 3)
			len = size - 3;
		items[nitems] = copy(data + 3, len);
		item_put(&in, (char)data[0], items[nitems++], len);
		data += 3 + len;
		size -= 3 + len;
	}
	trust_sort(&in.trust);
	judge(&in, SIDE_CLIENT, usual);
	judge(&in, SIDE_CLIENT,
	    VF_PARTIAL_CHAIN | VF_CRL_CHECK_CHAIN | VF_WEBPKI);
	judge(&in, SIDE_SERVER, usual | VF_CRL_CHECK_LEAF);
	for (i = 0; i < in.crls.n; i++)
		free(in.crls.v[i].serial);
	for (i = 0; i < nitems; i++)
		free(items[i]);
	free(in.trust.cert);
	free(in.crls.v);
	return 0;
}
