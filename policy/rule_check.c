/* rule_check.c - what the keys of a rule must be together */
#include <stdio.h>

#include "keys.h"
#include "psk.h"
#include "rule.h"

struct checked {
	struct rule *rule;
	const struct origin *inherited;
	unsigned inherited_options;
	struct fault *f;
};

/* Written in the rule or its context, not in defaults = { }. */
static bool
own(const struct checked *c, enum key_index k)
{
	const struct origin *o = &c->rule->origin[k];

	return o->file != NULL && (o->file != c->inherited[k].file ||
				      o->line != c->inherited[k].line);
}

static bool
written(const struct checked *c, enum key_index k)
{
	return c->rule->origin[k].file != NULL;
}

/* A fault where k was written, or where the rule begins. */
static int
refuse(const struct checked *c, enum key_index k, const char *text)
{
	const struct origin *o = &c->rule->origin[k];

	if (o->file == NULL)
		return fault_set(
		    c->f, c->rule->file, c->rule->line, "%s", text);
	return fault_set(c->f, o->file, o->line, "%s", text);
}

static int
check_versions(const struct checked *c)
{
	const struct rule_values *v = &c->rule->values;
	char text[128];

	if (v->minimum_version <= v->maximum_version)
		return 0;
	snprintf(text, sizeof text,
	    "minimum_version \"%s\" is above maximum_version \"%s\"",
	    keys[K_minimum_version].words[v->minimum_version],
	    keys[K_maximum_version].words[v->maximum_version]);
	return refuse(c,
	    own(c, K_minimum_version) || !written(c, K_maximum_version)
		? K_minimum_version
		: K_maximum_version,
	    text);
}

static int
check_identity(const struct checked *c)
{
	const struct rule_values *v = &c->rule->values;

	if (v->keyfile != NULL && v->certfile == NULL)
		return refuse(c, K_keyfile, "keyfile without certfile");
	if (v->password_file != NULL && v->certfile == NULL)
		return refuse(c, K_password_file,
		    "password_file without certfile");
	if (c->rule->side == SIDE_SERVER && v->certfile == NULL &&
	    v->certificates.n == 0 && v->psk_file == NULL)
		return refuse(c, K_certfile,
		    "a server rule with action \"tls\" needs certfile");
	return 0;
}

static int
check_alpn(const struct checked *c)
{
	const struct rule_values *v = &c->rule->values;

	if (v->alpn_protocols.n > ALPN_MOST)
		return refuse(c, K_alpn_protocols,
		    "alpn_protocols holds more than eight names");
	if (v->alpn_mandatory && v->alpn_protocols.n == 0)
		return refuse(c, K_alpn_mandatory,
		    "alpn_mandatory without alpn_protocols");
	return 0;
}

/* What one key of sessions needs of others. */
static int
check_sessions(const struct checked *c)
{
	const struct rule_values *v = &c->rule->values;
	const char *against = !v->session_resume ? "under session.resume = false"
	    : !c->rule->enforce ? "under enforce = false"
				: NULL;
	static const enum key_index k[] = {
	    K_session_cache_file, K_session_num_tickets};
	char text[120];
	size_t i;

	if (own(c, K_session_num_tickets) && v->session_num_tickets > 0 &&
	    (v->options & OPT_NO_TICKET) != 0)
		return refuse(c, K_session_num_tickets,
		    "'session.num_tickets' has no effect under \"no_ticket\" "
		    "in options");
	if (own(c, K_session_ticket_key_file) && v->session_num_tickets == 0)
		return refuse(c, K_session_ticket_key_file,
		    "'session.ticket_key_file' has no effect without "
		    "session.num_tickets");
	for (i = 0; against != NULL && i < sizeof k / sizeof k[0]; i++) {
		if (!own(c, k[i]) || (k[i] == K_session_num_tickets &&
					 v->session_num_tickets == 0))
			continue;
		snprintf(text, sizeof text, "'%s' has no effect %s",
		    keys[k[i]].name, against);
		return refuse(c, k[i], text);
	}
	return 0;
}

static bool
has_trust(const struct rule_values *v)
{
	return v->cafile != NULL || v->capath != NULL || v->cadata != NULL;
}

/* What only one of the sides can do. */
static int
check_side(const struct checked *c)
{
	static const struct {
		enum key_index key;
		enum side side;
	} rows[] = {
	    {K_sni_hostname, SIDE_CLIENT},
	    {K_sni, SIDE_SERVER},
	    {K_ocsp_response_file, SIDE_SERVER},
	    {K_psk_identity, SIDE_CLIENT},
	    {K_psk_identity_hint, SIDE_SERVER},
	    {K_strict_sni, SIDE_SERVER},
	    {K_session_cache_file, SIDE_CLIENT},
	    {K_session_num_tickets, SIDE_SERVER},
	    {K_session_ticket_key_file, SIDE_SERVER},
	};
	static const unsigned idle[] = {
	    [SIDE_CLIENT] = OPT_CIPHER_SERVER_PREFERENCE,
	    [SIDE_SERVER] = OPT_LEGACY_SERVER_CONNECT,
	};
	const struct rule_values *v = &c->rule->values;
	char text[120];
	size_t i;

	if ((v->options & ~c->inherited_options & idle[c->rule->side]) != 0)
		return refuse(c, K_options,
		    c->rule->side == SIDE_CLIENT
			? "cipher_server_preference has no effect on a client"
			: "legacy_server_connect has no effect on a server");
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (rows[i].side == c->rule->side || !own(c, rows[i].key))
			continue;
		snprintf(text, sizeof text, "'%s' has no effect on a %s",
		    keys[rows[i].key].name,
		    c->rule->side == SIDE_CLIENT ? "client" : "server");
		return refuse(c, rows[i].key, text);
	}
	if (c->rule->values.strict_sni && c->rule->values.sni.n == 0 &&
	    own(c, K_strict_sni))
		return refuse(c, K_strict_sni, "strict_sni without sni");
	return 0;
}

/* What would be ignored where nobody is verified. */
static int
check_ignored(const struct checked *c, const enum key_index *k, size_t n)
{
	const struct rule_values none = key_defaults[SIDE_SERVER];
	char text[160];
	size_t i;

	for (i = 0; i < n; i++) {
		if (!own(c, k[i]) ||
		    key_equal(&keys[k[i]], &c->rule->values, &none))
			continue;
		snprintf(text, sizeof text,
		    "'%s' has no effect on a %s whose verify_mode is "
		    "\"none\": set it to \"required\"%s",
		    keys[k[i]].name,
		    c->rule->side == SIDE_SERVER ? "server" : "client",
		    c->rule->side == SIDE_SERVER ? " or \"optional\"" : "");
		return refuse(c, k[i], text);
	}
	return 0;
}

static const enum key_index for_verified[] = {K_crlfile, K_crlpath,
    K_check_host, K_check_ip, K_check_email, K_check_uri, K_pins, K_pins_only};
static const enum key_index for_verified_clients[] = {
    K_cafile, K_capath, K_cadata, K_system_trust, K_check_hostname};
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static int
check_psk_server(const struct checked *c)
{
	const struct rule_values *v = &c->rule->values;

	if (v->sni.n > 0)
		return refuse(c, K_sni,
		    "sni beside psk_file: who has a key would get in by any "
		    "name");
	if (v->psk_identity_hint != NULL && v->minimum_version == TLS_V1_3)
		return refuse(c, K_psk_identity_hint,
		    "TLS 1.3 has no psk_identity_hint");
	if (v->verify_mode == VERIFY_OPTIONAL)
		return refuse(c, K_verify_mode,
		    "verify_mode \"optional\" beside psk_file would let clients "
		    "in that show neither a key nor a certificate");
	if (v->verify_mode == VERIFY_REQUIRED && v->certfile == NULL &&
	    v->certificates.n == 0)
		return refuse(c, K_verify_mode,
		    "verify_mode \"required\" beside psk_file takes clients by "
		    "certificate too: the server then needs certfile");
	return 0;
}

/* Somebody who names a certificate or whom to trust counts on its use. */
static int
check_psk_alone(const struct checked *c)
{
	static const enum key_index idle[] = {K_certfile, K_certificates,
	    K_cafile, K_capath, K_cadata, K_system_trust, K_check_hostname, K_check_host,
	    K_check_ip, K_check_email, K_check_uri, K_pins, K_pins_only,
	    K_crlfile, K_crlpath};
	const struct rule_values none = key_defaults[SIDE_SERVER];
	char text[160];
	size_t i;

	for (i = 0; i < COUNT(idle); i++) {
		if (!own(c, idle[i]) ||
		    key_equal(&keys[idle[i]], &c->rule->values, &none))
			continue;
		snprintf(text, sizeof text,
		    "'%s' has no effect beside psk_file: certificates count "
		    "there only under verify_mode = \"required\"",
		    keys[idle[i]].name);
		return refuse(c, idle[i], text);
	}
	return 0;
}

static int
check_psk(const struct checked *c)
{
	const struct rule_values *v = &c->rule->values;

	if (v->psk_file == NULL && own(c, K_psk_identity))
		return refuse(c, K_psk_identity, "psk_identity without psk_file");
	if (v->psk_file == NULL && own(c, K_psk_identity_hint))
		return refuse(c, K_psk_identity_hint,
		    "psk_identity_hint without psk_file");
	if (v->psk_file == NULL)
		return 0;
	if (c->rule->side == SIDE_SERVER && check_psk_server(c) == -1)
		return -1;
	return psk_alone(v) ? check_psk_alone(c) : 0;
}

static int
check_post_handshake(const struct checked *c)
{
	const struct rule_values *v = &c->rule->values;

	if (!v->post_handshake_auth || !own(c, K_post_handshake_auth))
		return 0;
	if (v->psk_file != NULL)
		return refuse(c, K_post_handshake_auth,
		    "post_handshake_auth has no effect beside psk_file");
	if (v->maximum_version < TLS_V1_3)
		return refuse(c, K_post_handshake_auth,
		    "post_handshake_auth has no effect before TLS 1.3");
	if (v->verify_mode == VERIFY_NONE)
		return refuse(c, K_post_handshake_auth,
		    c->rule->side == SIDE_CLIENT
			? "post_handshake_auth shows certificates to servers: "
			  "verify_mode \"none\" would let anybody ask"
			: "post_handshake_auth asks clients for certificates: "
			  "verify_mode must be \"required\" or \"optional\"");
	return 0;
}

static bool
looks_up_lists(const struct rule_values *v)
{
	return (v->verify_flags & (VF_CRL_CHECK_LEAF | VF_CRL_CHECK_CHAIN)) !=
	       0;
}

/* Somebody who names a list counts on its being looked at. */
static int
check_revocation(const struct checked *c)
{
	const struct rule_values *v = &c->rule->values;
	enum key_index k = v->crlfile != NULL ? K_crlfile : K_crlpath;
	char text[128];

	if ((v->crlfile == NULL && v->crlpath == NULL) || looks_up_lists(v))
		return 0;
	snprintf(text, sizeof text,
	    "'%s' has no effect without \"crl_check_leaf\" or "
	    "\"crl_check_chain\" in verify_flags",
	    keys[k].name);
	return refuse(c, k, text);
}

static int
check_pins_only(const struct checked *c)
{
	const struct rule_values *v = &c->rule->values;

	if (!v->pins_only)
		return 0;
	if (v->pins.n == 0)
		return refuse(c, K_pins_only, "pins_only without pins");
	if (has_trust(v) || v->system_trust)
		return refuse(c, K_pins_only,
		    "pins_only asks no authority: leave out cafile, capath, "
		    "cadata and system_trust");
	if (looks_up_lists(v) || v->ocsp_stapling == OCSP_REQUIRE)
		return refuse(c, K_pins_only,
		    "pins_only knows no issuer by whom revocation could be "
		    "looked up");
	return 0;
}

static int
check_server_trust(const struct checked *c)
{
	const struct rule_values *v = &c->rule->values;

	if (own(c, K_ocsp_stapling) && v->ocsp_stapling != OCSP_REQUEST)
		return refuse(c, K_ocsp_stapling,
		    "'ocsp_stapling' is for clients: a server does not ask for "
		    "OCSP answers (ocsp_response_file is what it gives)");
	if (v->verify_mode == VERIFY_NONE)
		return check_ignored(c, for_verified_clients,
			   COUNT(for_verified_clients)) == -1
			   ? -1
			   : check_ignored(
				 c, for_verified, COUNT(for_verified));
	if (!has_trust(v) && !v->system_trust && !v->pins_only)
		return refuse(c, K_verify_mode,
		    "a server that verifies its clients needs cafile, capath, "
		    "cadata, system_trust or pins_only");
	if (v->check_hostname && v->server_hostname == NULL)
		return refuse(c, K_check_hostname,
		    "check_hostname on a server needs server_hostname, the "
		    "name that clients' certificates hold");
	return 0;
}

static int
check_client_trust(const struct checked *c)
{
	const struct rule_values *v = &c->rule->values;

	if (v->verify_mode == VERIFY_NONE) {
		if (own(c, K_check_hostname) && v->check_hostname)
			return refuse(c, K_check_hostname,
			    "check_hostname has no effect where verify_mode is "
			    "\"none\"");
		return check_ignored(c, for_verified, COUNT(for_verified));
	}
	if (!has_trust(v) && !v->system_trust && !v->pins_only)
		return refuse(c, K_system_trust,
		    "nothing is trusted: set cafile, capath or cadata, or "
		    "leave "
		    "system_trust on");
	return 0;
}

/* A server that asks for certificates decides by them who comes in. */
static int
check_enforce(const struct checked *c)
{
	const struct rule *r = c->rule;

	if (r->enforce)
		return 0;
	if (r->action != ACTION_TLS)
		return fault_set(c->f, r->file, r->line,
		    "enforce = false has no effect unless action is \"tls\"");
	if (r->side == SIDE_SERVER && r->values.verify_mode != VERIFY_NONE)
		return fault_set(c->f, r->file, r->line,
		    "enforce = false on a server that asks for client "
		    "certificates would let anybody in");
	return 0;
}

/* What MINIMUM_SUPPORTED and MAXIMUM_SUPPORTED mean under these options. */
static int
version_settle(const struct rule_values *v, int version)
{
	if (version == TLS_MAXIMUM_SUPPORTED)
		return TLS_V1_3;
	if (version != TLS_MINIMUM_SUPPORTED)
		return version;
	return (v->options & OPT_LEGACY_CIPHERS) != 0 ? TLS_V1_0 : TLS_V1_2;
}

/* The session is the program's own: of ours only the version is looked at. */
static int
check_native(const struct checked *c)
{
	char text[160];
	size_t k;

	for (k = 0; k < KEY_COUNT; k++) {
		if (k == K_minimum_version || !own(c, k) ||
		    c->rule->context != NULL)
			continue;
		snprintf(text, sizeof text,
		    "'%s' has no effect under action = \"native\", where the "
		    "program speaks TLS itself",
		    keys[k].name);
		return refuse(c, k, text);
	}
	return check_versions(c);
}

/* Defaults that follow from other keys; a key that was written stays. */
static void
defaults_settle(const struct checked *c)
{
	struct rule_values *v = &c->rule->values;

	v->minimum_version = version_settle(v, v->minimum_version);
	v->maximum_version = version_settle(v, v->maximum_version);
	if (!written(c, K_system_trust) && (has_trust(v) || v->pins_only))
		v->system_trust = false;
	if (v->psk_file != NULL && !written(c, K_verify_mode))
		v->verify_mode = VERIFY_NONE;
	if (v->verify_mode == VERIFY_NONE && !own(c, K_check_hostname))
		v->check_hostname = false;
}

void
rule_settle(struct rule *rule, const struct rule *inherited)
{
	const struct checked c = {
	    .rule = rule, .inherited = inherited->origin};

	defaults_settle(&c);
}

int
rule_check(struct rule *rule, const struct rule *inherited, struct fault *f)
{
	const struct checked c = {.rule = rule,
	    .inherited = inherited->origin,
	    .inherited_options = inherited->values.options,
	    .f = f};

	defaults_settle(&c);
	if (check_enforce(&c) == -1)
		return -1;
	if (rule->action == ACTION_NATIVE)
		return check_native(&c);
	if (rule->action == ACTION_DETECT &&
	    rule->values.verify_mode != VERIFY_NONE)
		return refuse(&c, K_verify_mode,
		    "action \"detect\" takes clients without TLS, which show "
		    "no certificate: verify_mode must be \"none\"");
	if (rule->action != ACTION_TLS && rule->action != ACTION_DETECT)
		return 0;
	if (check_versions(&c) == -1 || check_identity(&c) == -1 ||
	    check_alpn(&c) == -1 || check_side(&c) == -1 ||
	    check_sessions(&c) == -1 || check_psk(&c) == -1 ||
	    check_post_handshake(&c) == -1)
		return -1;
	if ((rule->side == SIDE_SERVER ? check_server_trust(&c)
				       : check_client_trust(&c)) == -1)
		return -1;
	if (rule->values.verify_mode == VERIFY_NONE)
		return 0;
	return check_revocation(&c) == -1 ? -1 : check_pins_only(&c);
}
