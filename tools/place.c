/* place.c - where the command's own parts and the policy are */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools.h"

#ifndef LIBDIR
#define LIBDIR "/usr/local/lib/tlsshim"
#endif

const char *
path_absolute(const char *file, char buf[PATH_MAX])
{
	size_t len = 0;

	if (file[0] != '/') {
		if (getcwd(buf, PATH_MAX) == NULL)
			return NULL;
		len = strlen(buf);
		if (len > 0 && buf[len - 1] != '/' && len + 1 < PATH_MAX)
			buf[len++] = '/';
	}
	if (len + strlen(file) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	strcpy(buf + len, file);
	return buf;
}

/* The build tree, then where it is installed, then where it was meant to be. */
int
preload_find(char buf[PATH_MAX])
{
	static const char *const places[] = {"%.*s/tlsshim.so",
	    "%.*s/../lib/tlsshim/tlsshim.so", LIBDIR "/tlsshim.so"};
	char self[PATH_MAX], file[2 * PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t i;

	if (len < 0)
		len = 0;
	self[len] = '\0';
	while (len > 0 && self[--len] != '/')
		;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(file, sizeof(file), places[i], (int)len, self);
		if (realpath(file, buf) != NULL)
			return 0;
	}
	return -1;
}

int
source_read(const char *option, struct policy **out, struct fault *f)
{
	struct policy_source src = {.user = option};
	char path[PATH_MAX];

	if (src.user == NULL)
		src.user = getenv("TLSSHIM_POLICY");
	if (src.user != NULL &&
	    (src.user = path_absolute(src.user, path)) == NULL)
		return fault_set(f, NULL, 0, "the policy's name is too long");
	return policy_read(&src, out, f);
}

void
source_warn(const struct policy *p, const char *name)
{
	if (!p->allow_user_policy && p->file != NULL &&
	    strcmp(p->file, POLICY_SITE) == 0 && strcmp(p->file, name) != 0)
		complain("%s is not read: %s is in force and does not say "
			 "allow_user_policy = true",
		    name, p->file);
}
