/* file.c - opens, judges and reads the files that decide about trust */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "stamp.h"

#define LINKS_MAX 40 /* as the kernel: path_resolution(7) */

/* One walk from / to a file, a component at a time. */
struct walk {
	const char *path; /* as it was asked for */
	const char *at_file;
	int at_line;
	struct fault *f;
	int dir;    /* the directory that holds what comes next */
	int links;  /* symbolic links followed so far */
	char *rest; /* owned: the components still to go */
	bool last_missing; /* what the path ends in need not be there */
};

static int
refuse(const struct walk *w, const char *why)
{
	if (w->at_file == NULL)
		return fault_set(w->f, w->path, 1, "%s", why);
	return fault_set(w->f, w->at_file, w->at_line, "%s: %s", w->path, why);
}

static int
refuse_errno(const struct walk *w)
{
	char why[128];

	snprintf(why, sizeof why, "cannot be read: %s", strerror(errno));
	return refuse(w, why);
}

static bool
owned(const struct stat *st)
{
	return st->st_uid == 0 || st->st_uid == geteuid();
}

/* A sticky directory lets only owners replace what they own. */
static int
check_directory(const struct walk *w, const char *name, const struct stat *st)
{
	char why[PATH_MAX + 128];

	if ((st->st_mode & (S_IWGRP | S_IWOTH)) == 0 ||
	    (st->st_mode & S_ISVTX) != 0)
		return 0;
	snprintf(why, sizeof why,
	    "the directory \"%.200s\" on the way to it is writable by %s, who "
	    "could replace it",
	    name, (st->st_mode & S_IWOTH) != 0 ? "everybody" : "its group");
	return refuse(w, why);
}

static int
check_file(const struct walk *w, enum file_kind kind, size_t max,
    const struct stat *st)
{
	char why[128];

	if (!S_ISREG(st->st_mode))
		return refuse(w, S_ISDIR(st->st_mode)
				     ? "is a directory, not a file"
				     : "is not a regular file");
	if (!owned(st)) {
		snprintf(why, sizeof why,
		    "belongs to uid %u, must belong to root or to uid %u who "
		    "reads it",
		    (unsigned)st->st_uid, (unsigned)geteuid());
		return refuse(w, why);
	}
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return refuse(w, (st->st_mode & S_IWOTH) != 0
				     ? "is writable by everybody (chmod go-w)"
				     : "is writable by its group (chmod g-w)");
	if (kind == FILE_SECRET && (st->st_mode & S_IRWXO) != 0)
		return refuse(w, "holds a secret and is readable by everybody "
				 "(chmod o-rwx)");
	if (st->st_size < 0 || (size_t)st->st_size > max) {
		snprintf(why, sizeof why, "is larger than %zu bytes", max);
		return refuse(w, why);
	}
	return 0;
}

/* Puts target in front of what is left to walk. */
static int
link_follow(struct walk *w, const char *name, const struct stat *st)
{
	char target[PATH_MAX];
	char *rest;
	ssize_t n;

	/* In a sticky directory anybody can have laid a link. */
	if (!owned(st))
		return refuse(w,
		    "a symbolic link on the way to it belongs to another user");
	if (++w->links > LINKS_MAX)
		return refuse(w, "too many symbolic links");
	n = readlinkat(w->dir, name, target, sizeof target - 1);
	if (n == -1)
		return refuse_errno(w);
	target[n] = '\0';
	if (asprintf(&rest, "%s/%s", target, w->rest) == -1)
		return refuse(w, "out of memory");
	free(w->rest);
	w->rest = rest;
	return 0;
}

/* Moves to the directory name, judged by its descriptor. */
static int
enter(struct walk *w, const char *name)
{
	struct stat st;
	int fd = openat(w->dir < 0 ? AT_FDCWD : w->dir, name,
	    O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return refuse_errno(w);
	if (w->dir >= 0)
		close(w->dir);
	w->dir = fd;
	if (fstat(fd, &st) == -1)
		return refuse_errno(w);
	return check_directory(w, name, &st);
}

/* Cuts the first component off w->rest; false when there is none. */
static bool
component(struct walk *w, char *name, size_t len)
{
	char *p = w->rest + strspn(w->rest, "/");
	size_t n = strcspn(p, "/");

	if (n == 0 || n >= len)
		return false;
	memcpy(name, p, n);
	name[n] = '\0';
	p += n;
	p += strspn(p, "/");
	memmove(w->rest, p, strlen(p) + 1);
	return true;
}

/*
 * Walks until the last component, whose name is left in name and whose
 * folder in w->dir.
 */
static int
walk_path(struct walk *w, char *name, size_t len)
{
	struct stat st;

	if (enter(w, "/") == -1)
		return -1;
	for (;;) {
		if (!component(w, name, len)) {
			/* A name too long, or a path that ends in "/" */
			if (w->rest[0] != '\0')
				return refuse(w, "a name in it is too long");
			strcpy(name, ".");
			return 0;
		}
		if (fstatat(w->dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			return w->last_missing && w->rest[0] == '\0' &&
				       errno == ENOENT
				   ? 0
				   : refuse_errno(w);
		if (S_ISLNK(st.st_mode)) {
			if (link_follow(w, name, &st) == -1)
				return -1;
			if (w->rest[0] == '/' && enter(w, "/") == -1)
				return -1;
			continue;
		}
		if (w->rest[0] == '\0')
			return 0;
		if (enter(w, name) == -1)
			return -1;
	}
}

/*
 * Opens the end of the path.  fstatat comes first only so that no device or
 * FIFO is opened for nothing; what counts is fstat of the descriptor.
 */
static int
end_open(struct walk *w, int flags, struct stat *st)
{
	char name[NAME_MAX + 1];
	int fd;

	if (walk_path(w, name, sizeof name) == -1)
		return -1;
	if (fstatat(w->dir, name, st, AT_SYMLINK_NOFOLLOW) == -1)
		return refuse_errno(w);
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		return refuse(w, S_ISFIFO(st->st_mode)
				     ? "is a FIFO, not a regular file"
				     : "is not a regular file");
	fd = openat(w->dir, name,
	    flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		return refuse_errno(w);
	if (fstat(fd, st) == -1) {
		refuse_errno(w);
		close(fd);
		return -1;
	}
	return fd;
}

static int
walk_open(const char *path, int flags, struct stat *st, struct walk *w)
{
	int fd;

	if (path == NULL || path[0] == '\0') {
		w->path = "\"\"";
		return refuse(w, "is no file name");
	}
	w->rest = file_absolute(path, NULL);
	if (w->rest == NULL)
		return refuse_errno(w);
	fd = end_open(w, flags, st);
	free(w->rest);
	if (w->dir >= 0)
		close(w->dir);
	return fd;
}

/*
 * pread, since read is one of the calls that the preload stands in front of
 * and this runs while the engine starts.
 */
static int
content_read(const struct walk *w, int fd, size_t max, size_t hint, char **out,
    size_t *len)
{
	size_t size = hint + 2, n = 0;
	char *buf = malloc(size), *more;
	ssize_t got;

	if (buf == NULL)
		return refuse(w, "out of memory");
	while ((got = pread(fd, buf + n, size - 1 - n, (off_t)n)) != 0) {
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1) {
			refuse_errno(w);
			goto fail;
		}
		n += (size_t)got;
		if (n > max) {
			refuse(w, "grew while it was read");
			goto fail;
		}
		if (n < size - 1)
			continue;
		more = malloc(size * 2);
		if (more == NULL) {
			refuse(w, "out of memory");
			goto fail;
		}
		memcpy(more, buf, n);
		explicit_bzero(buf, size);
		free(buf);
		buf = more;
		size *= 2;
	}
	buf[n] = '\0';
	*out = buf;
	*len = n;
	return 0;
fail:
	explicit_bzero(buf, size);
	free(buf);
	return -1;
}

/* PEM is text: what stands behind a NUL would be left out without a word. */
static int
check_text(const struct walk *w, char *text, size_t len)
{
	if (strlen(text) == len || strstr(text, "-----BEGIN ") == NULL)
		return 0;
	explicit_bzero(text, len);
	free(text);
	return refuse(w, "holds a NUL byte, behind which nothing is read");
}

int
file_read(const char *path, enum file_kind kind, size_t max, char **out,
    size_t *len, struct fault *f, const char *at_file, int at_line)
{
	struct walk w = {.path = path,
	    .at_file = at_file,
	    .at_line = at_line,
	    .f = f,
	    .dir = -1};
	char *text = NULL;
	struct stat st;
	int fd = walk_open(path, 0, &st, &w);
	int rv = -1;

	stamp_note(path, fd != -1 ? &st : NULL);
	if (fd == -1)
		return -1;
	if (check_file(&w, kind, max, &st) == 0)
		rv = content_read(&w, fd, max, (size_t)st.st_size, &text, len);
	if (rv == 0 && kind != FILE_POLICY)
		rv = check_text(&w, text, *len);
	if (rv == 0)
		*out = text;
	close(fd);
	return rv;
}

int
file_open_directory(
    const char *path, struct fault *f, const char *at_file, int at_line)
{
	struct walk w = {.path = path,
	    .at_file = at_file,
	    .at_line = at_line,
	    .f = f,
	    .dir = -1};
	struct stat st;
	int fd = walk_open(path, 0, &st, &w);

	stamp_note(path, fd != -1 ? &st : NULL);
	if (fd == -1)
		return -1;
	if (!S_ISDIR(st.st_mode))
		refuse(&w, "is not a directory");
	else if (!owned(&st))
		refuse(&w, "belongs to another user");
	else if (check_directory(&w, path, &st) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Who may use it is its owner, and that is who we are. */
static int
check_own(const struct walk *w, const struct stat *st)
{
	char why[160];

	if (!S_ISREG(st->st_mode))
		return refuse(w, "is not a regular file");
	if (st->st_uid != geteuid()) {
		snprintf(why, sizeof why,
		    "belongs to uid %u, must belong to uid %u who uses it",
		    (unsigned)st->st_uid, (unsigned)geteuid());
		return refuse(w, why);
	}
	if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return refuse(w, "is open to others (chmod 600)");
	return st->st_nlink == 1
		   ? 0
		   : refuse(w, "has another name beside this one");
}

/* Until the folder of what the path ends in, which need not be there. */
static int
walk_to(struct walk *w, char *name, size_t len)
{
	int rv;

	w->rest = file_absolute(w->path, NULL);
	if (w->rest == NULL)
		return refuse_errno(w);
	w->last_missing = true;
	rv = walk_path(w, name, len);
	free(w->rest);
	return rv;
}

int
file_open_own(const char *path, bool create, struct fault *f)
{
	struct walk w = {.path = path, .f = f, .dir = -1};
	const int how = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	char name[NAME_MAX + 1];
	struct stat st;
	int fd = -1, err = 0;

	errno = 0; /* what the way to it has not set is no reason */
	if (walk_to(&w, name, sizeof name) == 0) {
		fd = openat(w.dir, name, how);
		if (fd == -1 && errno == ENOENT && create)
			fd = openat(w.dir, name, how | O_CREAT | O_EXCL, 0600);
		if (fd == -1 && errno == EEXIST) /* another was first */
			fd = openat(w.dir, name, how);
		err = errno;
		if (fd == -1)
			refuse_errno(&w);
	} else {
		err = errno == EMFILE || errno == ENFILE ? EMFILE : EACCES;
	}
	if (w.dir >= 0)
		close(w.dir);
	if (fd != -1 && (fstat(fd, &st) == -1 || check_own(&w, &st) == -1)) {
		close(fd);
		fd = -1;
		err = EACCES;
	}
	errno = err;
	return fd;
}

int
file_put_aside(const char *path, int fd)
{
	struct walk w = {.path = path, .dir = -1};
	char name[NAME_MAX + 1], bad[NAME_MAX + 1];
	struct stat at, st;
	int rv = -1;

	if (walk_to(&w, name, sizeof name) == 0 &&
	    snprintf(bad, sizeof bad, "%s.bad", name) < (int)sizeof bad &&
	    fstatat(w.dir, name, &at, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstat(fd, &st) == 0 && at.st_dev == st.st_dev &&
	    at.st_ino == st.st_ino)
		rv = renameat(w.dir, name, w.dir, bad);
	if (w.dir >= 0)
		close(w.dir);
	return rv;
}

char *
file_absolute(const char *name, const char *base)
{
	const char *slash = base != NULL ? strrchr(base, '/') : NULL;
	int n = slash != NULL ? (int)(slash - base) + 1 : 0;
	char *out = NULL, *cwd;
	bool rooted = name[0] == '/' || (n > 0 && base[0] == '/');

	if (name[0] == '/')
		n = 0;
	if (rooted)
		return asprintf(&out, "%.*s%s", n, n > 0 ? base : "", name) ==
			       -1
			   ? NULL
			   : out;
	cwd = getcwd(NULL, 0);
	if (cwd == NULL)
		return NULL;
	if (asprintf(&out, "%s/%.*s%s", strcmp(cwd, "/") == 0 ? "" : cwd, n,
		n > 0 ? base : "", name) == -1)
		out = NULL;
	free(cwd);
	return out;
}
