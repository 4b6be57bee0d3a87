/* run.c - tlsshim run: start a program under the preload, or say why not */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../shim/target.h"
#include "tools.h"

/* as env(1) and nohup(1) */
enum { EXIT_RUN = 125, EXIT_DENIED = 126, EXIT_ABSENT = 127 };

#define SHELL "/bin/sh" /* what execvp(3) runs a file without #! with */

struct program {
	char path[PATH_MAX];
	struct target target;
	bool by_shell;
};

/* As execvp(3): what cannot be executed here may be further down in PATH. */
static void
program_find(const char *name, struct program *out)
{
	const char *dirs = getenv("PATH"), *end;
	struct program seen = {.target.kind = TARGET_ABSENT};
	char standard[256];
	int len;

	if (dirs == NULL && confstr(_CS_PATH, standard, sizeof(standard)) != 0)
		dirs = standard;
	for (; dirs != NULL; dirs = *end == ':' ? end + 1 : NULL) {
		end = strchrnul(dirs, ':');
		len = (int)(end - dirs);
		if (snprintf(out->path, sizeof(out->path), "%.*s%s%s", len,
			dirs, len > 0 ? "/" : "", name) >= PATH_MAX)
			continue;
		target_read(out->path, &out->target);
		if (out->target.kind == TARGET_DENIED)
			seen = *out;
		else if (out->target.kind != TARGET_ABSENT ||
			 out->target.interp[0] != '\0')
			return;
	}
	*out = seen;
	if (seen.path[0] == '\0')
		snprintf(out->path, sizeof(out->path), "%s", name);
}

static int
program_read(const char *name, struct program *out)
{
	memset(out, 0, sizeof(*out));
	if (name[0] == '\0') {
		out->target.kind = TARGET_ABSENT;
		return 0;
	}
	if (strchr(name, '/') == NULL)
		program_find(name, out);
	else if (strlen(name) < sizeof(out->path))
		target_read(strcpy(out->path, name), &out->target);
	else
		return -1;
	if (out->target.kind == TARGET_FORMAT &&
	    out->target.interp[0] == '\0') {
		out->by_shell = true;
		target_read(SHELL, &out->target);
	}
	return 0;
}

/* The ELF file that the kernel ends at. */
static const char *
program_elf(const struct program *p)
{
	if (p->target.interp[0] != '\0')
		return p->target.interp;
	return p->by_shell ? SHELL : p->path;
}

static int
program_refuse(const char *name, const struct program *p)
{
	enum target_kind kind = p->target.kind;

	if (p->target.interp[0] != '\0' && kind != TARGET_LOOP)
		complain("run: %s: its interpreter %s %s", name,
		    p->target.interp, target_text(kind));
	else if (p->path[0] != '\0' && strcmp(p->path, name) != 0)
		complain("run: %s: %s %s", name, p->path, target_text(kind));
	else
		complain("run: %s %s", name, target_text(kind));
	if (kind == TARGET_ABSENT)
		return EXIT_ABSENT;
	return kind == TARGET_DENIED ? EXIT_DENIED : EXIT_RUN;
}

/* ld.so splits LD_PRELOAD at spaces and colons and expands $ORIGIN. */
static int
preload_set(const char *preload)
{
	const char *old = getenv("LD_PRELOAD");
	size_t len = strlen(preload);
	char *all;
	int rv;

	if (strpbrk(preload, " :$") != NULL) {
		complain(
		    "run: the loader cannot preload '%s', whose path has a "
		    "space, colon or dollar sign; install tlsshim elsewhere",
		    preload);
		return -1;
	}
	if (old == NULL || old[0] == '\0')
		return setenv("LD_PRELOAD", preload, 1);
	if (strncmp(old, preload, len) == 0 && strchr(": ", old[len]) != NULL)
		return 0; /* we are the first already */
	if (asprintf(&all, "%s:%s", preload, old) == -1)
		return -1;
	rv = setenv("LD_PRELOAD", all, 1);
	free(all);
	return rv;
}

/* Runs in the child: the loader lists what it would load, and stops. */
static void
loader_exec(const char *loader, const char *elf, int out)
{
	if (dup2(out, STDOUT_FILENO) == -1 || dup2(out, STDERR_FILENO) == -1 ||
	    setenv("LD_TRACE_LOADED_OBJECTS", "1", 1) == -1)
		_exit(EXIT_RUN);
	execl(loader, loader, elf, (char *)NULL);
	_exit(EXIT_RUN);
}

/* A line "PATH (0xADDRESS)" says that it would be loaded. */
static bool
trace_has(FILE *trace, const char *preload, char *why, size_t len)
{
	size_t n = strlen(preload), size = 0;
	char *line = NULL, *p;
	bool found = false;

	while (getline(&line, &size, trace) != -1) {
		p = line + strspn(line, " \t");
		if (strncmp(p, preload, n) == 0 && strncmp(p + n, " (", 2) == 0)
			found = true;
		else if (why[0] == '\0' && (p = strstr(line, "ERROR:")) != NULL)
			snprintf(why, len, ": %.*s", (int)strcspn(p, "\n"), p);
	}
	free(line);
	return found;
}

/*
 * glibc only warns when it cannot load a preload, and goes on without: ask
 * the program's own loader first.
 */
static int
loader_ask(const char *name, const struct program *p, const char *preload)
{
	char why[512] = "";
	bool found = false;
	FILE *trace;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	pid = fork();
	if (pid == 0)
		loader_exec(p->target.loader, program_elf(p), ends[1]);
	close(ends[1]);
	trace = fdopen(ends[0], "r");
	if (pid != -1 && trace != NULL)
		found = trace_has(trace, preload, why, sizeof(why));
	if (trace != NULL)
		fclose(trace);
	while (pid > 0 && waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	if (found)
		return 0;
	complain("run: %s: its loader %s would not load %s%s; use a tlsshim "
		 "built for this program's system",
	    name, p->target.loader, preload, why);
	return -1;
}

/* What the engine is called, beside the preload. */
static int
parts_find(char preload[PATH_MAX])
{
	static const char tail[] = "-engine.so";
	char engine[PATH_MAX + sizeof(tail)];

	if (preload_find(preload) == -1) {
		complain("run: tlsshim.so is neither beside this command nor "
			 "in its lib folder; run make, or make install");
		return -1;
	}
	strcpy(engine, preload);
	strcpy(engine + strlen(engine) - strlen(".so"), tail);
	if (access(engine, R_OK) == 0)
		return 0;
	complain(
	    "run: %s: %s; run make, or make install", engine, strerror(errno));
	return -1;
}

static int
policy_set(const char *option)
{
	const char *name = option != NULL ? option : getenv("TLSSHIM_POLICY");
	char path[PATH_MAX];
	struct policy *policy;
	struct fault f = {0};

	if (source_read(option, &policy, &f) == -1) {
		complain_fault(&f);
		return -1;
	}
	if (option != NULL)
		source_warn(policy, option);
	policy_free(policy);
	if (name == NULL)
		return 0;
	name = path_absolute(name, path);
	return name != NULL ? setenv("TLSSHIM_POLICY", name, 1) : -1;
}

static char **
shell_argv(const char *path, char **argv)
{
	size_t n = 0;
	char **v;

	while (argv[n] != NULL)
		n++;
	v = calloc(n + 2, sizeof(*v));
	if (v == NULL)
		return NULL;
	memcpy(v + 1, argv, n * sizeof(*v)); /* sh PATH ARGUMENTS */
	v[0] = (char *)"sh";
	v[1] = (char *)path;
	return v;
}

static int
program_exec(const char *name, const struct program *p, char **argv)
{
	char **shell = p->by_shell ? shell_argv(p->path, argv) : NULL;

	if (!p->by_shell)
		execv(p->path, argv);
	else if (shell != NULL)
		execv(SHELL, shell);
	complain("run: %s: %s", name, strerror(errno));
	free(shell);
	return errno == ENOENT ? EXIT_ABSENT : EXIT_DENIED;
}

int
run_main(const struct subcommand *self, int argc, char **argv)
{
	const char *policy = NULL;
	bool confined = false;
	const struct option_row rows[] = {
	    {'p', "policy", OPTION_TEXT, &policy, "FILE",
		"Use this policy instead of $TLSSHIM_POLICY."},
	    {0, "confine", OPTION_FLAG, &confined, NULL,
		"Have the kernel refuse TCP sockets that pass tlsshim by."},
	    {0},
	};
	int first = options_read(self, rows, false, argc, argv);
	char preload[PATH_MAX];
	struct program program;

	if (first == -1)
		return EXIT_RUN;
	if (first == argc) {
		options_wrong(self, "no program is named");
		return EXIT_RUN;
	}
	argv += first;
	if (parts_find(preload) == -1 || policy_set(policy) == -1)
		return EXIT_RUN;
	if (program_read(argv[0], &program) == -1) {
		complain("run: the program's name is too long");
		return EXIT_ABSENT;
	}
	if (program.target.kind != TARGET_OK)
		return program_refuse(argv[0], &program);
	if (preload_set(preload) == -1 ||
	    loader_ask(argv[0], &program, preload) == -1)
		return EXIT_RUN;
	if (confined && confine() == -1) {
		complain("run: cannot confine: %s", strerror(errno));
		return EXIT_RUN;
	}
	return program_exec(argv[0], &program, argv);
}
