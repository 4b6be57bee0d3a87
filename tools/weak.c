/* weak.c - every place where a policy is weaker than the built-in defaults */
#include <string.h>

#include "report.h"
#include "tools.h"

static bool
verifies_nothing(const struct rule *r)
{
	return r->side == SIDE_CLIENT && r->values.verify_mode == VERIFY_NONE &&
	       r->values.psk_file == NULL;
}

static bool
any_name(const struct rule *r)
{
	return r->side == SIDE_CLIENT && r->values.verify_mode != VERIFY_NONE &&
	       !r->values.check_hostname && !r->values.pins_only;
}

static bool
any_pinned(const struct rule *r)
{
	return r->side == SIDE_CLIENT && r->values.verify_mode != VERIFY_NONE &&
	       !r->values.check_hostname && r->values.pins_only;
}

static bool
old_version(const struct rule *r)
{
	return r->values.minimum_version < TLS_V1_2;
}

static bool
old_maximum(const struct rule *r)
{
	return r->values.maximum_version < TLS_V1_3;
}

static bool
common_name(const struct rule *r)
{
	return r->values.hostname_checks_common_name;
}

static bool
lax_certificates(const struct rule *r)
{
	return (r->values.verify_flags & VF_X509_STRICT) == 0;
}

static bool
legacy_ciphers(const struct rule *r)
{
	return (r->values.options & OPT_LEGACY_CIPHERS) != 0;
}

static bool
legacy_connect(const struct rule *r)
{
	return (r->values.options & OPT_LEGACY_SERVER_CONNECT) != 0;
}

static bool
compat(const struct rule *r)
{
	return (r->values.options & OPT_COMPAT) != 0;
}

static bool
low_profile(const struct rule *r)
{
	const char *p = r->values.security_profile;

	return p != NULL &&
	       (strcasecmp(p, "low") == 0 || strcasecmp(p, "legacy") == 0 ||
		   strcasecmp(p, "very weak") == 0);
}

static bool
ragged_eofs(const struct rule *r)
{
	return r->values.suppress_ragged_eofs;
}

static bool
no_ocsp(const struct rule *r)
{
	return r->side == SIDE_CLIENT && r->values.ocsp_stapling == OCSP_OFF;
}

static bool
logs_keys(const struct rule *r)
{
	return r->values.keylog_filename != NULL;
}

static bool
keeps_masters(const struct rule *r)
{
	return r->values.session_cache_file != NULL &&
	       r->values.minimum_version < TLS_V1_3;
}

/* RFC 5077, 5.3 */
static bool
tickets_of_masters(const struct rule *r)
{
	return r->values.session_num_tickets > 0 &&
	       r->values.minimum_version < TLS_V1_3;
}

static bool
asks_later(const struct rule *r)
{
	return r->side == SIDE_SERVER && r->values.post_handshake_auth &&
	       r->values.verify_mode != VERIFY_NONE;
}

static bool
may_unwrap(const struct rule *r)
{
	return r->values.allow_unwrap;
}

/* priority is not here: without legacy_ciphers it cannot hold a weak suite. */
static const struct {
	enum key_index key; /* whose line is to blame */
	bool (*is)(const struct rule *r);
	const char *text;
} rule_weak[] = {
    {K_verify_mode, verifies_nothing,
	"verify_mode = \"none\" accepts any server, also an attacker's"},
    {K_check_hostname, any_name,
	"check_hostname = false accepts the certificate of any name that "
	"the trusted authorities have signed"},
    {K_check_hostname, any_pinned,
	"check_hostname = false accepts a certificate of any name whose key "
	"is one of pins"},
    {K_minimum_version, old_version,
	"minimum_version allows versions of TLS before 1.2, which are "
	"broken"},
    {K_maximum_version, old_maximum, "maximum_version keeps TLS 1.3 out"},
    {K_hostname_checks_common_name, common_name,
	"hostname_checks_common_name takes a common name for a host name"},
    {K_verify_flags, lax_certificates,
	"without x509_strict, certificates may break the rules of "
	"RFC 5280"},
    {K_options, legacy_ciphers,
	"legacy_ciphers allows ciphers without AEAD or forward secrecy"},
    {K_options, legacy_connect,
	"legacy_server_connect allows servers without safe "
	"renegotiation"},
    {K_options, compat,
	"compat bears with peers that break the protocol"},
    {K_security_profile, low_profile,
	"security_profile accepts keys of less than 112 bits of "
	"security"},
    {K_suppress_ragged_eofs, ragged_eofs,
	"suppress_ragged_eofs lets an attacker cut data short unseen"},
    {K_ocsp_stapling, no_ocsp,
	"ocsp_stapling = \"off\" does not ask whether the certificate was "
	"revoked"},
    {K_keylog_filename, logs_keys,
	"keylog_filename writes the keys of every session to a file"},
    {K_session_cache_file, keeps_masters,
	"session.cache_file keeps secrets of TLS 1.2 that decrypt what was "
	"recorded of their sessions; those of TLS 1.3 do not"},
    {K_session_num_tickets, tickets_of_masters,
	"session.num_tickets: who gets the key of tickets decrypts what was "
	"recorded of TLS 1.2; TLS 1.3 has fresh secrets"},
    {K_post_handshake_auth, asks_later,
	"post_handshake_auth lets clients of TLS 1.3 in that nobody has asked "
	"for a certificate yet"},
    {K_allow_unwrap, may_unwrap,
	"allow_unwrap lets the program go on in plaintext"},
};

static void
weak_add(struct report *out, const char *file, int line, const char *text)
{
	struct fault f = {0};

	fault_set(&f, file, line, "%s", text);
	report_add(out, &f);
}

/* Blames the line of key where it was set, else the rule's own. */
static void
key_add_weak(struct report *out, const struct rule *r, enum key_index key,
    const char *text)
{
	const struct origin *o = &r->origin[key];

	if (o->file != NULL)
		weak_add(out, o->file, o->line, text);
	else
		weak_add(out, r->file, r->line, text);
}

static void
rule_add_weak(struct report *out, const struct rule *r)
{
	size_t i;

	if (r->action == ACTION_PLAIN)
		weak_add(out, r->file, r->line,
		    "action = \"plain\" sends and takes plaintext");
	if (r->action == ACTION_NATIVE)
		weak_add(out, r->file, r->line,
		    "action = \"native\" leaves it to the program whom to "
		    "trust");
	if (r->action == ACTION_DETECT)
		weak_add(out, r->file, r->line,
		    "action = \"detect\" takes plaintext from clients that "
		    "speak no TLS");
	if (!r->enforce)
		weak_add(out, r->file, r->line,
		    "enforce = false lets unverified peers pass");
	if (r->action != ACTION_TLS && r->action != ACTION_DETECT)
		return;
	for (i = 0; i < sizeof(rule_weak) / sizeof(rule_weak[0]); i++)
		if (rule_weak[i].is(r))
			key_add_weak(
			    out, r, rule_weak[i].key, rule_weak[i].text);
	for (i = 0; i < r->values.sni.n; i++)
		rule_add_weak(out, r->values.sni.v[i].rule);
}

static void
policy_add_weak(struct report *out, const struct policy *p)
{
	const struct {
		bool is;
		const char *text;
	} rows[] = {
	    {p->unmatched == UNMATCHED_PLAIN,
		"unmatched = \"plain\" leaves what no rule matches in "
		"plaintext"},
	    {p->unnamed_skip,
		"unnamed = \"skip\" passes over host rules where a program "
		"resolves names by itself"},
	    {p->ambiguous_latest,
		"ambiguous_name = \"latest\" guesses which of several names "
		"was meant"},
	    {p->on_unprotected == UNPROTECTED_ALLOW,
		"on_unprotected = \"allow\" lets programs start that cannot "
		"be protected"},
	    {p->allow_user_policy,
		"allow_user_policy lets users add rules of their own"},
	    {p->allow_keylog_env,
		"allow_keylog_env lets users write session keys to a file"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].is)
			weak_add(out, p->file, 0, rows[i].text);
}

void
report_add_weak(struct report *out, const struct policy *p)
{
	size_t i;

	policy_add_weak(out, p);
	for (i = 0; i < p->nclient; i++)
		rule_add_weak(out, &p->client[i]);
	for (i = 0; i < p->nserver; i++)
		rule_add_weak(out, &p->server[i]);
}
