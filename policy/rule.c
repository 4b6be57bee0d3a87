/* rule.c - one group of the policy file as a rule or a context */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "keys.h"
#include "matchers.h"
#include "rule.h"

enum place { IN_CLIENT = 1, IN_SERVER = 2, IN_CONTEXT = 4, IN_DEFAULTS = 8 };

/* What a group can hold beside the keys of keys.def. */
struct own_key {
	const char *name;
	unsigned places;
	const char *belongs; /* where, for who put it elsewhere */
	int (*read)(const struct reader *r, config_setting_t *s,
	    struct rule *out);
};

static int
string_add(const struct reader *r, config_setting_t *s, struct list *out)
{
	const char *v;

	if (setting_string(r, s, &v) == -1)
		return -1;
	out->v[out->n++] = (char *)(uintptr_t)v;
	return 0;
}

/* Room for as many things of size as s has values. */
static void *
room(const struct reader *r, const config_setting_t *s, size_t size)
{
	void *v = arena_alloc(r->arena, setting_count(s), size);

	if (v == NULL)
		setting_refuse(r, s, "out of memory");
	return v;
}

static int
program_read(const struct reader *r, config_setting_t *s, struct rule *out)
{
	struct list *l = &out->match->program;
	config_setting_t *e;
	size_t i;

	l->v = room(r, s, sizeof *l->v);
	if (l->v == NULL)
		return -1;
	for (i = 0; i < setting_count(s); i++) {
		e = setting_nth(s, i);
		if (string_add(r, e, l) == -1)
			return -1;
		if (l->v[i][0] != '/')
			return setting_refuse(r, e, "program \"%.200s\" must "
				"begin with '/': it is matched against the "
				"whole path", l->v[i]);
	}
	return 0;
}

static int
host_parse(const struct reader *r, const config_setting_t *s,
    const char *text, struct host *out)
{
	char canon[256];
	const char *name = text;

	if (strcmp(text, "*") == 0 || strcmp(text, "*.") == 0)
		return setting_refuse(r, s, "host \"%s\" would be any host: "
			"leave host out for that", text);
	out->suffix = strncmp(text, "*.", 2) == 0;
	if (out->suffix)
		name += 2;
	if (strchr(name, '*') != NULL)
		return setting_refuse(r, s, "host \"%.200s\": '*' may only be "
			"the whole first label, as in \"*.example\"", text);
	if (name_is_address(name) || strchr(name, '/') != NULL)
		return setting_refuse(r, s, "host \"%.200s\" is an address: "
			"write address = \"%.200s\"", text, name);
	if (strchr(name, ':') != NULL)
		return setting_refuse(r, s, "host \"%.200s\" must be a name "
			"alone: a port is written port = 443", text);
	if (name_canon(name, canon, sizeof canon) == -1)
		return setting_refuse(r, s, "host \"%.200s\" is not a host "
			"name", text);
	out->name = arena_strdup(r->arena, canon);
	return out->name != NULL ? 0 : setting_refuse(r, s, "out of memory");
}

/* The hosts in quotes, as many as fit, for messages. */
static int
host_text_set(const struct reader *r, config_setting_t *s,
    struct matchers *m)
{
	char text[256];
	size_t i, used = 0;

	for (i = 0; i < setting_count(s) && used < sizeof text; i++)
		used += (size_t)snprintf(text + used, sizeof text - used,
		    "%s\"%s\"", i == 0 ? "" : ", ",
		    config_setting_get_string(setting_nth(s, i)));
	if (used >= sizeof text)
		strcpy(text + sizeof text - 4, "...");
	m->host_text = arena_strdup(r->arena, text);
	return m->host_text != NULL ? 0
				    : setting_refuse(r, s, "out of memory");
}

static int
host_read(const struct reader *r, config_setting_t *s, struct rule *out)
{
	struct matchers *m = out->match;
	config_setting_t *e;
	const char *text;
	size_t i;

	m->hosts = room(r, s, sizeof *m->hosts);
	if (m->hosts == NULL)
		return -1;
	for (i = 0; i < setting_count(s); i++) {
		e = setting_nth(s, i);
		if (setting_string(r, e, &text) == -1 ||
		    host_parse(r, e, text, &m->hosts[i]) == -1)
			return -1;
		m->nhosts++;
	}
	return host_text_set(r, s, m);
}

static int
networks_read(const struct reader *r, config_setting_t *s,
    struct network **out, size_t *n)
{
	config_setting_t *e;
	const char *text, *wrong;
	size_t i;

	*out = room(r, s, sizeof **out);
	if (*out == NULL)
		return -1;
	for (i = 0; i < setting_count(s); i++) {
		e = setting_nth(s, i);
		if (setting_string(r, e, &text) == -1)
			return -1;
		wrong = network_parse(text, &(*out)[i]);
		if (wrong != NULL)
			return setting_refuse(r, e, "%s \"%.200s\" %s",
			    setting_name(s), text, wrong);
		++*n;
	}
	return 0;
}

static int
address_read(const struct reader *r, config_setting_t *s, struct rule *out)
{
	return networks_read(
	    r, s, &out->match->addresses, &out->match->naddresses);
}

static int
peer_read(const struct reader *r, config_setting_t *s, struct rule *out)
{
	return networks_read(r, s, &out->match->peers, &out->match->npeers);
}

/* "8000-8100" */
static bool
range_parse(const char *text, struct ports *out)
{
	size_t n = strspn(text, "0123456789");
	size_t m = text[n] == '-' ? strspn(text + n + 1, "0123456789") : 0;

	if (n == 0 || n > 5 || m == 0 || m > 5 || text[n + 1 + m] != '\0')
		return false;
	out->low = atoi(text);
	out->high = atoi(text + n + 1);
	return true;
}

static int
port_read_one(const struct reader *r, config_setting_t *s, struct ports *out)
{
	const char *text;

	if (s->type == CONFIG_TYPE_STRING) {
		if (setting_string(r, s, &text) == -1)
			return -1;
		if (!range_parse(text, out))
			return setting_refuse(r, s, "port \"%.100s\" is no "
				"range: write 443 without quotes, or "
				"\"8000-8100\"", text);
	} else {
		if (setting_int(r, s, &out->low) == -1)
			return -1;
		out->high = out->low;
	}
	if (out->low < 1 || out->high > 65535)
		return setting_refuse(r, s,
		    "a port must be between 1 and 65535");
	if (out->low > out->high)
		return setting_refuse(r, s, "port \"%d-%d\" holds no port: "
			"the first is larger than the last",
		    out->low, out->high);
	return 0;
}

static int
port_read(const struct reader *r, config_setting_t *s, struct rule *out)
{
	struct matchers *m = out->match;
	size_t i;

	m->ports = room(r, s, sizeof *m->ports);
	if (m->ports == NULL)
		return -1;
	for (i = 0; i < setting_count(s); i++) {
		if (port_read_one(r, setting_nth(s, i), &m->ports[i]) == -1)
			return -1;
		m->nports++;
	}
	return 0;
}

static int
action_read(const struct reader *r, config_setting_t *s, struct rule *out)
{
	static const char *const words[] = { "tls", "plain", "reject",
		"native", "detect", NULL };
	int v;

	if (setting_word(r, s, words, &v) == -1)
		return -1;
	if (v == ACTION_DETECT && out->side == SIDE_CLIENT)
		return setting_refuse(r, s,
		    "action \"detect\" is for server rules");
	if (v == ACTION_NATIVE || v == ACTION_DETECT)
		return setting_refuse(r, s,
		    "action \"%s\" is not supported yet", words[v]);
	out->action = (enum action)v;
	return 0;
}

static int
enforce_read(const struct reader *r, config_setting_t *s, struct rule *out)
{
	bool v;

	if (setting_bool(r, s, &v) == -1)
		return -1;
	if (!v)
		return setting_refuse(r, s,
		    "enforce = false is not supported yet");
	return 0;
}

/* Read before the others, by who reads the group. */
static int
already_read(const struct reader *r, config_setting_t *s, struct rule *out)
{
	return 0;
}

static const struct own_key own_keys[] = {
	{ "program", IN_CLIENT | IN_SERVER, "a rule", program_read },
	{ "host", IN_CLIENT, "a client rule", host_read },
	{ "address", IN_CLIENT | IN_SERVER, "a rule", address_read },
	{ "port", IN_CLIENT | IN_SERVER, "a rule", port_read },
	{ "peer", IN_SERVER, "a server rule", peer_read },
	{ "action", IN_CLIENT | IN_SERVER, "a rule", action_read },
	{ "enforce", IN_CLIENT | IN_SERVER, "a rule", enforce_read },
	{ "context", IN_CLIENT | IN_SERVER, "a rule", already_read },
	{ "name", IN_CONTEXT, "a context", already_read },
};
#define OWN_KEYS (sizeof own_keys / sizeof own_keys[0])

/* A flag to add, or with "no_" before it to take away. */
static int
flag_apply(const struct reader *r, const config_setting_t *s,
    const struct key *k, const char *word, unsigned *flags)
{
	int bit = key_word(k, word);

	if (bit >= 0) {
		*flags |= 1u << bit;
		return 0;
	}
	bit = strncmp(word, "no_", 3) == 0 ? key_word(k, word + 3) : -1;
	if (bit < 0)
		return setting_refuse(r, s, "unknown flag \"%.100s\" in %s",
		    word, k->name);
	if (k == &keys[K_verify_flags] && 1u << bit == VF_TRUSTED_FIRST)
		return setting_refuse(r, s,
		    "trusted_first always holds and cannot be taken away");
	*flags &= ~(1u << bit);
	return 0;
}

static int
flags_read(const struct reader *r, config_setting_t *s, const struct key *k,
    unsigned *flags)
{
	const char *word;
	size_t i;

	for (i = 0; i < setting_count(s); i++)
		if (setting_string(r, setting_nth(s, i), &word) == -1 ||
		    flag_apply(r, setting_nth(s, i), k, word, flags) == -1)
			return -1;
	return 0;
}

static int
text_read(const struct reader *r, config_setting_t *s, const struct key *k,
    const char **out)
{
	const char *v, *wrong;

	if (setting_string(r, s, &v) == -1)
		return -1;
	wrong = k->check_text(v);
	if (wrong != NULL)
		return setting_refuse(r, s, "'%s' %s", k->name, wrong);
	*out = v;
	return 0;
}

static int
path_read(const struct reader *r, config_setting_t *s, const struct key *k,
    const char **out)
{
	const char *v;
	char *absolute;

	if (text_read(r, s, k, &v) == -1)
		return -1;
	absolute = file_absolute(v, r->file);
	if (absolute == NULL)
		return setting_refuse(r, s, "'%s': the working directory "
			"is unknown", k->name);
	*out = arena_strdup(r->arena, absolute);
	free(absolute);
	return *out != NULL ? 0 : setting_refuse(r, s, "out of memory");
}

static int
int_read(const struct reader *r, config_setting_t *s, const struct key *k,
    int *out)
{
	const char *wrong;

	if (setting_int(r, s, out) == -1)
		return -1;
	wrong = k->check_int(*out);
	return wrong == NULL
		? 0
		: setting_refuse(r, s, "'%s' %s", k->name, wrong);
}

static int
list_read(const struct reader *r, config_setting_t *s, const struct key *k,
    struct list *out)
{
	const char *v;

	*out = (struct list){ 0, NULL };
	if (setting_count(s) == 0)
		return 0;
	out->v = room(r, s, sizeof *out->v);
	if (out->v == NULL)
		return -1;
	while (out->n < setting_count(s)) {
		if (text_read(r, setting_nth(s, out->n), k, &v) == -1)
			return -1;
		out->v[out->n++] = (char *)(uintptr_t)v;
	}
	return 0;
}

/* Lists of groups are all for later; empty is their default. */
static int
groups_read(const struct reader *r, config_setting_t *s, const struct key *k)
{
	if (setting_groups(r, s) == -1)
		return -1;
	return setting_count(s) == 0
		? 0
		: setting_refuse(r, s, "'%s' is not supported yet", k->name);
}

static int
value_read(const struct reader *r, config_setting_t *s, const struct key *k,
    void *value)
{
	switch (k->type) {
	case TYPE_BOOL:
		return setting_bool(r, s, value);
	case TYPE_INT:
		return int_read(r, s, k, value);
	case TYPE_ENUM:
		return setting_word(r, s, k->words, value);
	case TYPE_FLAGS:
		return flags_read(r, s, k, value);
	case TYPE_STRING:
		return text_read(r, s, k, value);
	case TYPE_PATH:
		return path_read(r, s, k, value);
	case TYPE_LIST:
		return list_read(r, s, k, value);
	case TYPE_IDENTITIES:
	case TYPE_SNI:
		return groups_read(r, s, k);
	}
	return -1;
}

static int
key_read(const struct reader *r, config_setting_t *s, const struct key *k,
    struct rule *out)
{
	if (value_read(r, s, k, key_value(k, &out->values)) == -1)
		return -1;
	if (!k->done &&
	    !key_equal(k, &out->values, &key_defaults[SIDE_CLIENT]))
		return setting_refuse(r, s, "'%s' is not supported yet",
		    k->name);
	out->origin[k - keys] =
		(struct origin){ .file = r->file, .line = (int)s->line };
	return 0;
}

/* Names that place knows, for the nearest to an unknown one. */
static int
unknown(const struct reader *r, const config_setting_t *s, const char *name,
    unsigned place)
{
	const char *known[KEY_COUNT + OWN_KEYS + 1];
	size_t i, n = 0;

	for (i = 0; i < OWN_KEYS; i++) {
		if (strcmp(own_keys[i].name, name) == 0)
			return setting_refuse(r, s, "'%s' belongs in %s",
			    name, own_keys[i].belongs);
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
context_apply(const struct reader *r, const struct context *c,
    unsigned place, struct rule *out)
{
	struct reader there = *r;

	if (c->group == NULL)
		return 0;
	there.file = c->file;
	return group_apply(&there, c->group, place, out);
}

int
defaults_read(const struct reader *r, config_setting_t *group,
    struct context *out)
{
	struct rule scratch = { .side = SIDE_CLIENT };

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
context_read(const struct reader *r, config_setting_t *group,
    struct context *out)
{
	config_setting_t *name = config_setting_get_member(group, "name");
	struct rule scratch = { .side = SIDE_CLIENT };

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
context_find(const struct reader *r, config_setting_t *s,
    const struct bases *b, const struct context **out)
{
	const char *name;
	size_t i;

	if (setting_string(r, s, &name) == -1)
		return -1;
	for (i = 0; i < b->n; i++)
		if (strcmp(b->contexts[i].name, name) == 0) {
			*out = &b->contexts[i];
			return 0;
		}
	return setting_refuse(r, s, "there is no context \"%.100s\"", name);
}

int
rule_read(const struct reader *r, config_setting_t *group, enum side side,
    const struct bases *b, struct rule *out)
{
	config_setting_t *named = config_setting_get_member(group, "context");
	const struct context *c = NULL;
	struct origin inherited[KEY_COUNT];

	memset(out, 0, sizeof *out);
	out->file = r->file;
	out->line = (int)group->line;
	out->side = side;
	out->action = ACTION_TLS;
	out->values = key_defaults[side];
	out->match = arena_alloc(r->arena, 1, sizeof *out->match);
	if (out->match == NULL)
		return setting_refuse(r, group, "out of memory");
	if (context_apply(r, &b->defaults, IN_DEFAULTS, out) == -1)
		return -1;
	memcpy(inherited, out->origin, sizeof inherited);
	if (named != NULL) {
		if (context_find(r, named, b, &c) == -1 ||
		    context_apply(r, c, IN_CONTEXT, out) == -1)
			return -1;
		out->context = c->name;
	}
	if (group_apply(r, group,
	    side == SIDE_CLIENT ? IN_CLIENT : IN_SERVER, out) == -1)
		return -1;
	return rule_check(out, inherited, r->f);
}
