/* rule.c - one group of the policy file as a rule or a context */
#include <stdio.h>
#include <string.h>

#include "keys.h"
#include "matchers.h"
#include "rule.h"

enum place { IN_CLIENT = 1, IN_SERVER = 2, IN_CONTEXT = 4, IN_DEFAULTS = 8 };

/* What a group can hold beside the keys of keys.def. */
struct own_key {
	const char *name;
	unsigned places;
	const char *belongs; /* where, for who put it elsewhere */
	int (*read)(
	    const struct reader *r, config_setting_t *s, struct rule *out);
};

static int
action_read(const struct reader *r, config_setting_t *s, struct rule *out)
{
	static const char *const words[] = {
	    "tls", "plain", "reject", "native", "detect", NULL};
	int v;

	if (setting_word(r, s, words, &v) == -1)
		return -1;
	if (v == ACTION_DETECT && out->side == SIDE_CLIENT)
		return setting_refuse(
		    r, s, "action \"detect\" is for server rules");
	out->action = (enum action)v;
	return 0;
}

static int
enforce_read(const struct reader *r, config_setting_t *s, struct rule *out)
{
	bool v;

	if (setting_bool(r, s, &v) == -1)
		return -1;
	out->enforce = v;
	return 0;
}

/* Read before the others, by who reads the group. */
static int
already_read(const struct reader *r, config_setting_t *s, struct rule *out)
{
	return 0;
}

static const struct own_key own_keys[] = {
    {"program", IN_CLIENT | IN_SERVER, "a rule", matcher_read_program},
    {"host", IN_CLIENT, "a client rule", matcher_read_host},
    {"address", IN_CLIENT | IN_SERVER, "a rule", matcher_read_address},
    {"port", IN_CLIENT | IN_SERVER, "a rule", matcher_read_port},
    {"peer", IN_SERVER, "a server rule", matcher_read_peer},
    {"action", IN_CLIENT | IN_SERVER, "a rule", action_read},
    {"enforce", IN_CLIENT | IN_SERVER, "a rule", enforce_read},
    {"context", IN_CLIENT | IN_SERVER, "a rule", already_read},
    {"name", IN_CONTEXT, "a context", already_read},
};
#define OWN_KEYS (sizeof own_keys / sizeof own_keys[0])

/* Names that place knows, for the nearest to an unknown one. */
static int
unknown(const struct reader *r, const config_setting_t *s, const char *name,
    unsigned place)
{
	const char *known[KEY_COUNT + OWN_KEYS + 1];
	size_t i, n = 0;

	for (i = 0; i < OWN_KEYS; i++) {
		if (strcmp(own_keys[i].name, name) == 0)
			return setting_refuse(r, s, "'%s' belongs in %s", name,
			    own_keys[i].belongs);
		if ((own_keys[i].places & place) != 0)
			known[n++] = own_keys[i].name;
	}
	for (i = 0; i < KEY_COUNT; i++)
		known[n++] = keys[i].name;
	known[n++] = "session";
	return setting_unknown(r, s, name, known, n);
}

/* session = { resume = ...; } holds the keys named "session.resume". */
static int
session_read(const struct reader *r, config_setting_t *s, struct rule *out)
{
	config_setting_t *e;
	const struct key *k;
	char name[128];
	int i;

	if (setting_group(r, s) == -1)
		return -1;
	for (i = 0; i < config_setting_length(s); i++) {
		e = config_setting_get_elem(s, (unsigned)i);
		snprintf(name, sizeof name, "session.%s", e->name);
		k = key_find(name);
		if (k == NULL)
			return unknown(r, e, name, 0);
		if (key_read(r, e, k, out) == -1)
			return -1;
	}
	return 0;
}

static int
member_read(const struct reader *r, config_setting_t *s, unsigned place,
    struct rule *out)
{
	const struct key *k = key_find(s->name);
	size_t i;

	if (k != NULL)
		return key_read(r, s, k, out);
	if (strcmp(s->name, "session") == 0)
		return session_read(r, s, out);
	for (i = 0; i < OWN_KEYS; i++)
		if (strcmp(own_keys[i].name, s->name) == 0 &&
		    (own_keys[i].places & place) != 0) {
			if (setting_not_empty(r, s) == -1)
				return -1;
			return own_keys[i].read(r, s, out);
		}
	return unknown(r, s, s->name, place);
}

/* Puts what group says on top of what out already holds. */
static int
group_apply(const struct reader *r, config_setting_t *group, unsigned place,
    struct rule *out)
{
	int i;

	for (i = 0; i < config_setting_length(group); i++)
		if (member_read(r, config_setting_get_elem(group, (unsigned)i),
			place, out) == -1)
			return -1;
	return 0;
}

static int
context_apply(const struct reader *r, const struct context *c, unsigned place,
    struct rule *out)
{
	struct reader there = *r;

	if (c->group == NULL)
		return 0;
	there.file = c->file;
	return group_apply(&there, c->group, place, out);
}

int
defaults_read(
    const struct reader *r, config_setting_t *group, struct context *out)
{
	struct rule scratch = {.side = SIDE_CLIENT};

	if (setting_group(r, group) == -1)
		return -1;
	out->name = NULL;
	out->file = r->file;
	out->line = (int)group->line;
	out->group = group;
	scratch.values = key_defaults[SIDE_CLIENT];
	return context_apply(r, out, IN_DEFAULTS, &scratch);
}

int
context_read(
    const struct reader *r, config_setting_t *group, struct context *out)
{
	config_setting_t *name = config_setting_get_member(group, "name");
	struct rule scratch = {.side = SIDE_CLIENT};

	if (name == NULL)
		return setting_refuse(r, group, "a context needs a name");
	if (setting_string(r, name, &out->name) == -1)
		return -1;
	if (out->name[0] == '\0')
		return setting_refuse(r, name, "a context needs a name");
	out->file = r->file;
	out->line = (int)group->line;
	out->group = group;
	scratch.values = key_defaults[SIDE_CLIENT];
	return context_apply(r, out, IN_CONTEXT, &scratch);
}

static int
context_find(const struct reader *r, int line, const char *name,
    const struct bases *b, const struct context **out)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (strcmp(b->contexts[i].name, name) == 0) {
			*out = &b->contexts[i];
			return 0;
		}
	return fault_set(
	    r->f, r->file, line, "there is no context \"%.100s\"", name);
}

/* The rule that holds where a client asks for the name of e. */
static int
named_read(const struct reader *r, struct sni_entry *e, const struct bases *b,
    const struct rule *base)
{
	const char *file = base->origin[K_sni].file;
	struct reader there = *r;
	struct rule inherited;
	const struct context *c;
	struct rule *of = arena_alloc(r->arena, 1, sizeof *of);

	if (of == NULL)
		return fault_set(r->f, file, e->line, "out of memory");
	there.file = file;
	if (context_find(&there, e->line, e->context, b, &c) == -1)
		return -1;
	*of = *base;
	memset(of->origin, 0, sizeof of->origin);
	of->context = c->name;
	of->values = key_defaults[SIDE_SERVER];
	if (context_apply(r, &b->defaults, IN_DEFAULTS, of) == -1)
		return -1;
	inherited = *of;
	if (context_apply(r, c, IN_CONTEXT, of) == -1 ||
	    rule_check(of, &inherited, r->f) == -1 ||
	    sni_rule_join(r, e, base, of) == -1)
		return -1;
	e->rule = of;
	return 0;
}

/* A table that was written in a context is shared: each rule has its own. */
static int
sni_settle(const struct reader *r, const struct bases *b, struct rule *rule)
{
	struct sni_table *t = &rule->values.sni;
	struct sni_entry *v = arena_alloc(r->arena, t->n, sizeof *v);
	size_t i;

	if (t->n == 0)
		return 0;
	if (v == NULL)
		return fault_set(r->f, rule->file, rule->line, "out of memory");
	memcpy(v, t->v, t->n * sizeof *v);
	t->v = v;
	for (i = 0; i < t->n; i++)
		if (named_read(r, &v[i], b, rule) == -1)
			return -1;
	return 0;
}

int
rule_of_context(const struct reader *r, const struct bases *b,
    const struct context *c, enum side side, struct rule *out)
{
	struct rule inherited;

	memset(out, 0, sizeof *out);
	out->file = c != NULL ? c->file : r->file;
	out->line = c != NULL ? c->line : 1;
	out->side = side;
	out->action = ACTION_TLS;
	out->context = c != NULL ? c->name : NULL;
	out->values = key_defaults[side];
	if (context_apply(r, &b->defaults, IN_DEFAULTS, out) == -1)
		return -1;
	inherited = *out;
	if (c != NULL && context_apply(r, c, IN_CONTEXT, out) == -1)
		return -1;
	rule_settle(out, &inherited);
	return 0;
}

int
rule_read(const struct reader *r, config_setting_t *group, enum side side,
    const struct bases *b, struct rule *out)
{
	config_setting_t *named = config_setting_get_member(group, "context");
	const struct context *c = NULL;
	struct rule inherited;
	const char *name;

	memset(out, 0, sizeof *out);
	out->file = r->file;
	out->line = (int)group->line;
	out->side = side;
	out->action = ACTION_TLS;
	out->enforce = true;
	out->values = key_defaults[side];
	out->match = arena_alloc(r->arena, 1, sizeof *out->match);
	if (out->match == NULL)
		return setting_refuse(r, group, "out of memory");
	if (context_apply(r, &b->defaults, IN_DEFAULTS, out) == -1)
		return -1;
	inherited = *out;
	if (named != NULL) {
		if (setting_string(r, named, &name) == -1 ||
		    context_find(r, (int)named->line, name, b, &c) == -1 ||
		    context_apply(r, c, IN_CONTEXT, out) == -1)
			return -1;
		out->context = c->name;
	}
	if (group_apply(r, group, side == SIDE_CLIENT ? IN_CLIENT : IN_SERVER,
		out) == -1)
		return -1;
	if (rule_check(out, &inherited, r->f) == -1)
		return -1;
	return (out->action == ACTION_TLS || out->action == ACTION_DETECT) &&
		       side == SIDE_SERVER
		   ? sni_settle(r, b, out)
		   : 0;
}
