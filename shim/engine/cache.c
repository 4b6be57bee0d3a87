/* cache.c - sessions that a client may resume, within this process */

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "engine.h"
#include "cache_disk.h"
#include "cache_pick.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* All under lock, but for sealed. */
APART static struct cache_head heads[CACHE_MEMORY];
APART static struct {
	char name[CACHE_NAME + 1];
	unsigned char *data; /* owned; NULL where the head is not used */
} kept[CACHE_MEMORY];
static size_t top; /* one more than the highest place that is used */
static struct cache_counts counts;
static _Atomic size_t number; /* a look without the lock: is it worth it? */
static _Atomic bool sealed;

int
cache_path(const char *file, char *buf, size_t len)
{
	size_t n = 0;

	for (; *file != '\0' && n + 12 < len; file++) {
		if (*file == '%' && file[1] == 'u')
			n += (size_t)snprintf(buf + n, len - n, "%u",
			    (unsigned)geteuid());
		else
			buf[n++] = *file;
		if (*file == '%' && (file[1] == 'u' || file[1] == '%'))
			file++;
	}
	buf[n] = '\0';
	return *file == '\0' ? 0 : -1;
}

/* False: entries are kept in memory. */
static bool
path_of(const char *file, char buf[PATH_MAX])
{
	return file != NULL && !atomic_load(&sealed) &&
	    cache_path(file, buf, PATH_MAX) == 0;
}

static bool
take_lock(void)
{
	int i;

	for (i = 0; i < 1000; i++) {
		if (pthread_mutex_trylock(&lock) == 0)
			return true;
		sched_yield();
	}
	return false;
}

void
cache_entry_free(struct cache_entry *e)
{
	if (e->data != NULL)
		explicit_bzero(e->data, e->head.len);
	free(e->data);
	e->data = NULL;
}

/* The secrets of place i are the caller's. */
static unsigned char *
release(size_t i)
{
	unsigned char *data = kept[i].data;

	kept[i].data = NULL;
	heads[i].used = false;
	number--;
	while (top > 0 && kept[top - 1].data == NULL)
		top--;
	return data;
}

static void
drop(size_t i)
{
	if (kept[i].data == NULL)
		return;
	explicit_bzero(kept[i].data, heads[i].len);
	free(release(i));
}

/* Whatever a look at the heads has given up. */
static void
sweep(void)
{
	size_t i;

	for (i = top; i-- > 0;)
		if (!heads[i].used)
			drop(i);
}

/* What place i holds, or, where that stays, a copy of it. */
static bool
hand_out(size_t i, bool stays, struct cache_entry *out)
{
	unsigned char *copy = stays ? malloc(heads[i].len) : NULL;

	if (stays && copy == NULL)
		return false;
	out->head = heads[i];
	memcpy(out->name, kept[i].name, sizeof out->name);
	if (stays)
		memcpy(copy, kept[i].data, heads[i].len);
	out->data = stays ? copy : release(i);
	return true;
}

static void
expire(const unsigned char *key, int64_t now)
{
	int i;

	for (i = cache_next(heads, top, -1, key); i != -1;
	     i = cache_next(heads, top, i, key))
		if (now >= heads[i].until) {
			counts.expired++;
			drop((size_t)i);
		}
}

static bool
memory_take(const unsigned char *key, int64_t now, struct cache_entry *out)
{
	bool stays, found;
	int i;

	if (atomic_load(&number) == 0 || !take_lock())
		return false;
	expire(key, now);
	i = cache_pick(heads, top, key, now, &stays);
	found = i != -1 && hand_out((size_t)i, stays, out);
	if (found && stays && heads[i].uses < UINT16_MAX)
		heads[i].uses++;
	pthread_mutex_unlock(&lock);
	return found;
}

static void
memory_put(const struct cache_entry *e, int64_t now)
{
	unsigned char *data = malloc(e->head.len);
	bool full;
	size_t i;

	if (data == NULL || !take_lock()) {
		free(data);
		return;
	}
	memcpy(data, e->data, e->head.len);
	/* the first that is free comes right behind the last that is not */
	i = cache_place(heads, top < CACHE_MEMORY ? top + 1 : top, &e->head,
	    now, &full);
	drop(i);
	heads[i] = e->head;
	heads[i].used = true;
	memcpy(kept[i].name, e->name, sizeof kept[i].name);
	kept[i].data = data;
	number++;
	if (top < i + 1)
		top = i + 1;
	sweep();
	counts.stored++;
	counts.full += full;
	pthread_mutex_unlock(&lock);
}

bool
cache_take(const char *file, const unsigned char *key, int64_t now,
    struct cache_entry *out)
{
	int rv = CACHE_UNUSABLE;
	char path[PATH_MAX];
	bool found;

	if (path_of(file, path))
		rv = cache_disk_take(path, key, now, out);
	found = rv != CACHE_UNUSABLE ? rv == 1 : memory_take(key, now, out);
	return found;
}

/* Where the file cannot be used, memory is better than nothing. */
void
cache_put(const char *file, const struct cache_entry *e, int64_t now)
{
	char path[PATH_MAX];

	if (e->head.len == 0 || e->head.len > CACHE_DATA)
		return;
	if (path_of(file, path) &&
	    cache_disk_put(path, e, now) != CACHE_UNUSABLE)
		return;
	memory_put(e, now);
}

void
cache_forget(const char *file, const unsigned char *key)
{
	char path[PATH_MAX];
	int i;

	if (path_of(file, path))
		(void)cache_disk_forget(path, key);
	if (atomic_load(&number) == 0 || !take_lock())
		return;
	for (i = cache_next(heads, top, -1, key); i != -1;
	     i = cache_next(heads, top, i, key)) {
		counts.forgotten++;
		drop((size_t)i);
	}
	pthread_mutex_unlock(&lock);
}

bool
cache_has_any(void)
{
	return atomic_load(&number) > 0;
}

void
cache_counts(struct cache_counts *out, size_t *n)
{
	*n = atomic_load(&number);
	memset(out, 0, sizeof *out);
	if (!take_lock())
		return;
	*out = counts;
	pthread_mutex_unlock(&lock);
}

/* Another thread's change may have been cut off: then there is none left. */
void
cache_after_fork(void)
{
	if (pthread_mutex_trylock(&lock) == 0) {
		pthread_mutex_unlock(&lock);
		return;
	}
	pthread_mutex_init(&lock, NULL);
	memset(heads, 0, sizeof heads);
	memset(kept, 0, sizeof kept);
	top = 0;
	atomic_store(&number, 0);
}

void
cache_seal(void)
{
	atomic_store(&sealed, true);
}
