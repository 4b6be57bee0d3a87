/* probe.c - tlsshim probe: connect as the policy would, and say what came */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../policy/credentials.h"
#include "../policy/json.h"
#include "../shim/engine/probe.h"
#include "host.h"
#include "../shim/engine/peercert.h"
#include "tools.h"

struct visit {
	char host[256], port[8];
	const char *program;
	int timeout;
	struct policy *policy;
	char **search;
	size_t nsearch;
};

/* What came of it; verdict is a word of the policy's or the engine's. */
struct outcome {
	const char *verdict, *cause;
	char address[128], text[2200], name[256];
	const struct rule *rule;
	struct probe probe;
	struct credentials *cred;
	bool good;
};

static void
address_text(const struct sockaddr_storage *to, socklen_t len, char *buf,
    size_t size)
{
	char host[64] = "?", port[8] = "";

	getnameinfo((const struct sockaddr *)to, len, host, sizeof host, port,
	    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(buf, size, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s",
	    host, port);
}

static void
decide(const struct visit *v, const struct sockaddr_storage *to,
    struct decision *d)
{
	const char *names[] = {v->host};
	struct endpoint e = {.side = SIDE_CLIENT,
	    .program = v->program != NULL ? v->program : "",
	    .peer = (const struct sockaddr *)to,
	    .names = names,
	    .nnames = name_is_address(v->host) ? 0 : 1,
	    .search = (const char *const *)v->search,
	    .nsearch = v->nsearch};

	policy_match(v->policy, &e, d);
}

static int
failed(struct outcome *o, const char *verdict, const char *cause,
    const char *text)
{
	o->verdict = verdict;
	o->cause = cause;
	snprintf(o->text, sizeof o->text, "%s", text);
	return -1;
}

/* Without a name of its own a server must show its address. */
static void
name_set(struct outcome *o, const struct visit *v, const struct decision *d,
    const struct sockaddr_storage *to, socklen_t len)
{
	char host[64] = "";

	snprintf(o->name, sizeof o->name, "%s", d->name);
	if (o->name[0] != '\0')
		return;
	getnameinfo((const struct sockaddr *)to, len, host, sizeof host, NULL,
	    0, NI_NUMERICHOST);
	if (name_canon(host, o->name, sizeof o->name) == -1)
		o->name[0] = '\0';
}

static void
shake_hands(struct outcome *o, int fd, int timeout)
{
	probe_begin(&o->probe, fd, o->rule, o->cred, o->name, timeout);
	o->cause = o->probe.cause[0] != '\0' ? o->probe.cause : NULL;
	o->verdict = o->probe.err != 0 ? "reject"
		     : o->probe.tolerated ? "tolerated"
					  : "accept";
	o->good = o->probe.err == 0 && !o->probe.tolerated;
	snprintf(o->text, sizeof o->text, "%s",
	    o->probe.text[0] == '\0' && o->probe.err != 0
		? strerror(o->probe.err)
		: o->probe.text);
}

/* One address.  -1: another one may do better. */
static int
visit(const struct visit *v, const struct sockaddr_storage *to, socklen_t len,
    struct outcome *o)
{
	struct decision d = {0};
	struct fault f = {0};
	char text[sizeof f.file + sizeof f.text + 32];
	int fd;

	address_text(to, len, o->address, sizeof o->address);
	decide(v, to, &d);
	o->rule = d.rule;
	if (d.action == ACTION_REJECT)
		return failed(o, "reject", "policy", d.text) * 0;
	if (d.action == ACTION_TLS &&
	    credentials_read(d.rule, &o->cred, &f) == -1) {
		fault_text(&f, text, sizeof text);
		return failed(o, "reject", "policy", text) * 0;
	}
	fd = dial(to, len, v->timeout);
	if (fd < 0)
		return failed(o, "error", NULL, strerror(-fd));
	if (d.action == ACTION_TLS) {
		name_set(o, v, &d, to, len);
		shake_hands(o, fd, v->timeout);
	} else {
		failed(o, action_word(d.action), NULL, d.text);
		o->good = true;
		close(fd);
	}
	return 0;
}

static int
visit_any(const struct visit *v, struct outcome *o)
{
	struct sockaddr_storage to[DIAL_MOST];
	socklen_t len[DIAL_MOST];
	size_t i, n;

	if (dial_resolve(v->host, v->port, to, len, &n) == -1)
		return -1;
	for (i = 0; i < n; i++)
		if (visit(v, &to[i], len[i], o) == 0)
			break;
	return 0;
}

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

int
timeout_read(const char *text, int *out)
{
	char *end;
	long v = text != NULL ? strtol(text, &end, 10) : 0;

	*out = (int)v;
	if (text == NULL || (*end == '\0' && v >= 1 && v <= 86400))
		return 0;
	complain("--timeout is in whole seconds, at least 1");
	return -1;
}

static int
visit_print(struct visit *v, bool json)
{
	struct outcome o = {.verdict = "error"};
	int status = EXIT_BAD;

	v->nsearch = name_search_read(NULL, getenv("LOCALDOMAIN"), &v->search);
	if (host_init() == 0 && visit_any(v, &o) == 0) {
		(json ? outcome_print_json : outcome_print)(v, &o);
		status = o.good ? EXIT_GOOD : EXIT_BAD;
		probe_end(&o.probe);
	}
	credentials_free(o.cred);
	name_search_free(v->search, v->nsearch);
	return status;
}

int
probe_main(const struct subcommand *self, int argc, char **argv)
{
	const char *file = NULL, *timeout = "30";
	bool json = false;
	struct visit v = {.timeout = 0};
	const struct option_row rows[] = {
	    {'p', "policy", OPTION_TEXT, &file, "FILE",
		"Use this policy instead of the one in force."},
	    {0, "program", OPTION_TEXT, &v.program, "FILE",
		"Connect as this program would."},
	    {0, "timeout", OPTION_TEXT, &timeout, "SECONDS",
		"Give up after so long (30)."},
	    {0, "json", OPTION_FLAG, &json, NULL, "Print JSON."},
	    {0},
	};
	struct fault f = {0};
	char real[PATH_MAX];
	int status, first = options_read(self, rows, true, argc, argv);

	if (first == -1)
		return EXIT_USAGE;
	if (argc - first != 1)
		return options_wrong(self, "one HOST:PORT is wanted");
	if (dial_split(argv[first], v.host, v.port) == -1 ||
	    timeout_read(timeout, &v.timeout) == -1)
		return EXIT_USAGE;
	if (v.program != NULL && realpath(v.program, real) != NULL)
		v.program = real;
	if (source_read(file, &v.policy, &f) == -1) {
		complain_fault(&f);
		return EXIT_BAD;
	}
	if (file != NULL)
		source_warn(v.policy, file);
	status = visit_print(&v, json);
	policy_free(v.policy);
	return status;
}
