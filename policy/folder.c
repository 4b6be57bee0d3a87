/* folder.c - every file of a folder whose name fits */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "folder.h"

static bool
name_is_hashed(const char *name, char letter)
{
	size_t i;

	for (i = 0; i < 8; i++)
		if (!isxdigit((unsigned char)name[i]))
			return false;
	name += 8;
	if (*name++ != '.' || (letter != 0 && *name++ != letter))
		return false;
	return *name != '\0' && name[strspn(name, "0123456789")] == '\0';
}

static bool
name_fits(const char *name, const char *const *ends, char letter)
{
	size_t n = strlen(name), m;

	if (name[0] == '.')
		return false;
	for (; *ends != NULL; ends++) {
		m = strlen(*ends);
		if (n > m && strcmp(name + n - m, *ends) == 0)
			return true;
	}
	return name_is_hashed(name, letter);
}

int
folder_each(const char *path, const char *const *ends, char letter,
    int (*add)(void *to, const char *path, const struct origin *at,
	struct fault *f),
    void *to, const struct origin *at, struct fault *f)
{
	int rv = 0, fd = file_open_directory(path, f, at->file, at->line);
	struct dirent *e;
	DIR *dir;
	char *name;

	if (fd == -1)
		return -1;
	dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return fault_set(f, NULL, 0, "out of memory");
	}
	while (rv == 0 && (errno = 0, e = readdir(dir)) != NULL) {
		if (!name_fits(e->d_name, ends, letter))
			continue;
		if (asprintf(&name, "%s/%s", path, e->d_name) == -1) {
			rv = fault_set(f, NULL, 0, "out of memory");
			break;
		}
		rv = add(to, name, at, f);
		free(name);
	}
	if (rv == 0 && e == NULL && errno != 0)
		rv = fault_set(
		    f, at->file, at->line, "%s: %s", path, strerror(errno));
	closedir(dir);
	return rv;
}
