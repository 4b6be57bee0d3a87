/* psk.c - pre-shared keys in a session */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/credentials.h"
#include "../../policy/psk.h"
#include "psk.h"

#define SHOWN 64 /* bytes of an identity that the log shows */

struct psk_use {
	gnutls_psk_client_credentials_t client; /* owned; one of the two */
	gnutls_psk_server_credentials_t server;
	/* what a client has presented to us */
	bool asked, known;
	char identity[2 * SHOWN + 8];
};

/* As it is where it is text, else as psk_file spells it. */
static void
identity_text(const unsigned char *s, size_t n, char *out, size_t len)
{
	size_t i, at, most = n < SHOWN ? n : SHOWN;

	for (i = 0; i < n && s[i] > 0x20 && s[i] < 0x7f; i++)
		;
	if (i == n && n < len && s[0] != '#') {
		memcpy(out, s, most);
		out[most] = '\0';
	} else {
		at = (size_t)snprintf(out, len, "#");
		for (i = 0; i < most; i++)
			at +=
			    (size_t)snprintf(out + at, len - at, "%02x", s[i]);
	}
	if (most < n)
		strcat(out, "...");
}

/* For GnuTLS to free; it wipes keys. */
static int
copied(gnutls_datum_t *to, const unsigned char *from, size_t len)
{
	to->data = gnutls_malloc(len);
	if (to->data == NULL)
		return -1;
	memcpy(to->data, from, len);
	to->size = (unsigned)len;
	return 0;
}

static int
client_key(gnutls_session_t session, gnutls_datum_t *name, gnutls_datum_t *key)
{
	const struct conn *c = gnutls_session_get_ptr(session);
	const struct psk *own = c->cred->psks->own;

	if (copied(name, own->identity, own->identity_len) == -1)
		return -1;
	if (copied(key, own->key, own->key_len) == 0)
		return 0;
	gnutls_free(name->data);
	name->data = NULL;
	return -1;
}

/*
 * 1 makes GnuTLS go on with a random key: who presents an identity that there
 * is not, and who has the wrong key of one that there is, are refused at the
 * same point with the same alert.
 */
static int
server_key(
    gnutls_session_t session, const gnutls_datum_t *name, gnutls_datum_t *key)
{
	struct conn *c = gnutls_session_get_ptr(session);
	const struct psk *p = psks_find(c->cred->psks, name->data, name->size);

	c->psk->asked = true;
	c->psk->known = p != NULL;
	identity_text(name->data, name->size, c->psk->identity,
	    sizeof c->psk->identity - 4);
	if (p == NULL)
		return 1;
	return copied(key, p->key, p->key_len);
}

static int
set_client(struct conn *c)
{
	int rv = gnutls_psk_allocate_client_credentials(&c->psk->client);

	if (rv < 0)
		return rv;
	gnutls_psk_set_client_credentials_function2(c->psk->client, client_key);
	return gnutls_credentials_set(
	    c->session, GNUTLS_CRD_PSK, c->psk->client);
}

/* The groups of RFC 7919 from 3072 bits on. */
static const struct {
	unsigned bits;
	const gnutls_datum_t *prime, *generator, *q;
} dh_groups[] = {
    {3072, &gnutls_ffdhe_3072_group_prime, &gnutls_ffdhe_3072_group_generator,
	&gnutls_ffdhe_3072_group_q},
    {4096, &gnutls_ffdhe_4096_group_prime, &gnutls_ffdhe_4096_group_generator,
	&gnutls_ffdhe_4096_group_q},
    {8192, &gnutls_ffdhe_8192_group_prime, &gnutls_ffdhe_8192_group_generator,
	&gnutls_ffdhe_8192_group_q},
};

/* For DHE of TLS 1.2 with clients that name no group of RFC 7919. */
static int
dh_group(
    gnutls_session_t session, gnutls_params_type_t type, gnutls_params_st *out)
{
	const struct conn *c = gnutls_session_get_ptr(session);
	unsigned want = gnutls_sec_param_to_pk_bits(
	    GNUTLS_PK_DH, profile_level(c->rule->values.security_profile));
	size_t i = 0;

	while (i < 3 && dh_groups[i].bits < want)
		i++;
	if (i == 3 || gnutls_dh_params_init(&out->params.dh) < 0)
		return -1;
	out->type = GNUTLS_PARAMS_DH;
	out->deinit = 1;
	if (gnutls_dh_params_import_raw3(out->params.dh, dh_groups[i].prime,
		dh_groups[i].q, dh_groups[i].generator) >= 0)
		return 0;
	gnutls_dh_params_deinit(out->params.dh);
	return -1;
}

static int
set_server(struct conn *c)
{
	const struct rule_values *v = &c->rule->values;
	int rv = gnutls_psk_allocate_server_credentials(&c->psk->server);

	if (rv < 0)
		return rv;
	gnutls_psk_set_server_credentials_function2(c->psk->server, server_key);
	gnutls_psk_set_server_params_function(c->psk->server, dh_group);
	if (v->psk_identity_hint != NULL)
		rv = gnutls_psk_set_server_credentials_hint(
		    c->psk->server, v->psk_identity_hint);
	if (rv < 0)
		return rv;
	return gnutls_credentials_set(
	    c->session, GNUTLS_CRD_PSK, c->psk->server);
}

int
psk_set(struct conn *c)
{
	if (c->cred->psks == NULL)
		return 0;
	c->psk = calloc(1, sizeof *c->psk);
	if (c->psk == NULL)
		return GNUTLS_E_MEMORY_ERROR;
	return c->side == SIDE_CLIENT ? set_client(c) : set_server(c);
}

void
psk_free(struct conn *c)
{
	if (c->psk == NULL)
		return;
	if (c->psk->client != NULL)
		gnutls_psk_free_client_credentials(c->psk->client);
	if (c->psk->server != NULL)
		gnutls_psk_free_server_credentials(c->psk->server);
	free(c->psk);
	c->psk = NULL;
}

/* Alerts by which servers turn a key down (RFC 4279, 2; RFC 8446, 4.2.11). */
static bool
alert_is_about_keys(int alert)
{
	return alert == GNUTLS_A_UNKNOWN_PSK_IDENTITY ||
	       alert == GNUTLS_A_DECRYPT_ERROR ||
	       alert == GNUTLS_A_ILLEGAL_PARAMETER ||
	       alert == GNUTLS_A_BAD_RECORD_MAC ||
	       alert == GNUTLS_A_HANDSHAKE_FAILURE;
}

static const char *
client_reason(const struct conn *c, int code, char *text, size_t len)
{
	int alert = (int)gnutls_alert_get(c->session);
	const struct psk *own = c->cred->psks->own;
	const char *name;
	char shown[2 * SHOWN + 8];

	if (code == GNUTLS_E_INSUFFICIENT_CREDENTIALS) {
		snprintf(text, len,
		    "the server shows a certificate and takes no key of "
		    "psk_file (certificates count only under verify_mode = "
		    "\"required\")");
		return "psk";
	}
	if (code != GNUTLS_E_FATAL_ALERT_RECEIVED ||
	    !alert_is_about_keys(alert))
		return NULL;
	name = gnutls_alert_get_name((gnutls_alert_description_t)alert);
	identity_text(
	    own->identity, own->identity_len, shown, sizeof shown - 4);
	snprintf(text, len,
	    "the peer refused with alert %d (%s): it may have no key, or "
	    "another one, for the identity \"%s\"",
	    alert, name != NULL ? name : "unknown", shown);
	return "psk";
}

static const char *
server_reason(const struct conn *c, int code, char *text, size_t len)
{
	if (c->psk->asked) {
		snprintf(text, len,
		    c->psk->known
			? "the client has another key than psk_file for the "
			  "identity \"%s\""
			: "the client presents the identity \"%s\", which is "
			  "not in psk_file",
		    c->psk->identity);
		return "psk";
	}
	if (!psk_alone(&c->rule->values) ||
	    (code != GNUTLS_E_NO_CIPHER_SUITES &&
		code != GNUTLS_E_INSUFFICIENT_CREDENTIALS))
		return NULL;
	snprintf(text, len,
	    "the client offers no pre-shared key with (EC)DHE that could be "
	    "taken, and psk_file wants one");
	return "psk";
}

const char *
psk_reason(const struct conn *c, int code, char *text, size_t len)
{
	if (c->psk == NULL)
		return NULL;
	return c->side == SIDE_CLIENT ? client_reason(c, code, text, len)
				      : server_reason(c, code, text, len);
}

bool
psk_describe(const struct conn *c, char *text, size_t len)
{
	gnutls_session_t s = c->session;
	const char *group = gnutls_group_get_name(gnutls_group_get(s));
	const struct psk *own =
	    c->cred->psks != NULL ? c->cred->psks->own : NULL;
	char shown[2 * SHOWN + 8] = "";
	gnutls_datum_t name;

	if (gnutls_auth_server_get_type(s) != GNUTLS_CRD_PSK || c->psk == NULL)
		return false;
	if (c->side == SIDE_SERVER &&
	    gnutls_psk_server_get_username2(s, &name) == 0)
		identity_text(name.data, name.size, shown, sizeof shown - 4);
	else if (own != NULL)
		identity_text(
		    own->identity, own->identity_len, shown, sizeof shown - 4);
	snprintf(text, len, "(%s)-(%s-%s)-(%s) identity \"%s\"",
	    gnutls_protocol_get_name(gnutls_protocol_get_version(s)),
	    gnutls_kx_get(s) == GNUTLS_KX_DHE_PSK ? "DHE-PSK" : "ECDHE-PSK",
	    group != NULL ? group : "CUSTOM",
	    gnutls_cipher_get_name(gnutls_cipher_get(s)), shown);
	return true;
}
