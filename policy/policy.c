/* policy.c - the site's policy and the user's, as one */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loading.h"
#include "stamp.h"

static bool
is_in_own_folder(const char *path)
{
	char dir[4096];
	struct stat st;

	snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path),
	    path);
	return stat(dir[0] != '\0' ? dir : "/", &st) == 0 &&
	       st.st_uid == geteuid();
}

/* A user's log may lie only where nobody else's files do. */
static int
user_log_check(const struct loading *user)
{
	const char *to = user->p->log.to;

	if (to[0] != '/' || is_in_own_folder(to))
		return 0;
	return fault_set(user->r.f, user->p->file, 1,
	    "log to %.500s: a user's own policy may log only into a directory "
	    "of the user",
	    to);
}

/* Nor may a file that is made and written to by the way. */
static int
user_cache_check(const struct loading *user)
{
	const struct rule *r;
	const char *file;
	size_t i;

	for (i = 0; i < user->p->nclient; i++) {
		r = &user->p->client[i];
		file = r->values.session_cache_file;
		if (file != NULL && !is_in_own_folder(file))
			return fault_set(user->r.f,
			    r->origin[K_session_cache_file].file,
			    r->origin[K_session_cache_file].line,
			    "session.cache_file %.500s: a user's own policy "
			    "may keep sessions only in a directory of the "
			    "user",
			    file);
	}
	return 0;
}

static int
user_keylog_check(const struct loading *user, const struct rule *v, size_t n)
{
	const char *file;
	size_t i;

	for (i = 0; i < n; i++) {
		file = v[i].values.keylog_filename;
		if (file != NULL && !is_in_own_folder(file))
			return fault_set(user->r.f,
			    v[i].origin[K_keylog_filename].file,
			    v[i].origin[K_keylog_filename].line,
			    "keylog_filename %.500s: a user's own policy may "
			    "write secrets only into a directory of the user",
			    file);
	}
	return 0;
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

	if (user_log_check(user) == -1 || user_cache_check(user) == -1 ||
	    user_keylog_check(user, u->client, u->nclient) == -1 ||
	    user_keylog_check(user, u->server, u->nserver) == -1)
		return -1;
	p->client = rules_join(a, p->client, p->nclient, u->client, u->nclient);
	p->server = rules_join(a, p->server, p->nserver, u->server, u->nserver);
	if (p->client == NULL || p->server == NULL)
		return fault_set(site->r.f, p->file, 1, "out of memory");
	p->nclient += u->nclient;
	p->nserver += u->nserver;
	if (u->unmatched == UNMATCHED_REJECT)
		p->unmatched = UNMATCHED_REJECT;
	if (top_written(user, TOP_UNNAMED) && !u->unnamed_skip)
		p->unnamed_skip = false;
	if (top_written(user, TOP_AMBIGUOUS) && !u->ambiguous_latest)
		p->ambiguous_latest = false;
	if (top_written(user, TOP_LOG) && !top_written(site, TOP_LOG))
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

	return lstat(file, &st) == -1 && (errno == ENOENT || errno == ENOTDIR);
}

/* Which files count, and in which order. */
static int
sources_read(const struct policy_source *src, struct arena *a,
    struct policy **out, struct fault *f)
{
	const char *file = src->site != NULL ? src->site : POLICY_SITE;
	const char *own = src->secure ? NULL : src->user;
	struct loading site = {.r = {.file = file, .arena = a, .f = f}};
	struct loading user = {.r = {.file = own, .arena = a, .f = f}};

	/* Named twice, it is the site's. */
	if (own != NULL && strcmp(own, file) == 0)
		own = NULL;
	if (is_missing(file)) {
		stamp_note(file, NULL); /* it may come */
		if (own == NULL)
			return fault_set(f, file, 1,
			    "there is no policy: this file does not exist%s",
			    src->secure || src->site != NULL
				? ""
				: " and no other was named");
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
policy_read(
    const struct policy_source *src, struct policy **out, struct fault *f)
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
