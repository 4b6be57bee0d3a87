/* policy.c - the policy as a whole: its files, top level, rules and merging */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "rule.h"

#define POLICY_MAX ((size_t)1 << 20)

/* One file of a policy; the first is the one it is named by. */
struct part {
	const char *file;
	config_t tree;
	struct part *next;
};

/* One policy while it is read. */
struct loading {
	struct reader r;
	struct policy *p; /* filled; its memory is the arena's */
	struct part *parts; /* owned: released with parts_free */
	struct bases bases;
	/* Keys that were written, by place in top_keys. */
	unsigned written;
	const char *include_dir; /* absolute, or NULL */
};

static int
part_read(struct loading *l, const char *file, const char *at_file,
    int at_line)
{
	struct part *part = arena_alloc(l->r.arena, 1, sizeof *part);
	struct part **end;
	char *text = NULL;
	size_t len;
	int rv;

	if (part == NULL || (part->file = arena_strdup(l->r.arena, file)) ==
	    NULL)
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
version_read(struct loading *l, config_setting_t *s)
{
	int v;

	if (setting_int(&l->r, s, &v) == -1)
		return -1;
	if (v != 1)
		return setting_refuse(&l->r, s, "version %d of the policy "
			"language is not known, this is version 1", v);
	return 0;
}

/* One of two words, the second of which is true. */
static int
choice_read(struct loading *l, config_setting_t *s, const char *no,
    const char *yes, bool *out)
{
	const char *const words[] = { no, yes, NULL };
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
	if (choice_read(l, s, "reject", "allow",
	    &l->p->on_unprotected_allow) == -1)
		return -1;
	return !l->p->on_unprotected_allow
		? 0
		: setting_refuse(&l->r, s,
		      "on_unprotected = \"allow\" is not supported yet");
}

static int
include_dir_read(struct loading *l, config_setting_t *s)
{
	const char *v;
	char *absolute;

	if (setting_string(&l->r, s, &v) == -1)
		return -1;
	if (v[0] == '\0')
		return setting_refuse(&l->r, s,
		    "'include_dir' must not be empty");
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
	return l->p->reload_interval == 0
		? 0
		: setting_refuse(&l->r, s,
		      "reload_interval is not supported yet");
}

static int
user_policy_read(struct loading *l, config_setting_t *s)
{
	return setting_bool(&l->r, s, &l->p->allow_user_policy);
}

static int
keylog_read(struct loading *l, config_setting_t *s)
{
	if (setting_bool(&l->r, s, &l->p->allow_keylog_env) == -1)
		return -1;
	return !l->p->allow_keylog_env
		? 0
		: setting_refuse(&l->r, s,
		      "allow_keylog_env = true is not supported yet");
}

static int
log_to_read(struct loading *l, config_setting_t *s)
{
	const char *v, *p;

	if (setting_string(&l->r, s, &v) == -1)
		return -1;
	if (strcmp(v, "stderr") != 0 && strcmp(v, "syslog") != 0 &&
	    v[0] != '/')
		return setting_refuse(&l->r, s, "'to' must be \"stderr\", "
			"\"syslog\" or a path that begins with '/', not "
			"\"%.100s\"", v);
	for (p = strchr(v, '%'); p != NULL; p = strchr(p + 2, '%'))
		if (p[1] == '\0' || strchr("pu%", p[1]) == NULL)
			return setting_refuse(&l->r, s, "'to' knows %%p (pid), "
				"%%u (user) and %%%% alone");
	l->p->log.to = v;
	return 0;
}

static int
log_read(struct loading *l, config_setting_t *s)
{
	static const char *const levels[] = { "error", "warning", "notice",
		"info", "debug", NULL };
	static const char *const formats[] = { "text", "json", NULL };
	static const char *const known[] = { "to", "level", "format" };
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

enum { IN_MAIN = 1, IN_INCLUDED = 2, IN_USER = 4 };

static const struct top_key {
	const char *name;
	unsigned places;
	int (*read)(struct loading *l, config_setting_t *s);
} top_keys[] = {
	{ "version", IN_MAIN | IN_USER, version_read },
	{ "unmatched", IN_MAIN | IN_USER, unmatched_read },
	{ "unnamed", IN_MAIN | IN_USER, unnamed_read },
	{ "ambiguous_name", IN_MAIN | IN_USER, ambiguous_read },
	{ "log", IN_MAIN | IN_USER, log_read },
	{ "on_unprotected", IN_MAIN, unprotected_read },
	{ "include_dir", IN_MAIN | IN_USER, include_dir_read },
	{ "reload_interval", IN_MAIN, reload_read },
	{ "allow_user_policy", IN_MAIN, user_policy_read },
	{ "allow_keylog_env", IN_MAIN, keylog_read },
	{ "defaults", IN_MAIN | IN_USER, defaults_group_read },
	{ "contexts", IN_MAIN | IN_INCLUDED | IN_USER, later_read },
	{ "client", IN_MAIN | IN_INCLUDED | IN_USER, later_read },
	{ "server", IN_MAIN | IN_INCLUDED | IN_USER, later_read },
};
#define TOP_KEYS (sizeof top_keys / sizeof top_keys[0])
enum { TOP_VERSION, TOP_UNMATCHED, TOP_UNNAMED, TOP_AMBIGUOUS, TOP_LOG };

static int
top_unknown(const struct loading *l, config_setting_t *s, unsigned place)
{
	const char *known[TOP_KEYS];
	size_t i, n = 0;

	for (i = 0; i < TOP_KEYS; i++) {
		if (strcmp(top_keys[i].name, s->name) == 0)
			return setting_refuse(&l->r, s, "'%s' is for the %s "
				"alone", s->name, place == IN_USER
				? "site policy" : "main policy file");
		if ((top_keys[i].places & place) != 0)
			known[n++] = top_keys[i].name;
	}
	return setting_unknown(&l->r, s, s->name, known, n);
}

static int
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

static bool
is_written(const struct loading *l, int key)
{
	return (l->written & 1u << key) != 0;
}

static int
main_read(struct loading *l, unsigned place)
{
	config_setting_t *root = config_root_setting(&l->parts->tree);

	/* First, since another version's keys would all be unknown ones. */
	if (config_setting_get_member(root, "version") == NULL)
		return fault_set(l->r.f, l->r.file, 1,
		    "version = 1; is missing");
	if (top_read(l, root, place) == -1)
		return -1;
	if (!is_written(l, TOP_UNMATCHED))
		return fault_set(l->r.f, l->r.file, 1, "unmatched is missing: "
			"say what happens where no rule matches, unmatched = "
			"\"reject\"; or unmatched = \"plain\";");
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
included_read_one(struct loading *l, const char *name, const char *at_file,
    int at_line)
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
			if (each(l, config_setting_get_elem(
					s, (unsigned)i)) == -1)
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
			return setting_refuse(&l->r, group, "there is a "
				"context \"%.100s\" already, at %.200s:%d",
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

static int
groups_read(struct loading *l)
{
	struct arena *a = l->r.arena;

	l->bases.contexts = arena_alloc(a, groups_count(l, "contexts"),
	    sizeof *l->bases.contexts);
	l->p->client = arena_alloc(a, groups_count(l, "client"),
	    sizeof *l->p->client);
	l->p->server = arena_alloc(a, groups_count(l, "server"),
	    sizeof *l->p->server);
	if (l->bases.contexts == NULL || l->p->client == NULL ||
	    l->p->server == NULL)
		return fault_set(l->r.f, l->r.file, 1, "out of memory");
	if (groups_each(l, "contexts", context_add) == -1 ||
	    groups_each(l, "client", client_add) == -1 ||
	    groups_each(l, "server", server_add) == -1)
		return -1;
	return 0;
}

/* Reads the policy that file begins into l->p. */
static int
load(struct loading *l, const char *file, unsigned place)
{
	int rv = -1;

	l->p = arena_alloc(l->r.arena, 1, sizeof *l->p);
	if (l->p == NULL)
		return fault_set(l->r.f, file, 1, "out of memory");
	l->p->log = (struct log_values){ "stderr", LOG_NOTICE, LOG_TEXT };
	if (part_read(l, file, NULL, 0) == 0) {
		l->r.file = l->p->file = l->parts->file;
		if (main_read(l, place) == 0 && included_read(l) == 0)
			rv = groups_read(l);
	}
	parts_free(l->parts);
	l->parts = NULL;
	return rv;
}

/* A user's log may lie only where nobody else's files do. */
static int
user_log_check(const struct loading *user)
{
	const char *to = user->p->log.to;
	char dir[4096];
	struct stat st;

	if (to[0] != '/')
		return 0;
	snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(to, '/') - to), to);
	if (stat(dir[0] != '\0' ? dir : "/", &st) == 0 &&
	    st.st_uid == geteuid())
		return 0;
	return fault_set(user->r.f, user->p->file, 1, "log to %.500s: a user's "
		"own policy may log only into a directory of the user", to);
}

static struct rule *
rules_join(struct arena *a, const struct rule *one, size_t n,
    const struct rule *two, size_t m)
{
	struct rule *v = arena_alloc(a, n + m, sizeof *v);

	if (v == NULL)
		return NULL;
	memcpy(v, one, n * sizeof *v);
	memcpy(v + n, two, m * sizeof *v);
	return v;
}

/*
 * The user's rules come after the site's, so that they decide only about what
 * the site leaves unmatched; of the rest the stricter holds.
 */
static int
merge(struct loading *site, const struct loading *user)
{
	struct policy *p = site->p;
	const struct policy *u = user->p;
	struct arena *a = site->r.arena;

	if (user_log_check(user) == -1)
		return -1;
	p->client = rules_join(a, p->client, p->nclient, u->client,
	    u->nclient);
	p->server = rules_join(a, p->server, p->nserver, u->server,
	    u->nserver);
	if (p->client == NULL || p->server == NULL)
		return fault_set(site->r.f, p->file, 1, "out of memory");
	p->nclient += u->nclient;
	p->nserver += u->nserver;
	if (u->unmatched == UNMATCHED_REJECT)
		p->unmatched = UNMATCHED_REJECT;
	if (is_written(user, TOP_UNNAMED) && !u->unnamed_skip)
		p->unnamed_skip = false;
	if (is_written(user, TOP_AMBIGUOUS) && !u->ambiguous_latest)
		p->ambiguous_latest = false;
	if (is_written(user, TOP_LOG) && !is_written(site, TOP_LOG))
		p->log = u->log;
	return 0;
}

static void
rules_number(struct policy *p)
{
	size_t i;

	for (i = 0; i < p->nclient; i++)
		p->client[i].index = i;
	for (i = 0; i < p->nserver; i++)
		p->server[i].index = p->nclient + i;
	p->nrules = p->nclient + p->nserver;
}

static bool
is_missing(const char *file)
{
	struct stat st;

	return lstat(file, &st) == -1 &&
	    (errno == ENOENT || errno == ENOTDIR);
}

/* Which files count, and in which order. */
static int
sources_read(const struct policy_source *src, struct arena *a,
    struct policy **out, struct fault *f)
{
	const char *file = src->site != NULL ? src->site : POLICY_SITE;
	const char *own = src->secure ? NULL : src->user;
	struct loading site = { .r = { .file = file, .arena = a, .f = f } };
	struct loading user = { .r = { .file = own, .arena = a, .f = f } };

	/* Named twice, it is the site's. */
	if (own != NULL && strcmp(own, file) == 0)
		own = NULL;
	if (is_missing(file)) {
		if (own == NULL)
			return fault_set(f, file, 1, "there is no policy: this "
				"file does not exist%s", src->secure
				? "" : " and no other was named");
		if (load(&user, own, IN_MAIN) == -1)
			return -1;
		*out = user.p;
		return 0;
	}
	if (load(&site, file, IN_MAIN) == -1)
		return -1;
	*out = site.p;
	if (own == NULL || !site.p->allow_user_policy)
		return 0;
	if (load(&user, own, IN_USER) == -1)
		return -1;
	return merge(&site, &user);
}

int
policy_read(const struct policy_source *src, struct policy **out,
    struct fault *f)
{
	struct arena *a = arena_new();
	struct policy *p = NULL;

	if (a == NULL)
		return fault_set(f, NULL, 0, "out of memory");
	if (sources_read(src, a, &p, f) == -1) {
		arena_free(a);
		return -1;
	}
	rules_number(p);
	p->arena = a;
	*out = p;
	return 0;
}

void
policy_free(struct policy *p)
{
	if (p != NULL)
		arena_free(p->arena);
}
