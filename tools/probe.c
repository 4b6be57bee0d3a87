/* probe.c - tlsshim probe: connect as the policy would, and say what came */
#include <gnutls/gnutls.h>
#include <string.h>

#include "../policy/json.h"
#include "../shim/engine/peercert.h"
#include "visit.h"

/* What the session says, or NULL. */
static const char *
fact(gnutls_session_t s, int which, char *buf, size_t len)
{
	gnutls_datum_t alpn;
	const char *p = NULL;

	if (s == NULL)
		return NULL;
	if (which == 0)
		p = gnutls_protocol_get_name(gnutls_protocol_get_version(s));
	else if (which == 1)
		p = gnutls_ciphersuite_get(s);
	else if (which == 2)
		p = gnutls_group_get_name(gnutls_group_get(s));
	else if (gnutls_alpn_get_selected_protocol(s, &alpn) == 0)
		snprintf(buf, len, "%.*s", (int)alpn.size,
		    (const char *)alpn.data),
		    p = buf;
	/* as Python and the policy write it: TLSv1.3 */
	if (which == 0 && p != NULL && strncmp(p, "TLS", 3) == 0) {
		snprintf(buf, len, "TLSv%s", strcmp(p, "TLS1.0") == 0 ? "1"
							       : p + 3);
		p = buf;
	}
	return p;
}

static const char *const facts[] = {"version", "cipher", "group", "alpn"};

static gnutls_x509_crt_t
cert_nth(gnutls_session_t s, unsigned i)
{
	unsigned n = 0;
	const gnutls_datum_t *der =
	    s != NULL ? gnutls_certificate_get_peers(s, &n) : NULL;
	gnutls_x509_crt_t crt;

	if (der == NULL || i >= n || gnutls_x509_crt_init(&crt) < 0)
		return NULL;
	if (gnutls_x509_crt_import(crt, &der[i], GNUTLS_X509_FMT_DER) >= 0)
		return crt;
	gnutls_x509_crt_deinit(crt);
	return NULL;
}

static void
chain_print(gnutls_session_t s, const char *before, const char *between)
{
	gnutls_x509_crt_t crt;
	unsigned i;

	for (i = 0; (crt = cert_nth(s, i)) != NULL; i++) {
		fputs(i == 0 ? before : between, stdout);
		peercert_print_subject(crt, stdout);
		gnutls_x509_crt_deinit(crt);
	}
}

static void
names_print(gnutls_session_t s)
{
	gnutls_x509_crt_t crt = cert_nth(s, 0);

	if (crt == NULL) {
		fputs("[]", stdout);
		return;
	}
	peercert_print_names(crt, stdout);
	gnutls_x509_crt_deinit(crt);
}

static void
member_print(const char *name, const char *value)
{
	printf(",\n  \"%s\": ", name);
	json_string_print(value, stdout);
}

static void
outcome_print_json(const struct visit *v, const struct outcome *o)
{
	gnutls_session_t s = o->probe.session;
	char buf[64], rule[PATH_MAX + 16] = "";
	int i;

	if (o->rule != NULL)
		snprintf(rule, sizeof rule, "%s:%d", o->rule->file,
		    o->rule->line);
	printf("{ \"verdict\": \"%s\"", o->verdict);
	member_print("cause", o->cause);
	member_print("text", o->text[0] != '\0' ? o->text : NULL);
	member_print("host", v->host);
	member_print("address", o->address);
	member_print("name", o->name[0] != '\0' ? o->name : NULL);
	member_print("rule", rule[0] != '\0' ? rule : NULL);
	for (i = 0; i < 4; i++)
		member_print(facts[i],
		    o->probe.err == 0 ? fact(s, i, buf, sizeof buf) : NULL);
	fputs(",\n  \"peer_names\": ", stdout);
	names_print(s);
	fputs(",\n  \"chain\": [", stdout);
	chain_print(s, "", ", ");
	fputs("] }\n", stdout);
}

static void
outcome_print(const struct visit *v, const struct outcome *o)
{
	gnutls_session_t s = o->probe.session;
	const char *p;
	char buf[64];
	int i;

	printf("%s port %s, at %s\n  verdict: %s\n", v->host, v->port,
	    o->address, o->verdict);
	if (o->cause != NULL)
		printf("  cause: %s\n", o->cause);
	if (o->text[0] != '\0')
		printf("  why: %s\n", o->text);
	if (o->rule != NULL)
		printf("  rule: %s:%d\n", o->rule->file, o->rule->line);
	if (o->name[0] != '\0')
		printf("  name: %s\n", o->name);
	for (i = 0; i < 4 && o->probe.err == 0; i++)
		if ((p = fact(s, i, buf, sizeof buf)) != NULL)
			printf("  %s: %s\n", facts[i], p);
	if (s == NULL)
		return;
	fputs("  peer names: ", stdout);
	names_print(s);
	fputs("\n  chain: ", stdout);
	chain_print(s, "", "\n         ");
	putchar('\n');
}

static int
visit_print(const struct visit *v, bool json)
{
	struct outcome o = {.verdict = "error"};
	int status = EXIT_BAD;

	if (visit_any(v, &o) == 0) {
		(json ? outcome_print_json : outcome_print)(v, &o);
		status = o.good ? EXIT_GOOD : EXIT_BAD;
	}
	outcome_free(&o);
	return status;
}

int
probe_main(const struct subcommand *self, int argc, char **argv)
{
	bool json = false;
	struct visit v = {.timeout = 0};
	const struct option_row rows[] = {
	    VISIT_OPTIONS(v),
	    {0, "json", OPTION_FLAG, &json, NULL, "Print JSON."},
	    {0},
	};
	int status, first = options_read(self, rows, true, argc, argv);

	if (first == -1)
		return EXIT_USAGE;
	if (argc - first != 1)
		return options_wrong(self, "one HOST:PORT is wanted");
	status = visit_open(&v, argv[first]);
	if (status == EXIT_GOOD)
		status = visit_print(&v, json);
	visit_free(&v);
	return status;
}
