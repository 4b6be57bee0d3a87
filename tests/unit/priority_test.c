/*
 * priority_test.c - what a priority key, or none, leaves to negotiate
 */
#include <stdbool.h>

#include "../../policy/credentials.h"
#include "made.h"

static const struct row {
	const char *priority;
	int min, max;
	const char *fault; /* part of it, or NULL */
	int line;          /* 100 + key, of a fault */
	const char *has;   /* a suite that must be there */
	const char *lacks; /* and one that must not */
} rows[] = {
    {NULL, TLS_V1_2, TLS_V1_3, NULL, 0, "TLS_ECDHE_ECDSA_AES_128_GCM_SHA256",
	NULL},
    {NULL, TLS_V1_3, TLS_V1_3, NULL, 0, "TLS_AES_256_GCM_SHA384",
	"TLS_ECDHE_RSA_AES_128_GCM_SHA256"},
    {NULL, TLS_V1_2, TLS_V1_2, NULL, 0, "TLS_ECDHE_RSA_AES_256_GCM_SHA384",
	"TLS_AES_256_GCM_SHA384"},
    {"NORMAL", TLS_V1_2, TLS_V1_3, NULL, 0, "TLS_ECDHE_RSA_AES_128_GCM_SHA256",
	"TLS_RSA_AES_128_GCM_SHA256"},
    {"SECURE256", TLS_V1_2, TLS_V1_3, NULL, 0, "TLS_AES_256_GCM_SHA384",
	"TLS_AES_128_GCM_SHA256"},
    {"SUITEB192", TLS_V1_2, TLS_V1_3, NULL, 0,
	"TLS_ECDHE_ECDSA_AES_256_GCM_SHA384", NULL},
    {"-CHACHA20-POLY1305", TLS_V1_2, TLS_V1_3, NULL, 0,
	"TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"},
    {"+DHE-RSA", TLS_V1_2, TLS_V1_3, NULL, 0, "TLS_DHE_RSA_AES_128_GCM_SHA256",
	NULL},
    {"NORMAL:-AES-128-GCM:!AES-256-CBC:%FORCE_ETM", TLS_V1_2, TLS_V1_3, NULL, 0,
	"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"},
    {"NONE:+ECDHE-RSA:+AES-256-GCM", TLS_V1_2, TLS_V1_3, NULL, 0,
	"TLS_ECDHE_RSA_AES_256_GCM_SHA384",
	"TLS_ECDHE_ECDSA_AES_256_GCM_SHA384"},

    {"NORMAL:+VERS-TLS1.0", TLS_V1_2, TLS_V1_3, "minimum_version", K_priority,
	NULL, NULL},
    {"NORMAL:+VERS-SSL3.0", TLS_V1_2, TLS_V1_3, "minimum_version", K_priority,
	NULL, NULL},
    {"NORMAL:-VERS-ALL", TLS_V1_2, TLS_V1_3, "minimum_version", K_priority,
	NULL, NULL},
    {"NORMAL:+COMP-DEFLATE", TLS_V1_2, TLS_V1_3, "compression", K_priority,
	NULL, NULL},
    {"NORMAL:+GROUP-X448", TLS_V1_2, TLS_V1_3, "groups", K_priority, NULL,
	NULL},
    {"NORMAL:+CURVE-SECP256R1", TLS_V1_2, TLS_V1_3, "groups", K_priority, NULL,
	NULL},
    {"NORMAL:+SIGN-RSA-SHA1", TLS_V1_2, TLS_V1_3, "signature_algorithms",
	K_priority, NULL, NULL},
    {"NORMAL:%PROFILE_LOW", TLS_V1_2, TLS_V1_3, "security_profile", K_priority,
	NULL, NULL},
    {"NORMAL:%VERIFY_ALLOW_BROKEN", TLS_V1_2, TLS_V1_3, "security_profile",
	K_priority, NULL, NULL},
    {"NORMAL:%COMPAT", TLS_V1_2, TLS_V1_3, "options compat", K_priority, NULL,
	NULL},
    {"NORMAL:%NO_ETM", TLS_V1_2, TLS_V1_3, "protection off", K_priority, NULL,
	NULL},
    {"NORMAL:%UNSAFE_RENEGOTIATION", TLS_V1_2, TLS_V1_3, "unsafely", K_priority,
	NULL, NULL},
    {"NORMAL:+ANON-ECDH", TLS_V1_2, TLS_V1_3, "unverified", K_priority, NULL,
	NULL},
    {"NORMAL:+PSK", TLS_V1_2, TLS_V1_3, "psk_file", K_priority, NULL, NULL},
    {"NORMAL:+ECDHE-PSK", TLS_V1_2, TLS_V1_3, "psk_file", K_priority, NULL,
	NULL},
    {"NORMAL:+CTYPE-RAWPK", TLS_V1_2, TLS_V1_3, "cannot be verified",
	K_priority, NULL, NULL},
    {"NORMAL:+AES-128-CBC", TLS_V1_2, TLS_V1_3, "legacy_ciphers", K_priority,
	NULL, NULL},
    {"NORMAL:+RSA", TLS_V1_2, TLS_V1_3, "legacy_ciphers", K_priority, NULL,
	NULL},
    {"NORMAL:+SHA1", TLS_V1_2, TLS_V1_3, "legacy_ciphers", K_priority, NULL,
	NULL},
    {"NORMAL:+NULL", TLS_V1_2, TLS_V1_3, "unknown token '+NULL'", K_priority,
	NULL, NULL},
    {"NORMAL:+AES-127-GCM", TLS_V1_2, TLS_V1_3, "unknown token '+AES-127-GCM'",
	K_priority, NULL, NULL},
    {"NORMAL:%ALLOW_ANYTHING", TLS_V1_2, TLS_V1_3, "unknown token", K_priority,
	NULL, NULL},
    {"HIGH:!aNULL", TLS_V1_2, TLS_V1_3, "unknown token 'HIGH'", K_priority,
	NULL, NULL},
    {"@SYSTEM", TLS_V1_2, TLS_V1_3, "outside the policy", K_priority, NULL,
	NULL},
    {"SYSTEM", TLS_V1_2, TLS_V1_3, "outside the policy", K_priority, NULL,
	NULL},
    {"LEGACY", TLS_V1_2, TLS_V1_3, "unknown token", K_priority, NULL, NULL},
    {"+AES-128-GCM:NORMAL", TLS_V1_2, TLS_V1_3, "must stand first", K_priority,
	NULL, NULL},
    {"NORMAL:AES-128-GCM", TLS_V1_2, TLS_V1_3, "needs a + or -", K_priority,
	NULL, NULL},
    {"NORMAL::+AEAD", TLS_V1_2, TLS_V1_3, "empty token", K_priority, NULL,
	NULL},
    {"", TLS_V1_2, TLS_V1_3, "empty token", K_priority, NULL, NULL},
    {"NONE", TLS_V1_2, TLS_V1_3, "no cipher suite is left", K_priority, NULL,
	NULL},
    {"NONE:+ECDHE-RSA:+AES-256-GCM:-AEAD:-CIPHER-ALL", TLS_V1_2, TLS_V1_3,
	"no cipher suite is left", K_priority, NULL, NULL},
    {NULL, TLS_V1_0, TLS_V1_3, "legacy_ciphers", K_minimum_version, NULL, NULL},
    {NULL, TLS_V1_0, TLS_V1_1, "no suite is left", K_minimum_version, NULL,
	NULL},
    {NULL, TLS_V1_3, TLS_V1_2, "above maximum_version", K_maximum_version, NULL,
	NULL},
};

struct suites {
	bool has, lacks; /* the row's two */
	const char *bad; /* one that is not forward secret with AEAD */
	size_t n;
};

static struct suites
suites_read(gnutls_priority_t p, const struct row *row)
{
	struct suites s = {false, true, NULL, 0};
	gnutls_kx_algorithm_t kx;
	gnutls_mac_algorithm_t mac;
	const char *name;
	unsigned i, id;
	int rv;

	for (i = 0; (rv = gnutls_priority_get_cipher_suite_index(p, i, &id)) !=
		    GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
	     i++) {
		if (rv < 0)
			continue;
		name =
		    gnutls_cipher_suite_info(id, NULL, &kx, NULL, &mac, NULL);
		s.n++;
		if (row->has != NULL && strcmp(name, row->has) == 0)
			s.has = true;
		if (row->lacks != NULL && strcmp(name, row->lacks) == 0)
			s.lacks = false;
		if (mac != GNUTLS_MAC_AEAD ||
		    (kx != GNUTLS_KX_UNKNOWN && kx != GNUTLS_KX_ECDHE_RSA &&
			kx != GNUTLS_KX_ECDHE_ECDSA && kx != GNUTLS_KX_DHE_RSA))
			s.bad = name;
	}
	return s;
}

/* Versions and signatures, which no priority may change. */
static bool
frame_is_right(gnutls_priority_t p, const struct row *row)
{
	const unsigned *list;
	int i, n;

	n = gnutls_priority_protocol_list(p, &list);
	if (n != row->max - row->min + 1)
		return false;
	for (i = 0; i < n; i++)
		if (list[i] < GNUTLS_TLS1_2 || list[i] > GNUTLS_TLS1_3)
			return false;
	n = gnutls_priority_sign_list(p, &list);
	for (i = 0; i < n; i++)
		if (!gnutls_sign_is_secure((gnutls_sign_algorithm_t)list[i]))
			return false;
	if (n == 0 || gnutls_priority_group_list(p, &list) < 1 ||
	    list[0] != GNUTLS_GROUP_X25519)
		return false;
	return gnutls_priority_certificate_type_list2(
		   p, &list, GNUTLS_CTYPE_SERVER) <= 1;
}

static void
row_check(const struct row *row, enum side side)
{
	const char *name = row->priority != NULL ? row->priority : "(default)";
	struct credentials *c = NULL;
	struct suites s;
	struct rule r;
	struct fault f = {"", 0, ""};
	int rv;

	made_rule(&r, side);
	r.values.priority = row->priority;
	r.values.minimum_version = row->min;
	r.values.maximum_version = row->max;
	r.values.verify_mode = VERIFY_NONE;
	r.values.certfile = NULL;
	rv = credentials_read(&r, &c, &f);
	if (row->fault != NULL) {
		report(rv == -1 && strstr(f.text, row->fault) != NULL &&
			   f.line == 100 + row->line,
		    "%s %d-%d: %d: %s", name, row->min, row->max, f.line,
		    f.text);
	} else if (rv == -1) {
		report(false, "%s: %s", name, f.text);
	} else {
		s = suites_read(c->priority, row);
		report(s.n > 0 && (row->has == NULL || s.has) && s.lacks &&
			   s.bad == NULL && frame_is_right(c->priority, row),
		    "%s %d-%d: %zu suites%s%s", name, row->min, row->max, s.n,
		    s.bad != NULL ? ", of them " : "",
		    s.bad != NULL ? s.bad : "");
	}
	credentials_free(c);
}

/* Only a client asks for RFC 5746; and too small a buffer is a fault. */
static void
text_check(void)
{
	char client[4096], server[4096], small[64];
	struct rule r;

	made_rule(&r, SIDE_CLIENT);
	report(priority_text(&r.values, SIDE_CLIENT, r.origin, client,
		   sizeof client, NULL) == 0 &&
		   strstr(client, "%SAFE_RENEGOTIATION") != NULL &&
		   priority_text(&r.values, SIDE_SERVER, r.origin, server,
		       sizeof server, NULL) == 0 &&
		   strstr(server, "%SAFE_RENEGOTIATION") == NULL,
	    "a client demands safe renegotiation");
	report(priority_text(&r.values, SIDE_CLIENT, r.origin, small,
		   sizeof small, NULL) == -1,
	    "a string that does not fit is refused");
}

static const struct psk_row {
	int mode, min, max;
	enum side side;
	const char *has, *lacks;
} psk_rows[] = {
    {VERIFY_NONE, TLS_V1_2, TLS_V1_3, SIDE_CLIENT,
	"TLS_ECDHE_PSK_CHACHA20_POLY1305", "TLS_AES_256_GCM_SHA384"},
    {VERIFY_NONE, TLS_V1_2, TLS_V1_3, SIDE_CLIENT, "TLS_AES_128_GCM_SHA256",
	"TLS_ECDHE_RSA_AES_128_GCM_SHA256"},
    {VERIFY_NONE, TLS_V1_2, TLS_V1_3, SIDE_SERVER, "TLS_AES_256_GCM_SHA384",
	"TLS_ECDHE_ECDSA_AES_128_GCM_SHA256"},
    {VERIFY_NONE, TLS_V1_2, TLS_V1_2, SIDE_CLIENT,
	"TLS_DHE_PSK_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"},
    {VERIFY_REQUIRED, TLS_V1_2, TLS_V1_3, SIDE_CLIENT,
	"TLS_ECDHE_ECDSA_AES_128_GCM_SHA256", NULL},
    {VERIFY_REQUIRED, TLS_V1_2, TLS_V1_3, SIDE_CLIENT,
	"TLS_DHE_PSK_AES_128_GCM_SHA256", NULL},
};

/* Never plain PSK nor RSA-PSK, and what TLS 1.3's keys need. */
static void
psk_check(const struct psk_row *row, const char *priority)
{
	struct row want = {.has = row->has, .lacks = row->lacks};
	gnutls_priority_t p = NULL;
	const unsigned *kx;
	struct fault f = {"", 0, ""};
	struct suites s = {0};
	struct rule r;
	bool good;
	int i, n;

	made_rule(&r, row->side);
	r.values.psk_file = "/nowhere";
	r.values.priority = priority;
	r.values.verify_mode = row->mode;
	r.values.minimum_version = row->min;
	r.values.maximum_version = row->max;
	good = priority_new(&r, &p, &f) == 0;
	if (good)
		s = suites_read(p, &want);
	n = good ? gnutls_priority_kx_list(p, &kx) : 0;
	for (i = 0; i < n; i++)
		good &= kx[i] == GNUTLS_KX_ECDHE_PSK ||
			kx[i] == GNUTLS_KX_DHE_PSK ||
			(row->mode == VERIFY_REQUIRED &&
			    (kx[i] == GNUTLS_KX_ECDHE_RSA ||
				kx[i] == GNUTLS_KX_DHE_RSA ||
				kx[i] == GNUTLS_KX_ECDHE_ECDSA));
	if (priority != NULL) /* what it holds has rows of its own */
		s.has = s.lacks = true;
	report(good && n > 0 && s.has && s.lacks,
	    "psk_file, mode %d, %d-%d, %s: %s %s", row->mode, row->min,
	    row->max, priority != NULL ? priority : "(default)", row->has,
	    f.text);
	if (p != NULL)
		gnutls_priority_deinit(p);
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof psk_rows / sizeof psk_rows[0]; i++) {
		psk_check(&psk_rows[i], NULL);
		psk_check(&psk_rows[i], "NORMAL");
		psk_check(&psk_rows[i], "SECURE128:+DHE-RSA");
	}

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		row_check(&rows[i], SIDE_CLIENT);
	text_check();
	return failures > 0;
}
