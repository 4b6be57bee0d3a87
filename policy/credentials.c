/* credentials.c - reads the files that a rule names, and parses them once */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "crl.h"
#include "identity.h"
#include "psk.h"
#include "ticket_keys.h"
#include "trust.h"

#define PRIORITY_MAX 4096

struct origin
origin_of(const struct rule *r, enum key_index k)
{
	if (r->origin[k].file != NULL)
		return r->origin[k];
	return (struct origin){r->file, r->line};
}

/* Is there a suite of TLS 1.3 whose hash is that of pre-shared keys here? */
static bool
has_sha256(gnutls_priority_t p)
{
	gnutls_protocol_t version;
	const char *name;
	unsigned i, k;
	int rv;

	for (i = 0; (rv = gnutls_priority_get_cipher_suite_index(p, i, &k)) !=
		    GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
	     i++) {
		name = rv < 0 ? NULL
			      : gnutls_cipher_suite_info(
				    k, NULL, NULL, NULL, NULL, &version);
		if (name != NULL && version == GNUTLS_TLS1_3 &&
		    strstr(name, "SHA384") == NULL)
			return true;
	}
	return false;
}

/* A peer of TLS 1.3 would choose it, and then no key could be taken. */
static int
check_psk(const struct rule *r, gnutls_priority_t p, struct fault *f)
{
	const struct rule_values *v = &r->values;
	const struct origin at = origin_of(r, K_priority);

	if (!psk_alone(v) || v->maximum_version < TLS_V1_3 || has_sha256(p))
		return 0;
	return fault_set(f, at.file, at.line,
	    "priority leaves no suite with SHA-256, which the keys of psk_file "
	    "need in TLS 1.3 (or maximum_version = \"TLSv1.2\")");
}

int
priority_new(const struct rule *r, gnutls_priority_t *out, struct fault *f)
{
	const struct origin at = origin_of(r, K_priority);
	char text[PRIORITY_MAX];
	const char *bad = text;
	int rv;

	if (priority_text(
		&r->values, r->side, r->origin, text, sizeof text, f) == -1)
		return -1;
	rv = gnutls_priority_init2(out, text, &bad, 0);
	if (rv >= 0 && check_psk(r, *out, f) == 0)
		return 0;
	if (rv >= 0) {
		gnutls_priority_deinit(*out);
		*out = NULL;
		return -1;
	}
	if (rv == GNUTLS_E_INVALID_REQUEST)
		return fault_set(f, at.file, at.line,
		    "priority: GnuTLS does not know '%.*s'",
		    (int)strcspn(bad, ":"), bad);
	return fault_set(
	    f, at.file, at.line, "priority: no cipher suite is left");
}

static int
sni_credentials_read(struct credentials *c, struct fault *f)
{
	const struct sni_table *t = &c->rule->values.sni;

	if (t->n == 0)
		return 0;
	c->sni = calloc(t->n, sizeof *c->sni);
	if (c->sni == NULL)
		return fault_set(f, NULL, 0, "out of memory");
	for (; c->nsni < t->n; c->nsni++)
		if (credentials_read(
			t->v[c->nsni].rule, &c->sni[c->nsni], f) == -1)
			return -1;
	return 0;
}

const struct credentials *
credentials_for(const struct credentials *c, const struct sni_entry *e)
{
	return c->sni[e - c->rule->values.sni.v];
}

int
credentials_read(
    const struct rule *r, struct credentials **out, struct fault *f)
{
	static _Atomic uint64_t made;
	struct credentials *c = calloc(1, sizeof *c);
	int rv = -1;

	if (c == NULL)
		return fault_set(f, NULL, 0, "out of memory");
	c->rule = r;
	c->number = atomic_fetch_add(&made, 1) + 1;
	if (gnutls_certificate_allocate_credentials(&c->x509) < 0) {
		fault_set(f, NULL, 0, "out of memory");
		goto out;
	}
	if (priority_new(r, &c->priority, f) == -1 ||
	    trust_read(r, &c->trust, f) == -1 ||
	    crls_read(r, &c->crls, f) == -1 || identity_read(c, f) == -1 ||
	    ticket_keys_read(r, &c->ticket_keys, f) == -1 ||
	    psks_read(r, &c->psks, f) == -1 ||
	    sni_credentials_read(c, f) == -1)
		goto out;
	*out = c;
	c = NULL;
	rv = 0;
out:
	credentials_free(c);
	return rv;
}

/* GnuTLS wipes a private key when it lets go of it. */
void
credentials_free(struct credentials *c)
{
	if (c == NULL)
		return;
	while (c->nsni > 0)
		credentials_free(c->sni[--c->nsni]);
	free(c->sni);
	if (c->priority != NULL)
		gnutls_priority_deinit(c->priority);
	if (c->x509 != NULL)
		gnutls_certificate_free_credentials(c->x509);
	identity_pins_free(c->pins); /* after the keys that ask for them */
	trust_free(c->trust);
	crls_free(c->crls);
	ticket_keys_free(c->ticket_keys);
	free(c->digest);
	psks_free(c->psks);
	free(c);
}
