/* replace.c - a file changes whole or not at all, whatever fails */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replace.h"

static void
staged_name(const char *name, char buf[NAME_MAX + 1])
{
	snprintf(buf, NAME_MAX + 1, ".%s.new", name);
}

static int
all_write(int fd, const char *data, size_t len)
{
	ssize_t n;

	for (; len > 0; data += n, len -= (size_t)n) {
		n = write(fd, data, len);
		if (n == -1 && errno == EINTR)
			n = 0;
		if (n == -1)
			return -1;
	}
	return 0;
}

int
replace_begin(
    int dir, const char *name, const void *data, size_t len, mode_t mode)
{
	char staged[NAME_MAX + 1];
	int fd, keep;

	replace_drop(dir, name); /* of a run that was interrupted */
	staged_name(name, staged);
	fd = openat(dir, staged,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	if (all_write(fd, data, len) == 0 && fchmod(fd, mode) == 0 &&
	    fsync(fd) == 0)
		return close(fd);
	keep = errno;
	close(fd);
	replace_drop(dir, name);
	errno = keep;
	return -1;
}

int
replace_end(int dir, const char *name)
{
	char staged[NAME_MAX + 1];

	staged_name(name, staged);
	if (renameat(dir, staged, dir, name) == -1)
		return -1;
	return fsync(dir); /* or the rename may not survive a power cut */
}

void
replace_drop(int dir, const char *name)
{
	char staged[NAME_MAX + 1];

	staged_name(name, staged);
	unlinkat(dir, staged, 0);
}
