/* apply.c - tlsshim apply: a checked file becomes the site policy */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replace.h"
#include "report.h"
#include "tools.h"

#define NAME "policy.cfg"
#define LAST "policy.cfg.last"
#define BYTES_MAX ((size_t)16 << 20) /* as policy/file.h */

struct bytes {
	char *data; /* owned */
	size_t len;
};

/* All of name in dir; with absent, a file that is not there has no bytes. */
static int
bytes_read(int dir, const char *name, bool absent, struct bytes *out)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = -1;

	out->len = 0;
	out->data = malloc(BYTES_MAX + 1);
	if (fd == -1 && absent && errno == ENOENT)
		return 0;
	if (fd == -1 || out->data == NULL)
		goto out;
	while (
	    (n = read(fd, out->data + out->len, BYTES_MAX + 1 - out->len)) > 0)
		out->len += (size_t)n;
	if (out->len > BYTES_MAX) {
		errno = EFBIG;
		n = -1;
	}
out:
	if (fd != -1)
		close(fd);
	return n == -1 ? -1 : 0;
}

/* Reads the staged file where it will lie, so that its relative names work. */
static int
staged_check(const char *file)
{
	static const char staged[] = SYSCONFDIR "/." NAME ".new";
	const struct policy_source src = {.site = staged};
	struct report faults = {0};
	struct policy *p = NULL;
	struct fault f = {0};
	int rv;

	if (policy_read(&src, &p, &f) == -1)
		report_add(&faults, &f);
	else
		report_add_files(&faults, p);
	report_rename(&faults, staged, file);
	report_print(&faults, stderr);
	rv = faults.n == 0 ? 0 : -1;
	policy_free(p);
	report_free(&faults);
	return rv;
}

/* The former policy stays in force until the very moment it is replaced. */
static int
staged_install(int dir, const struct bytes *former, bool had)
{
	if (had &&
	    (replace_begin(dir, LAST, former->data, former->len, 0644) == -1 ||
		replace_end(dir, LAST) == -1)) {
		complain("apply: " SYSCONFDIR "/" LAST ": %s", strerror(errno));
		replace_drop(dir, LAST);
		return -1;
	}
	if (replace_end(dir, NAME) == -1) {
		complain("apply: " POLICY_SITE ": %s", strerror(errno));
		return -1;
	}
	printf(POLICY_SITE ": installed%s\n",
	    had ? ", the former one is " LAST : "");
	return 0;
}

/* The site's folder, locked: two at once would stage over each other. */
static int
dir_open(void)
{
	int dir;

	if (mkdir(SYSCONFDIR, 0755) == 0)
		chmod(SYSCONFDIR, 0755); /* whatever the umask */
	dir = open(SYSCONFDIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir != -1 && flock(dir, LOCK_EX | LOCK_NB) == 0)
		return dir;
	complain("apply: " SYSCONFDIR ": %s",
	    errno == EWOULDBLOCK ? "another tlsshim apply is at work"
				 : strerror(errno));
	if (dir != -1)
		close(dir);
	return -1;
}

static int
policy_apply(int dir, const char *file)
{
	struct bytes wanted = {0}, former = {0};
	bool had = faccessat(dir, NAME, F_OK, 0) == 0;
	int rv = -1;

	if (bytes_read(AT_FDCWD, file, false, &wanted) == -1)
		complain("apply: %s: %s", file, strerror(errno));
	else if (bytes_read(dir, NAME, true, &former) == -1)
		complain("apply: " POLICY_SITE ": %s", strerror(errno));
	else if (replace_begin(dir, NAME, wanted.data, wanted.len, 0644) == -1)
		complain("apply: " SYSCONFDIR ": %s", strerror(errno));
	else if (staged_check(file) == 0) {
		if (!had || wanted.len != former.len ||
		    memcmp(wanted.data, former.data, wanted.len) != 0)
			rv = staged_install(dir, &former, had);
		else /* or the former one would be lost as .last */
			rv = printf(POLICY_SITE ": is the same already\n") < 0
				 ? -1
				 : 0;
	}
	replace_drop(dir, NAME);
	free(wanted.data);
	free(former.data);
	return rv;
}

int
apply_main(const struct subcommand *self, int argc, char **argv)
{
	const struct option_row rows[] = {{0}};
	int dir, rv, first = options_read(self, rows, true, argc, argv);

	if (first == -1)
		return EXIT_USAGE;
	if (first != argc - 1)
		return options_wrong(self, "one file must be named");
	dir = dir_open();
	if (dir == -1)
		return EXIT_BAD;
	rv = policy_apply(dir, argv[first]);
	close(dir);
	return rv == 0 ? EXIT_GOOD : EXIT_BAD;
}
