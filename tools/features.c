/*
 * features.c - tlsshim features: what this build can do, here and now
 *
 * HAS_* are the names of Python's ssl module.  Each says what the GnuTLS that
 * is loaded and the policy's keys can do together, by asking both.
 */
#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/credentials.h"
#include "../policy/json.h"
#include "../policy/keys.h"
#include "tools.h"

static bool
has_key(const char *name)
{
	const struct key *k = key_find(name);

	return k != NULL;
}

/* Does GnuTLS know the extension of that number? */
static bool
has_extension(unsigned number)
{
	gnutls_session_t s;
	bool rv;

	if (gnutls_init(&s, GNUTLS_CLIENT) < 0)
		return false;
	rv = gnutls_ext_get_name2(s, number, GNUTLS_EXT_ANY) != NULL;
	gnutls_deinit(s);
	return rv;
}

static bool
has_alpn(void)
{
	return has_extension(16) && has_key("alpn_protocols"); /* RFC 7301 */
}

static bool
has_sni(void)
{
	return has_extension(0) && has_key("sni_hostname"); /* RFC 6066 */
}

static bool
has_npn(void)
{
	return has_extension(13172) && has_key("npn_protocols");
}

static bool
has_ecdh(void)
{
	return gnutls_kx_get_id("ECDHE-ECDSA") != GNUTLS_KX_UNKNOWN &&
	       gnutls_group_list()[0] != 0 && has_key("groups");
}

static bool
has_psk(void)
{
	return gnutls_kx_get_id("ECDHE-PSK") != GNUTLS_KX_UNKNOWN &&
	       has_key("psk_file");
}

static bool
has_never_check_common_name(void)
{
	return has_key("hostname_checks_common_name") &&
	       !key_defaults[SIDE_CLIENT].hostname_checks_common_name;
}

/* Can a policy ask for this version alone, and does GnuTLS then have it? */
static bool
speaks(const char *word, const char *gnutls_name)
{
	const struct key *k = &keys[K_minimum_version];
	struct rule r = {.side = SIDE_CLIENT,
	    .action = ACTION_TLS,
	    .enforce = true,
	    .values = key_defaults[SIDE_CLIENT]};
	gnutls_protocol_t id = gnutls_protocol_get_id(gnutls_name);
	struct credentials *cred = NULL;
	struct fault f = {0};
	const unsigned *list;
	int n = 0, version = key_word(k, word);
	bool rv = false;

	if (version < 0 || id == GNUTLS_VERSION_UNKNOWN)
		return false;
	r.values.minimum_version = r.values.maximum_version = version;
	r.values.options = OPT_LEGACY_CIPHERS;
	r.values.system_trust = false;
	r.values.verify_mode = VERIFY_NONE;
	r.values.check_hostname = false;
	if (credentials_read(&r, &cred, &f) == 0) {
		n = gnutls_priority_protocol_list(cred->priority, &list);
		while (n > 0 && !rv)
			rv = list[--n] == (unsigned)id;
	}
	credentials_free(cred);
	return rv;
}

static bool
has_ssl2(void)
{
	return speaks("SSLv2", "SSL2.0");
}

static bool
has_ssl3(void)
{
	return speaks("SSLv3", "SSL3.0");
}

static bool
has_tls1(void)
{
	return speaks("TLSv1", "TLS1.0");
}

static bool
has_tls1_1(void)
{
	return speaks("TLSv1.1", "TLS1.1");
}

static bool
has_tls1_2(void)
{
	return speaks("TLSv1.2", "TLS1.2");
}

static bool
has_tls1_3(void)
{
	return speaks("TLSv1.3", "TLS1.3");
}

/* RAND_status(): bytes can be had, and are not the same twice. */
static bool
has_random(void)
{
	unsigned char a[32] = {0}, b[32] = {0};

	return gnutls_rnd(GNUTLS_RND_KEY, a, sizeof a) == 0 &&
	       gnutls_rnd(GNUTLS_RND_KEY, b, sizeof b) == 0 &&
	       memcmp(a, b, sizeof a) != 0;
}

static bool
has_fips(void)
{
	return gnutls_fips140_mode_enabled() != GNUTLS_FIPS140_DISABLED;
}

/* A word of the list that GnuTLS gives of how it was built. */
static bool
gnutls_has(const char *which, const char *word)
{
	const gnutls_library_config_st *c = gnutls_get_library_config();
	size_t len = strlen(word);
	const char *p;

	for (; c != NULL && c->name != NULL; c++)
		for (p = strcmp(c->name, which) == 0 ? c->value : "";
		     *p != '\0'; p += strcspn(p, " "), p += *p == ' ')
			if (strncmp(p, word, len) == 0 &&
			    (p[len] == ' ' || p[len] == '\0'))
				return true;
	return false;
}

static bool
gnutls_has_ktls(void)
{
	return gnutls_has("hardware-features", "ktls");
}

static bool
gnutls_has_pkcs11(void)
{
	return gnutls_has("hardware-features", "pkcs11");
}

static bool
kernel_has_ktls(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/tcp_available_ulp", "re");
	char word[32];
	bool rv = false;

	while (f != NULL && !rv && fscanf(f, "%31s", word) == 1)
		rv = strcmp(word, "tls") == 0;
	if (f != NULL)
		fclose(f);
	return rv;
}

#if defined(__x86_64__)
#include <cpuid.h>

static bool
cpu_has_aes(void)
{
	return __builtin_cpu_supports("aes");
}

static bool
cpu_has_clmul(void)
{
	return __builtin_cpu_supports("pclmul");
}

static bool
cpu_has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

static bool
cpu_has_sha(void)
{
	unsigned a, b = 0, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}
#endif

struct flag {
	const char *name;
	bool (*ask)(void);
	const char *text;
};

static const struct flag flags[] = {
    {"HAS_ALPN", has_alpn, "application protocols (alpn_protocols)"},
    {"HAS_NEVER_CHECK_COMMON_NAME", has_never_check_common_name,
	"common names can be left out (hostname_checks_common_name)"},
    {"HAS_ECDH", has_ecdh, "key exchange on elliptic curves (groups)"},
    {"HAS_SNI", has_sni, "server name indication (sni_hostname, sni)"},
    {"HAS_NPN", has_npn, "next protocol negotiation"},
    {"HAS_SSLv2", has_ssl2, "SSL 2.0"},
    {"HAS_SSLv3", has_ssl3, "SSL 3.0"},
    {"HAS_TLSv1", has_tls1, "TLS 1.0, under options legacy_ciphers"},
    {"HAS_TLSv1_1", has_tls1_1, "TLS 1.1, under options legacy_ciphers"},
    {"HAS_TLSv1_2", has_tls1_2, "TLS 1.2"},
    {"HAS_TLSv1_3", has_tls1_3, "TLS 1.3"},
    {"HAS_PSK", has_psk, "pre-shared keys (psk_file)"},
    {"random", has_random, "random bytes can be had, as RAND_status() says"},
    {"fips_mode", has_fips, "GnuTLS runs in FIPS 140 mode"},
    {"pkcs11", gnutls_has_pkcs11, "keys in tokens (pkcs11: of certfile)"},
    {"ktls_gnutls", gnutls_has_ktls, "GnuTLS was built with kernel TLS"},
    {"ktls_kernel", kernel_has_ktls, "the kernel has its part loaded"},
#if defined(__x86_64__)
    {"cpu_aes", cpu_has_aes, "AES instructions: AES-GCM is offered first"},
    {"cpu_pclmul", cpu_has_clmul, "carry-less multiplication, for GCM"},
    {"cpu_avx2", cpu_has_avx2, "AVX2"},
    {"cpu_sha", cpu_has_sha, "SHA instructions"},
#endif
};
#define NFLAGS (sizeof(flags) / sizeof(flags[0]))

static const char *
gnutls_now(char *buf, size_t len)
{
	return gnutls_check_version(NULL);
}

static const char *
gnutls_built(char *buf, size_t len)
{
	return GNUTLS_VERSION;
}

static const char *
libconfig_built(char *buf, size_t len)
{
	return policy_libconfig();
}

/* It comes with GnuTLS, and this command is not linked with it. */
static const char *
nettle_now(char *buf, size_t len)
{
	int (*major)(void) =
	    (int (*)(void))dlsym(RTLD_DEFAULT, "nettle_version_major");
	int (*minor)(void) =
	    (int (*)(void))dlsym(RTLD_DEFAULT, "nettle_version_minor");

	if (major == NULL || minor == NULL)
		return NULL;
	snprintf(buf, len, "%d.%d", major(), minor());
	return buf;
}

static const char *
gmp_now(char *buf, size_t len)
{
	const char *const *v = dlsym(RTLD_DEFAULT, "__gmp_version");

	return v != NULL ? *v : NULL;
}

static const char *
tasn1_now(char *buf, size_t len)
{
	const char *(*check)(const char *) =
	    (const char *(*)(const char *))dlsym(
		RTLD_DEFAULT, "asn1_check_version");

	return check != NULL ? check(NULL) : NULL;
}

static const char *
libc_now(char *buf, size_t len)
{
	return gnu_get_libc_version();
}

struct version {
	const char *name;
	const char *(*ask)(char *buf, size_t len); /* NULL: not known */
	const char *text;
};

static const struct version versions[] = {
    {"gnutls", gnutls_now, "GnuTLS, as loaded"},
    {"gnutls_built", gnutls_built, "GnuTLS, as this was built with"},
    {"libconfig_built", libconfig_built, "libconfig, as this was built with"},
    {"nettle", nettle_now, "nettle, which GnuTLS has loaded"},
    {"gmp", gmp_now, "GMP, which nettle has loaded"},
    {"libtasn1", tasn1_now, "libtasn1, which GnuTLS has loaded"},
    {"libc", libc_now, "the C library"},
};
#define NVERSIONS (sizeof(versions) / sizeof(versions[0]))

static void
features_print(void)
{
	const char *v;
	char buf[32];
	size_t i;

	for (i = 0; i < NFLAGS; i++)
		printf("%-28s %-8s %s\n", flags[i].name,
		    flags[i].ask() ? "yes" : "no", flags[i].text);
	for (i = 0; i < NVERSIONS; i++) {
		v = versions[i].ask(buf, sizeof buf);
		printf("%-28s %-8s %s\n", versions[i].name, v != NULL ? v : "?",
		    versions[i].text);
	}
}

static void
features_print_json(void)
{
	char buf[32];
	size_t i;

	for (i = 0; i < NFLAGS; i++)
		printf("%s\"%s\": %s", i == 0 ? "{ " : ",\n  ", flags[i].name,
		    flags[i].ask() ? "true" : "false");
	for (i = 0; i < NVERSIONS; i++) {
		printf(",\n  \"%s\": ", versions[i].name);
		json_string_print(versions[i].ask(buf, sizeof buf), stdout);
	}
	fputs(" }\n", stdout);
}

int
features_main(const struct subcommand *self, int argc, char **argv)
{
	bool json = false;
	const struct option_row rows[] = {
	    {0, "json", OPTION_FLAG, &json, NULL, "Print JSON."},
	    {0},
	};
	int first = options_read(self, rows, true, argc, argv);

	if (first == -1)
		return EXIT_USAGE;
	if (first != argc)
		return options_wrong(self, "no argument is wanted");
	(json ? features_print_json : features_print)();
	return EXIT_GOOD;
}
