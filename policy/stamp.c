/* stamp.c - the files that were read, and whether they are still the same */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "stamp.h"

struct stamp {
	char *path; /* owned; absolute */
	int err;    /* of stat, 0: the rest holds */
	dev_t dev;
	ino_t ino;
	mode_t mode;
	off_t size;
	struct timespec mtime, ctime;
};

/* Where this thread's reading is noted; NULL: nowhere. */
static __thread struct stamps *noting
    __attribute__((tls_model("initial-exec")));

void
stamps_begin(struct stamps *s)
{
	noting = s;
}

void
stamps_end(void)
{
	noting = NULL;
}

static void
fill(struct stamp *s, const struct stat *st)
{
	struct stat now;

	if (st == NULL) {
		memset(&now, 0, sizeof now);
		s->err = stat(s->path, &now) == -1 ? errno : 0;
		st = &now;
	}
	s->dev = st->st_dev;
	s->ino = st->st_ino;
	s->mode = st->st_mode;
	s->size = st->st_size;
	s->mtime = st->st_mtim;
	s->ctime = st->st_ctim;
}

static bool
is_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
is_same(const struct stamp *a, const struct stamp *b)
{
	if (a->err != 0 || b->err != 0)
		return a->err == b->err;
	return a->dev == b->dev && a->ino == b->ino && a->mode == b->mode &&
	       a->size == b->size && is_time(&a->mtime, &b->mtime) &&
	       is_time(&a->ctime, &b->ctime);
}

/* What cannot be noted for want of memory is not watched. */
void
stamp_note(const char *path, const struct stat *st)
{
	struct stamp *more, s = {0};

	if (noting == NULL || (s.path = file_absolute(path, NULL)) == NULL)
		return;
	more = reallocarray(noting->v, noting->n + 1, sizeof *more);
	if (more == NULL) {
		free(s.path);
		return;
	}
	fill(&s, st);
	noting->v = more;
	noting->v[noting->n++] = s;
}

bool
stamps_changed(const struct stamps *s)
{
	struct stamp now;
	size_t i;

	for (i = 0; i < s->n; i++) {
		now = (struct stamp){.path = s->v[i].path};
		fill(&now, NULL);
		if (!is_same(&s->v[i], &now))
			return true;
	}
	return false;
}

void
stamps_free(struct stamps *s)
{
	while (s->n > 0)
		free(s->v[--s->n].path);
	free(s->v);
	s->v = NULL;
}
