/* load.c - the files of one policy, main and included, and their rules */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "loading.h"

#define POLICY_MAX ((size_t)1 << 20)

static int
part_read(struct loading *l, const char *file, const char *at_file, int at_line)
{
	struct part *part = arena_alloc(l->r.arena, 1, sizeof *part);
	struct part **end;
	char *text = NULL;
	size_t len;
	int rv;

	if (part == NULL ||
	    (part->file = arena_strdup(l->r.arena, file)) == NULL)
		return fault_set(l->r.f, file, 1, "out of memory");
	if (file_read(file, FILE_POLICY, POLICY_MAX, &text, &len, l->r.f,
		at_file, at_line) == -1)
		return -1;
	rv = parse_text(text, len, part->file, &part->tree, l->r.f);
	free(text);
	if (rv == -1)
		return -1;
	for (end = &l->parts; *end != NULL; end = &(*end)->next)
		;
	*end = part;
	return 0;
}

/* The nodes are the arena's, libconfig's trees are not. */
static void
parts_free(struct part *p)
{
	for (; p != NULL; p = p->next)
		config_destroy(&p->tree);
}

static int
main_read(struct loading *l, unsigned place)
{
	config_setting_t *root = config_root_setting(&l->parts->tree);

	/* First, since another version's keys would all be unknown ones. */
	if (config_setting_get_member(root, "version") == NULL)
		return fault_set(
		    l->r.f, l->r.file, 1, "version = 1; is missing");
	if (top_read(l, root, place) == -1)
		return -1;
	if (!top_written(l, TOP_UNMATCHED))
		return fault_set(l->r.f, l->r.file, 1,
		    "unmatched is missing: say what happens where no rule "
		    "matches, unmatched = \"reject\"; or unmatched = "
		    "\"plain\";");
	return 0;
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * The names of *.cfg in the open directory fd, sorted as in the C locale;
 * closes fd.  On success the strings are the arena's, *out the caller's.
 */
static int
names_read(struct loading *l, int fd, char ***out, size_t *n)
{
	DIR *dir = fdopendir(fd);
	struct dirent *d;
	char **v = NULL, **more;
	size_t len;

	*n = 0;
	if (dir == NULL) {
		close(fd);
		return -1;
	}
	while ((d = readdir(dir)) != NULL) {
		len = strlen(d->d_name);
		if (d->d_name[0] == '.' || len < 5 ||
		    strcmp(d->d_name + len - 4, ".cfg") != 0)
			continue;
		more = reallocarray(v, *n + 1, sizeof *v);
		if (more == NULL)
			break;
		v = more;
		v[*n] = arena_strdup(l->r.arena, d->d_name);
		if (v[*n] == NULL)
			break;
		++*n;
	}
	closedir(dir);
	if (d != NULL) {
		free(v);
		return -1;
	}
	if (*n > 0)
		qsort(v, *n, sizeof *v, by_bytes);
	*out = v;
	return 0;
}

static int
included_read_one(
    struct loading *l, const char *name, const char *at_file, int at_line)
{
	char *file = NULL;
	struct part *part;
	int rv;

	if (asprintf(&file, "%s/%s", l->include_dir, name) == -1)
		return fault_set(l->r.f, at_file, at_line, "out of memory");
	/* Whoever is to blame, the file is what needs a look. */
	rv = part_read(l, file, NULL, 0);
	free(file);
	if (rv == -1)
		return -1;
	for (part = l->parts; part->next != NULL; part = part->next)
		;
	l->r.file = part->file;
	return top_read(l, config_root_setting(&part->tree), IN_INCLUDED);
}

static int
included_read(struct loading *l)
{
	config_setting_t *root = config_root_setting(&l->parts->tree);
	config_setting_t *s = config_setting_get_member(root, "include_dir");
	const char *file = l->r.file;
	char **names = NULL;
	size_t i, n;
	int fd, rv = 0;

	if (l->include_dir == NULL)
		return 0;
	fd = file_open_directory(l->include_dir, l->r.f, file, (int)s->line);
	if (fd == -1)
		return -1;
	if (names_read(l, fd, &names, &n) == -1)
		return setting_refuse(&l->r, s, "%s cannot be listed: %s",
		    l->include_dir, strerror(errno));
	for (i = 0; i < n && rv == 0; i++)
		rv = included_read_one(l, names[i], file, (int)s->line);
	free(names);
	return rv;
}

/* How many groups the parts hold under name together. */
static size_t
groups_count(const struct loading *l, const char *name)
{
	const struct part *part;
	config_setting_t *s;
	size_t n = 0;

	for (part = l->parts; part != NULL; part = part->next) {
		s = config_lookup(&part->tree, name);
		if (s != NULL)
			n += (size_t)config_setting_length(s);
	}
	return n;
}

/* Calls each for every group under name, in the order of parts. */
static int
groups_each(struct loading *l, const char *name,
    int (*each)(struct loading *l, config_setting_t *group))
{
	struct part *part;
	config_setting_t *s;
	int i;

	for (part = l->parts; part != NULL; part = part->next) {
		l->r.file = part->file;
		s = config_lookup(&part->tree, name);
		for (i = 0; s != NULL && i < config_setting_length(s); i++)
			if (each(l, config_setting_get_elem(s, (unsigned)i)) ==
			    -1)
				return -1;
	}
	return 0;
}

static int
context_add(struct loading *l, config_setting_t *group)
{
	struct context *c = &l->bases.contexts[l->bases.n];
	size_t i;

	if (context_read(&l->r, group, c) == -1)
		return -1;
	for (i = 0; i < l->bases.n; i++)
		if (strcmp(l->bases.contexts[i].name, c->name) == 0)
			return setting_refuse(&l->r, group,
			    "there is a context \"%.100s\" already, at "
			    "%.200s:%d",
			    c->name, l->bases.contexts[i].file,
			    l->bases.contexts[i].line);
	l->bases.n++;
	return 0;
}

static int
client_add(struct loading *l, config_setting_t *group)
{
	struct policy *p = l->p;

	if (rule_read(&l->r, group, SIDE_CLIENT, &l->bases,
		&p->client[p->nclient]) == -1)
		return -1;
	p->nclient++;
	return 0;
}

static int
server_add(struct loading *l, config_setting_t *group)
{
	struct policy *p = l->p;

	if (rule_read(&l->r, group, SIDE_SERVER, &l->bases,
		&p->server[p->nserver]) == -1)
		return -1;
	p->nserver++;
	return 0;
}

/* The defaults, then each context. */
static int
contexts_keep(struct loading *l)
{
	const struct bases *b = &l->bases;
	struct policy *p = l->p;
	size_t i, side;

	p->ncontexts = b->n + 1;
	for (side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
		p->context[side] = arena_alloc(
		    l->r.arena, p->ncontexts, sizeof *p->context[side]);
		if (p->context[side] == NULL)
			return fault_set(l->r.f, l->r.file, 1, "out of memory");
		for (i = 0; i < p->ncontexts; i++)
			if (rule_of_context(&l->r, b,
				i > 0 ? &b->contexts[i - 1] : NULL,
				(enum side)side, &p->context[side][i]) == -1)
				return -1;
	}
	return 0;
}

static int
groups_read(struct loading *l)
{
	struct arena *a = l->r.arena;

	l->bases.contexts = arena_alloc(
	    a, groups_count(l, "contexts"), sizeof *l->bases.contexts);
	l->p->client =
	    arena_alloc(a, groups_count(l, "client"), sizeof *l->p->client);
	l->p->server =
	    arena_alloc(a, groups_count(l, "server"), sizeof *l->p->server);
	if (l->bases.contexts == NULL || l->p->client == NULL ||
	    l->p->server == NULL)
		return fault_set(l->r.f, l->r.file, 1, "out of memory");
	if (groups_each(l, "contexts", context_add) == -1 ||
	    contexts_keep(l) == -1 ||
	    groups_each(l, "client", client_add) == -1 ||
	    groups_each(l, "server", server_add) == -1)
		return -1;
	return 0;
}

int
load(struct loading *l, const char *file, unsigned place)
{
	int rv = -1;

	l->p = arena_alloc(l->r.arena, 1, sizeof *l->p);
	if (l->p == NULL)
		return fault_set(l->r.f, file, 1, "out of memory");
	l->p->log = (struct log_values){"stderr", LOG_NOTICE, LOG_TEXT};
	if (part_read(l, file, NULL, 0) == 0) {
		l->r.file = l->p->file = l->parts->file;
		if (main_read(l, place) == 0 && included_read(l) == 0)
			rv = groups_read(l);
	}
	parts_free(l->parts);
	l->parts = NULL;
	return rv;
}
