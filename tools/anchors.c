/* anchors.c - tlsshim ca-certs: which authorities are trusted */
#include <gnutls/x509.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/credentials.h"
#include "../policy/crl.h"
#include "../policy/trust.h"
#include "certfile.h"
#include "context.h"
#include "../shim/engine/peercert.h"
#include "tools.h"

struct anchors {
	const struct trust *trust; /* NULL: nothing */
	size_t ncrls;
};

static gnutls_x509_crt_t
import(const struct trust_cert *c)
{
	const gnutls_datum_t d = {(unsigned char *)(uintptr_t)c->der.p,
	    (unsigned)c->der.len};
	gnutls_x509_crt_t crt;

	if (gnutls_x509_crt_init(&crt) < 0)
		return NULL;
	if (gnutls_x509_crt_import(crt, &d, GNUTLS_X509_FMT_DER) >= 0)
		return crt;
	gnutls_x509_crt_deinit(crt);
	return NULL;
}

/* X509_check_ca counts a version 1 certificate that signed itself as one. */
static bool
is_ca(gnutls_x509_crt_t crt)
{
	return gnutls_x509_crt_get_ca_status(crt, NULL) > 0 ||
	       (gnutls_x509_crt_get_version(crt) == 1 &&
		   gnutls_x509_crt_check_issuer(crt, crt) != 0);
}

/* Calls f for each that can be read; returns how many are CAs. */
static size_t
each(const struct anchors *a,
    void (*f)(gnutls_x509_crt_t crt, const struct trust_cert *c, size_t n))
{
	size_t i, cas = 0, n = a->trust != NULL ? a->trust->n : 0;
	gnutls_x509_crt_t crt;

	for (i = 0; i < n; i++) {
		crt = import(&a->trust->cert[i]);
		if (crt == NULL)
			continue;
		if (is_ca(crt)) {
			if (f != NULL)
				f(crt, &a->trust->cert[i], cas);
			cas++;
		}
		gnutls_x509_crt_deinit(crt);
	}
	return cas;
}

static void
json_one(gnutls_x509_crt_t crt, const struct trust_cert *c, size_t n)
{
	fputs(n > 0 ? ",\n" : "", stdout);
	peercert_print_json(crt, stdout);
}

static void
text_one(gnutls_x509_crt_t crt, const struct trust_cert *c, size_t n)
{
	peercert_print_subject(crt, stdout);
	printf("  %s\n", c->file);
}

static void
pem_one(gnutls_x509_crt_t crt, const struct trust_cert *c, size_t n)
{
	const gnutls_datum_t d = {(unsigned char *)(uintptr_t)c->der.p,
	    (unsigned)c->der.len};

	certfile_print(&d, CERT_PEM);
}

/* As Python's cert_store_stats(). */
static void
stats_print(const struct anchors *a, bool json)
{
	size_t x509 = a->trust != NULL ? a->trust->n : 0;

	printf(json ? "{ \"crl\": %zu, \"x509_ca\": %zu, \"x509\": %zu }\n"
		    : "crl: %zu\nx509_ca: %zu\nx509: %zu\n",
	    a->ncrls, each(a, NULL), x509);
}

/* As get_default_verify_paths(); no variable of the environment is heeded. */
static void
paths_print(bool json)
{
	if (json)
		printf("{ \"cafile\": \"%s\", \"capath\": null,\n"
		       "  \"openssl_cafile_env\": null,\n"
		       "  \"openssl_cafile\": \"%s\",\n"
		       "  \"openssl_capath_env\": null,\n"
		       "  \"openssl_capath\": null }\n",
		    TRUST_SYSTEM, TRUST_SYSTEM);
	else
		printf("cafile: %s\ncapath: none\n", TRUST_SYSTEM);
}

static void
list_print(const struct anchors *a, bool json, bool pem)
{
	if (json)
		fputs("[", stdout);
	each(a, json ? json_one : pem ? pem_one : text_one);
	if (json)
		fputs("]\n", stdout);
}

int
anchors_main(const struct subcommand *self, int argc, char **argv)
{
	struct context_choice from = {.side = SIDE_CLIENT};
	bool json = false, pem = false, stats = false, paths = false;
	const struct option_row rows[] = {
	    {'p', "policy", OPTION_TEXT, &from.policy, "FILE",
		"What a context of this policy trusts, not the defaults."},
	    {0, "context", OPTION_TEXT, &from.context, "NAME",
		"With -p, this context; without it, the policy's defaults."},
	    {0, "ca", OPTION_TEXT, &from.ca, "FILE",
		"What this file holds instead."},
	    {0, "pem", OPTION_FLAG, &pem, NULL, "Print them in PEM."},
	    {0, "stats", OPTION_FLAG, &stats, NULL, "Print how many."},
	    {0, "default-paths", OPTION_FLAG, &paths, NULL,
		"Print where system_trust takes them from."},
	    {0, "json", OPTION_FLAG, &json, NULL,
		"Print JSON, each as Python's getpeercert() does."},
	    {0},
	};
	struct credentials *cred;
	struct anchors a = {0};
	int first = options_read(self, rows, true, argc, argv);

	if (first != argc)
		return first == -1 ? EXIT_USAGE
				   : options_wrong(self, "too many arguments");
	if (paths) {
		paths_print(json);
		return EXIT_GOOD;
	}
	cred = context_load(self, &from);
	if (cred == NULL)
		return from.wrong ? EXIT_USAGE : EXIT_BAD;
	a.trust = cred->trust;
	a.ncrls = cred->crls != NULL ? cred->crls->n : 0;
	if (stats)
		stats_print(&a, json);
	else
		list_print(&a, json, pem);
	context_unload(&from, cred);
	return EXIT_GOOD;
}
