/* keys.c - the context keys as a table */
#include <string.h>

#include "check.h"
#include "keys.h"

static const char *const words_versions[] = {
    "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", "MINIMUM_SUPPORTED",
    "MAXIMUM_SUPPORTED", NULL};
static const char *const words_verify_modes[] = {
    "none", "optional", "required", NULL};
static const char *const words_ocsp_modes[] = {
    "request", "off", "require", NULL};
static const char *const words_verify_flags[] = {"x509_strict", "partial_chain",
    "crl_check_leaf", "crl_check_chain", "webpki", "trusted_first", NULL};
static const char *const words_options[] = {"cipher_server_preference",
    "legacy_server_connect", "legacy_ciphers", "no_middlebox_compat",
    "no_ticket", "compat", NULL};

#define CHECK_BOOL(c) .words = NULL
#define CHECK_INT(c) .check_int = check_##c
#define CHECK_ENUM(c) .words = words_##c
#define CHECK_FLAGS(c) .words = words_##c
#define CHECK_STRING(c) .check_text = check_##c
#define CHECK_PATH(c) .check_text = check_##c
#define CHECK_LIST(c) .check_text = check_##c
#define CHECK_IDENTITIES(c) .words = NULL
#define CHECK_SNI(c) .words = NULL

const struct key keys[KEY_COUNT] = {
#define KEY(field, TYPE, key_name, def, check, manual)     \
	[K_##field] = {.name = key_name,                   \
	    .type = TYPE_##TYPE,                           \
	    .offset = offsetof(struct rule_values, field), \
	    CHECK_##TYPE(check),                           \
	    .text = manual},
#include "keys.def"
#undef KEY
};

#define CLIENT_BOTH(value) value
#define CLIENT_SIDES(client, server) client
#define SERVER_BOTH(value) value
#define SERVER_SIDES(client, server) server

const struct rule_values key_defaults[2] = {
    [SIDE_CLIENT] =
	{
#define KEY(field, TYPE, key_name, def, ...) .field = CLIENT_##def,
#include "keys.def"
#undef KEY
	},
    [SIDE_SERVER] =
	{
#define KEY(field, TYPE, key_name, def, ...) .field = SERVER_##def,
#include "keys.def"
#undef KEY
	},
};

const struct key *
key_find(const char *name)
{
	size_t i;

	for (i = 0; i < KEY_COUNT; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

void *
key_value(const struct key *k, struct rule_values *v)
{
	return (char *)v + k->offset;
}

const void *
key_value_const(const struct key *k, const struct rule_values *v)
{
	return (const char *)v + k->offset;
}

void
key_copy(const struct key *k, struct rule_values *to,
    const struct rule_values *from)
{
	static const size_t sizes[] = {
	    [TYPE_BOOL] = sizeof(bool),
	    [TYPE_INT] = sizeof(int),
	    [TYPE_ENUM] = sizeof(int),
	    [TYPE_FLAGS] = sizeof(unsigned),
	    [TYPE_STRING] = sizeof(char *),
	    [TYPE_PATH] = sizeof(char *),
	    [TYPE_LIST] = sizeof(struct list),
	    [TYPE_IDENTITIES] = sizeof(struct identities),
	    [TYPE_SNI] = sizeof(struct sni_table),
	};

	memcpy(key_value(k, to), key_value_const(k, from), sizes[k->type]);
}

int
key_word(const struct key *k, const char *word)
{
	int i;

	for (i = 0; k->words != NULL && k->words[i] != NULL; i++)
		if (strcmp(k->words[i], word) == 0)
			return i;
	return -1;
}

static bool
text_equal(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

static bool
list_equal(const struct list *a, const struct list *b)
{
	size_t i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++)
		if (!text_equal(a->v[i], b->v[i]))
			return false;
	return true;
}

static bool
identities_equal(const struct identities *a, const struct identities *b)
{
	size_t i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++)
		if (!text_equal(a->v[i].certfile, b->v[i].certfile) ||
		    !text_equal(a->v[i].keyfile, b->v[i].keyfile) ||
		    !text_equal(a->v[i].password_file, b->v[i].password_file))
			return false;
	return true;
}

static bool
sni_equal(const struct sni_table *a, const struct sni_table *b)
{
	size_t i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++)
		if (!text_equal(a->v[i].server_name, b->v[i].server_name) ||
		    !text_equal(a->v[i].context, b->v[i].context))
			return false;
	return true;
}

bool
key_equal(const struct key *k, const struct rule_values *va,
    const struct rule_values *vb)
{
	const void *a = key_value_const(k, va), *b = key_value_const(k, vb);

	switch (k->type) {
	case TYPE_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case TYPE_INT:
	case TYPE_ENUM:
		return *(const int *)a == *(const int *)b;
	case TYPE_FLAGS:
		return *(const unsigned *)a == *(const unsigned *)b;
	case TYPE_STRING:
	case TYPE_PATH:
		return text_equal(
		    *(const char *const *)a, *(const char *const *)b);
	case TYPE_LIST:
		return list_equal(a, b);
	case TYPE_IDENTITIES:
		return identities_equal(a, b);
	case TYPE_SNI:
		return sni_equal(a, b);
	}
	return false;
}

/* Levenshtein's distance, given up (as 99) for words too long to be keys. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[65], i, j, left, corner, up, best;
	size_t na = strlen(a), nb = strlen(b);

	if (na > 64 || nb > 64)
		return 99;
	for (j = 0; j <= nb; j++)
		row[j] = j;
	for (i = 1; i <= na; i++) {
		corner = row[0];
		left = row[0] = i;
		for (j = 1; j <= nb; j++) {
			up = row[j];
			best = corner + (a[i - 1] != b[j - 1]);
			if (up + 1 < best)
				best = up + 1;
			if (left + 1 < best)
				best = left + 1;
			corner = up;
			left = row[j] = best;
		}
	}
	return row[nb];
}

const char *
key_nearest(const char *word, const char *const *names, size_t n)
{
	unsigned d, least = (unsigned)strlen(word) / 3 + 1;
	const char *found = NULL;
	size_t i;

	/* A third of the letters wrong, and one: else it is another word. */
	for (i = 0; i < n; i++) {
		d = distance(word, names[i]);
		if (d < least || (d == least && found == NULL)) {
			least = d;
			found = names[i];
		}
	}
	return found;
}
