/* sessions.c - tlsshim sessions: what is in the files of session.cache_file */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../policy/json.h"
#include "../shim/engine/cache.h"
#include "host.h"
#include "tools.h"

/* Files, each once. */
struct files {
	char **v; /* owned, and what it holds */
	size_t n;
};

struct listing {
	bool json, first;
	time_t now;
	size_t n, tls13, bytes, stale;
	int64_t oldest;
};

static void
files_add(struct files *f, const char *file)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (strcmp(f->v[i], file) == 0)
			return;
	f->v = reallocarray(f->v, f->n + 1, sizeof f->v[0]);
	if (f->v == NULL || (f->v[f->n] = strdup(file)) == NULL) {
		complain("out of memory");
		exit(EXIT_BAD);
	}
	f->n++;
}

static void
files_free(struct files *f)
{
	while (f->n > 0)
		free(f->v[--f->n]);
	free(f->v);
}

static void
files_of_rule(struct files *f, const struct rule *r)
{
	const char *file = r->values.session_cache_file;
	char path[PATH_MAX];

	if (file != NULL && cache_path(file, path, sizeof path) == 0)
		files_add(f, path);
}

/* Also those of contexts that no rule has. */
static void
files_of_policy(struct files *f, const struct policy *p)
{
	size_t i;

	for (i = 0; i < p->nclient; i++)
		files_of_rule(f, &p->client[i]);
	for (i = 0; i < p->ncontexts; i++)
		files_of_rule(f, &p->context[SIDE_CLIENT][i]);
}

static const char *
version_word(const struct cache_head *h)
{
	return h->version == CACHE_TLS13 ? "TLSv1.3" : "TLSv1.2";
}

static void
entry_print_json(const struct cache_entry *e, struct listing *l)
{
	const struct cache_head *h = &e->head;

	printf("%s{ \"name\": ", l->first ? "" : ",\n    ");
	json_string_print(e->name, stdout);
	printf(", \"port\": %u, \"version\": \"%s\", \"age\": %lld, "
	       "\"left\": %lld, \"ticket_lifetime\": %u, \"uses\": %u, "
	       "\"bytes\": %u }",
	    h->port, version_word(h), (long long)(l->now - h->since),
	    (long long)(h->until > l->now ? h->until - l->now : 0),
	    h->lifetime, h->uses, h->len);
	l->first = false;
}

static void
entry_list(const struct cache_entry *e, void *arg)
{
	const struct cache_head *h = &e->head;
	struct listing *l = arg;

	if (l->json) {
		entry_print_json(e, l);
		return;
	}
	printf("%s:%u  %s  %lld s old, ", e->name, h->port, version_word(h),
	    (long long)(l->now - h->since));
	if (h->until > l->now)
		printf("%lld s left", (long long)(h->until - l->now));
	else
		printf("expired");
	printf("%s\n", h->uses > 0 ? ", used" : "");
}

static void
entry_count(const struct cache_entry *e, void *arg)
{
	struct listing *l = arg;

	l->n++;
	l->tls13 += e->head.version == CACHE_TLS13;
	l->stale += e->head.until <= l->now;
	l->bytes += e->head.len;
	if (l->oldest == 0 || e->head.since < l->oldest)
		l->oldest = e->head.since;
}

static int
file_list(const char *file, struct listing *l, struct fault *f)
{
	struct cache_counts counts;
	size_t damaged;
	int rv;

	if (l->json)
		fputs(", \"sessions\": [ ", stdout);
	l->first = true;
	rv = cache_disk_read(file, &counts, &damaged, entry_list, l, f);
	if (l->json)
		fputs(" ]", stdout);
	else if (rv == 0 && damaged > 0)
		printf("%zu damaged\n", damaged);
	return rv;
}

static void
stats_print(const struct listing *l, const struct cache_counts *c,
    size_t damaged)
{
	const struct {
		const char *name;
		unsigned long long n;
	} rows[] = {
	    {"number", l->n},
	    {"tls13", l->tls13},
	    {"tls12", l->n - l->tls13},
	    {"stale", l->stale},
	    {"damaged", damaged},
	    {"bytes", l->bytes},
	    {"oldest", l->oldest > 0 ? (unsigned long long)(l->now - l->oldest)
				     : 0},
	    {"hits", c->taken},
	    {"misses", c->missed},
	    {"stored", c->stored},
	    {"timeouts", c->expired},
	    {"forgotten", c->forgotten},
	    {"cache_full", c->full},
	};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		printf(l->json ? ", \"%s\": %llu" : "%-10s %llu\n",
		    rows[i].name, rows[i].n);
}

static int
file_stats(const char *file, struct listing *l, struct fault *f)
{
	struct cache_counts counts;
	size_t damaged;

	if (cache_disk_read(file, &counts, &damaged, entry_count, l, f) == -1)
		return -1;
	stats_print(l, &counts, damaged);
	return 0;
}

static int
file_clear(const char *file, struct listing *l, struct fault *f)
{
	int n = cache_disk_clear(file, f);

	if (n == -1)
		return -1;
	printf(l->json ? ", \"removed\": %d" : "%d removed\n", n);
	return 0;
}

static const struct verb {
	const char *name;
	int (*run)(const char *file, struct listing *l, struct fault *f);
} verbs[] = {
    {"list", file_list},
    {"stats", file_stats},
    {"clear", file_clear},
};

static int
each(const struct files *files, const struct verb *verb, bool json)
{
	int status = EXIT_GOOD;
	struct fault f;
	size_t i;

	if (json)
		putchar('[');
	for (i = 0; i < files->n; i++) {
		struct listing l = {.json = json, .now = time(NULL)};

		if (json) {
			fputs(i > 0 ? ",\n  { \"file\": " : " { \"file\": ",
			    stdout);
			json_string_print(files->v[i], stdout);
		} else if (files->n > 1) {
			printf("%s:\n", files->v[i]);
		}
		if (verb->run(files->v[i], &l, &f) == -1) {
			complain_fault(&f);
			status = EXIT_BAD;
		}
		if (json)
			fputs(" }", stdout);
	}
	if (json)
		fputs(" ]\n", stdout);
	return status;
}

static int
files_find(const char *policy, const char *file, char path[PATH_MAX],
    struct files *files, struct policy **read)
{
	struct fault f = {0};

	if (file != NULL) {
		file = path_absolute(file, path);
		if (file == NULL) {
			complain("the file's name is too long");
			return -1;
		}
		files_add(files, file);
		return 0;
	}
	if (source_read(policy, read, &f) == -1) {
		complain_fault(&f);
		return -1;
	}
	files_of_policy(files, *read);
	if (files->n == 0)
		complain("the policy names no session.cache_file");
	return files->n == 0 ? -1 : 0;
}

int
sessions_main(const struct subcommand *self, int argc, char **argv)
{
	const char *policy = NULL, *file = NULL;
	const struct verb *verb = NULL;
	struct policy *read = NULL;
	struct files files = {NULL, 0};
	char path[PATH_MAX];
	bool json = false;
	const struct option_row rows[] = {
	    {'p', "policy", OPTION_TEXT, &policy, "FILE",
		"The files that this policy names, not the site's."},
	    {0, "file", OPTION_TEXT, &file, "FILE",
		"This file, whatever a policy says."},
	    {0, "json", OPTION_FLAG, &json, NULL, "Print JSON."},
	    {0},
	};
	int first = options_read(self, rows, true, argc, argv);
	int status = EXIT_BAD;
	size_t i;

	if (first == -1)
		return EXIT_USAGE;
	for (i = 0; first == argc - 1 && i < 3; i++)
		if (strcmp(argv[first], verbs[i].name) == 0)
			verb = &verbs[i];
	if (verb == NULL)
		return options_wrong(self, "say list, stats or clear");
	if (host_init() == 0 &&
	    files_find(policy, file, path, &files, &read) == 0)
		status = each(&files, verb, json);
	files_free(&files);
	policy_free(read);
	return status;
}
