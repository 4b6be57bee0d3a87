/* check.c - tlsshim check: is the policy right, and is it strong */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../policy/json.h"
#include "report.h"
#include "tools.h"

/*
 * The file that -p names is judged by itself first: a site policy in place
 * could keep it from being read at all.
 */
static int
named_read(const char *name, struct policy **out, struct fault *f)
{
	char path[PATH_MAX];
	struct policy_source src = {.site = path_absolute(name, path)};

	if (src.site == NULL)
		return fault_set(f, NULL, 0, "the policy's name is too long");
	return policy_read(&src, out, f);
}

/* Adds what is wrong with one policy; *out is the policy or NULL. */
static void
policy_check(struct report *faults, struct report *weak, struct policy *p,
    const struct fault *f)
{
	if (p == NULL) {
		report_add(faults, f);
		return;
	}
	report_add_files(faults, p);
	if (weak != NULL)
		report_add_weak(weak, p);
}

static void
good_print(const struct policy *p)
{
	printf("%s: good: %zu client %s, %zu server %s, unmatched = \"%s\"\n",
	    p->file, p->nclient, p->nclient == 1 ? "rule" : "rules", p->nserver,
	    p->nserver == 1 ? "rule" : "rules",
	    p->unmatched == UNMATCHED_PLAIN ? "plain" : "reject");
}

static int
result_print(const struct policy *p, const struct report *faults,
    const struct report *weak, bool json)
{
	bool good = faults->n == 0 && weak->n == 0;

	if (json) {
		fputs("{ \"policy\": ", stdout);
		json_string_print(p != NULL ? p->file : NULL, stdout);
		printf(
		    ", \"good\": %s,\n  \"faults\": ", good ? "true" : "false");
		report_print_json(faults, stdout);
		fputs(",\n  \"weakenings\": ", stdout);
		report_print_json(weak, stdout);
		fputs(" }\n", stdout);
	} else {
		report_print(faults, stderr);
		report_print(weak, stderr);
		if (good)
			good_print(p);
	}
	return good ? EXIT_GOOD : EXIT_BAD;
}

int
check_main(const struct subcommand *self, int argc, char **argv)
{
	const char *name = NULL;
	bool strict = false, json = false;
	const struct option_row rows[] = {
	    {'p', "policy", OPTION_TEXT, &name, "FILE",
		"Check this policy instead of the one in force."},
	    {0, "strict", OPTION_FLAG, &strict, NULL,
		"Name everything weaker than the defaults as well."},
	    {0, "json", OPTION_FLAG, &json, NULL, "Print JSON."},
	    {0},
	};
	struct report faults = {0}, weak = {0};
	struct policy *own = NULL, *merged = NULL;
	struct fault f = {0};
	int status, first = options_read(self, rows, true, argc, argv);

	if (first != argc)
		return first == -1 ? EXIT_USAGE
				   : options_wrong(self, "too many arguments");
	if (name != NULL) {
		if (named_read(name, &own, &f) == -1)
			own = NULL;
		policy_check(&faults, strict ? &weak : NULL, own, &f);
	}
	/* as the engine reads it: the site's, and what it lets a user add */
	if (name == NULL || (own != NULL && access(POLICY_SITE, F_OK) == 0)) {
		if (source_read(name, &merged, &f) == -1)
			merged = NULL;
		policy_check(&faults, strict ? &weak : NULL, merged, &f);
	}
	status = result_print(own != NULL ? own : merged, &faults, &weak, json);
	if (name != NULL && merged != NULL)
		source_warn(merged, name);
	report_free(&faults);
	report_free(&weak);
	policy_free(own);
	policy_free(merged);
	return status;
}
