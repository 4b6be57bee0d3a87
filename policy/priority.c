/*
 * priority.c - versions, algorithms and options as a GnuTLS priority string
 *
 * Everything is switched off first and built up from there: NORMAL of GnuTLS
 * 3.7.9 has TLS 1.0, CBC with SHA-1 and static RSA, and a later one may have
 * something else.
 */
#include <string.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "algorithms.h"
#include "credentials.h"
#include "psk.h"

enum kind {
	BASE,   /* may stand first */
	GOOD,   /* forward secret, AEAD: may be added and taken away */
	LEGACY, /* may be taken away; to add it is for legacy_ciphers */
	GONE,   /* may be taken away: what it needs is offered to nobody */
	FLAG,   /* a harmless or stricter %flag */
};

static const struct token {
	const char *name;
	enum kind kind;
} tokens[] = {
    {"NONE", BASE},
    {"NORMAL", BASE},
    {"PERFORMANCE", BASE},
    {"PFS", BASE},
    {"SECURE128", BASE},
    {"SECURE192", BASE},
    {"SECURE256", BASE},
    {"SUITEB128", BASE},
    {"SUITEB192", BASE},

    {"AES-128-GCM", GOOD},
    {"AES-256-GCM", GOOD},
    {"CHACHA20-POLY1305", GOOD},
    {"AES-128-CCM", GOOD},
    {"AES-256-CCM", GOOD},
    {"CAMELLIA-128-GCM", GOOD},
    {"CAMELLIA-256-GCM", GOOD},
    {"ECDHE-ECDSA", GOOD},
    {"ECDHE-RSA", GOOD},
    {"DHE-RSA", GOOD},
    {"AEAD", GOOD},
    {"CTYPE-X509", GOOD},
    {"CIPHER-ALL", GOOD},
    {"KX-ALL", GOOD},

    {"3DES-CBC", LEGACY},
    {"AES-128-CBC", LEGACY},
    {"AES-192-CBC", LEGACY},
    {"AES-256-CBC", LEGACY},
    {"AES-128-CCM-8", LEGACY},
    {"AES-256-CCM-8", LEGACY},
    {"CAMELLIA-128-CBC", LEGACY},
    {"CAMELLIA-192-CBC", LEGACY},
    {"CAMELLIA-256-CBC", LEGACY},
    {"ARCFOUR-128", LEGACY},
    {"RSA", LEGACY},
    {"DHE-DSS", GONE},
    {"MD5", LEGACY},
    {"SHA1", LEGACY},
    {"SHA256", LEGACY},
    {"SHA384", LEGACY},
    {"MAC-ALL", LEGACY},

    {"%SAFE_RENEGOTIATION", FLAG},
    {"%FORCE_ETM", FLAG},
    {"%DUMBFW", FLAG},
    {"%ALLOW_SMALL_RECORDS", FLAG},
    {"%LATEST_RECORD_VERSION", FLAG},
};

/* Tokens that begin so are not for this key, and why. */
static const struct refusal {
	const char *prefix, *why;
} refusals[] = {
    {"VERS-", "is set by minimum_version and maximum_version"},
    {"GROUP-", "is set by groups"},
    {"CURVE-", "is set by groups"},
    {"SIGN-", "is set by signature_algorithms"},
    {"%PROFILE_", "is set by security_profile"},
    {"%VERIFY_", "is set by security_profile"},
    {"COMP-", "has no effect: there is no compression in TLS"},
    {"CTYPE-", "is no X.509 certificate and cannot be verified"},
    {"%SERVER_PRECEDENCE", "is options cipher_server_preference"},
    {"%COMPAT", "is options compat"},
    {"%NO_TICKETS", "is options no_ticket"},
    {"%DISABLE_TLS13_COMPAT_MODE", "is options no_middlebox_compat"},
    {"%PARTIAL_RENEGOTIATION", "is options legacy_server_connect"},
    {"%UNSAFE_RENEGOTIATION", "would let the peer renegotiate unsafely"},
    {"%DISABLE_SAFE_RENEGOTIATION", "would let the peer renegotiate unsafely"},
    {"%NO_", "would switch a protection off"},
    {"ANON-", "would let any peer in unverified"},
    {"PSK", "is set by psk_file"},
    {"DHE-PSK", "is set by psk_file"},
    {"ECDHE-PSK", "is set by psk_file"},
    {"RSA-PSK", "is set by psk_file"},
    {"SRP", "is a password protocol that no key here serves"},
    {"SYSTEM", "would take the choice from a file outside the policy"},
    {"@", "would take the choice from a file outside the policy"},
};

static const char *const version_of[] = {
    [TLS_V1_0] = "VERS-TLS1.0",
    [TLS_V1_1] = "VERS-TLS1.1",
    [TLS_V1_2] = "VERS-TLS1.2",
    [TLS_V1_3] = "VERS-TLS1.3",
};

/*
 * Forward secrecy by ECDHE alone: finite-field DHE in TLS 1.2 lets the
 * server choose the group, and the exponentiation is the costly one.
 */
#define EXCHANGE ":+ECDHE-ECDSA:+ECDHE-RSA:+AEAD"
/* What pre-shared keys go with: never a plain one, without (EC)DHE. */
#define PSK_EXCHANGE ":+ECDHE-PSK:+DHE-PSK"
#define OLD_CIPHERS                                                     \
	":+AES-128-CBC:+AES-256-CBC:+DHE-RSA:+RSA:+SHA256:+SHA384:+SHA1"

/* CHACHA20 of this GnuTLS is 16 times slower than AES-GCM, unless the
 * machine has no AES instructions. */
static bool
cpu_has_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
	unsigned a, b, c, d;

	/* gcc's own question asks ten, each an exit of a virtual machine */
	__cpuid(1, a, b, c, d);
	return (c & bit_AES) != 0;
#elif defined(__aarch64__)
	return (getauxval(AT_HWCAP) & 1UL << 3) != 0; /* HWCAP_AES */
#else
	return false;
#endif
}

static const struct token *
token_find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
		if (strlen(tokens[i].name) == len &&
		    strncasecmp(tokens[i].name, name, len) == 0)
			return &tokens[i];
	return NULL;
}

static const char *
refusal_find(const char *name, size_t len)
{
	size_t i, n;

	for (i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		n = strlen(refusals[i].prefix);
		if (n <= len && strncasecmp(refusals[i].prefix, name, n) == 0)
			return refusals[i].why;
	}
	return NULL;
}

/* One token of the user's priority, sign and all. */
static int
token_check(const char *s, size_t len, bool first, bool legacy,
    const struct origin *at, struct fault *f)
{
	char sign = len > 0 && strchr("+-!", s[0]) != NULL ? s[0] : '\0';
	const char *name = s + (sign != '\0'), *why;
	size_t n = len - (sign != '\0');
	const struct token *t = token_find(name, n);

	if (t == NULL && (why = refusal_find(name, n)) != NULL)
		return fault_set(f, at->file, at->line, "priority: '%.*s' %s",
		    (int)len, s, why);
	if (t == NULL)
		return fault_set(f, at->file, at->line,
		    "priority: unknown token '%.*s'", (int)len, s);
	if (t->kind == BASE && (sign != '\0' || !first))
		return fault_set(f, at->file, at->line,
		    "priority: '%.*s' must stand first, without a sign",
		    (int)len, s);
	if (t->kind == FLAG && sign != '\0')
		return fault_set(f, at->file, at->line,
		    "priority: '%.*s' takes no sign", (int)len, s);
	if (t->kind != BASE && t->kind != FLAG && sign == '\0')
		return fault_set(f, at->file, at->line,
		    "priority: '%.*s' needs a + or - before it", (int)len, s);
	if (t->kind == GONE && sign == '+')
		return fault_set(f, at->file, at->line,
		    "priority: '%.*s' has no effect: no signature serves it",
		    (int)len, s);
	if (t->kind == LEGACY && sign == '+' && !legacy)
		return fault_set(f, at->file, at->line,
		    "priority: '%.*s' is not forward secret with AEAD: it "
		    "needs options = [ \"legacy_ciphers\" ]",
		    (int)len, s);
	return 0;
}

static int
user_check(const char *s, bool legacy, const struct origin *at,
    struct fault *f)
{
	bool first = true;
	size_t n;

	for (;; s += n + 1, first = false) {
		n = strcspn(s, ":,"); /* GnuTLS takes both */
		if (n == 0)
			return fault_set(
			    f, at->file, at->line, "priority: empty token");
		if (token_check(s, n, first, legacy, at, f) == -1)
			return -1;
		if (s[n] == '\0')
			return 0;
	}
}

/*
 * A pre-shared key of TLS 1.3 belongs to one hash, here SHA-256.  A server
 * that picked a client's suite with SHA-384 could not take the key.
 */
static bool
takes_sha384(const struct rule_values *v, enum side side)
{
	return side == SIDE_SERVER || !psk_alone(v) ||
	       v->maximum_version < TLS_V1_3;
}

static void
default_put(struct tokens *t, const struct rule_values *v, enum side side)
{
	tokens_put(t, "NONE%s:+AES-128-GCM%s%s%s" EXCHANGE,
	    cpu_has_aes() ? "" : ":+CHACHA20-POLY1305",
	    takes_sha384(v, side) ? ":+AES-256-GCM" : "",
	    cpu_has_aes() ? ":+CHACHA20-POLY1305" : "",
	    v->psk_file != NULL ? PSK_EXCHANGE : "");
	if ((v->options & OPT_LEGACY_CIPHERS) != 0)
		tokens_put(t, OLD_CIPHERS);
}

static void
psk_put(struct tokens *t, const struct rule_values *v)
{
	if (psk_alone(v))
		tokens_put(t, ":-KX-ALL");
	if (v->psk_file != NULL)
		tokens_put(t, PSK_EXCHANGE);
}

/* The user's string, and then without what its base may have brought in. */
static void
user_put(struct tokens *t, const struct rule_values *v, enum side side)
{
	bool legacy = (v->options & OPT_LEGACY_CIPHERS) != 0;
	const char *s = v->priority;
	size_t i;

	if (strchr("+-!%", s[0]) != NULL) {
		default_put(t, v, side);
		tokens_put(t, ":");
	}
	tokens_put(t, "%s", s);
	for (i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
		if (tokens[i].kind == GONE ||
		    (tokens[i].kind == LEGACY && !legacy))
			tokens_put(t, ":-%s", tokens[i].name);
	tokens_put(t, ":+AEAD:-CTYPE-ALL:+CTYPE-X509");
}

static int
versions_put(struct tokens *t, const struct rule_values *v,
    const struct origin *origin, struct fault *f)
{
	const struct origin *min = &origin[K_minimum_version];
	const struct origin *max = &origin[K_maximum_version];
	int i;

	if (v->minimum_version > v->maximum_version) {
		if (max->file == NULL)
			max = min;
		return fault_set(f, max->file, max->line,
		    "no TLS version is left: minimum_version is above "
		    "maximum_version");
	}
	if (v->minimum_version < TLS_V1_2 &&
	    (v->options & OPT_LEGACY_CIPHERS) == 0) {
		if (min->file == NULL)
			min = max;
		return fault_set(f, min->file, min->line,
		    "no suite is left for TLS 1.0 and 1.1: they need "
		    "options = [ \"legacy_ciphers\" ]");
	}
	tokens_put(t, ":-VERS-ALL");
	for (i = v->maximum_version; i >= v->minimum_version; i--)
		tokens_put(t, ":+%s", version_of[i]);
	return 0;
}

int
priority_text(const struct rule_values *v, enum side side,
    const struct origin *origin, char *buf, size_t len, struct fault *f)
{
	struct tokens t = {buf, len, 0};
	const struct origin *at = &origin[K_priority];
	bool legacy = (v->options & OPT_LEGACY_CIPHERS) != 0;

	if (v->priority == NULL) {
		default_put(&t, v, side);
	} else {
		if (user_check(v->priority, legacy, at, f) == -1)
			return -1;
		user_put(&t, v, side);
	}
	psk_put(&t, v);
	if (versions_put(&t, v, origin, f) == -1 ||
	    groups_put(&t, v, origin, f) == -1 ||
	    signatures_put(&t, v, origin, f) == -1)
		return -1;
	options_put(&t, v, side);
	if (t.n >= len)
		return fault_set(f, at->file, at->line,
		    "priority is longer than %zu bytes", len);
	return 0;
}
