/* api_peer.c - what a program may ask about its peer's certificates */

#include <stdio.h>
#include <string.h>

#include "api.h"
#include "peercert.h"

/* As the peer has sent it; n 0 where it has sent none. */
static const gnutls_datum_t *
peers(struct conn *c, unsigned *n)
{
	const gnutls_datum_t *chain =
	    gnutls_certificate_get_peers(c->session, n);

	if (chain == NULL)
		*n = 0;
	return chain;
}

ssize_t
api_unverified_chain(struct conn *c, const struct question *q)
{
	unsigned n;
	const gnutls_datum_t *chain = peers(c, &n);

	return q->n < n ? api_put(q, chain[q->n].data, chain[q->n].size) : 0;
}

ssize_t
api_verified_chain(struct conn *c, const struct question *q)
{
	if (c->rule->values.verify_mode == VERIFY_NONE)
		return api_unverified_chain(c, q);
	return q->n < c->npath ? api_put(q, c->path[q->n].p, c->path[q->n].len)
			       : 0;
}

/* A stream that writes to a struct bytes. */
static ssize_t
bytes_write(void *to, const char *buf, size_t len)
{
	return bytes_put(to, buf, len) < 0 ? 0 : (ssize_t)len;
}

/* The fields of getpeercert() into out; 0 or a negative errno. */
static int
json_read(const gnutls_datum_t *der, struct bytes *out)
{
	const cookie_io_functions_t io = {.write = bytes_write};
	gnutls_x509_crt_t crt;
	FILE *f;
	int rv;

	if (gnutls_x509_crt_init(&crt) < 0)
		return -ENOMEM;
	rv = gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER);
	f = rv >= 0 ? fopencookie(out, "w", io) : NULL;
	if (f != NULL)
		peercert_print_json(crt, f);
	gnutls_x509_crt_deinit(crt);
	if (f == NULL)
		return -ENOMEM;
	rv = ferror(f) != 0;
	return host->libc->fclose(f) != 0 || rv ? -ENOMEM : 0;
}

static ssize_t
put_json(const gnutls_datum_t *der, const struct question *q)
{
	struct bytes text = {0};
	ssize_t rv = json_read(der, &text);

	if (rv == 0)
		rv = bytes_put(&text, "", 1);
	if (rv == 0)
		rv = api_put_text(q, (const char *)bytes_at(&text));
	bytes_free(&text);
	return rv;
}

ssize_t
api_getpeercert(struct conn *c, const struct question *q)
{
	unsigned n;
	const gnutls_datum_t *chain = peers(c, &n);

	if (q->form != TLSSHIM_DER && q->form != TLSSHIM_JSON)
		return -EINVAL;
	if (n == 0)
		return 0;
	if (q->form == TLSSHIM_DER)
		return api_put(q, chain[0].data, chain[0].size);
	return c->npath > 0 ? put_json(&chain[0], q) : api_put_text(q, "{}");
}

static const struct {
	const char *name;
	gnutls_channel_binding_t type;
} bindings[] = {
    {"tls-unique", GNUTLS_CB_TLS_UNIQUE},
    {"tls-server-end-point", GNUTLS_CB_TLS_SERVER_END_POINT},
    {"tls-exporter", GNUTLS_CB_TLS_EXPORTER},
};

ssize_t
api_channel_binding(struct conn *c, const struct question *q)
{
	gnutls_datum_t d = {NULL, 0};
	ssize_t rv = 0;
	size_t i;

	if (q->type == NULL)
		return -EFAULT;
	for (i = 0; i < sizeof bindings / sizeof bindings[0]; i++)
		if (strcmp(q->type, bindings[i].name) == 0)
			break;
	if (i == sizeof bindings / sizeof bindings[0])
		return -EINVAL;
	if (gnutls_session_channel_binding(c->session, bindings[i].type, &d) >=
	    0)
		rv = api_put(q, d.data, d.size);
	gnutls_free(d.data);
	return rv;
}
