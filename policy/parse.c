/* parse.c - libconfig's tree of one file, and its settings as typed values */
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "parse.h"
#include "scan.h"

static bool
is_list(const config_setting_t *s)
{
	return s->type == CONFIG_TYPE_LIST || s->type == CONFIG_TYPE_ARRAY;
}

/*
 * libconfig 1.5 gives a list's plain elements the line of the token behind
 * them.  The scan has the true ones, in the same order.
 */
static void
lines_set(config_setting_t *s, const struct scan_lines *lines, size_t *next)
{
	int i;

	if (!config_setting_is_aggregate(s)) {
		if (s->name == NULL && *next < lines->n)
			s->line = (unsigned)lines->v[*next];
		(*next)++;
		return;
	}
	for (i = 0; i < config_setting_length(s); i++)
		lines_set(config_setting_get_elem(s, (unsigned)i), lines, next);
}

/*
 * libconfig 1.5 does not look whether it was given memory: a name or a string
 * is NULL then, or an element missing, and a policy with less in it may be a
 * weaker one.  The scan has counted the plain elements.
 */
static bool
is_whole(config_setting_t *s)
{
	bool named = s->type == CONFIG_TYPE_GROUP;
	int i;

	if (s->type == CONFIG_TYPE_STRING)
		return config_setting_get_string(s) != NULL;
	if (!config_setting_is_aggregate(s))
		return true;
	for (i = 0; i < config_setting_length(s); i++) {
		config_setting_t *e = config_setting_get_elem(s, (unsigned)i);

		if (e == NULL || (named && e->name == NULL) || !is_whole(e))
			return false;
	}
	return true;
}

int
parse_text(const char *text, size_t len, const char *file, config_t *tree,
    struct fault *f)
{
	struct scan_lines lines = {NULL, 0};
	size_t next = 0;

	if (memchr(text, '\0', len) != NULL)
		return fault_set(
		    f, file, 1, "holds a zero byte: this is not text");
	if (scan_text(text, len, file, &lines, f) == -1)
		return -1;
	config_init(tree);
	if (config_read_string(tree, text) == CONFIG_FALSE) {
		fault_set(f, file, config_error_line(tree),
		    "%s at or just before this line", config_error_text(tree));
		config_destroy(tree);
		free(lines.v);
		return -1;
	}
	lines_set(config_root_setting(tree), &lines, &next);
	free(lines.v);
	if (next != lines.n || !is_whole(config_root_setting(tree))) {
		config_destroy(tree);
		return fault_set(f, file, 1, "out of memory");
	}
	return 0;
}

int
setting_refuse(
    const struct reader *r, const config_setting_t *s, const char *fmt, ...)
{
	char text[sizeof r->f->text];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return fault_set(
	    r->f, r->file, s->line > 0 ? (int)s->line : 1, "%s", text);
}

const char *
setting_name(const config_setting_t *s)
{
	while (s->name == NULL && s->parent != NULL)
		s = s->parent;
	return s->name != NULL ? s->name : "policy";
}

static const char *
type_text(const config_setting_t *s)
{
	switch (s->type) {
	case CONFIG_TYPE_GROUP:
		return "a group { }";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "a number";
	case CONFIG_TYPE_FLOAT:
		return "a fraction";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	default:
		return "a list";
	}
}

static int
refuse_type(
    const struct reader *r, const config_setting_t *s, const char *wanted)
{
	return setting_refuse(r, s, "'%s' must be %s, not %s", setting_name(s),
	    wanted, type_text(s));
}

int
setting_bool(const struct reader *r, config_setting_t *s, bool *out)
{
	if (s->type != CONFIG_TYPE_BOOL)
		return refuse_type(r, s, "true or false");
	*out = config_setting_get_bool(s) == CONFIG_TRUE;
	return 0;
}

int
setting_int(const struct reader *r, config_setting_t *s, int *out)
{
	long long v;

	if (s->type != CONFIG_TYPE_INT && s->type != CONFIG_TYPE_INT64)
		return refuse_type(r, s, "a whole number");
	v = config_setting_get_int64(s);
	if (v < INT_MIN || v > INT_MAX)
		return setting_refuse(
		    r, s, "'%s' is too large", setting_name(s));
	*out = (int)v;
	return 0;
}

int
setting_string(const struct reader *r, config_setting_t *s, const char **out)
{
	const char *v = config_setting_get_string(s);

	if (s->type != CONFIG_TYPE_STRING)
		return refuse_type(r, s, "a string in quotes");
	*out = arena_strdup(r->arena, v != NULL ? v : "");
	return *out != NULL ? 0 : setting_refuse(r, s, "out of memory");
}

static void
words_text(const char *const *words, char *out, size_t len)
{
	size_t i, used = 0;

	out[0] = '\0';
	for (i = 0; words[i] != NULL && used < len; i++)
		used += (size_t)snprintf(out + used, len - used, "%s\"%s\"",
		    i == 0                 ? ""
		    : words[i + 1] == NULL ? " or "
					   : ", ",
		    words[i]);
}

int
setting_word(const struct reader *r, config_setting_t *s,
    const char *const *words, int *out)
{
	const char *v;
	char list[512];
	int i;

	if (s->type != CONFIG_TYPE_STRING) {
		words_text(words, list, sizeof list);
		return refuse_type(r, s, list);
	}
	v = config_setting_get_string(s);
	for (i = 0; words[i] != NULL; i++)
		if (strcmp(v, words[i]) == 0) {
			*out = i;
			return 0;
		}
	words_text(words, list, sizeof list);
	return setting_refuse(
	    r, s, "'%s' must be %s, not \"%.100s\"", setting_name(s), list, v);
}

int
setting_group(const struct reader *r, const config_setting_t *s)
{
	if (s->type != CONFIG_TYPE_GROUP)
		return refuse_type(r, s, "a group { }");
	return 0;
}

int
setting_groups(const struct reader *r, const config_setting_t *s)
{
	config_setting_t *e;
	int i;

	if (s->type != CONFIG_TYPE_LIST)
		return setting_refuse(r, s,
		    "'%s' must be a list of groups: %s = ( { ... }, { ... } )",
		    setting_name(s), setting_name(s));
	for (i = 0; i < config_setting_length(s); i++) {
		e = config_setting_get_elem(s, (unsigned)i);
		if (e->type != CONFIG_TYPE_GROUP)
			return setting_refuse(r, e,
			    "'%s' holds groups { } only, not %s",
			    setting_name(s), type_text(e));
	}
	return 0;
}

size_t
setting_count(const config_setting_t *s)
{
	return is_list(s) ? (size_t)config_setting_length(s) : 1;
}

config_setting_t *
setting_nth(config_setting_t *s, size_t i)
{
	return is_list(s) ? config_setting_get_elem(s, (unsigned)i) : s;
}

void *
setting_room(const struct reader *r, const config_setting_t *s, size_t size)
{
	void *v = arena_alloc(r->arena, setting_count(s), size);

	if (v == NULL)
		setting_refuse(r, s, "out of memory");
	return v;
}

int
setting_not_empty(const struct reader *r, const config_setting_t *s)
{
	if (setting_count(s) > 0)
		return 0;
	return setting_refuse(r, s,
	    "'%s' is an empty list: leave it out to match any",
	    setting_name(s));
}

int
setting_unknown(const struct reader *r, const config_setting_t *s,
    const char *name, const char *const *known, size_t n)
{
	const char *near = key_nearest(name, known, n);

	if (near == NULL)
		return setting_refuse(r, s, "unknown key '%.100s'", name);
	return setting_refuse(
	    r, s, "unknown key '%.100s', did you mean '%s'", name, near);
}

#define TEXT(x) #x
#define DOTTED(major, minor) TEXT(major) "." TEXT(minor)

const char *
policy_libconfig(void)
{
	return DOTTED(LIBCONFIG_VER_MAJOR, LIBCONFIG_VER_MINOR);
}
