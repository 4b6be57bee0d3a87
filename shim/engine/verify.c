/* verify.c - is this peer the one the rule wants */
#include <gnutls/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../../policy/psk.h"
#include "../../policy/utc.h"
#include "chain.h"
#include "known.h"
#include "verify.h"

/* RFC 5280 4.2.1.12: 1.3.6.1.5.5.7.3.1 and .2 */
#define OID_SERVER "\x2b\x06\x01\x05\x05\x07\x03\x01"
#define OID_CLIENT "\x2b\x06\x01\x05\x05\x07\x03\x02"

/* RFC 6066 8, which GnuTLS 3.7.9 has no name for */
#define A_BAD_STATUS_RESPONSE ((gnutls_alert_description_t)113)

static const struct {
	const char *word;
	gnutls_alert_description_t alert;
	unsigned status;
} causes[] = {
    [CAUSE_HANDSHAKE] = {"handshake", GNUTLS_A_HANDSHAKE_FAILURE, 0},
    [CAUSE_PSK] = {"psk", GNUTLS_A_HANDSHAKE_FAILURE, 0},
    [CAUSE_VERSION] = {"version_too_old", GNUTLS_A_PROTOCOL_VERSION, 0},
    [CAUSE_ABSENT] = {"peer_not_allowed", GNUTLS_A_CERTIFICATE_REQUIRED, 0},
    [CAUSE_CHAIN_LIMIT] = {"chain_limit", GNUTLS_A_BAD_CERTIFICATE,
	GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE},
    [CAUSE_UNKNOWN_ISSUER] = {"unknown_issuer", GNUTLS_A_UNKNOWN_CA,
	GNUTLS_CERT_SIGNER_NOT_FOUND},
    [CAUSE_MALFORMED] = {"malformed", GNUTLS_A_BAD_CERTIFICATE, 0},
    [CAUSE_CRITICAL_EXTENSION] = {"critical_extension",
	GNUTLS_A_UNSUPPORTED_CERTIFICATE, GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS},
    [CAUSE_WEAK_KEY] = {"weak_key", GNUTLS_A_BAD_CERTIFICATE,
	GNUTLS_CERT_INSECURE_ALGORITHM},
    [CAUSE_WEAK_SIGNATURE] = {"weak_signature", GNUTLS_A_BAD_CERTIFICATE,
	GNUTLS_CERT_INSECURE_ALGORITHM},
    [CAUSE_NOT_A_CA] = {"not_a_ca", GNUTLS_A_BAD_CERTIFICATE,
	GNUTLS_CERT_SIGNER_NOT_CA},
    [CAUSE_PATH_LENGTH] = {"path_length", GNUTLS_A_BAD_CERTIFICATE,
	GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE},
    [CAUSE_NOT_YET_VALID] = {"not_yet_valid", GNUTLS_A_BAD_CERTIFICATE,
	GNUTLS_CERT_NOT_ACTIVATED},
    [CAUSE_EXPIRED] = {"expired", GNUTLS_A_CERTIFICATE_EXPIRED,
	GNUTLS_CERT_EXPIRED},
    [CAUSE_PURPOSE] = {"purpose", GNUTLS_A_UNSUPPORTED_CERTIFICATE,
	GNUTLS_CERT_PURPOSE_MISMATCH},
    [CAUSE_PROFILE] = {"malformed", GNUTLS_A_BAD_CERTIFICATE, 0},
    [CAUSE_NAME_CONSTRAINT] = {"name_constraint", GNUTLS_A_BAD_CERTIFICATE,
	GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE},
    [CAUSE_REVOKED] = {"revoked", GNUTLS_A_CERTIFICATE_REVOKED,
	GNUTLS_CERT_REVOKED},
    [CAUSE_CRL] = {"crl_unusable", GNUTLS_A_CERTIFICATE_UNKNOWN,
	GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED},
    [CAUSE_OCSP] = {"ocsp_unusable", A_BAD_STATUS_RESPONSE,
	GNUTLS_CERT_INVALID_OCSP_STATUS},
    [CAUSE_PIN] = {"pin_mismatch", GNUTLS_A_CERTIFICATE_UNKNOWN,
	GNUTLS_CERT_UNEXPECTED_OWNER},
    [CAUSE_NOT_WANTED] = {"peer_not_allowed", GNUTLS_A_ACCESS_DENIED,
	GNUTLS_CERT_UNEXPECTED_OWNER},
    [CAUSE_NAME_MISMATCH] = {"name_mismatch", GNUTLS_A_BAD_CERTIFICATE,
	GNUTLS_CERT_UNEXPECTED_OWNER},
};

static int
pass(struct verdict *out)
{
	verdict_init(out);
	return 0;
}

static void
refuse(struct verdict *out, enum cause cause)
{
	out->cause = causes[cause].word;
	out->alert = causes[cause].alert;
	out->status = causes[cause].status | GNUTLS_CERT_INVALID;
	out->text[0] = '\0';
}

__attribute__((format(printf, 2, 3))) static void
put(struct verdict *out, const char *fmt, ...)
{
	size_t n = strlen(out->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->text + n, sizeof out->text - n, fmt, ap);
	va_end(ap);
}

static void
put_time(struct verdict *out, time_t when)
{
	struct utc at = utc_of(when);

	put(out, " %04ld-%02d-%02d %02d:%02d:%02d UTC", at.year, at.month,
	    at.day, at.hour, at.minute, at.second);
}

/* What is wrong, said of the certificate that it is wrong with. */
static void
put_reason(struct verdict *out, const struct chain *b, const struct reason *why)
{
	char subject[160];

	if (why->cert != NULL) {
		cert_subject(why->cert, subject, sizeof subject);
		put(out, "\"%s\" ", subject);
	}
	put(out, "%s", why->detail);
	if (why->cause == CAUSE_NOT_YET_VALID)
		put_time(out, why->cert->from);
	else if (why->cause == CAUSE_EXPIRED)
		put_time(out, why->cert->until);
}

/* Wanted name, names in the certificate, issuer, trust store file. */
static void
put_facts(struct verdict *out, const struct chain *b, const char *wanted)
{
	char text[300];

	if (wanted != NULL)
		put(out, "; wanted %s", wanted[0] != '\0' ? wanted : "a name");
	if (b->n > 0) {
		hostname_list(b->cert[0], text, sizeof text);
		put(out, "; certificate is for %s", text);
		cert_issuer(b->cert[0], text, sizeof text);
		put(out, ", issued by \"%s\"", text);
	}
	put(out, "; trust: %s", b->trust->text);
}

static bool
has_flag(const struct credentials *c, unsigned flag)
{
	return (c->rule->values.verify_flags & flag) != 0;
}

static void
chain_init(
    struct chain *b, const struct credentials *c, enum side side, time_t now)
{
	memset(b, 0, sizeof *b);
	b->trust = c->trust;
	b->crls = c->crls;
	b->values = &c->rule->values;
	b->rules.strict = has_flag(c, VF_X509_STRICT);
	b->rules.webpki = has_flag(c, VF_WEBPKI);
	b->rules.transport =
	    side == SIDE_CLIENT && (b->values->options & OPT_LEGACY_CIPHERS);
	b->rules.oid = side == SIDE_CLIENT ? OID_SERVER : OID_CLIENT;
	b->rules.oid_len = sizeof OID_SERVER - 1;
	b->rules.now = now;
	b->rules.level = profile_level(c->rule->values.security_profile);
	b->partial = has_flag(c, VF_PARTIAL_CHAIN);
	b->depth = c->rule->values.verify_depth;
	/* GnuTLS does not ask clients for theirs */
	b->staples =
	    side == SIDE_CLIENT && b->values->ocsp_stapling != OCSP_OFF;
}

static bool
list_has_name(
    const struct list *l, const struct cert *c, bool common_name)
{
	char name[256];
	size_t i;

	for (i = 0; i < l->n; i++)
		if (name_canon(l->v[i], name, sizeof name) == 0 &&
		    hostname_match(c, name, common_name))
			return true;
	return l->n == 0;
}

static bool
list_has_text(const struct list *l, const struct cert *c, bool mail)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (hostname_has_text(c, mail, l->v[i]))
			return true;
	return l->n == 0;
}

/* Of each list that the rule gives, one entry must be in the certificate. */
static struct reason
check_wanted(const struct cert *c, const struct rule_values *v)
{
	struct reason why = {CAUSE_NOT_WANTED, c, NULL};

	if (!list_has_name(&v->check_host, c, v->hostname_checks_common_name))
		why.detail = "is for no name of check_host";
	else if (!list_has_name(&v->check_ip, c, false))
		why.detail = "is for no address of check_ip";
	else if (!list_has_text(&v->check_email, c, true))
		why.detail = "is for no mail address of check_email";
	else if (!list_has_text(&v->check_uri, c, false))
		why.detail = "is for no URI of check_uri";
	else
		return REASON_NONE;
	return why;
}

static struct reason
check_names(const struct cert *c, const struct rule_values *v,
    const char *wanted)
{
	if (wanted == NULL ||
	    hostname_match(c, wanted, v->hostname_checks_common_name))
		return check_wanted(c, v);
	return (struct reason){CAUSE_NAME_MISMATCH, c,
	    hostname_has(c) ? "is for another name"
			    : "has no host in a subjectAltName "
			      "(the common name does not count)"};
}

/* pins_only: the key is what is trusted, and no authority is asked. */
static struct reason
judge_pinned(struct chain *b, const char *wanted)
{
	struct cert *peer = b->cert[0];
	struct reason why = cert_check_pinned(peer, &b->rules);

	b->shown[b->nshown++] = peer;
	if (why.cause == CAUSE_NONE)
		why = check_names(peer, b->values, wanted);
	if (why.cause > CAUSE_PIN && !path_pinned(&b->values->pins, peer))
		why = (struct reason){
		    CAUSE_PIN, peer, "has a key that is none of pins"};
	return why;
}

/* The first of the faults of the peer's own certificate and of its path. */
static struct reason
judge(struct chain *b, const char *wanted)
{
	const struct cert *peer = b->cert[0];
	struct reason own = cert_check_peer(peer, &b->rules);
	struct reason path = chain_find(b);

	if (own.cause == CAUSE_NONE)
		own = check_names(peer, b->values, wanted);
	return path.cause < own.cause ? path : own;
}

static void
put_path(struct verdict *out, const struct chain *b)
{
	for (; out->npath < b->nshown; out->npath++)
		out->path[out->npath] = b->shown[out->npath]->der;
}

static void
sooner(time_t *until, time_t one)
{
	if (one != 0 && (*until == 0 || one < *until))
		*until = one;
}

/* Until when the same would be found again, as far as that is to be known. */
static time_t
lapses(const struct chain *b)
{
	time_t until = 0;
	size_t i;

	for (i = 0; i < b->nshown; i++) {
		sooner(&until, b->shown[i]->until);
		if (b->staples && b->shown[i]->staple.len > 0)
			sooner(&until, staple_until(&b->shown[i]->staple));
	}
	for (i = 0; b->crls != NULL && i < b->crls->n; i++)
		if (b->crls->v[i].until > b->rules.now)
			sooner(&until, b->crls->v[i].until);
	return until;
}

int
verify_count(const struct credentials *c, size_t n, struct verdict *out)
{
	const struct rule_values *v = &c->rule->values;

	pass(out);
	if (v->verify_mode == VERIFY_NONE || !c->rule->enforce ||
	    n <= chain_most(v))
		return 0;
	refuse(out, CAUSE_CHAIN_LIMIT);
	put(out, "the peer sent %zu certificates and may send %zu: let it send "
		 "its own and the intermediates that lead to its root, or raise "
		 "verify_depth to %zu",
	    n, chain_most(v), n - 2);
	return -1;
}

int
verify_peer(const struct credentials *c, enum side side, const char *name,
    const struct presented *p, struct verdict *out)
{
	const struct rule_values *v = &c->rule->values;
	const char *wanted = v->check_hostname ? name : NULL;
	struct reason why;
	struct chain b;

	pass(out);
	if (v->verify_mode == VERIFY_NONE)
		return 0;
	if (p->n == 0 && side == SIDE_SERVER &&
	    v->verify_mode == VERIFY_OPTIONAL)
		return 0;
	chain_init(&b, c, side, p->now);
	if (p->n == 0)
		why = (struct reason){
		    CAUSE_ABSENT, NULL, "the peer sent no certificate"};
	else if (chain_read(&b, p, &why))
		why = v->pins_only ? judge_pinned(&b, wanted)
				   : judge(&b, wanted);
	if (why.cause != CAUSE_NONE) {
		refuse(out, why.cause);
		put_reason(out, &b, &why);
		put_facts(out, &b, wanted);
	} else {
		out->until = lapses(&b);
	}
	put_path(out, &b);
	chain_free(&b);
	return why.cause == CAUSE_NONE ? 0 : -1;
}

int
verify_chain(const struct credentials *c, enum side side, const char *name,
    const gnutls_datum_t *chain, size_t n, time_t now, struct verdict *out)
{
	const struct presented p = {.chain = chain, .n = n, .now = now};

	return verify_peer(c, side, name, &p, out);
}

static bool
version_fits(const struct rule_values *v, gnutls_protocol_t version)
{
	static const gnutls_protocol_t of[] = {
	    [TLS_V1_0] = GNUTLS_TLS1_0,
	    [TLS_V1_1] = GNUTLS_TLS1_1,
	    [TLS_V1_2] = GNUTLS_TLS1_2,
	    [TLS_V1_3] = GNUTLS_TLS1_3,
	};

	return version >= of[v->minimum_version] &&
	       version <= of[v->maximum_version];
}

static bool
server_used_certificate(gnutls_session_t session)
{
	return gnutls_auth_server_get_type(session) == GNUTLS_CRD_CERTIFICATE &&
	       gnutls_certificate_type_get2(session, GNUTLS_CTYPE_SERVER) ==
		   GNUTLS_CRT_X509;
}

/*
 * A client's key was the right one, or the handshake would not have ended;
 * of a session that was resumed it need not be there any more.
 */
static bool
key_counts(const struct credentials *c, enum side side,
    gnutls_session_t session)
{
	gnutls_kx_algorithm_t kx = gnutls_kx_get(session);
	gnutls_datum_t name;

	if (c->psks == NULL ||
	    (kx != GNUTLS_KX_ECDHE_PSK && kx != GNUTLS_KX_DHE_PSK))
		return false;
	return side == SIDE_CLIENT ||
	       (gnutls_psk_server_get_username2(session, &name) == 0 &&
		   psks_find(c->psks, name.data, name.size) != NULL);
}

/*
 * By what the peer is known.  GnuTLS completes a handshake that was to be by
 * a pre-shared key with a certificate, and the other way round, and in TLS
 * 1.3 the suite does not even show it.  0: certificates are to be looked at,
 * 1: a key is enough, or -1 and *out.
 */
static int
check_kind(const struct credentials *c, enum side side,
    gnutls_session_t session, struct verdict *out)
{
	if (gnutls_auth_server_get_type(session) == GNUTLS_CRD_PSK &&
	    key_counts(c, side, session))
		return 1;
	if (!server_used_certificate(session)) {
		refuse(out, CAUSE_HANDSHAKE);
		put(out, "the handshake used no X.509 certificate");
		return -1;
	}
	if (!psk_alone(&c->rule->values))
		return 0;
	refuse(out, CAUSE_PSK);
	put(out, "the handshake used a certificate and no key of psk_file "
		 "(certificates count only under verify_mode = \"required\")");
	return -1;
}

int
verify_terms(const struct credentials *c, enum side side,
    gnutls_session_t session, struct verdict *out)
{
	gnutls_protocol_t version = gnutls_protocol_get_version(session);
	const char *text = gnutls_protocol_get_name(version);

	pass(out);
	if (version_fits(&c->rule->values, version))
		return check_kind(c, side, session, out);
	refuse(out, CAUSE_VERSION);
	put(out, "%s is outside of minimum_version to maximum_version",
	    text != NULL ? text : "this protocol");
	return -1;
}

static int
verify_shown(const struct credentials *c, enum side side, const char *name,
    const struct presented *p, struct verdict *out)
{
	const struct known_case k = {c, side, name, p};

	if (known_find(&k, out))
		return 0;
	if (verify_peer(c, side, name, p, out) != 0)
		return -1;
	known_add(&k, out);
	return 0;
}

int
verify_session(const struct credentials *c, enum side side, const char *name,
    gnutls_session_t session, struct verdict *out)
{
	gnutls_datum_t staple[VERDICT_PATH] = {{NULL, 0}};
	struct presented p = {.now = time(NULL)};
	unsigned i, n = 0;
	int kind = verify_terms(c, side, session, out);

	if (kind != 0)
		return kind < 0 ? -1 : 0;
	p.chain = gnutls_certificate_get_peers(session, &n);
	p.n = p.chain != NULL ? n : 0;
	p.staple = staple;
	for (i = 0; side == SIDE_CLIENT && i < p.n && i < VERDICT_PATH; i++)
		if (gnutls_ocsp_status_request_get2(session, i, &staple[i]) < 0)
			staple[i] = (gnutls_datum_t){NULL, 0};
	return verify_shown(c, side, name, &p, out);
}

bool
verify_judged(
    const struct credentials *c, gnutls_session_t session, struct verified *out)
{
	gnutls_hash_hd_t hash;
	unsigned i, n = 0;

	memset(out, 0, sizeof *out);
	out->chain = gnutls_certificate_get_peers(session, &n);
	if (out->chain == NULL || n == 0 ||
	    gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0)
		return false;
	for (i = 0; i < n; i++) {
		gnutls_hash(hash, &out->chain[i].size, sizeof(unsigned));
		gnutls_hash(hash, out->chain[i].data, out->chain[i].size);
	}
	gnutls_hash_deinit(hash, out->digest);
	out->by = c;
	return true;
}
