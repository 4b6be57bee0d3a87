/* credentials.c - reads the files that a rule names, and parses them once */
#include <stdlib.h>
#include <string.h>

#include "crl.h"
#include "identity.h"
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

static int
priority_read(struct credentials *c, struct fault *f)
{
	const struct rule *r = c->rule;
	const struct origin at = origin_of(r, K_priority);
	char text[PRIORITY_MAX];
	const char *bad = text;
	int rv;

	if (priority_text(
		&r->values, r->side, r->origin, text, sizeof text, f) == -1)
		return -1;
	rv = gnutls_priority_init2(&c->priority, text, &bad, 0);
	if (rv >= 0)
		return 0;
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
	struct credentials *c = calloc(1, sizeof *c);
	int rv = -1;

	if (c == NULL)
		return fault_set(f, NULL, 0, "out of memory");
	c->rule = r;
	if (gnutls_certificate_allocate_credentials(&c->x509) < 0) {
		fault_set(f, NULL, 0, "out of memory");
		goto out;
	}
	if (priority_read(c, f) == -1 || trust_read(r, &c->trust, f) == -1 ||
	    crls_read(r, &c->crls, f) == -1 || identity_read(c, f) == -1 ||
	    ticket_keys_read(r, &c->ticket_keys, f) == -1 ||
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
	free(c);
}
