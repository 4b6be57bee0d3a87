/* fetch.c - tlsshim fetch-cert: what certificate does a server show */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../policy/credentials.h"
#include "../policy/keys.h"
#include "../shim/engine/probe.h"
#include "certfile.h"
#include "host.h"
#include "tools.h"

struct fetch {
	char host[256], port[8];
	const char *ca;
	int timeout;
	struct rule rule;
	struct credentials *cred; /* owned */
};

/*
 * Whatever a server may still speak: without --ca nothing is verified, so
 * that nothing is lost by it, and with --ca the chain decides.
 */
static int
rule_set(struct fetch *q, const char *minimum, bool check)
{
	struct rule_values *v = &q->rule.values;
	const struct key *k = &keys[K_minimum_version];
	struct fault f = {0};
	int word = minimum != NULL ? key_word(k, minimum) : TLS_V1_2;

	q->rule = (struct rule){.side = SIDE_CLIENT,
	    .file = "fetch-cert",
	    .line = 1,
	    .action = ACTION_TLS,
	    .enforce = true,
	    .values = key_defaults[SIDE_CLIENT]};
	if (word < 0) {
		complain("there is no version \"%s\"", minimum);
		return -1;
	}
	v->minimum_version = word == TLS_MINIMUM_SUPPORTED   ? TLS_V1_0
			     : word == TLS_MAXIMUM_SUPPORTED ? TLS_V1_3
							     : word;
	v->options = OPT_LEGACY_CIPHERS | OPT_LEGACY_SERVER_CONNECT;
	v->verify_mode = q->ca != NULL ? VERIFY_REQUIRED : VERIFY_NONE;
	v->check_hostname = check;
	v->ocsp_stapling = OCSP_OFF;
	v->cafile = q->ca;
	v->system_trust = false;
	if (q->ca == NULL)
		v->security_profile = "low";
	if (credentials_read(&q->rule, &q->cred, &f) == 0)
		return 0;
	complain("%s", f.text);
	return -1;
}

/* The first address that takes the connection. */
static int
fetch_dial(const struct fetch *q)
{
	struct sockaddr_storage to[DIAL_MOST];
	socklen_t len[DIAL_MOST];
	int fd = -1;
	size_t i, n;

	if (dial_resolve(q->host, q->port, to, len, &n) == -1)
		return -1;
	for (i = 0; i < n && fd < 0; i++)
		fd = dial(&to[i], len[i], q->timeout);
	if (fd < 0)
		complain("%s port %s: %s", q->host, q->port, strerror(-fd));
	return fd;
}

static int
fetched_print(const struct probe *p, enum cert_form form)
{
	unsigned n = 0;
	const gnutls_datum_t *der =
	    p->session != NULL ? gnutls_certificate_get_peers(p->session, &n)
			       : NULL;

	if (p->err != 0) {
		complain("%s%s%s", p->cause, p->cause[0] != '\0' ? ": " : "",
		    p->text[0] != '\0' ? p->text : strerror(p->err));
		return EXIT_BAD;
	}
	if (der == NULL || n == 0) {
		complain("the server showed no certificate");
		return EXIT_BAD;
	}
	return certfile_print(&der[0], form);
}

static int
fetch(struct fetch *q, enum cert_form form)
{
	char name[256];
	struct probe p = {.peer = NULL};
	int fd, status;

	if (host_init() == -1 || (fd = fetch_dial(q)) < 0)
		return EXIT_BAD;
	if (name_canon(q->host, name, sizeof name) == -1)
		name[0] = '\0';
	probe_begin(&p, fd, &q->rule, q->cred, name, q->timeout);
	status = fetched_print(&p, form);
	probe_end(&p);
	close(fd);
	return status;
}

int
fetch_main(const struct subcommand *self, int argc, char **argv)
{
	const char *minimum = NULL, *timeout = "30", *form = "pem";
	bool json = false, check = false;
	struct fetch q = {.timeout = 0};
	const struct option_row rows[] = {
	    {0, "ca", OPTION_TEXT, &q.ca, "FILE",
		"The chain must lead to an authority of this file."},
	    {0, "check-hostname", OPTION_FLAG, &check, NULL,
		"With --ca, the certificate must be for HOST as well."},
	    {0, "min-version", OPTION_TEXT, &minimum, "VERSION",
		"The oldest TLS to speak (TLSv1.2)."},
	    {0, "timeout", OPTION_TEXT, &timeout, "SECONDS",
		"Give up after so long (30)."},
	    {0, "form", OPTION_TEXT, &form, "FORM", "pem (default), der or text."},
	    {0, "json", OPTION_FLAG, &json, NULL,
		"Print the fields of Python's getpeercert()."},
	    {0},
	};
	char path[PATH_MAX];
	enum cert_form f = CERT_JSON;
	int status, first = options_read(self, rows, true, argc, argv);

	if (first == -1)
		return EXIT_USAGE;
	if (argc - first != 1)
		return options_wrong(self, "one HOST:PORT is wanted");
	if (check && q.ca == NULL)
		return options_wrong(self, "--check-hostname needs --ca");
	if (q.ca != NULL && (q.ca = path_absolute(q.ca, path)) == NULL)
		return options_wrong(self, "the name of --ca is too long");
	if ((!json && certfile_form(form, &f) == -1) ||
	    dial_split(argv[first], q.host, q.port) == -1 ||
	    timeout_read(timeout, &q.timeout) == -1)
		return EXIT_USAGE;
	status = rule_set(&q, minimum, check) == 0 ? fetch(&q, f) : EXIT_BAD;
	credentials_free(q.cred);
	return status;
}
