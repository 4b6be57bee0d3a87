/* verify.c - tlsshim verify: the engine's own verification, on files */
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../policy/crl.h"
#include "../policy/json.h"
#include "../policy/keys.h"
#include "../policy/trust.h"
#include "exhibit.h"
#include "tools.h"

#define CRL_MAX ((size_t)64 << 20)

struct asked {
	const char *policy, *context, *host, *purpose, *trust, *crl, *staple;
	const char *at, *depth, *flags, *chain;
	bool any_name, json;
	enum side side; /* who verifies */
	time_t now;
};

/* What is judged, and all that it points into. */
struct judged {
	struct exhibit x;
	struct policy *policy;
	struct rule rule;
	struct credentials c;
	char name[256];
};

/* Words of --flags on top of what the rule has, as in a policy. */
static int
flags_add(const char *text, unsigned *flags)
{
	const struct key *k = &keys[K_verify_flags];
	char copy[256], *word, *save;
	bool no;
	int bit;

	if (strlen(text) >= sizeof copy) {
		complain("verify: --flags is too long");
		return -1;
	}
	strcpy(copy, text);
	for (word = strtok_r(copy, ", ", &save); word != NULL;
	     word = strtok_r(NULL, ", ", &save)) {
		no = strncmp(word, "no_", 3) == 0;
		bit = key_word(k, no ? word + 3 : word);
		if (bit < 0 || (no && 1u << bit == VF_TRUSTED_FIRST)) {
			complain("verify: there is no flag %s", word);
			return -1;
		}
		*flags = no ? *flags & ~(1u << bit) : *flags | 1u << bit;
	}
	return 0;
}

/* No path is longer than 100, whatever is asked. */
static int
depth_set(const char *text, int *depth)
{
	char *end;
	long v = strtol(text, &end, 10);

	if (end == text || *end != '\0' || v < 0) {
		complain("verify: --depth takes a number");
		return -1;
	}
	*depth = v > 100 ? 100 : (int)v;
	return 0;
}

/* The values of a context of the policy, or the built-in ones. */
static int
base_read(const struct asked *q, struct judged *j)
{
	struct policy_source src = {0};
	struct fault f = {0};
	char path[PATH_MAX];
	size_t i;

	if (q->policy == NULL) {
		j->rule = (struct rule){.side = q->side,
		    .file = "defaults",
		    .line = 1,
		    .action = ACTION_TLS,
		    .values = key_defaults[q->side]};
		return 0;
	}
	src.site = path_absolute(q->policy, path);
	if (src.site == NULL) {
		complain("verify: the policy's name is too long");
		return -1;
	}
	if (policy_read(&src, &j->policy, &f) == -1) {
		complain_fault(&f);
		return -1;
	}
	for (i = 0; i < j->policy->ncontexts; i++) {
		const struct rule *r = &j->policy->context[q->side][i];

		if (q->context == NULL ||
		    (r->context != NULL && strcmp(r->context, q->context) == 0)) {
			j->rule = *r;
			return 0;
		}
	}
	complain("verify: %s has no context \"%s\"", q->policy, q->context);
	return -1;
}

/* What the command line says counts for more than the policy. */
static int
options_apply(const struct asked *q, struct rule *r)
{
	struct rule_values *v = &r->values;

	if (r->origin[K_verify_mode].file == NULL)
		v->verify_mode = VERIFY_REQUIRED;
	if (q->trust != NULL) {
		v->cafile = v->capath = v->cadata = NULL;
		v->system_trust = false;
	}
	if (r->side == SIDE_SERVER && !v->system_trust && v->cafile == NULL &&
	    v->capath == NULL && v->cadata == NULL && q->trust == NULL)
		v->system_trust = !v->pins_only;
	if (q->crl != NULL) {
		v->crlfile = v->crlpath = NULL;
	}
	if (q->depth != NULL && depth_set(q->depth, &v->verify_depth) == -1)
		return -1;
	if (q->flags != NULL && flags_add(q->flags, &v->verify_flags) == -1)
		return -1;
	if (q->crl != NULL && (v->verify_flags & (VF_CRL_CHECK_LEAF |
						     VF_CRL_CHECK_CHAIN)) == 0)
		v->verify_flags |= VF_CRL_CHECK_LEAF;
	if (q->any_name)
		v->check_hostname = false;
	else if (q->host != NULL)
		v->check_hostname = true;
	return 0;
}

/* No name at all matches no certificate, and so does what is none. */
static void
name_set(const struct asked *q, struct judged *j)
{
	const char *name = q->host;

	if (name == NULL)
		name = j->rule.values.server_hostname;
	if (name == NULL || name_canon(name, j->name, sizeof j->name) == -1)
		j->name[0] = '\0';
}

/*
 * Files of the command line that hold nothing to trust, or lists that cannot
 * be read, lead to a refusal as any other lack of them does; those of a policy
 * keep it from loading.
 */
static int
trust_set(const struct asked *q, struct judged *j)
{
	const struct origin at = {q->trust, 1};
	struct fault f = {0};
	char *text;
	size_t len;

	if (q->trust == NULL) {
		if (trust_read(&j->rule, &j->c.trust, &f) == 0)
			return 0;
		complain_fault(&f);
		return -1;
	}
	text = input_read(q->trust, INPUT_MAX, &len);
	j->c.trust = trust_new();
	if (text == NULL || j->c.trust == NULL) {
		free(text);
		return -1;
	}
	if (trust_add_text(j->c.trust, text, q->trust, &at, &f) == -1) {
		complain_fault(&f);
		trust_free(j->c.trust);
		j->c.trust = trust_new();
	}
	free(text);
	if (j->c.trust != NULL)
		trust_sort(j->c.trust);
	return j->c.trust != NULL ? 0 : -1;
}

static int
lists_set(const struct asked *q, struct judged *j)
{
	struct fault f = {0};
	char *text;
	size_t len;

	if (q->crl == NULL) {
		if (crls_read(&j->rule, &j->c.crls, &f) == 0)
			return 0;
		complain_fault(&f);
		return -1;
	}
	text = input_read(q->crl, CRL_MAX, &len);
	j->c.crls = calloc(1, sizeof *j->c.crls);
	if (text != NULL && j->c.crls != NULL &&
	    crls_add(j->c.crls, text, len, q->crl, &f) == -1)
		complain_fault(&f);
	len = text != NULL && j->c.crls != NULL;
	free(text);
	return len ? 0 : -1;
}

/* The subject of a certificate on one line, to be freed; NULL: none. */
static char *
subject_text(const struct der *der)
{
	const gnutls_datum_t d = {
	    (unsigned char *)der->p, (unsigned)der->len};
	gnutls_datum_t dn = {NULL, 0};
	gnutls_x509_crt_t c = NULL;
	char *text = NULL;

	if (gnutls_x509_crt_init(&c) >= 0 &&
	    gnutls_x509_crt_import(c, &d, GNUTLS_X509_FMT_DER) >= 0 &&
	    gnutls_x509_crt_get_dn3(c, &dn, 0) >= 0)
		text = strndup((const char *)dn.data, dn.size);
	gnutls_free(dn.data);
	gnutls_x509_crt_deinit(c);
	if (text != NULL)
		der_text_clean(text);
	return text;
}

static void
verdict_print(const struct verdict *v, bool json)
{
	size_t i;
	char *subject;

	if (json) {
		printf("{\"verdict\": \"%s\", \"cause\": ",
		    v->cause == NULL ? "accept" : "reject");
		json_string_print(v->cause, stdout);
		fputs(", \"path\": [", stdout);
	} else if (v->cause == NULL) {
		puts("accept");
	} else {
		printf("reject: %s: %s\n", v->cause, v->text);
	}
	for (i = 0; i < v->npath; i++) {
		subject = subject_text(&v->path[i]);
		if (json) {
			fputs(i > 0 ? ", " : "", stdout);
			json_string_print(
			    subject != NULL ? subject : "", stdout);
		} else {
			printf("  %zu: %s\n", i,
			    subject != NULL ? subject : "");
		}
		free(subject);
	}
	if (json)
		puts("]}");
}

static void
judged_free(struct judged *j)
{
	trust_free(j->c.trust);
	crls_free(j->c.crls);
	policy_free(j->policy);
	exhibit_free(&j->x);
	free(j);
}

/* EXIT_USAGE where the question cannot be put. */
static int
judge(const struct asked *q)
{
	struct judged *j = calloc(1, sizeof *j);
	struct verdict v;
	int status = EXIT_USAGE;

	if (j == NULL)
		return EXIT_BAD;
	if (base_read(q, j) == -1 || options_apply(q, &j->rule) == -1 ||
	    exhibit_read(&j->x, q->chain, q->staple) == -1 ||
	    trust_set(q, j) == -1 || lists_set(q, j) == -1)
		goto out;
	name_set(q, j);
	j->c.rule = &j->rule;
	j->x.p.now = q->now;
	status = verify_peer(&j->c, q->side, j->name, &j->x.p, &v) == 0
		     ? EXIT_GOOD
		     : EXIT_BAD;
	verdict_print(&v, q->json);
	if (j->rule.values.check_hostname && j->name[0] == '\0')
		complain("verify: no name to look for: give --host or "
			 "--no-check-hostname");
out:
	judged_free(j);
	return status;
}

int
verify_main(const struct subcommand *self, int argc, char **argv)
{
	struct asked q = {.now = time(NULL)};
	const struct option_row rows[] = {
	    {'p', "policy", OPTION_TEXT, &q.policy, "FILE",
		"Take the values of this policy's defaults."},
	    {0, "context", OPTION_TEXT, &q.context, "NAME",
		"Take those of one of its contexts."},
	    {0, "host", OPTION_TEXT, &q.host, "NAME",
		"The name or address to look for."},
	    {0, "purpose", OPTION_TEXT, &q.purpose, "SIDE",
		"Whose chain it is: server (default) or client."},
	    {0, "trust", OPTION_TEXT, &q.trust, "FILE",
		"Trust these certificates alone."},
	    {0, "crl", OPTION_TEXT, &q.crl, "FILE",
		"Revocation lists; implies crl_check_leaf."},
	    {0, "staple", OPTION_TEXT, &q.staple, "FILE",
		"The OCSP answer stapled to the first certificate, in DER."},
	    {0, "at", OPTION_TEXT, &q.at, "TIME",
		"Judge at this time: RFC 3339, or seconds since the epoch."},
	    {0, "depth", OPTION_TEXT, &q.depth, "N",
		"At most N intermediate certificates."},
	    {0, "flags", OPTION_TEXT, &q.flags, "A,B",
		"Words of verify_flags to add."},
	    {0, "no-check-hostname", OPTION_FLAG, &q.any_name, NULL,
		"Any name will do."},
	    {0, "json", OPTION_FLAG, &q.json, NULL, "Print JSON."},
	    {0},
	};
	int first = options_read(self, rows, true, argc, argv);

	if (first == -1)
		return EXIT_USAGE;
	if (argc - first != 1)
		return options_wrong(self, "takes one file");
	q.chain = argv[first];
	if (q.context != NULL && q.policy == NULL)
		return options_wrong(self, "--context needs -p");
	if (q.at != NULL && !time_read(q.at, &q.now))
		return options_wrong(self, "--at takes a time of RFC 3339, "
					   "or seconds since the epoch");
	if (q.purpose != NULL && strcmp(q.purpose, "client") == 0)
		q.side = SIDE_SERVER;
	else if (q.purpose != NULL && strcmp(q.purpose, "server") != 0)
		return options_wrong(self, "--purpose is server or client");
	return judge(&q);
}
