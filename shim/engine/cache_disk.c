/* cache_disk.c - a file of sessions, opened, judged and locked */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../policy/file.h"
#include "cache_disk.h"
#include "cache_file.h"
#include "cache_pick.h"
#include "engine.h"
#include "log.h"
#include "ours.h"
#include "quiet.h"

enum { TRIES = 20, PAUSE = 250000 }; /* ns: 5 ms in all */

/* What for: LOOK changes nothing, CLEAR mends what is ours. */
enum purpose { USE, LOOK, CLEAR };

/* A file while it is locked. */
struct disk {
	const char *file;
	enum purpose purpose;
	int fd;
	sigset_t mask;
	struct quiet quiet;
	struct cache_counts counts;
	struct cache_head v[CACHE_SLOTS];
	struct cache_head before[CACHE_SLOTS]; /* a change to them */
	size_t damaged;
	unsigned char top[CACHE_TOP];
	unsigned char place[CACHE_PLACE]; /* secrets */
};

static atomic_flag unusable_told = ATOMIC_FLAG_INIT;
static atomic_flag damage_told = ATOMIC_FLAG_INIT;

static bool
write_at(const struct disk *d, const void *data, size_t len, size_t at)
{
	return pwrite(d->fd, data, len, (off_t)at) == (ssize_t)len;
}

/* Under a lock that somebody killed has left nothing stays locked. */
static bool
lock(int fd)
{
	const struct timespec pause = {0, PAUSE};
	int i;

	for (i = 0; i < TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return false;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* In place: whoever has it open goes on with this very file. */
static bool
begin_anew(struct disk *d)
{
	memset(d->top, 0, sizeof d->top);
	memset(d->v, 0, sizeof d->v);
	memset(&d->counts, 0, sizeof d->counts);
	if (ftruncate(d->fd, 0) == -1 || ftruncate(d->fd, CACHE_SIZE) == -1)
		return false;
	cache_header_write(d->top, &d->counts);
	return write_at(d, d->top, CACHE_HEADER, 0);
}

static void
tell_damage(const struct disk *d, const char *what)
{
	if (d->purpose == USE && !atomic_flag_test_and_set(&damage_told))
		log_text(LOG_WARNING, "session.cache_file %s %s", d->file,
		    what);
}

/* Reads what is at the front of the locked file. */
static bool
read_top(struct disk *d)
{
	ssize_t n = pread(d->fd, d->top, sizeof d->top, 0);
	struct stat st;
	size_t i;

	if (n == -1 || fstat(d->fd, &st) == -1)
		return false;
	switch (cache_file_state(d->top, (size_t)n, (uint64_t)st.st_size)) {
	case CACHE_NEW:
		return d->purpose == LOOK || begin_anew(d);
	case CACHE_DAMAGED:
		tell_damage(d, "is damaged: it is begun anew");
		return d->purpose != LOOK && begin_anew(d);
	case CACHE_OTHER:
		if (d->purpose != USE)
			return false;
		tell_damage(d, file_put_aside(d->file, d->fd) == 0
			? "holds no sessions: it is put aside as .bad"
			: "holds no sessions, and cannot be put aside: it is "
			  "not used");
		return false;
	case CACHE_GOOD:
		break;
	}
	cache_counts_read(d->top, &d->counts);
	for (i = 0; i < CACHE_SLOTS; i++)
		if (!cache_row_read(
			d->top + CACHE_ROWS_AT + i * CACHE_ROW, &d->v[i]))
			d->damaged++;
	if (d->damaged > 0)
		tell_damage(d, "is damaged in part: that is left out");
	return true;
}

static unsigned char *
row(struct disk *d, size_t i)
{
	return d->top + CACHE_ROWS_AT + i * CACHE_ROW;
}

static bool
write_row(struct disk *d, size_t i)
{
	cache_row_write(&d->v[i], row(d, i));
	return write_at(
	    d, row(d, i), CACHE_ROW, CACHE_ROWS_AT + i * CACHE_ROW);
}

/* No secrets stay in a place that is given up. */
static void
clear(struct disk *d, size_t i)
{
	bool was = d->v[i].used;
	size_t len = 1 + CACHE_NAME + (was ? d->v[i].len : 0);

	d->v[i].used = false;
	if (write_row(d, i) && was) {
		memset(d->place, 0, len);
		write_at(d, d->place, len, CACHE_PLACES_AT + i * CACHE_PLACE);
	}
}

static void
disk_close(struct disk *d)
{
	if (d == NULL)
		return;
	if (d->fd != -1 && d->purpose != LOOK) {
		cache_header_write(d->top, &d->counts);
		write_at(d, d->top, CACHE_HEADER, 0);
	}
	if (d->fd != -1) {
		/* a child that has a copy of the descriptor has the lock too */
		flock(d->fd, LOCK_UN);
		host->libc->close(d->fd);
	}
	quiet_end(&d->quiet);
	pthread_sigmask(SIG_SETMASK, &d->mask, NULL);
	explicit_bzero(d->place, sizeof d->place);
	free(d);
}

static void
tell_unusable(const struct fault *f)
{
	char text[2200];

	if (atomic_flag_test_and_set(&unusable_told))
		return;
	fault_text(f, text, sizeof text);
	log_text(LOG_WARNING, "session.cache_file cannot be used: %s", text);
}

/* NULL: it cannot be used; *f says why, and of USE the log, once. */
static struct disk *
disk_open(const char *file, enum purpose purpose, bool create, struct fault *f)
{
	struct disk *d = calloc(1, sizeof *d);
	sigset_t all;

	if (d == NULL)
		return NULL;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &d->mask);
	quiet_begin(&d->quiet);
	d->file = file;
	d->purpose = purpose;
	d->fd = ours_open_own(file, create, f);
	if (d->fd == -1 && purpose == USE && (create || errno != ENOENT))
		tell_unusable(f);
	if (d->fd != -1 && lock(d->fd) && read_top(d))
		return d;
	if (d->fd != -1) {
		fault_set(f, file, 1, "is in use, or damaged, or no file of "
				      "sessions");
		flock(d->fd, LOCK_UN);
		host->libc->close(d->fd);
	}
	d->fd = -1;
	disk_close(d);
	return NULL;
}

static bool
read_place(struct disk *d, size_t i, struct cache_entry *out)
{
	size_t len = 1 + CACHE_NAME + d->v[i].len;
	ssize_t n = pread(d->fd, d->place, len,
	    (off_t)(CACHE_PLACES_AT + i * CACHE_PLACE));

	return n > 0 &&
	    cache_place_read(&d->v[i], row(d, i), d->place, (size_t)n, out);
}

static void
count_expired(struct disk *d, const unsigned char *key, int64_t now)
{
	int i;

	for (i = cache_next(d->v, CACHE_SLOTS, -1, key); i != -1;
	     i = cache_next(d->v, CACHE_SLOTS, i, key))
		if (now >= d->v[i].until) {
			d->counts.expired++;
			clear(d, (size_t)i);
		}
}

int
cache_disk_take(const char *file, const unsigned char *key, int64_t now,
    struct cache_entry *out)
{
	struct fault f;
	struct disk *d = disk_open(file, USE, true, &f);
	bool stays;
	int i, found = 0;

	if (d == NULL)
		return CACHE_UNUSABLE;
	count_expired(d, key, now);
	while (!found &&
	    (i = cache_pick(d->v, CACHE_SLOTS, key, now, &stays)) != -1) {
		found = read_place(d, (size_t)i, out);
		if (!found)
			tell_damage(d, "is damaged in part: that is left out");
		if (found && stays) {
			if (d->v[i].uses < UINT16_MAX)
				d->v[i].uses++;
			write_row(d, (size_t)i);
		} else {
			clear(d, (size_t)i);
		}
	}
	if (found)
		d->counts.taken++;
	else
		d->counts.missed++;
	disk_close(d);
	return found;
}

int
cache_disk_put(const char *file, const struct cache_entry *e, int64_t now)
{
	struct fault f;
	struct disk *d = disk_open(file, USE, true, &f);
	size_t i, at, len;
	bool full;

	if (d == NULL)
		return CACHE_UNUSABLE;
	memcpy(d->before, d->v, sizeof d->v);
	at = cache_place(d->v, CACHE_SLOTS, &e->head, now, &full);
	for (i = 0; i < CACHE_SLOTS; i++)
		if (d->before[i].used && (i == at || !d->v[i].used)) {
			d->v[i] = d->before[i];
			clear(d, i);
		}
	d->v[at] = e->head;
	d->v[at].used = true;
	len = cache_entry_write(e, row(d, at), d->place);
	if (write_at(d, d->place, len, CACHE_PLACES_AT + at * CACHE_PLACE))
		write_at(d, row(d, at), CACHE_ROW,
		    CACHE_ROWS_AT + at * CACHE_ROW);
	d->counts.stored++;
	d->counts.full += full;
	disk_close(d);
	return 1;
}

int
cache_disk_forget(const char *file, const unsigned char *key)
{
	struct fault f;
	struct disk *d = disk_open(file, USE, false, &f);
	int i, n = 0;

	if (d == NULL)
		return CACHE_UNUSABLE;
	for (i = cache_next(d->v, CACHE_SLOTS, -1, key); i != -1;
	     i = cache_next(d->v, CACHE_SLOTS, i, key), n++)
		clear(d, (size_t)i);
	d->counts.forgotten += (uint64_t)n;
	disk_close(d);
	return n;
}

int
cache_disk_read(const char *file, struct cache_counts *counts, size_t *damaged,
    void (*f)(const struct cache_entry *e, void *arg), void *arg,
    struct fault *fault)
{
	struct disk *d = disk_open(file, LOOK, false, fault);
	struct cache_entry e;
	size_t i;

	if (d == NULL)
		return -1;
	*counts = d->counts;
	*damaged = d->damaged;
	for (i = 0; i < CACHE_SLOTS; i++) {
		if (!d->v[i].used)
			continue;
		if (!read_place(d, i, &e)) {
			++*damaged;
			continue;
		}
		cache_entry_free(&e);
		f(&e, arg);
	}
	disk_close(d);
	return 0;
}

int
cache_disk_clear(const char *file, struct fault *fault)
{
	struct disk *d = disk_open(file, CLEAR, false, fault);
	int n = 0;
	size_t i;

	if (d == NULL)
		return -1;
	for (i = 0; i < CACHE_SLOTS; i++)
		n += d->v[i].used;
	if (!begin_anew(d))
		n = fault_set(fault, file, 1, "cannot be written: %s",
		    strerror(errno));
	disk_close(d);
	return n;
}
