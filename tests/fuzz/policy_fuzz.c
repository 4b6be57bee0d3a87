/*
 * policy_fuzz.c - any text as a policy: a fault or rules, never more
 */
#include "../../policy/keys.h"
#include "../../policy/rule.h"
#include "fuzz.h"

static void
groups_fuzz(struct reader *r, const config_t *tree, const char *name,
    enum side side, const struct bases *b)
{
	config_setting_t *s = config_lookup(tree, name);
	struct endpoint e = {.side = side, .program = "/bin/true"};
	struct rule rule;
	FILE *out = fopen("/dev/null", "w");
	size_t k;
	int i;

	for (i = 0; s != NULL && setting_groups(r, s) == 0 &&
		    i < config_setting_length(s);
	     i++) {
		if (rule_read(r, config_setting_get_elem(s, (unsigned)i), side,
			b, &rule) == -1)
			continue;
		(void)rule_could_match(&rule, &e);
		for (k = 0; k < KEY_COUNT; k++) {
			key_value_print(&keys[k], &rule.values, out);
			key_value_print_json(&keys[k], &rule.values, out);
		}
	}
	fclose(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault f = {{0}, 0, {0}};
	struct reader r = {.file = "fuzz.cfg", .arena = arena_new(), .f = &f};
	struct bases b = {0};
	char *text = malloc(size + 1), said[2200];
	config_setting_t *s;
	config_t tree;

	if (text == NULL || r.arena == NULL)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (parse_text(text, size, r.file, &tree, &f) == 0) {
		s = config_lookup(&tree, "defaults");
		if (s == NULL || defaults_read(&r, s, &b.defaults) == 0) {
			groups_fuzz(&r, &tree, "client", SIDE_CLIENT, &b);
			groups_fuzz(&r, &tree, "server", SIDE_SERVER, &b);
		}
		config_destroy(&tree);
	} else if (f.line <= 0 || f.text[0] == '\0') {
		abort(); /* every fault says where and why */
	}
	fault_text(&f, said, sizeof said);
	arena_free(r.arena);
	free(text);
	return 0;
}
