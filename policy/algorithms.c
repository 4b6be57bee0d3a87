/* algorithms.c - groups, signatures, the profile and options as tokens */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "algorithms.h"
#include "credentials.h"

enum use {
	BUILT_IN, /* offered where the policy says nothing */
	KNOWN,    /* where it is named */
	OLD,      /* built in under legacy_ciphers */
};

/*
 * In the order that is offered: X25519 first, the others by speed.  GnuTLS
 * knows more names; those have no suite to serve here and would be ignored.
 */
static const struct group {
	const char *name;
	gnutls_pk_algorithm_t pk;
	unsigned bits;
	enum use use;
} groups[] = {
    {"X25519", GNUTLS_PK_ECDSA, 256, BUILT_IN},
    {"SECP256R1", GNUTLS_PK_ECDSA, 256, BUILT_IN},
    {"SECP384R1", GNUTLS_PK_ECDSA, 384, BUILT_IN},
    {"SECP521R1", GNUTLS_PK_ECDSA, 521, BUILT_IN},
    {"X448", GNUTLS_PK_ECDSA, 448, BUILT_IN},
    {"FFDHE2048", GNUTLS_PK_DH, 2048, OLD},
    {"FFDHE3072", GNUTLS_PK_DH, 3072, KNOWN},
    {"FFDHE4096", GNUTLS_PK_DH, 4096, KNOWN},
    {"FFDHE6144", GNUTLS_PK_DH, 6144, KNOWN},
    {"FFDHE8192", GNUTLS_PK_DH, 8192, KNOWN},
    {"SECP224R1", GNUTLS_PK_ECDSA, 224, KNOWN},
    {"SECP192R1", GNUTLS_PK_ECDSA, 192, KNOWN},
};

/* Both the TLS 1.2 and the 1.3 spelling; bits: half of the hash. */
static const struct signature {
	const char *name;
	unsigned bits;
	enum use use;
} signatures[] = {
    {"ECDSA-SECP256R1-SHA256", 128, BUILT_IN},
    {"ECDSA-SHA256", 128, BUILT_IN},
    {"EDDSA-ED25519", 128, BUILT_IN},
    {"RSA-PSS-RSAE-SHA256", 128, BUILT_IN},
    {"RSA-PSS-SHA256", 128, BUILT_IN},
    {"RSA-SHA256", 128, BUILT_IN},
    {"ECDSA-SECP384R1-SHA384", 192, BUILT_IN},
    {"ECDSA-SHA384", 192, BUILT_IN},
    {"RSA-PSS-RSAE-SHA384", 192, BUILT_IN},
    {"RSA-PSS-SHA384", 192, BUILT_IN},
    {"RSA-SHA384", 192, BUILT_IN},
    {"ECDSA-SECP521R1-SHA512", 256, BUILT_IN},
    {"ECDSA-SHA512", 256, BUILT_IN},
    {"EDDSA-ED448", 224, BUILT_IN},
    {"RSA-PSS-RSAE-SHA512", 256, BUILT_IN},
    {"RSA-PSS-SHA512", 256, BUILT_IN},
    {"RSA-SHA512", 256, BUILT_IN},
    {"RSA-SHA1", 0, OLD},
    {"ECDSA-SHA1", 0, OLD},
};

static const struct profile {
	const char *name;
	const char *token;
	gnutls_sec_param_t level;
} profiles[] = {
    {"low", "LOW", GNUTLS_SEC_PARAM_LOW},
    {"legacy", "LEGACY", GNUTLS_SEC_PARAM_LEGACY},
    {"medium", "MEDIUM", GNUTLS_SEC_PARAM_MEDIUM},
    {"high", "HIGH", GNUTLS_SEC_PARAM_HIGH},
    {"ultra", "ULTRA", GNUTLS_SEC_PARAM_ULTRA},
    {"future", "FUTURE", GNUTLS_SEC_PARAM_FUTURE},
};

#define COUNT(v) (sizeof(v) / sizeof(v)[0])

void
tokens_put(struct tokens *t, const char *fmt, ...)
{
	size_t at = t->n < t->len ? t->n : t->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->p + at, t->len - at, fmt, ap);
	va_end(ap);
	t->n += (size_t)(n > 0 ? n : 0);
}

static const struct profile *
profile_find(const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < COUNT(profiles); i++)
		if (strcmp(profiles[i].name, name) == 0)
			return &profiles[i];
	return &profiles[2];
}

gnutls_sec_param_t
profile_level(const char *profile)
{
	return profile_find(profile)->level;
}

static bool
is_legacy(const struct rule_values *v)
{
	return (v->options & OPT_LEGACY_CIPHERS) != 0;
}

static bool
group_reaches(const struct group *g, gnutls_sec_param_t level)
{
	return g->bits >= gnutls_sec_param_to_pk_bits(g->pk, level);
}

static bool
signature_reaches(const struct signature *s, gnutls_sec_param_t level)
{
	unsigned want = gnutls_sec_param_to_symmetric_bits(level);

	/* "medium" is 112 bits; SHA-1 is a matter of legacy_ciphers */
	return s->use == OLD ? level <= GNUTLS_SEC_PARAM_MEDIUM
			     : s->bits >= want;
}

static bool
is_offered(enum use use, const struct rule_values *v)
{
	return use == BUILT_IN || (use == OLD && is_legacy(v));
}

/*
 * TLS 1.2 and older use a finite-field group in suites with DHE alone, which
 * are not among the built-in ones.
 */
static bool
group_is_idle(const struct group *g, const struct rule_values *v)
{
	return g->pk == GNUTLS_PK_DH && v->maximum_version <= TLS_V1_2 &&
	       !is_legacy(v) && v->psk_file == NULL &&
	       (v->priority == NULL || strstr(v->priority, "DHE-RSA") == NULL);
}

static int
group_put(struct tokens *t, const char *name, const struct rule_values *v,
    const struct origin *at, struct fault *f)
{
	size_t i;

	for (i = 0; i < COUNT(groups); i++)
		if (strcasecmp(groups[i].name, name) == 0)
			break;
	if (i == COUNT(groups))
		return fault_set(f, at->file, at->line,
		    "groups: \"%.60s\" is no group that TLS uses here", name);
	if (!group_reaches(&groups[i], profile_level(v->security_profile)))
		return fault_set(f, at->file, at->line,
		    "groups: \"%s\" is weaker than security_profile \"%s\" "
		    "allows",
		    groups[i].name, v->security_profile);
	if (group_is_idle(&groups[i], v))
		return fault_set(f, at->file, at->line,
		    "groups: \"%s\" has no effect before TLS 1.3 unless "
		    "priority has +DHE-RSA",
		    groups[i].name);
	tokens_put(t, ":+GROUP-%s", groups[i].name);
	return 0;
}

int
groups_put(struct tokens *t, const struct rule_values *v,
    const struct origin *origin, struct fault *f)
{
	gnutls_sec_param_t level = profile_level(v->security_profile);
	size_t i;

	tokens_put(t, ":-GROUP-ALL");
	for (i = 0; i < v->groups.n; i++)
		if (group_put(t, v->groups.v[i], v, &origin[K_groups], f) == -1)
			return -1;
	for (i = 0; v->groups.n == 0 && i < COUNT(groups); i++)
		if (is_offered(groups[i].use, v) &&
		    group_reaches(&groups[i], level))
			tokens_put(t, ":+GROUP-%s", groups[i].name);
	return 0;
}

static int
signature_put(struct tokens *t, const char *name, const struct rule_values *v,
    const struct origin *at, struct fault *f)
{
	size_t i;

	for (i = 0; i < COUNT(signatures); i++)
		if (strcasecmp(signatures[i].name, name) == 0)
			break;
	if (i == COUNT(signatures))
		return fault_set(f, at->file, at->line,
		    "signature_algorithms: \"%.60s\" is no signature that TLS "
		    "uses here",
		    name);
	if (signatures[i].use == OLD && !is_legacy(v))
		return fault_set(f, at->file, at->line,
		    "signature_algorithms: \"%s\" is broken: it needs options "
		    "= [ \"legacy_ciphers\" ]",
		    signatures[i].name);
	if (!signature_reaches(
		&signatures[i], profile_level(v->security_profile)))
		return fault_set(f, at->file, at->line,
		    "signature_algorithms: \"%s\" is weaker than "
		    "security_profile \"%s\" allows",
		    signatures[i].name, v->security_profile);
	tokens_put(t, ":+SIGN-%s", signatures[i].name);
	return 0;
}

int
signatures_put(struct tokens *t, const struct rule_values *v,
    const struct origin *origin, struct fault *f)
{
	gnutls_sec_param_t level = profile_level(v->security_profile);
	const struct list *own = &v->signature_algorithms;
	size_t i;

	tokens_put(t, ":-SIGN-ALL");
	for (i = 0; i < own->n; i++)
		if (signature_put(t, own->v[i], v,
			&origin[K_signature_algorithms], f) == -1)
			return -1;
	for (i = 0; own->n == 0 && i < COUNT(signatures); i++)
		if (is_offered(signatures[i].use, v) &&
		    signature_reaches(&signatures[i], level))
			tokens_put(t, ":+SIGN-%s", signatures[i].name);
	return 0;
}

void
options_put(struct tokens *t, const struct rule_values *v, enum side side)
{
	tokens_put(t, ":%%PROFILE_%s", profile_find(v->security_profile)->token);
	/* RFC 5746 of the server, as OpenSSL 3 and Python 3.12 demand it;
	 * many a client that is not at risk sends no sign of it. */
	if (side == SIDE_CLIENT &&
	    (v->options & OPT_LEGACY_SERVER_CONNECT) == 0)
		tokens_put(t, ":%%SAFE_RENEGOTIATION");
	/* Who has a key and would take a certificate too is known by the key:
	 * it stands first in the default string. */
	if (side == SIDE_SERVER &&
	    ((v->options & OPT_CIPHER_SERVER_PREFERENCE) != 0 ||
		(v->psk_file != NULL && v->verify_mode != VERIFY_NONE)))
		tokens_put(t, ":%%SERVER_PRECEDENCE");
	if ((v->options & OPT_NO_MIDDLEBOX_COMPAT) != 0)
		tokens_put(t, ":%%DISABLE_TLS13_COMPAT_MODE");
	if ((v->options & OPT_COMPAT) != 0)
		tokens_put(t, ":%%COMPAT");
}
