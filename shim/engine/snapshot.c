/* snapshot.c - the policy and what its rules have loaded, as of one moment */

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../policy/keys.h"
#include "../../policy/stamp.h"
#include "../../policy/utc.h"
#include "engine.h"
#include "keylog.h"
#include "log.h"
#include "ours.h"
#include "snapshot.h"

#define DAY 86400
#define WARN_DAYS 14

struct snapshot {
	_Atomic unsigned refs; /* 0: what follows is gone, this never is */
	struct policy *policy; /* owned */
	struct credentials *_Atomic *loaded; /* owned, by rule index */
	_Atomic time_t *look; /* owned, by rule index: the next time to see
	                         whether its certificates expire */
	struct stamps stamps; /* of all that was read; loading */
	struct snapshot *next; /* once it is empty: in emptied */
};

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t reloading = PTHREAD_MUTEX_INITIALIZER;
static struct snapshot *_Atomic current;
static struct snapshot *_Atomic emptied; /* for the next; snapshot.h */
static _Atomic int64_t due;      /* now_ms() of the next look; 0: never */
static struct stamps tried; /* of a snapshot that was not taken; reloading */
static bool all;            /* files may be out of reach soon; loading */

/* Written by snapshot_init alone. */
APART static struct fault first_fault;
static const char *program, *script;
static char *user_policy; /* owned; NULL: none */
RARE static struct stat root;

bool
snapshot_ready(void)
{
	return atomic_load(&current) != NULL;
}

const struct fault *
snapshot_fault(void)
{
	return &first_fault;
}

const struct policy *
snapshot_policy(const struct snapshot *s)
{
	return s->policy;
}

bool
snapshot_needs_files(const struct rule *r)
{
	return r->action == ACTION_TLS || r->action == ACTION_DETECT;
}

/* All but s itself: somebody may be about to look at its refs. */
static void
snapshot_empty(struct snapshot *s)
{
	size_t i;

	for (i = 0; s->loaded != NULL && i < s->policy->nrules; i++)
		credentials_free(atomic_load(&s->loaded[i]));
	free((void *)s->loaded);
	free((void *)s->look);
	policy_free(s->policy);
	stamps_free(&s->stamps);
	s->next = atomic_load(&emptied);
	while (!atomic_compare_exchange_weak(&emptied, &s->next, s))
		;
}

void
snapshot_put(struct snapshot *s)
{
	if (s != NULL && atomic_fetch_sub(&s->refs, 1) == 1)
		snapshot_empty(s);
}

struct snapshot *
snapshot_hold(struct snapshot *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

/* Reloading: nobody else takes one off, so that the second stays the second. */
static struct snapshot *
used_before(void)
{
	struct snapshot *s = atomic_load(&emptied);

	while (s != NULL &&
	    !atomic_compare_exchange_weak(&emptied, &s, s->next))
		;
	if (s != NULL) { /* all but refs, which is 0 */
		s->policy = NULL;
		s->loaded = NULL;
		s->look = NULL;
		s->stamps = (struct stamps){0};
	}
	return s;
}

/* The first lies where forks write anyway (APART); it is never freed. */
static struct snapshot *
made(void)
{
	static struct snapshot near;
	static bool taken; /* reloading, or snapshot_init */
	struct snapshot *s = used_before();

	if (s != NULL)
		return s;
	if (taken)
		return calloc(1, sizeof near);
	taken = true;
	return &near;
}

/* Reads the policy alone. */
static struct snapshot *
snapshot_new(const struct policy_source *src, struct stamps *stamps,
    struct fault *f)
{
	struct policy *policy = NULL;
	struct snapshot *s;
	int rv;

	stamps_begin(stamps);
	rv = policy_read(src, &policy, f);
	stamps_end();
	if (rv == -1)
		return NULL;
	s = made();
	if (s == NULL) {
		policy_free(policy);
		fault_set(f, NULL, 0, "out of memory");
		return NULL;
	}
	s->policy = policy;
	atomic_store(&s->refs, 1);
	s->loaded = calloc(s->policy->nrules + 1, sizeof s->loaded[0]);
	s->look = calloc(s->policy->nrules + 1, sizeof s->look[0]);
	if (s->loaded == NULL || s->look == NULL) {
		fault_set(f, NULL, 0, "out of memory");
		snapshot_put(s);
		return NULL;
	}
	return s;
}

/* For later: the program may change its working directory. */
static void
user_policy_find(const char *path)
{
	char cwd[PATH_MAX];

	if (path == NULL)
		return;
	if (path[0] == '/' || getcwd(cwd, sizeof cwd) == NULL)
		user_policy = strdup(path);
	else if (asprintf(&user_policy, "%s/%s", cwd, path) == -1)
		user_policy = NULL;
}

static void
due_set(const struct snapshot *s)
{
	int64_t ms = (int64_t)s->policy->reload_interval * 1000;

	atomic_store(&due, ms > 0 ? now_ms() + ms : 0);
}

void
snapshot_init(const char *program_, const char *script_)
{
	const struct policy_source src = {
	    NULL, host->env->policy, host->env->secure != 0};
	struct stamps stamps = {0};
	struct snapshot *s;

	program = program_;
	script = script_;
	user_policy_find(host->env->policy);
	stat("/", &root);
	s = snapshot_new(&src, &stamps, &first_fault);
	if (s == NULL) {
		stamps_free(&stamps);
		return;
	}
	s->stamps = stamps;
	log_init(&s->policy->log);
	due_set(s);
	atomic_store(&current, s);
}

static void
expiry_warn(const struct credentials *c, time_t now)
{
	char date[64];
	struct utc at;
	size_t i;
	long left = (long)((c->expires - now) / DAY);

	for (i = 0; i < c->nsni; i++)
		expiry_warn(c->sni[i], now);
	if (c->expires == 0 || c->expires - now > WARN_DAYS * DAY)
		return;
	at = utc_of(c->expires);
	snprintf(date, sizeof date, "%04ld-%02d-%02d %02d:%02d UTC", at.year,
	    at.month, at.day, at.hour, at.minute);
	if (c->expires <= now)
		log_text(LOG_WARNING, "certfile %s has expired on %s",
		    c->expires_name, date);
	else
		log_text(LOG_WARNING,
		    "certfile %s expires on %s, in %ld day%s", c->expires_name,
		    date, left, left == 1 ? "" : "s");
}

/* At the first use, and then once a day. */
static void
expiry_look(struct snapshot *s, const struct rule *r)
{
	time_t now = time(NULL), next = atomic_load(&s->look[r->index]);

	if (now < next || !atomic_compare_exchange_strong(
			      &s->look[r->index], &next, now + DAY))
		return;
	expiry_warn(atomic_load(&s->loaded[r->index]), now);
}

/* Locked, or s is nobody else's yet. */
static const struct credentials *
load(struct snapshot *s, const struct rule *r, struct stamps *stamps,
    struct fault *f)
{
	struct credentials *c = atomic_load(&s->loaded[r->index]);

	if (c == NULL) {
		stamps_begin(stamps);
		if (credentials_read(r, &c, f) == -1)
			c = NULL;
		stamps_end();
		atomic_store(&s->loaded[r->index], c);
		if (c != NULL)
			keylog_open(s->policy, r);
	}
	if (c != NULL)
		expiry_look(s, r);
	return c;
}

const struct credentials *
snapshot_loaded(struct snapshot *s, const struct rule *r)
{
	const struct credentials *c = atomic_load(&s->loaded[r->index]);

	if (c != NULL)
		expiry_look(s, r);
	return c;
}

const struct credentials *
snapshot_credentials(
    struct snapshot *s, const struct rule *r, struct fault *f)
{
	const struct credentials *c = snapshot_loaded(s, r);
	int lent;

	if (c != NULL)
		return c;
	pthread_mutex_lock(&loading);
	lent = ours_lend();
	c = load(s, r, &s->stamps, f);
	ours_reclaim(lent);
	pthread_mutex_unlock(&loading);
	return c;
}

static bool
could_be_ours(const struct rule *r)
{
	const struct endpoint e = {
	    .side = r->side, .program = program, .script = script};

	return snapshot_needs_files(r) && rule_could_match(r, &e);
}

static const struct rule *
rule_nth(const struct policy *p, size_t i)
{
	return i < p->nclient ? &p->client[i] : &p->server[i - p->nclient];
}

/* A rule whose files fail now is told about when it is needed. */
void
snapshot_leave(void)
{
	struct snapshot *s = snapshot_get();
	struct fault f = {0};
	size_t i;

	if (s == NULL)
		return;
	pthread_mutex_lock(&loading);
	all = true;
	for (i = 0; i < s->policy->nrules; i++)
		if (could_be_ours(rule_nth(s->policy, i)))
			(void)load(s, rule_nth(s->policy, i), &s->stamps, &f);
	pthread_mutex_unlock(&loading);
	snapshot_put(s);
}

static bool
rule_equal(const struct rule *a, const struct rule *b)
{
	size_t k;

	if (a->side != b->side || a->action != b->action)
		return false;
	for (k = 0; k < KEY_COUNT; k++)
		if (!key_equal(&keys[k], &a->values, &b->values))
			return false;
	return true;
}

/*
 * Must r of a new policy load for the whole to be taken?  Yes where it is new,
 * or where the same files have served: one that nobody has used, or whose
 * files never could be read, is for whoever needs it.
 */
static bool
must_load(const struct snapshot *old, const struct rule *r)
{
	const struct rule *was;
	bool known = false, served = false;
	size_t i;

	for (i = 0; i < old->policy->nrules; i++) {
		was = rule_nth(old->policy, i);
		if (!rule_equal(was, r))
			continue;
		known = true;
		served |= atomic_load(&old->loaded[was->index]) != NULL;
	}
	return served || !known;
}

/*
 * May a look at the files be trusted to show what the program was started
 * with?  After a chroot the same names are somebody else's files.
 */
static bool
same_root(struct fault *f)
{
	struct stat now;

	if (stat("/", &now) == 0 && now.st_dev == root.st_dev &&
	    now.st_ino == root.st_ino)
		return true;
	fault_set(f, NULL, 0, "the program has changed its root directory");
	return false;
}

/* The site's own policy cannot be replaced by what a user named. */
static bool
same_source(const struct snapshot *old, const struct snapshot *new,
    struct fault *f)
{
	if (strcmp(old->policy->file, POLICY_SITE) != 0 ||
	    strcmp(new->policy->file, POLICY_SITE) == 0)
		return true;
	fault_set(f, POLICY_SITE, 1, "there is no such file any more");
	return false;
}

/* Everything anew, or NULL and why; stamps in any case. */
static struct snapshot *
read_anew(struct snapshot *old, struct stamps *stamps, struct fault *f)
{
	const struct policy_source src = {NULL,
	    user_policy,
	    host->env->secure != 0};
	struct snapshot *s;
	bool must;
	size_t i;

	if (!same_root(f) || (s = snapshot_new(&src, stamps, f)) == NULL)
		return NULL;
	if (!same_source(old, s, f))
		goto fail;
	for (i = 0; i < s->policy->nrules; i++) {
		const struct rule *r = rule_nth(s->policy, i);
		struct fault ignored = {0};

		if (!could_be_ours(r))
			continue;
		must = must_load(old, r);
		if ((must || all) &&
		    load(s, r, stamps, must ? f : &ignored) == NULL && must)
			goto fail;
	}
	return s;
fail:
	snapshot_put(s);
	return NULL;
}

static void
kept_log(const struct fault *f)
{
	char text[2200];

	fault_text(f, text, sizeof text);
	log_text(LOG_ERROR,
	    "the policy in force stays: what has changed cannot be used: %s",
	    text);
}

static bool
changed(struct snapshot *s)
{
	bool rv;

	if (tried.n > 0)
		return stamps_changed(&tried);
	pthread_mutex_lock(&loading);
	rv = stamps_changed(&s->stamps);
	pthread_mutex_unlock(&loading);
	return rv;
}

/* old stays alive meanwhile: the caller has a reference. */
static void
reload(struct snapshot *old)
{
	struct stamps stamps = {0};
	struct snapshot *s;
	struct fault f = {0};
	int lent;

	if (!changed(old))
		return;
	lent = ours_lend();
	s = read_anew(old, &stamps, &f);
	ours_reclaim(lent);
	stamps_free(&tried);
	if (s == NULL) {
		tried = stamps;
		kept_log(&f);
		return;
	}
	s->stamps = stamps;
	atomic_store(&current, s);
	snapshot_put(old); /* what current had */
	log_text(LOG_NOTICE, "%s and its files were read anew",
	    s->policy->file);
}

static struct snapshot *
get(void)
{
	struct snapshot *s;
	unsigned n;

	for (;;) {
		s = atomic_load(&current);
		n = atomic_load(&s->refs);
		while (n > 0)
			if (atomic_compare_exchange_weak(
				&s->refs, &n, n + 1))
				break;
		if (n > 0 && atomic_load(&current) == s)
			return s;
		if (n > 0) /* it has been emptied, and is being made anew */
			snapshot_put(s);
	}
}

struct snapshot *
snapshot_get(void)
{
	struct snapshot *s;
	int64_t when = atomic_load(&due);

	if (!snapshot_ready())
		return NULL;
	s = get();
	if (when == 0 || now_ms() < when ||
	    pthread_mutex_trylock(&reloading) != 0)
		return s;
	/* the one before may have just been here */
	if (now_ms() >= atomic_load(&due)) {
		reload(s);
		snapshot_put(s);
		s = get();
		due_set(s);
	}
	pthread_mutex_unlock(&reloading);
	return s;
}

void
snapshot_after_fork(void)
{
	pthread_mutex_init(&loading, NULL);
	pthread_mutex_init(&reloading, NULL);
}
