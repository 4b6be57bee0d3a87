/* credentials.c - reads the files that a rule names, and parses them once */
#include <stdlib.h>
#include <string.h>

#include "credentials.h"
#include "crl.h"
#include "file.h"
#include "trust.h"

#define PRIORITY_MAX 4096
#define KEY_LABEL "PRIVATE KEY-----"

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

/* PKCS#8 says so in its label, the older forms in a header line. */
static bool
key_encrypted(const char *pem)
{
	return strstr(pem, "BEGIN ENCRYPTED PRIVATE KEY") != NULL ||
	       strstr(pem, "Proc-Type: 4,ENCRYPTED") != NULL;
}

/* What a certfile and a keyfile hold, in GnuTLS's terms. */
struct loaded {
	gnutls_x509_crt_t *cert; /* owned, as are its n entries */
	unsigned n;
	gnutls_x509_privkey_t key; /* owned */
};

static void
loaded_free(struct loaded *l)
{
	unsigned i;

	for (i = 0; i < l->n; i++)
		gnutls_x509_crt_deinit(l->cert[i]);
	gnutls_free(l->cert);
	gnutls_x509_privkey_deinit(l->key); /* wipes it; accepts NULL */
}

static int
certs_load(const struct rule *r, const char *pem, size_t len, struct loaded *l,
    struct fault *f)
{
	const struct origin at = origin_of(r, K_certfile);
	const gnutls_datum_t d = {(unsigned char *)pem, (unsigned)len};
	int rv;

	if (strstr(pem, "BEGIN CERTIFICATE") == NULL &&
	    strstr(pem, "BEGIN X509 CERTIFICATE") == NULL)
		return fault_set(f, at.file, at.line,
		    "certfile %s holds no certificate in PEM",
		    r->values.certfile);
	rv = gnutls_x509_crt_list_import2(&l->cert, &l->n, &d,
	    GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_SORT);
	if (rv >= 0)
		return 0;
	l->n = 0;
	return fault_set(f, at.file, at.line, "certfile %s cannot be used: %s",
	    r->values.certfile, gnutls_strerror(rv));
}

/* A NULL password: an encrypted key fails, and nobody is asked. */
static int
key_load(const struct rule *r, const char *pem, size_t len, struct loaded *l,
    struct fault *f)
{
	bool own = r->values.keyfile != NULL;
	const struct origin at = origin_of(r, own ? K_keyfile : K_certfile);
	const gnutls_datum_t d = {(unsigned char *)pem, (unsigned)len};
	int rv;

	if (key_encrypted(pem))
		return fault_set(f, at.file, at.line,
		    "the private key is encrypted: not supported yet");
	if (strstr(pem, KEY_LABEL) == NULL)
		return fault_set(f, at.file, at.line,
		    "%s holds no private key in PEM%s",
		    own ? r->values.keyfile : r->values.certfile,
		    own ? "" : ": set keyfile");
	rv = gnutls_x509_privkey_init(&l->key);
	if (rv >= 0)
		rv = gnutls_x509_privkey_import2(
		    l->key, &d, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (rv < 0)
		return fault_set(f, at.file, at.line,
		    "the private key cannot be used: %s", gnutls_strerror(rv));
	return 0;
}

static int
identity_set(struct credentials *c, const struct loaded *l, struct fault *f)
{
	const struct rule *r = c->rule;
	const struct origin at =
	    origin_of(r, r->values.keyfile != NULL ? K_keyfile : K_certfile);
	int rv = gnutls_certificate_set_x509_key(
	    c->x509, l->cert, (int)l->n, l->key);

	if (rv == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return fault_set(f, at.file, at.line,
		    "the private key does not belong to the first certificate "
		    "of %s",
		    r->values.certfile);
	if (rv < 0)
		return fault_set(f, at.file, at.line,
		    "certfile %s and its key cannot be used: %s",
		    r->values.certfile, gnutls_strerror(rv));
	c->has_identity = true;
	return 0;
}

static void
secret_free(char *p, size_t len)
{
	if (p == NULL)
		return;
	explicit_bzero(p, len);
	free(p);
}

/* A certfile without a keyfile holds the key, and so is a secret. */
static int
cert_read(const struct rule *r, char **out, size_t *len, struct fault *f)
{
	const struct origin at = origin_of(r, K_certfile);
	const char *path = r->values.certfile;

	if (file_read(path, FILE_PUBLIC, FILE_MAX, out, len, f, at.file,
		at.line) == -1)
		return -1;
	if (r->values.keyfile != NULL || strstr(*out, KEY_LABEL) == NULL)
		return 0;
	secret_free(*out, *len);
	*out = NULL;
	return file_read(
	    path, FILE_SECRET, FILE_MAX, out, len, f, at.file, at.line);
}

static int
identity_read(struct credentials *c, struct fault *f)
{
	const struct rule *r = c->rule;
	const struct rule_values *v = &r->values;
	const struct origin of_key = origin_of(r, K_keyfile);
	char *cert = NULL, *key = NULL;
	size_t cert_len = 0, key_len = 0;
	struct loaded l = {0};
	int rv = -1;

	if (v->certfile == NULL && v->keyfile != NULL)
		return fault_set(
		    f, of_key.file, of_key.line, "keyfile without certfile");
	if (v->certfile == NULL && r->side == SIDE_SERVER)
		return fault_set(
		    f, r->file, r->line, "a server needs certfile and keyfile");
	if (v->certfile == NULL)
		return 0;
	if (cert_read(r, &cert, &cert_len, f) == -1)
		goto out;
	if (v->keyfile != NULL &&
	    file_read(v->keyfile, FILE_SECRET, FILE_MAX, &key, &key_len, f,
		of_key.file, of_key.line) == -1)
		goto out;
	if (certs_load(r, cert, cert_len, &l, f) == -1 ||
	    key_load(r, key != NULL ? key : cert,
		key != NULL ? key_len : cert_len, &l, f) == -1)
		goto out;
	rv = identity_set(c, &l, f);
out:
	loaded_free(&l);
	secret_free(cert, cert_len);
	secret_free(key, key_len);
	return rv;
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
	trust_free(c->trust);
	crls_free(c->crls);
	free(c);
}
