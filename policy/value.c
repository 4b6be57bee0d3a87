/* value.c - the value of one key, read */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "keys.h"
#include "rule.h"

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
		return setting_refuse(
		    r, s, "unknown flag \"%.100s\" in %s", word, k->name);
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
	if (strncmp(v, "pkcs11:", 7) == 0) {
		*out = v;
		return 0;
	}
	absolute = file_absolute(v, r->file);
	if (absolute == NULL)
		return setting_refuse(
		    r, s, "'%s': the working directory is unknown", k->name);
	*out = arena_strdup(r->arena, absolute);
	free(absolute);
	return *out != NULL ? 0 : setting_refuse(r, s, "out of memory");
}

static int
int_read(
    const struct reader *r, config_setting_t *s, const struct key *k, int *out)
{
	const char *wrong;

	if (setting_int(r, s, out) == -1)
		return -1;
	wrong = k->check_int(*out);
	return wrong == NULL ? 0
			     : setting_refuse(r, s, "'%s' %s", k->name, wrong);
}

static int
list_read(const struct reader *r, config_setting_t *s, const struct key *k,
    struct list *out)
{
	const char *v;

	*out = (struct list){0, NULL};
	if (setting_count(s) == 0)
		return 0;
	out->v = setting_room(r, s, sizeof *out->v);
	if (out->v == NULL)
		return -1;
	while (out->n < setting_count(s)) {
		if (text_read(r, setting_nth(s, out->n), k, &v) == -1)
			return -1;
		out->v[out->n++] = (char *)(uintptr_t)v;
	}
	return 0;
}

/* Its members are the keys of the same names. */
static int
identity_read(
    const struct reader *r, config_setting_t *s, struct identity *out)
{
	const struct {
		enum key_index key;
		const char **value;
	} rows[] = {
	    {K_certfile, &out->certfile},
	    {K_keyfile, &out->keyfile},
	    {K_password_file, &out->password_file},
	};
	static const char *const known[] = {
	    "certfile", "keyfile", "password_file"};
	config_setting_t *e;
	size_t k;
	int i;

	*out = (struct identity){.line = (int)s->line};
	for (i = 0; i < config_setting_length(s); i++) {
		e = config_setting_get_elem(s, (unsigned)i);
		for (k = 0; k < 3; k++)
			if (strcmp(e->name, known[k]) == 0)
				break;
		if (k == 3)
			return setting_unknown(r, e, e->name, known, 3);
		if (path_read(r, e, &keys[rows[k].key], rows[k].value) == -1)
			return -1;
	}
	return out->certfile != NULL
		   ? 0
		   : setting_refuse(
			 r, s, "an entry of certificates needs certfile");
}

static int
identities_read(
    const struct reader *r, config_setting_t *s, struct identities *out)
{
	size_t i, n = setting_count(s);

	*out = (struct identities){0, NULL};
	if (setting_groups(r, s) == -1)
		return -1;
	if (n == 0)
		return 0;
	out->v = setting_room(r, s, sizeof *out->v);
	if (out->v == NULL)
		return -1;
	for (i = 0; i < n; i++)
		if (identity_read(r, setting_nth(s, i), &out->v[i]) == -1)
			return -1;
	out->n = n;
	return 0;
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
		return identities_read(r, s, value);
	case TYPE_SNI:
		return sni_read(r, s, value);
	}
	return -1;
}

int
key_read(const struct reader *r, config_setting_t *s, const struct key *k,
    struct rule *out)
{
	if (value_read(r, s, k, key_value(k, &out->values)) == -1)
		return -1;
	out->origin[k - keys] =
	    (struct origin){.file = r->file, .line = (int)s->line};
	return 0;
}
