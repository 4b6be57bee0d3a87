/* policy_keys_test.c - the table of keys, and what rules inherit */
#include <sys/stat.h>
#include <unistd.h>

#include "../../policy/policy.h"
#include "made.h"

static char folder[] = "/tmp/policy_keys_test.XXXXXX";

static const char *
file_make(const char *name, const char *text)
{
	static char file[2][128];
	static int turn;
	FILE *out;

	turn = !turn;
	snprintf(file[turn], sizeof file[turn], "%s/%s", folder, name);
	out = fopen(file[turn], "w");
	if (out == NULL)
		abort();
	fputs(text, out);
	fclose(out);
	return file[turn];
}

/* On failure the fault is in *f. */
static struct policy *
policy_make(const char *site, const char *user, struct fault *f)
{
	struct policy_source src = {0};
	struct policy *p = NULL;

	src.site = site != NULL ? file_make("site.cfg", site)
				: "/nonexistent/policy.cfg";
	src.user = user != NULL ? file_make("user.cfg", user) : NULL;
	return policy_read(&src, &p, f) == 0 ? p : NULL;
}

static void
test_table(void)
{
	size_t i;

	for (i = 0; i < KEY_COUNT; i++) {
		const struct key *k = &keys[i];
		size_t n = strlen(k->text);

		report(key_find(k->name) == k, "%s is found", k->name);
		report(n > 0 && k->text[n - 1] == '.',
		    "%s has a sentence for the manual", k->name);
		report((k->type == TYPE_ENUM || k->type == TYPE_FLAGS) ==
			   (k->words != NULL),
		    "%s has words if it needs them", k->name);
	}
	report(
	    key_find("sesion.resume") == NULL, "an unknown key is not found");
}

static void
test_nearest(void)
{
	static const char *const names[] = {
	    "port", "host", "cafile", "capath", "verify_mode"};
	static const struct {
		const char *word, *want;
	} rows[] = {{"prot", "port"}, {"hsot", "host"}, {"cafil", "cafile"},
	    {"CAFILE", NULL}, {"capaths", "capath"},
	    {"verify-mode", "verify_mode"}, {"colour", NULL}, {"", NULL}};
	const char *got;
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		got = key_nearest(rows[i].word, names, 5);
		report(rows[i].want == NULL
			   ? got == NULL
			   : got != NULL && strcmp(got, rows[i].want) == 0,
		    "nearest to '%s' is %s", rows[i].word,
		    got != NULL ? got : "none");
	}
}

/* key = text of its value and the line it is from, 0 for the default. */
static void
value_check(const struct rule *r, const char *name, const char *want, int line)
{
	const struct key *k = key_find(name);
	char *got = NULL;
	size_t len;
	FILE *out = open_memstream(&got, &len);

	key_value_print(k, &r->values, out);
	fclose(out);
	report(strcmp(got, want) == 0 && r->origin[k - keys].line == line,
	    "%s is %s from line %d", name, got, r->origin[k - keys].line);
	free(got);
}

static void
test_inheritance(void)
{
	struct fault f = {0};
	struct policy *p = policy_make(
	    "version = 1; unmatched = \"plain\";\n"
	    "defaults = { handshake_timeout = 7;\n"
	    "  verify_flags = \"partial_chain\"; };\n"
	    "contexts = ( { name = \"c\";\n"
	    "  cafile = \"ca.pem\";\n"
	    "  handshake_timeout = 8; } );\n"
	    "client = ( { context = \"c\"; },\n"
	    "  { context = \"c\"; handshake_timeout = 9; },\n"
	    "  { verify_mode = \"none\"; },\n"
	    "  { cafile = \"/x/ca.pem\"; system_trust = true; } );\n"
	    "server = ( { certfile = \"a/s.pem\"; } );\n",
	    NULL, &f);
	char want[256];

	if (p == NULL) {
		report(false, "policy is read: %s", f.text);
		return;
	}
	snprintf(want, sizeof want, "\"%s/ca.pem\"", folder);
	value_check(&p->client[0], "handshake_timeout", "8", 6);
	value_check(&p->client[0], "cafile", want, 5);
	value_check(&p->client[0], "system_trust", "false", 0);
	value_check(&p->client[1], "handshake_timeout", "9", 8);
	value_check(&p->client[2], "handshake_timeout", "7", 2);
	value_check(&p->client[2], "system_trust", "true", 0);
	value_check(&p->client[2], "check_hostname", "false", 0);
	value_check(&p->client[3], "system_trust", "true", 10);
	value_check(&p->client[3], "cafile", "\"/x/ca.pem\"", 10);
	value_check(&p->client[3], "check_hostname", "true", 0);
	snprintf(want, sizeof want, "\"%s/a/s.pem\"", folder);
	value_check(&p->server[0], "certfile", want, 11);
	value_check(&p->server[0], "verify_mode", "\"none\"", 0);
	value_check(&p->server[0], "check_hostname", "false", 0);
	report(p->server[0].index == 4 && p->nrules == 5,
	    "rules are numbered through");
	policy_free(p);
}

/* What a user's own policy can and cannot do beside the site's. */
static void
test_site_and_user(void)
{
	static const char user[] =
	    "version = 1; unmatched = \"plain\";\n"
	    "unnamed = \"skip\"; client = ( { port = 2; } );\n";
	struct fault f = {0};
	struct policy *p;

	p = policy_make("version = 1; unmatched = \"reject\";\n"
			"client = ( { port = 1; } );\n",
	    user, &f);
	report(p != NULL && p->nclient == 1 && p->unmatched == UNMATCHED_REJECT,
	    "a site that does not allow it leaves the user's unread");
	policy_free(p);
	p = policy_make(
	    "version = 1; unmatched = \"reject\";\n"
	    "allow_user_policy = true; client = ( { port = 1; } );\n",
	    user, &f);
	report(p != NULL && p->nclient == 2 && p->client[1].index == 1 &&
		   strstr(p->client[1].file, "user.cfg") != NULL,
	    "the user's rules come after the site's");
	report(
	    p != NULL && p->unmatched == UNMATCHED_REJECT && !p->unnamed_skip,
	    "the user weakens nothing");
	policy_free(p);
	p = policy_make("version = 1; unmatched = \"plain\";\n"
			"allow_user_policy = true; unnamed = \"skip\";\n",
	    "version = 1; unmatched = \"reject\"; unnamed = \"reject\";\n", &f);
	report(
	    p != NULL && p->unmatched == UNMATCHED_REJECT && !p->unnamed_skip,
	    "the user may be stricter");
	policy_free(p);
	p = policy_make("version = 1; unmatched = \"plain\";\n"
			"allow_user_policy = true;\n",
	    "version = 1; unmatched = \"plain\";\nallow_user_policy = true;\n",
	    &f);
	report(p == NULL && f.line == 2 && strstr(f.text, "site") != NULL,
	    "what is the site's alone is refused: %s", f.text);
	p = policy_make("version = 1; unmatched = \"plain\";\n"
			"allow_user_policy = true;\n",
	    "version = 1; unmatched = \"plain\"; client = ( { port = 1;\n"
	    "session = { cache_file = \"/nonexistent/cache\"; }; } );\n",
	    &f);
	report(p == NULL && f.line == 2 &&
		   strstr(f.text, "directory of the user") != NULL,
	    "a user keeps sessions in places of the user: %s", f.text);
	p = policy_make("version = 1; unmatched = \"plain\";\n"
			"allow_user_policy = true;\n",
	    "version = 1; unmatched = \"plain\"; client = ( { port = 1;\n"
	    "session = { cache_file = \"cache\"; }; } );\n",
	    &f);
	report(p != NULL, "and may keep them there");
	policy_free(p);
	p = policy_make(NULL, user, &f);
	report(
	    p != NULL && p->unnamed_skip, "without a site the user's is all");
	policy_free(p);
	p = policy_make(NULL, NULL, &f);
	report(p == NULL && strstr(f.text, "no policy") != NULL,
	    "no policy at all is a fault: %s", f.text);
}

int
main(void)
{
	char command[64];

	umask(022);
	if (mkdtemp(folder) == NULL)
		return 2;
	test_table();
	test_nearest();
	test_inheritance();
	test_site_and_user();
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command) != 0 || failures > 0;
}
