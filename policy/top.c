/* top.c - the top-level keys of a policy file */
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "loading.h"

static int
version_read(struct loading *l, config_setting_t *s)
{
	int v;

	if (setting_int(&l->r, s, &v) == -1)
		return -1;
	if (v != 1)
		return setting_refuse(&l->r, s,
		    "version %d of the policy language is not known, this is "
		    "version 1",
		    v);
	return 0;
}

/* One of two words, the second of which is true. */
static int
choice_read(struct loading *l, config_setting_t *s, const char *no,
    const char *yes, bool *out)
{
	const char *const words[] = {no, yes, NULL};
	int v;

	if (setting_word(&l->r, s, words, &v) == -1)
		return -1;
	*out = v == 1;
	return 0;
}

static int
unmatched_read(struct loading *l, config_setting_t *s)
{
	bool reject;

	if (choice_read(l, s, "plain", "reject", &reject) == -1)
		return -1;
	l->p->unmatched = reject ? UNMATCHED_REJECT : UNMATCHED_PLAIN;
	return 0;
}

static int
unnamed_read(struct loading *l, config_setting_t *s)
{
	return choice_read(l, s, "reject", "skip", &l->p->unnamed_skip);
}

static int
ambiguous_read(struct loading *l, config_setting_t *s)
{
	return choice_read(l, s, "reject", "latest", &l->p->ambiguous_latest);
}

static int
unprotected_read(struct loading *l, config_setting_t *s)
{
	bool allow;

	if (choice_read(l, s, "reject", "allow", &allow) == -1)
		return -1;
	l->p->on_unprotected = allow ? UNPROTECTED_ALLOW : UNPROTECTED_REJECT;
	return 0;
}

static int
include_dir_read(struct loading *l, config_setting_t *s)
{
	const char *v;
	char *absolute;

	if (setting_string(&l->r, s, &v) == -1)
		return -1;
	if (v[0] == '\0')
		return setting_refuse(
		    &l->r, s, "'include_dir' must not be empty");
	absolute = file_absolute(v, l->r.file);
	if (absolute != NULL)
		l->include_dir = arena_strdup(l->r.arena, absolute);
	free(absolute);
	return l->include_dir != NULL
		   ? 0
		   : setting_refuse(&l->r, s, "out of memory");
}

static int
reload_read(struct loading *l, config_setting_t *s)
{
	if (setting_int(&l->r, s, &l->p->reload_interval) == -1)
		return -1;
	if (l->p->reload_interval < 0)
		return setting_refuse(&l->r, s,
		    "'reload_interval' is in seconds, or 0 for never");
	return 0;
}

static int
user_policy_read(struct loading *l, config_setting_t *s)
{
	return setting_bool(&l->r, s, &l->p->allow_user_policy);
}

static int
keylog_read(struct loading *l, config_setting_t *s)
{
	return setting_bool(&l->r, s, &l->p->allow_keylog_env);
}

static int
log_to_read(struct loading *l, config_setting_t *s)
{
	const char *v, *p;

	if (setting_string(&l->r, s, &v) == -1)
		return -1;
	if (strcmp(v, "stderr") != 0 && strcmp(v, "syslog") != 0 && v[0] != '/')
		return setting_refuse(&l->r, s,
		    "'to' must be \"stderr\", \"syslog\" or a path that begins "
		    "with '/', not \"%.100s\"",
		    v);
	for (p = strchr(v, '%'); p != NULL; p = strchr(p + 2, '%'))
		if (p[1] == '\0' || strchr("pu%", p[1]) == NULL)
			return setting_refuse(&l->r, s,
			    "'to' knows %%p (pid), %%u (user) and %%%% alone");
	l->p->log.to = v;
	return 0;
}

static int
log_read(struct loading *l, config_setting_t *s)
{
	static const char *const levels[] = {
	    "error", "warning", "notice", "info", "debug", NULL};
	static const char *const formats[] = {"text", "json", NULL};
	static const char *const known[] = {"to", "level", "format"};
	config_setting_t *e;
	int i, v, rv = 0;

	if (setting_group(&l->r, s) == -1)
		return -1;
	for (i = 0; i < config_setting_length(s) && rv == 0; i++) {
		e = config_setting_get_elem(s, (unsigned)i);
		if (strcmp(e->name, "to") == 0) {
			rv = log_to_read(l, e);
		} else if (strcmp(e->name, "level") == 0) {
			rv = setting_word(&l->r, e, levels, &v);
			if (rv == 0)
				l->p->log.level = (enum log_level)v;
		} else if (strcmp(e->name, "format") == 0) {
			rv = setting_word(&l->r, e, formats, &v);
			if (rv == 0)
				l->p->log.format = (enum log_format)v;
		} else {
			rv = setting_unknown(&l->r, e, e->name, known, 3);
		}
	}
	return rv;
}

static int
defaults_group_read(struct loading *l, config_setting_t *s)
{
	return defaults_read(&l->r, s, &l->bases.defaults);
}

/* contexts, client and server: read once all parts are there. */
static int
later_read(struct loading *l, config_setting_t *s)
{
	return setting_groups(&l->r, s);
}

static const struct top_key {
	const char *name;
	unsigned places;
	int (*read)(struct loading *l, config_setting_t *s);
} top_keys[] = {
    {"version", IN_MAIN | IN_USER, version_read},
    {"unmatched", IN_MAIN | IN_USER, unmatched_read},
    {"unnamed", IN_MAIN | IN_USER, unnamed_read},
    {"ambiguous_name", IN_MAIN | IN_USER, ambiguous_read},
    {"log", IN_MAIN | IN_USER, log_read},
    {"on_unprotected", IN_MAIN, unprotected_read},
    {"include_dir", IN_MAIN | IN_USER, include_dir_read},
    {"reload_interval", IN_MAIN, reload_read},
    {"allow_user_policy", IN_MAIN, user_policy_read},
    {"allow_keylog_env", IN_MAIN, keylog_read},
    {"defaults", IN_MAIN | IN_USER, defaults_group_read},
    {"contexts", IN_MAIN | IN_INCLUDED | IN_USER, later_read},
    {"client", IN_MAIN | IN_INCLUDED | IN_USER, later_read},
    {"server", IN_MAIN | IN_INCLUDED | IN_USER, later_read},
};
#define TOP_KEYS (sizeof top_keys / sizeof top_keys[0])

static int
top_unknown(const struct loading *l, config_setting_t *s, unsigned place)
{
	const char *known[TOP_KEYS];
	size_t i, n = 0;

	for (i = 0; i < TOP_KEYS; i++) {
		if (strcmp(top_keys[i].name, s->name) == 0)
			return setting_refuse(&l->r, s,
			    "'%s' is for the %s alone", s->name,
			    place == IN_USER ? "site policy"
					     : "main policy file");
		if ((top_keys[i].places & place) != 0)
			known[n++] = top_keys[i].name;
	}
	return setting_unknown(&l->r, s, s->name, known, n);
}

int
top_read(struct loading *l, config_setting_t *root, unsigned place)
{
	config_setting_t *s;
	int i;
	size_t k;

	for (i = 0; i < config_setting_length(root); i++) {
		s = config_setting_get_elem(root, (unsigned)i);
		for (k = 0; k < TOP_KEYS; k++)
			if (strcmp(top_keys[k].name, s->name) == 0 &&
			    (top_keys[k].places & place) != 0)
				break;
		if (k == TOP_KEYS)
			return top_unknown(l, s, place);
		if (top_keys[k].read(l, s) == -1)
			return -1;
		if (place != IN_INCLUDED)
			l->written |= 1u << k;
	}
	return 0;
}

bool
top_written(const struct loading *l, int key)
{
	return (l->written & 1u << key) != 0;
}
