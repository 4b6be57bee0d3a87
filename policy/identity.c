/* identity.c - certificates and keys of our own */
#include <gnutls/abstract.h>
#include <gnutls/pkcs12.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "identity.h"
#include "psk.h"

#define KEY_LABEL "PRIVATE KEY-----"

struct secret {
	char *p; /* owned */
	size_t len;
};

/* What a token asks for, also after a fork: lives with the credentials. */
struct identity_pin {
	struct identity_pin *next;
	struct secret text;
};

/* One identity: where it is written, and what was read. */
struct source {
	struct credentials *c;
	struct identity names;
	struct origin cert_at, key_at, password_at;
	struct secret cert, key, password;
	bool is_p12, on_token;
	gnutls_x509_crt_t *crt; /* owned, as are its n entries */
	unsigned n;
	gnutls_x509_privkey_t x509; /* owned: a key in a file */
	gnutls_privkey_t token;     /* owned: a key in a token */
};

static void
secret_free(struct secret *s)
{
	if (s->p == NULL)
		return;
	explicit_bzero(s->p, s->len);
	free(s->p);
	s->p = NULL;
}

void
identity_pins_free(struct identity_pin *p)
{
	struct identity_pin *next;

	for (; p != NULL; p = next) {
		next = p->next;
		secret_free(&p->text);
		free(p);
	}
}

static void
source_free(struct source *s)
{
	unsigned i;

	for (i = 0; i < s->n; i++)
		gnutls_x509_crt_deinit(s->crt[i]);
	gnutls_free(s->crt);
	gnutls_x509_privkey_deinit(s->x509); /* wipes it; accepts NULL */
	if (s->token != NULL)
		gnutls_privkey_deinit(s->token);
	secret_free(&s->cert);
	secret_free(&s->key);
	secret_free(&s->password);
}

static bool
is_url(const char *name)
{
	return name != NULL && strncmp(name, "pkcs11:", 7) == 0;
}

/* The first line, without its end. */
static int
password_read(struct source *s, struct fault *f)
{
	if (s->names.password_file == NULL)
		return 0;
	if (file_read(s->names.password_file, FILE_SECRET, 4096,
		&s->password.p, &s->password.len, f, s->password_at.file,
		s->password_at.line) == -1)
		return -1;
	s->password.p[strcspn(s->password.p, "\r\n")] = '\0';
	return 0;
}

/* A wrong password is not tried twice: tokens lock themselves. */
static int
pin(void *data, int attempt, const char *url, const char *label,
    unsigned flags, char *out, size_t len)
{
	const struct identity_pin *p = data;

	if (p->text.p == NULL || attempt > 0 ||
	    (flags & GNUTLS_PIN_FINAL_TRY) != 0 || strlen(p->text.p) >= len)
		return -1;
	strcpy(out, p->text.p);
	return 0;
}

/* The password becomes the credentials'. */
static struct identity_pin *
pin_new(struct source *s)
{
	struct identity_pin *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->text = s->password;
	s->password.p = NULL;
	p->next = s->c->pins;
	s->c->pins = p;
	return p;
}

/* DER begins with a SEQUENCE; PEM of PKCS#12 is rare, and says so. */
static bool
is_pkcs12(const struct secret *s)
{
	return (s->len > 0 && (unsigned char)s->p[0] == 0x30) ||
	       strstr(s->p, "BEGIN PKCS12") != NULL;
}

/* What holds a key too is a secret. */
static int
cert_read(struct source *s, struct fault *f)
{
	if (is_url(s->names.certfile))
		return 0;
	if (file_read(s->names.certfile, FILE_PUBLIC, FILE_MAX, &s->cert.p,
		&s->cert.len, f, s->cert_at.file, s->cert_at.line) == -1)
		return -1;
	s->is_p12 = is_pkcs12(&s->cert);
	if (!s->is_p12 && (s->names.keyfile != NULL ||
			      strstr(s->cert.p, KEY_LABEL) == NULL))
		return 0;
	secret_free(&s->cert);
	return file_read(s->names.certfile, FILE_SECRET, FILE_MAX, &s->cert.p,
	    &s->cert.len, f, s->cert_at.file, s->cert_at.line);
}

static int
files_read(struct source *s, struct fault *f)
{
	s->on_token = is_url(s->names.certfile) || is_url(s->names.keyfile);
	if (is_url(s->names.certfile) && s->names.keyfile == NULL)
		return fault_set(f, s->cert_at.file, s->cert_at.line,
		    "a certfile in a token needs keyfile, the address of its "
		    "key");
	if (password_read(s, f) == -1 || cert_read(s, f) == -1)
		return -1;
	if (s->names.keyfile == NULL || is_url(s->names.keyfile))
		return 0;
	return file_read(s->names.keyfile, FILE_SECRET, FILE_MAX, &s->key.p,
	    &s->key.len, f, s->key_at.file, s->key_at.line);
}

static int
refuse_cert(const struct source *s, int rv, struct fault *f)
{
	s->c->expires = 0;
	return fault_set(f, s->cert_at.file, s->cert_at.line,
	    "certfile %s cannot be used: %s", s->names.certfile,
	    gnutls_strerror(rv));
}

static int
pem_certs(struct source *s, struct fault *f)
{
	const gnutls_datum_t d = {
	    (unsigned char *)s->cert.p, (unsigned)s->cert.len};
	int rv;

	if (strstr(s->cert.p, "BEGIN CERTIFICATE") == NULL &&
	    strstr(s->cert.p, "BEGIN X509 CERTIFICATE") == NULL)
		return fault_set(f, s->cert_at.file, s->cert_at.line,
		    "certfile %s holds no certificate in PEM",
		    s->names.certfile);
	rv = gnutls_x509_crt_list_import2(&s->crt, &s->n, &d,
	    GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_SORT);
	if (rv >= 0)
		return 0;
	s->n = 0;
	return refuse_cert(s, rv, f);
}

static int
p12_parse(struct source *s, gnutls_pkcs12_t p12)
{
	const gnutls_datum_t d = {
	    (unsigned char *)s->cert.p, (unsigned)s->cert.len};
	const char *password = s->password.p != NULL ? s->password.p : "";
	gnutls_x509_crt_fmt_t form = s->cert.p[0] == 0x30
					 ? GNUTLS_X509_FMT_DER
					 : GNUTLS_X509_FMT_PEM;
	int rv = gnutls_pkcs12_import(p12, &d, form, 0);

	if (rv >= 0)
		rv = gnutls_pkcs12_verify_mac(p12, password);
	if (rv >= 0)
		rv = gnutls_pkcs12_simple_parse(p12, password, &s->x509,
		    &s->crt, &s->n, NULL, NULL, NULL, 0);
	return rv;
}

/* Certificates and mostly the key as well. */
static int
p12_load(struct source *s, struct fault *f)
{
	gnutls_pkcs12_t p12;
	int rv = gnutls_pkcs12_init(&p12);

	if (rv < 0)
		return refuse_cert(s, rv, f);
	rv = p12_parse(s, p12);
	gnutls_pkcs12_deinit(p12);
	if (rv == GNUTLS_E_MAC_VERIFY_FAILED || rv == GNUTLS_E_DECRYPTION_FAILED)
		return fault_set(f, s->cert_at.file, s->cert_at.line,
		    s->password.p != NULL
			? "certfile %s (PKCS#12): the password in "
			  "password_file is wrong"
			: "certfile %s (PKCS#12) is encrypted: set "
			  "password_file",
		    s->names.certfile);
	if (rv < 0)
		return fault_set(f, s->cert_at.file, s->cert_at.line,
		    "certfile %s is neither PEM nor PKCS#12 that can be used: "
		    "%s",
		    s->names.certfile, gnutls_strerror(rv));
	if (s->n == 0)
		return fault_set(f, s->cert_at.file, s->cert_at.line,
		    "certfile %s (PKCS#12) holds no certificate of its key",
		    s->names.certfile);
	if (s->x509 != NULL && s->names.keyfile != NULL)
		return fault_set(f, s->key_at.file, s->key_at.line,
		    "keyfile beside a certfile in PKCS#12, which holds a key");
	return 0;
}

/* PKCS#8 says so in its label, the older forms in a header line. */
static bool
key_encrypted(const char *pem)
{
	return strstr(pem, "BEGIN ENCRYPTED PRIVATE KEY") != NULL ||
	       strstr(pem, "Proc-Type: 4,ENCRYPTED") != NULL;
}

static int
key_import(struct source *s, const struct secret *pem, bool encrypted)
{
	const gnutls_datum_t d = {(unsigned char *)pem->p, (unsigned)pem->len};
	int rv = gnutls_x509_privkey_init(&s->x509);

	if (rv < 0)
		return rv;
	return gnutls_x509_privkey_import2(s->x509, &d, GNUTLS_X509_FMT_PEM,
	    encrypted ? s->password.p : NULL, 0);
}

static int
pem_key(struct source *s, struct fault *f)
{
	bool own = s->names.keyfile != NULL;
	const struct secret *pem = own ? &s->key : &s->cert;
	const struct origin at = own ? s->key_at : s->cert_at;
	bool encrypted = key_encrypted(pem->p);
	int rv;

	if (strstr(pem->p, KEY_LABEL) == NULL)
		return fault_set(f, at.file, at.line,
		    "%s holds no private key in PEM%s",
		    own ? s->names.keyfile : s->names.certfile,
		    own ? "" : ": set keyfile");
	if (encrypted && s->password.p == NULL)
		return fault_set(f, at.file, at.line,
		    "the private key is encrypted: set password_file");
	if (!encrypted && s->password.p != NULL)
		return fault_set(f, s->password_at.file, s->password_at.line,
		    "password_file has no effect: the private key is not "
		    "encrypted");
	rv = key_import(s, pem, encrypted);
	if (rv >= 0)
		return 0;
	return fault_set(f, at.file, at.line,
	    encrypted ? "the private key cannot be decrypted by the password "
			"in password_file: %s"
		      : "the private key cannot be used: %s",
	    gnutls_strerror(rv));
}

/* Only on_token: GnuTLS loads p11-kit's modules at its first such address. */
static int
token_load(struct source *s, struct fault *f)
{
	struct identity_pin *p = pin_new(s);
	int rv;

	if (p == NULL)
		return fault_set(f, NULL, 0, "out of memory");
	if (is_url(s->names.certfile)) {
		rv = gnutls_x509_crt_list_import_url(
		    &s->crt, &s->n, s->names.certfile, pin, p, 0);
		if (rv < 0)
			return refuse_cert(s, rv, f);
	}
	if (!is_url(s->names.keyfile))
		return 0;
	rv = gnutls_privkey_init(&s->token);
	if (rv >= 0) {
		gnutls_privkey_set_pin_function(s->token, pin, p);
		rv = gnutls_privkey_import_url(s->token, s->names.keyfile, 0);
	}
	if (rv >= 0)
		return 0;
	return fault_set(f, s->key_at.file, s->key_at.line,
	    "keyfile %s cannot be used%s: %s", s->names.keyfile,
	    p->text.p == NULL ? " (no password_file)" : "",
	    gnutls_strerror(rv));
}

static int
source_load(struct source *s, struct fault *f)
{
	if (s->on_token && token_load(s, f) == -1)
		return -1;
	if (s->is_p12 && p12_load(s, f) == -1)
		return -1;
	if (s->n == 0 && pem_certs(s, f) == -1)
		return -1;
	if (s->x509 == NULL && s->token == NULL)
		return pem_key(s, f);
	return 0;
}

/* For GnuTLS a key in a token comes with certificates of another type. */
static int
token_set(struct source *s)
{
	gnutls_pcert_st *v = calloc(s->n, sizeof *v);
	unsigned i;
	int rv = v != NULL ? 0 : GNUTLS_E_MEMORY_ERROR;

	for (i = 0; rv >= 0 && i < s->n; i++)
		rv = gnutls_pcert_import_x509(&v[i], s->crt[i], 0);
	if (rv >= 0)
		rv = gnutls_certificate_set_key(
		    s->c->x509, NULL, 0, v, (int)s->n, s->token);
	if (rv >= 0) {
		s->token = NULL; /* both are the credentials' now */
	} else {
		while (i-- > 0)
			gnutls_pcert_deinit(&v[i]);
	}
	free(v);
	return rv;
}

static int
source_set(struct source *s, struct fault *f)
{
	int rv = s->token != NULL
		     ? token_set(s)
		     : gnutls_certificate_set_x509_key(
			   s->c->x509, s->crt, (int)s->n, s->x509);

	if (rv == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return fault_set(f,
		    s->names.keyfile != NULL ? s->key_at.file : s->cert_at.file,
		    s->names.keyfile != NULL ? s->key_at.line : s->cert_at.line,
		    "the private key does not belong to the first certificate "
		    "of %s",
		    s->names.certfile);
	if (rv < 0)
		return fault_set(f, s->cert_at.file, s->cert_at.line,
		    "certfile %s and its key cannot be used: %s",
		    s->names.certfile, gnutls_strerror(rv));
	s->c->nidentities++;
	return 0;
}

/* Nobody whose profile is ours would take it. */
static int
level_check(const struct source *s, struct fault *f)
{
	const char *profile = s->c->rule->values.security_profile;
	unsigned bits = 0;
	int pk = gnutls_x509_crt_get_pk_algorithm(s->crt[0], &bits);

	if (pk >= 0 && gnutls_pk_bits_to_sec_param(
			   (gnutls_pk_algorithm_t)pk, bits) >=
			   profile_level(profile))
		return 0;
	return fault_set(f, s->cert_at.file, s->cert_at.line,
	    "the key of certfile %s (%u bits) is weaker than security_profile "
	    "\"%s\" allows",
	    s->names.certfile, bits, profile);
}

static void
expiry_note(const struct source *s)
{
	struct credentials *c = s->c;
	time_t until;
	unsigned i;

	for (i = 0; i < s->n; i++) {
		until = gnutls_x509_crt_get_expiration_time(s->crt[i]);
		if (until == (time_t)-1 ||
		    (c->expires != 0 && until >= c->expires))
			continue;
		c->expires = until;
		c->expires_name = s->names.certfile;
	}
}

static int
source_read(struct source *s, struct fault *f)
{
	int rv = files_read(s, f);

	if (rv == 0)
		rv = source_load(s, f);
	if (rv == 0)
		rv = level_check(s, f);
	if (rv == 0)
		rv = source_set(s, f);
	if (rv == 0)
		expiry_note(s);
	source_free(s);
	return rv;
}

/* GnuTLS takes a response only for a certificate that it is about. */
static int
staple_read(struct credentials *c, struct fault *f)
{
	const struct rule *r = c->rule;
	const struct origin at = origin_of(r, K_ocsp_response_file);
	const char *path = r->values.ocsp_response_file;
	gnutls_datum_t d;
	char *der = NULL;
	size_t len;
	unsigned i;
	int rv = GNUTLS_E_OCSP_MISMATCH_WITH_CERTS;

	if (path == NULL)
		return 0;
	if (file_read(path, FILE_PUBLIC, FILE_MAX, &der, &len, f, at.file,
		at.line) == -1)
		return -1;
	d = (gnutls_datum_t){(unsigned char *)der, (unsigned)len};
	for (i = 0; i < c->nidentities && rv < 0; i++)
		rv = gnutls_certificate_set_ocsp_status_request_mem(
		    c->x509, &d, i, GNUTLS_X509_FMT_DER);
	free(der);
	return rv >= 0 ? 0
		       : fault_set(f, at.file, at.line,
			     "ocsp_response_file %s cannot be used: %s", path,
			     gnutls_strerror(rv));
}

int
identity_read(struct credentials *c, struct fault *f)
{
	const struct rule *r = c->rule;
	const struct rule_values *v = &r->values;
	struct source s = {.c = c,
	    .names = {.certfile = v->certfile,
		.keyfile = v->keyfile,
		.password_file = v->password_file},
	    .cert_at = origin_of(r, K_certfile),
	    .key_at = origin_of(r, K_keyfile),
	    .password_at = origin_of(r, K_password_file)};
	size_t i;

	if (v->certfile == NULL && v->keyfile != NULL)
		return fault_set(
		    f, s.key_at.file, s.key_at.line, "keyfile without certfile");
	if (v->certfile == NULL && v->certificates.n == 0 &&
	    r->side == SIDE_SERVER && !psk_alone(v))
		return fault_set(
		    f, r->file, r->line, "a server needs certfile and keyfile");
	if (v->certfile != NULL && source_read(&s, f) == -1)
		return -1;
	for (i = 0; i < v->certificates.n; i++) {
		const struct identity *e = &v->certificates.v[i];
		const struct origin at = {
		    origin_of(r, K_certificates).file, e->line};
		struct source more = {.c = c,
		    .names = *e,
		    .cert_at = at,
		    .key_at = at,
		    .password_at = at};

		if (source_read(&more, f) == -1)
			return -1;
	}
	return staple_read(c, f);
}
