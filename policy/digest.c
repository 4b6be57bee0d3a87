/* digest.c - what a rule and its files come to, in 32 bytes */
#include <gnutls/crypto.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "credentials.h"
#include "crl.h"
#include "keys.h"
#include "psk.h"
#include "trust.h"

/* Each piece behind its length, so that no two lists of pieces look alike. */
static void
put(gnutls_hash_hd_t h, const void *data, size_t len)
{
	uint64_t n = len;

	gnutls_hash(h, &n, sizeof n);
	if (len > 0)
		gnutls_hash(h, data, len);
}

static void
put_text(gnutls_hash_hd_t h, const char *text)
{
	if (text != NULL)
		put(h, text, strlen(text) + 1); /* "" is not unset */
	else
		put(h, NULL, 0);
}

static void
put_list(gnutls_hash_hd_t h, const struct list *l)
{
	size_t i;

	put(h, &l->n, sizeof l->n);
	for (i = 0; i < l->n; i++)
		put_text(h, l->v[i]);
}

static void
put_sni(gnutls_hash_hd_t h, const struct sni_table *t)
{
	size_t i;

	put(h, &t->n, sizeof t->n);
	for (i = 0; i < t->n; i++) {
		put_text(h, t->v[i].server_name);
		put_text(h, t->v[i].context);
	}
}

/* Of files what is in them counts, wherever they lie. */
static void
put_value(gnutls_hash_hd_t h, const struct key *k, const void *v)
{
	switch (k->type) {
	case TYPE_BOOL:
		put(h, v, sizeof(bool));
		break;
	case TYPE_INT:
	case TYPE_ENUM:
		put(h, v, sizeof(int));
		break;
	case TYPE_FLAGS:
		put(h, v, sizeof(unsigned));
		break;
	case TYPE_STRING:
		put_text(h, *(const char *const *)v);
		break;
	case TYPE_LIST:
		put_list(h, v);
		break;
	case TYPE_SNI:
		put_sni(h, v);
		break;
	case TYPE_PATH:
	case TYPE_IDENTITIES:
		break;
	}
}

static void
put_rule(gnutls_hash_hd_t h, const struct rule *r)
{
	size_t i;

	put(h, &r->side, sizeof r->side);
	put(h, &r->enforce, sizeof r->enforce);
	for (i = 0; i < KEY_COUNT; i++) {
		put_text(h, keys[i].name);
		put_value(h, &keys[i], key_value_const(&keys[i], &r->values));
	}
}

static void
put_trust(gnutls_hash_hd_t h, const struct trust *t)
{
	size_t i, n = t != NULL ? t->n : 0;

	put(h, &n, sizeof n);
	for (i = 0; i < n; i++)
		put(h, t->cert[i].der.p, t->cert[i].der.len);
}

static void
put_crls(gnutls_hash_hd_t h, const struct crls *c)
{
	size_t i, n = c != NULL ? c->n : 0;

	put(h, &n, sizeof n);
	for (i = 0; i < n; i++) {
		put(h, c->v[i].tbs.p, c->v[i].tbs.len);
		put(h, c->v[i].signature.p, c->v[i].signature.len);
	}
}

/* Our own certificates; a key is known by its certificate. */
static void
put_identities(gnutls_hash_hd_t h, const struct credentials *c)
{
	gnutls_datum_t der;
	unsigned i, j;

	put(h, &c->nidentities, sizeof c->nidentities);
	for (i = 0; i < c->nidentities; i++)
		for (j = 0; gnutls_certificate_get_crt_raw(
				c->x509, i, j, &der) >= 0;
		     j++)
			put(h, der.data, der.size);
}

static void
put_psks(gnutls_hash_hd_t h, const struct psks *p)
{
	size_t i, n = p != NULL ? p->n : 0;

	put(h, &n, sizeof n);
	for (i = 0; i < n; i++) {
		put(h, p->v[i].identity, p->v[i].identity_len);
		put(h, p->v[i].key, p->v[i].key_len);
	}
}

static bool
compute(const struct credentials *c, unsigned char *out)
{
	gnutls_hash_hd_t h;

	if (gnutls_hash_init(&h, GNUTLS_DIG_SHA256) < 0)
		return false;
	put_rule(h, c->rule);
	put_trust(h, c->trust);
	put_crls(h, c->crls);
	put_identities(h, c);
	put_psks(h, c->psks);
	gnutls_hash_deinit(h, out);
	return true;
}

const unsigned char *
credentials_digest(const struct credentials *c)
{
	/* the one thing that is not there from the start */
	struct credentials *w = (struct credentials *)c;
	unsigned char *known = atomic_load(&w->digest), *made;

	if (known != NULL)
		return known;
	made = malloc(DIGEST_SIZE);
	if (made == NULL || !compute(c, made)) {
		free(made);
		return NULL;
	}
	if (atomic_compare_exchange_strong(&w->digest, &known, made))
		return made;
	free(made);
	return known;
}
