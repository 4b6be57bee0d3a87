/* openssl.c - a cipher list of OpenSSL's in the words of a policy */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/json.h"
#include "openssl.h"
#include "../shim/engine/suite.h"
#include "tools.h"

/* The list while its words are obeyed, as ciphers(1ssl) says. */
struct wanted {
	struct suite all[SUITES_MOST];
	size_t n;
	int order[SUITES_MOST]; /* place in the list, 0: not in it */
	bool killed[SUITES_MOST];
	int last;
	int level; /* of @SECLEVEL, -1: not said */
	char lost[1024]; /* what cannot be said, sentences by "; " */
};

__attribute__((format(printf, 2, 3))) static void
lose(struct wanted *l, const char *fmt, ...)
{
	size_t n = strlen(l->lost);
	va_list ap;

	if (n > 0)
		n += (size_t)snprintf(l->lost + n, sizeof l->lost - n, "; ");
	if (n >= sizeof l->lost)
		return;
	va_start(ap, fmt);
	vsnprintf(l->lost + n, sizeof l->lost - n, fmt, ap);
	va_end(ap);
}

static bool
named(const struct suite *s, const char *part)
{
	return strstr(gnutls_cipher_get_name(s->cipher), part) != NULL;
}

static bool
is_cbc(const struct suite *s)
{
	return s->mac != GNUTLS_MAC_AEAD;
}

/* Does s fall under one word?  -1: the word is not known. */
static int
word_holds(const struct suite *s, const char *w)
{
	const char *kx = suite_exchange(s), *au = suite_authentication(s);
	unsigned bits = suite_bits(s);
	bool aes = named(s, "AES");

	if (strcmp(w, "ALL") == 0 || strcmp(w, "COMPLEMENTOFDEFAULT") == 0)
		return w[0] == 'A';
	if (strcmp(w, "DEFAULT") == 0 || strcmp(w, "HIGH") == 0)
		return bits >= 128;
	if (strcmp(w, "MEDIUM") == 0)
		return bits < 128;
	if (strcmp(w, "kRSA") == 0)
		return strcmp(kx, "RSA") == 0;
	if (strcmp(w, "RSA") == 0)
		return strcmp(kx, "RSA") == 0 || strcmp(au, "RSA") == 0;
	if (strcmp(w, "aRSA") == 0)
		return strcmp(au, "RSA") == 0;
	if (strcmp(w, "aECDSA") == 0 || strcmp(w, "ECDSA") == 0)
		return strcmp(au, "ECDSA") == 0;
	if (strcmp(w, "kECDHE") == 0 || strcmp(w, "kEECDH") == 0 ||
	    strcmp(w, "ECDHE") == 0 || strcmp(w, "EECDH") == 0 ||
	    strcmp(w, "ECDH") == 0)
		return strcmp(kx, "ECDH") == 0;
	if (strcmp(w, "kDHE") == 0 || strcmp(w, "kEDH") == 0 ||
	    strcmp(w, "DHE") == 0 || strcmp(w, "EDH") == 0 ||
	    strcmp(w, "DH") == 0)
		return strcmp(kx, "DH") == 0;
	if (strcmp(w, "AES") == 0)
		return aes;
	if (strcmp(w, "AES128") == 0)
		return aes && bits == 128;
	if (strcmp(w, "AES256") == 0)
		return aes && bits == 256;
	if (strcmp(w, "AESGCM") == 0)
		return aes && named(s, "GCM");
	if (strcmp(w, "AESCCM") == 0)
		return aes && named(s, "CCM");
	if (strcmp(w, "AESCCM8") == 0)
		return aes && named(s, "CCM-8");
	if (strcmp(w, "CHACHA20") == 0)
		return named(s, "CHACHA20");
	if (strcmp(w, "3DES") == 0)
		return named(s, "3DES");
	if (strncmp(w, "CAMELLIA", 8) == 0)
		return named(s, "CAMELLIA") &&
		       (w[8] == '\0' || (unsigned)atoi(w + 8) == bits);
	if (strcmp(w, "SHA1") == 0 || strcmp(w, "SHA") == 0)
		return s->mac == GNUTLS_MAC_SHA1;
	if (strcmp(w, "SHA256") == 0)
		return s->mac == GNUTLS_MAC_SHA256;
	if (strcmp(w, "SHA384") == 0)
		return s->mac == GNUTLS_MAC_SHA384;
	if (strcmp(w, "TLSv1.2") == 0)
		return s->version == GNUTLS_TLS1_2;
	if (strcmp(w, "TLSv1.0") == 0 || strcmp(w, "TLSv1") == 0 ||
	    strcmp(w, "SSLv3") == 0)
		return s->version < GNUTLS_TLS1_2;
	return strcmp(w, s->name) == 0 ? 1 : -1;
}

/* Kinds of suites that no policy here can reach: to exclude them is done. */
static bool
is_nothing(const char *w)
{
	static const char *const words[] = {"aNULL", "eNULL", "NULL", "ADH",
	    "AECDH", "MD5", "RC4", "DES", "LOW", "EXP", "EXPORT", "EXPORT40",
	    "EXPORT56", "PSK", "kPSK", "aPSK", "SRP", "kSRP", "DSS", "aDSS",
	    "IDEA", "SEED", "RC2", "ARIA", "ARIA128", "ARIA256", "ARIAGCM",
	    "GOST", "kGOST", "aGOST", "DHEPSK", "ECDHEPSK", "RSAPSK",
	    "kDHEPSK", "kECDHEPSK", "kRSAPSK", "aGOST01", "GOST94", "SSLv2",
	    "COMPLEMENTOFALL"};
	size_t i;

	for (i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(words[i], w) == 0)
			return true;
	return false;
}

/* One word alone, for any suite. */
static bool
is_known(const struct wanted *l, const char *w)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (word_holds(&l->all[i], w) >= 0 &&
		    (strcmp(l->all[i].name, w) == 0 ||
			word_holds(&l->all[(i + 1) % l->n], w) >= 0))
			return true;
	return false;
}

/* "ECDHE+AESGCM": all of the words must hold. */
static bool
all_hold(const struct suite *s, const char *expression)
{
	char copy[128], *w, *save;

	snprintf(copy, sizeof copy, "%s", expression);
	for (w = strtok_r(copy, "+", &save); w != NULL;
	     w = strtok_r(NULL, "+", &save))
		if (word_holds(s, w) != 1)
			return false;
	return true;
}

/* Are the words of it known, and can anything fall under all of them? */
static bool
expression_check(struct wanted *l, const char *expression, bool adds)
{
	char copy[128], *w, *save;

	snprintf(copy, sizeof copy, "%s", expression);
	for (w = strtok_r(copy, "+", &save); w != NULL;
	     w = strtok_r(NULL, "+", &save)) {
		if (is_nothing(w)) {
			if (adds)
				lose(l, "'%s' is never offered", expression);
			return false;
		}
		if (!is_known(l, w)) {
			lose(l, "'%s' is not known", w);
			return false;
		}
	}
	return true;
}

static void
apply(struct wanted *l, char sign, const char *expression)
{
	size_t i;

	if (!expression_check(l, expression, sign == '\0'))
		return;
	for (i = 0; i < l->n; i++) {
		if (suite_is_13(&l->all[i]) ||
		    !all_hold(&l->all[i], expression))
			continue;
		if (sign == '!')
			l->killed[i] = true;
		if (sign == '!' || sign == '-')
			l->order[i] = 0;
		else if (sign == '+' && l->order[i] > 0)
			l->order[i] = ++l->last;
		else if (sign == '\0' && l->order[i] == 0 && !l->killed[i])
			l->order[i] = ++l->last;
	}
}

static void
sort_by_strength(struct wanted *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->order[i] > 0)
			l->order[i] += (int)(1000 - suite_bits(&l->all[i])) *
				       10000;
	l->last += 10000 * 1000;
}

static void
command(struct wanted *l, const char *w)
{
	if (strcmp(w, "@STRENGTH") == 0)
		sort_by_strength(l);
	else if (strncmp(w, "@SECLEVEL=", 10) == 0 && w[10] >= '0' &&
		 w[10] <= '5' && w[11] == '\0')
		l->level = w[10] - '0';
	else
		lose(l, "'%s' is not known", w);
}

/* string, with "HIGH@STRENGTH" as two words; NULL: out of memory. */
static char *
words_part(const char *string)
{
	char *out = calloc(2, strlen(string) + 1), *at = out;

	for (; out != NULL && *string != '\0'; string++) {
		if (*string == '@')
			*at++ = ':';
		*at++ = *string;
	}
	return out;
}

static void
obey(struct wanted *l, const char *string)
{
	char *copy = words_part(string), *w, *save;

	for (w = copy != NULL ? strtok_r(copy, ":, ", &save) : NULL; w != NULL;
	     w = strtok_r(NULL, ":, ", &save)) {
		if (w[0] == '@')
			command(l, w);
		else if (strchr("!-+", w[0]) != NULL)
			apply(l, w[0], w + 1);
		else
			apply(l, '\0', w);
	}
	free(copy);
}

/* The next in order after *place, or -1. */
static int
next(const struct wanted *l, int *place)
{
	int best = -1;
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->order[i] > *place &&
		    (best == -1 || l->order[i] < l->order[best]))
			best = (int)i;
	if (best != -1)
		*place = l->order[best];
	return best;
}

/* Adds ":+NAME" unless it is there. */
static void
token_add(char *buf, size_t len, const char *name)
{
	char token[64];
	size_t n = strlen(buf), m;
	const char *at = buf;

	snprintf(token, sizeof token, ":+%s", name);
	m = strlen(token);
	while ((at = strstr(at, token)) != NULL) {
		if (at[m] == ':' || at[m] == '\0')
			return;
		at += m;
	}
	snprintf(buf + n, len - n, "%s", token);
}

static const char *
mac_token(const struct suite *s)
{
	return s->mac == GNUTLS_MAC_SHA1     ? "SHA1"
	       : s->mac == GNUTLS_MAC_SHA256 ? "SHA256"
					       : "SHA384";
}

/* Ciphers in order of their first suite, then exchanges, then MACs. */
static bool
priority_make(const struct wanted *l, char *buf, size_t len, bool *legacy)
{
	int place, i, pass;

	snprintf(buf, len, "NONE");
	*legacy = false;
	for (pass = 0; pass < 3; pass++)
		for (place = 0; (i = next(l, &place)) != -1;) {
			const struct suite *s = &l->all[i];

			if (pass == 0)
				token_add(buf, len,
				    gnutls_cipher_get_name(s->cipher));
			else if (pass == 1)
				token_add(buf, len, gnutls_kx_get_name(s->kx));
			else if (is_cbc(s))
				token_add(buf, len, mac_token(s));
			*legacy |= is_cbc(s) || s->kx == GNUTLS_KX_RSA ||
				   named(s, "CCM-8");
		}
	return strcmp(buf, "NONE") != 0;
}

/* Ciphers and exchanges are chosen apart: what comes along unasked. */
static void
surplus_find(struct wanted *l)
{
	size_t i, k;

	for (i = 0; i < l->n; i++) {
		const struct suite *s = &l->all[i];
		bool cipher = false, kx = false, mac = !is_cbc(s);

		if (l->order[i] > 0 || suite_is_13(s))
			continue;
		for (k = 0; k < l->n; k++) {
			if (l->order[k] == 0)
				continue;
			cipher |= l->all[k].cipher == s->cipher;
			kx |= l->all[k].kx == s->kx;
			mac |= l->all[k].mac == s->mac;
		}
		if (cipher && kx && mac)
			lose(l, "%s comes along", s->name);
	}
}

static const char *
profile_of(int level)
{
	static const char *const names[] = {
	    "low", "low", "medium", "high", "ultra", "future"};

	return level >= 0 ? names[level] : NULL;
}

static void
result_print(const struct wanted *l, const char *priority, bool legacy, bool json)
{
	const char *profile = profile_of(l->level);

	if (json) {
		fputs("{ \"priority\": ", stdout);
		json_string_print(priority, stdout);
		printf(", \"options\": [%s]",
		    legacy ? "\"legacy_ciphers\"" : "");
		fputs(", \"security_profile\": ", stdout);
		json_string_print(profile, stdout);
		fputs(", \"lost\": ", stdout);
		json_string_print(l->lost[0] != '\0' ? l->lost : NULL, stdout);
		fputs(" }\n", stdout);
		return;
	}
	if (priority != NULL)
		printf("priority = \"%s\";\n", priority);
	if (legacy)
		puts("options = \"legacy_ciphers\";");
	if (profile != NULL)
		printf("security_profile = \"%s\";\n", profile);
	if (l->lost[0] != '\0')
		complain("cannot be said: %s", l->lost);
}

/* OpenSSL's own order, as far as it matters: forward secret and AEAD first. */
static int
by_preference(const void *a, const void *b)
{
	static const gnutls_kx_algorithm_t order[] = {GNUTLS_KX_ECDHE_ECDSA,
	    GNUTLS_KX_ECDHE_RSA, GNUTLS_KX_DHE_RSA, GNUTLS_KX_RSA};
	const struct suite *s[] = {a, b};
	int rank[2], i, k;

	for (i = 0; i < 2; i++) {
		for (k = 0; k < 4 && order[k] != s[i]->kx; k++)
			;
		rank[i] = k + (is_cbc(s[i]) ? 10 : 0) +
			  (named(s[i], "CCM") ? 5 : 0) +
			  (named(s[i], "CAMELLIA") ? 6 : 0);
	}
	if (rank[0] != rank[1])
		return rank[0] - rank[1];
	return s[0]->index < s[1]->index ? -1 : 1;
}

/* No list brings pre-shared keys in: psk_file does. */
static size_t
without_psk(struct suite *v, size_t n)
{
	size_t i, kept = 0;

	for (i = 0; i < n; i++)
		if (!suite_is_psk(&v[i]))
			v[kept++] = v[i];
	return kept;
}

int
openssl_translate(const char *string, bool json)
{
	static struct wanted l;
	char priority[1024];
	bool legacy, any;

	l.level = -1;
	l.n = without_psk(l.all, suites_read(l.all, SUITES_MOST));
	qsort(l.all, l.n, sizeof l.all[0], by_preference);
	obey(&l, string);
	any = priority_make(&l, priority, sizeof priority, &legacy);
	if (!any)
		lose(&l, "no suite is left");
	surplus_find(&l);
	result_print(&l, any ? priority : NULL, legacy, json);
	return l.lost[0] == '\0' ? EXIT_GOOD : EXIT_BAD;
}
