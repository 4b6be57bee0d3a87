/*
 * parse.h - libconfig's tree of one file, and its settings as typed values
 *
 * Every function here that returns int gives 0, or -1 and a fault at the
 * setting's own line.
 */
#ifndef POLICY_PARSE_H
#define POLICY_PARSE_H

#include <libconfig.h>

#include "arena.h"
#include "policy.h"

/* The file being read; files are read one after the other. */
struct reader {
	const char *file;    /* as messages and origins name it */
	struct arena *arena; /* borrowed: what is read lives there */
	struct fault *f;
};

/* On success *tree is the caller's, to release with config_destroy. */
int parse_text(const char *text, size_t len, const char *file, config_t *tree,
    struct fault *f);

/* A fault at setting s; returns -1. */
int setting_refuse(const struct reader *r, const config_setting_t *s,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The name to call s by: its own, or that of the list that holds it. */
const char *setting_name(const config_setting_t *s);

int setting_bool(const struct reader *r, config_setting_t *s, bool *out);
int setting_int(const struct reader *r, config_setting_t *s, int *out);
int setting_string(
    const struct reader *r, config_setting_t *s, const char **out);

/* The number of s's string in words (NULL ends them). */
int setting_word(const struct reader *r, config_setting_t *s,
    const char *const *words, int *out);

int setting_group(const struct reader *r, const config_setting_t *s);
/* s must be a list ( ) of groups { }. */
int setting_groups(const struct reader *r, const config_setting_t *s);

/* One value or a list of them: how many, and the i-th. */
size_t setting_count(const config_setting_t *s);
config_setting_t *setting_nth(config_setting_t *s, size_t i);

/* Room in the arena for as many things of size as s has values, or NULL. */
void *setting_room(
    const struct reader *r, const config_setting_t *s, size_t size);

/* Refuses an empty list, where it would mean neither all nor nothing. */
int setting_not_empty(const struct reader *r, const config_setting_t *s);

/* unknown key 'x', did you mean 'y' */
int setting_unknown(const struct reader *r, const config_setting_t *s,
    const char *name, const char *const *known, size_t n);

#endif
