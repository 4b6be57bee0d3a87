/* sni.c - the contexts that a server takes by the name a client asks for */
#include <string.h>

#include "keys.h"
#include "matchers.h"
#include "rule.h"

static int
entry_read(const struct reader *r, config_setting_t *s, struct sni_entry *out)
{
	static const char *const known[] = {"server_name", "context"};
	struct host host;
	config_setting_t *e;
	int i;

	*out = (struct sni_entry){.line = (int)s->line};
	for (i = 0; i < config_setting_length(s); i++) {
		e = config_setting_get_elem(s, (unsigned)i);
		if (strcmp(e->name, "server_name") == 0) {
			if (setting_string(r, e, &out->server_name) == -1 ||
			    host_parse(r, e, out->server_name, &host) == -1)
				return -1;
			out->name = host.name;
			out->suffix = host.suffix;
		} else if (strcmp(e->name, "context") == 0) {
			if (setting_string(r, e, &out->context) == -1)
				return -1;
		} else {
			return setting_unknown(r, e, e->name, known, 2);
		}
	}
	if (out->server_name == NULL || out->context == NULL)
		return setting_refuse(r, s,
		    "an entry of sni needs server_name and context");
	return 0;
}

int
sni_read(const struct reader *r, config_setting_t *s, struct sni_table *out)
{
	size_t i, k, n = setting_count(s);

	*out = (struct sni_table){0, NULL};
	if (setting_groups(r, s) == -1)
		return -1;
	if (n == 0)
		return 0;
	out->v = setting_room(r, s, sizeof *out->v);
	if (out->v == NULL)
		return -1;
	for (i = 0; i < n; i++) {
		if (entry_read(r, setting_nth(s, i), &out->v[i]) == -1)
			return -1;
		for (k = 0; k < i; k++)
			if (strcmp(out->v[k].name, out->v[i].name) == 0 &&
			    out->v[k].suffix == out->v[i].suffix)
				return setting_refuse(r, setting_nth(s, i),
				    "sni has \"%.100s\" twice",
				    out->v[i].server_name);
	}
	out->n = n;
	return 0;
}

const struct sni_entry *
sni_find(const struct sni_table *t, const char *name)
{
	char canon[256];
	size_t i;

	if (name_canon(name, canon, sizeof canon) == -1)
		return NULL;
	for (i = 0; i < t->n; i++)
		if (host_has(&(struct host){t->v[i].name, t->v[i].suffix},
			canon))
			return &t->v[i];
	return NULL;
}

/* By the time of the name, versions and algorithms are settled. */
static bool
is_settled(enum key_index k)
{
	return k <= K_options;
}

/* Identity, trust, verification and ALPN are what a name decides. */
static bool
is_replaced(enum key_index k)
{
	return k > K_options && k <= K_alpn_mandatory;
}

/* What of is in the chosen context that cannot be: NULL, or why. */
static const char *
misplaced(const struct rule *of, const struct rule *base, enum key_index k)
{
	const struct origin *o = &of->origin[k], *b = &base->origin[k];

	if (o->file == NULL || (o->file == b->file && o->line == b->line))
		return NULL;
	if (k == K_sni)
		return "cannot stand in a context that sni chooses";
	if (is_settled(k) && !key_equal(&keys[k], &of->values, &base->values))
		return "differs from the rule's: versions and algorithms are "
		       "settled before the name is looked at";
	return NULL;
}

int
sni_rule_join(const struct reader *r, const struct sni_entry *e,
    const struct rule *base, struct rule *of)
{
	const char *why;
	enum key_index k;

	for (k = 0; k < KEY_COUNT; k++) {
		why = misplaced(of, base, k);
		if (why != NULL)
			return fault_set(r->f, of->origin[k].file,
			    of->origin[k].line,
			    "'%s' of context \"%.100s\" %s (sni at %.300s:%d)",
			    keys[k].name, e->context, why, base->file, e->line);
		if (is_replaced(k))
			continue;
		key_copy(&keys[k], &of->values, &base->values);
		of->origin[k] = base->origin[k];
	}
	of->values.sni = (struct sni_table){0, NULL};
	of->values.strict_sni = false;
	return 0;
}
