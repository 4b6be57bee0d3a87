/*
 * tools.h - what the subcommands of tlsshim share
 *
 * Convention: a subcommand returns the exit status, EXIT_GOOD, EXIT_BAD or
 * EXIT_USAGE, and has said on stderr why it is not good.
 */
#ifndef TOOLS_H
#define TOOLS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "../policy/policy.h"

enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2 };

struct subcommand {
	const char *name;
	const char *arguments; /* for the usage line */
	const char *summary;   /* one sentence */
	int (*run)(const struct subcommand *self, int argc, char **argv);
};

int run_main(const struct subcommand *self, int argc, char **argv);
int check_main(const struct subcommand *self, int argc, char **argv);
int explain_main(const struct subcommand *self, int argc, char **argv);
int apply_main(const struct subcommand *self, int argc, char **argv);
int keys_main(const struct subcommand *self, int argc, char **argv);
int probe_main(const struct subcommand *self, int argc, char **argv);
int pipe_main(const struct subcommand *self, int argc, char **argv);
int fetch_main(const struct subcommand *self, int argc, char **argv);
int anchors_main(const struct subcommand *self, int argc, char **argv);
int ciphers_main(const struct subcommand *self, int argc, char **argv);
int cert_main(const struct subcommand *self, int argc, char **argv);
int verify_main(const struct subcommand *self, int argc, char **argv);
int features_main(const struct subcommand *self, int argc, char **argv);
int sessions_main(const struct subcommand *self, int argc, char **argv);
int testbed_main(const struct subcommand *self, int argc, char **argv);

/* confine.c */

/*
 * No TCP socket but from the page of shim/page.h, no io_uring, no ptrace, no
 * foreign system calls, for this process and all that come of it; sets
 * no_new_privs.  0, or -1 and errno.
 */
int confine(void);

/* options.c */

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_LIST };

struct option_list {
	size_t n;
	const char *v[64]; /* borrowed from argv */
};

struct option_row {
	char letter; /* 0: there is only the long form */
	const char *name;
	enum option_kind kind;
	void *value;          /* bool, const char * or struct option_list */
	const char *argument; /* what the usage calls it, NULL for a flag */
	const char *summary;
};

/*
 * Reads the options before the first argument (argv[0] is the subcommand), or
 * anywhere among the arguments.  Returns the index of the first argument, or
 * -1 after saying what is wrong (return EXIT_USAGE then).  --help prints and
 * exits.  A row without a name ends the table.
 */
int options_read(const struct subcommand *self, const struct option_row *rows,
    bool anywhere, int argc, char **argv);

/* Says how the subcommand is used, on stderr; returns EXIT_USAGE. */
int options_wrong(const struct subcommand *self, const char *what);

/* "tlsshim: ..." on stderr */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void complain_fault(const struct fault *f);

/* visit.c: --timeout in seconds; 0, or -1 and said. */
int timeout_read(const char *text, int *out);

/* place.c */

/* The absolute path of file, NULL and errno if it is too long. */
const char *path_absolute(const char *file, char buf[PATH_MAX]);

/* Where tlsshim.so of this very command is; -1 if nowhere. */
int preload_find(char buf[PATH_MAX]);

/* The policy that -p, else $TLSSHIM_POLICY, else the site gives. */
int source_read(const char *option, struct policy **out, struct fault *f);

/* Says on stderr where the site policy p keeps name from being read. */
void source_warn(const struct policy *p, const char *name);

#endif
