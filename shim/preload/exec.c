/* exec.c - the next program: can it be protected, and what of us goes along */
#include <alloca.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../target.h"
#include "owned.h"

/*
 * Everything here runs in vfork children too: the stack and the caller's
 * memory are all it writes to, but for ask(), which says how it goes about it.
 */

/*
 * Would the kernel really raise privileges, and the loader then drop what
 * LD_PRELOAD names?  security/commoncap.c: real ids that differ afterwards,
 * or capabilities for one who is not root; never under no_new_privs.
 */
static int
preload_survives(enum target_kind kind, const char *elf)
{
	struct stat st;
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (!start_by_variable ||
	    libc.prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return 1;
	if (kind == TARGET_CAPS)
		return getuid() == 0;
	if (stat(elf, &st) == -1)
		return 0;
	if (st.st_mode & S_ISUID)
		uid = st.st_uid;
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		gid = st.st_gid;
	return uid == getuid() && gid == getgid();
}

/*
 * `ld.so PROGRAM` heeds LD_PRELOAD.  It is the loader if it is the very file
 * that loaded us.
 */
static int
is_our_loader(const char *elf)
{
	struct stat one, other;

	return stat("/lib64/ld-linux-x86-64.so.2", &one) == 0 &&
	       stat(elf, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

/* 1 if the program that execve(path) starts will be under the preload. */
static int
is_protected(const char *path, struct target *t)
{
	const char *elf;

	switch (target_read(path, t)) {
	case TARGET_OK:
	case TARGET_ABSENT: /* of these the kernel, or sh, makes no program */
	case TARGET_DENIED:
	case TARGET_FORMAT:
	case TARGET_LOOP:
		return 1;
	case TARGET_SETID:
	case TARGET_CAPS:
		elf = t->interp[0] != '\0' ? t->interp : path;
		return preload_survives(t->kind, elf);
	case TARGET_STATIC:
		return is_our_loader(t->interp[0] != '\0' ? t->interp : path);
	default:
		return 0;
	}
}

int
exec_protects(const char *path)
{
	struct target t;
	int saved = errno, rv = is_protected(path, &t);

	errno = saved;
	return rv;
}

static int
ask_engine(const char *path, const struct target *t)
{
	const struct shim_engine *engine = engine_need();
	int script = t->interp[0] != '\0';

	if (engine == NULL)
		return -EACCES;
	return engine->unprotected(script ? t->interp : path,
	    script ? path : NULL, target_text(t->kind));
}

/*
 * A connection that an earlier image has left to whoever uses it first, and
 * that nobody here has judged, is not for a program without the preload.
 * Where it can be judged it becomes a governed one, which the engine keeps
 * back; a vfork child cannot, and there it counts: 1.
 */
static int
has_unjudged(void)
{
	int fd, flags, listens;
	socklen_t len = sizeof listens;

	for (fd = 3; fd < 1024; fd++) {
		if (owned_class(fd) != FD_UNKNOWN ||
		    (flags = libc.fcntl(fd, F_GETFD, 0L)) == -1 ||
		    flags & FD_CLOEXEC)
			continue;
		if (libc.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens,
			&len) == 0 && !listens &&
		    owned_settle(fd) != FD_PASS &&
		    (process_vforked() || owned_class(fd) == FD_GOVERNED))
			return 1;
	}
	return 0;
}

/*
 * A vfork child cannot load the engine: its memory is the parent's, its
 * descriptors are not.  A fork of it can, and its exit status is the answer.
 * No signal may see that child.
 */
static int
ask_by_fork(const char *path, const struct target *t)
{
	static const struct timespec now;
	sigset_t all, old, child;
	int status = 1;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		libc._exit(
		    ask_engine(path, t) == 0 && !has_unjudged() ? 0 : 1);
	while (pid > 0 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	if (pid > 0 && !sigismember(&old, SIGCHLD))
		sigtimedwait(&child, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0
		   ? 0
		   : -EACCES;
}

/*
 * May path be started?  0 or -EACCES.  Under seccomp nothing is asked: a
 * filter may not let us look.
 */
static int
may_start(const char *path)
{
	struct target t;
	int saved = errno, rv;

	if (process_sealed || engine_loading || is_protected(path, &t))
		rv = 0;
	else if (process_vforked() && (engine_get() == NULL || has_unjudged()))
		rv = ask_by_fork(path, &t);
	else
		rv = ask_engine(path, &t);
	if (rv == 0 && !process_sealed && !engine_loading &&
	    !process_vforked() && engine_get() != NULL &&
	    !is_protected(path, &t))
		owned_settle_all();
	errno = saved;
	return rv;
}

/* The environment of the next program. */

#define PRELOAD "LD_PRELOAD="
#define POLICY "TLSSHIM_POLICY="
#define RELAYED SHIM_RELAYED_NAME "="

/* Is our path one of the elements of what follows LD_PRELOAD=? */
static int
list_has(const char *list, const char *path)
{
	size_t len = strlen(path), n;

	for (; *list != '\0'; list += n + (list[n] != '\0')) {
		n = strcspn(list, ": ");
		if (n == len && memcmp(list, path, len) == 0)
			return 1;
	}
	return 0;
}

/* What an environment needs to be ours. */
struct wants {
	size_t n;       /* entries that it has */
	size_t preload; /* bytes for a new LD_PRELOAD entry; 0: it is there */
	size_t policy;  /* likewise for TLSSHIM_POLICY */
	size_t at;      /* index of the entry to replace, n: none */
	size_t relayed; /* likewise for what relayed_tell says */
	size_t told_at; /* index of the entry it replaces, n: none */
};

/* Bytes that a new entry about relayed connections takes at most. */
static size_t
relayed_wanted(const char *have)
{
	char now[SHIM_RELAYED_MOST];
	size_t len = relayed_tell(now, sizeof now);

	return len == 0 || (have != NULL && strcmp(have, now) == 0) ? 0
								    : len + 1;
}

static struct wants
wants_of(char *const envp[])
{
	struct wants w = {0};
	const char *have = NULL, *told = NULL;
	bool policy = false;

	libc_need();
	for (; envp != NULL && envp[w.n] != NULL; w.n++) {
		/* the loader takes the last of several */
		if (strncmp(envp[w.n], PRELOAD, sizeof PRELOAD - 1) == 0) {
			have = envp[w.n] + sizeof PRELOAD - 1;
			w.at = w.n;
		}
		if (strncmp(envp[w.n], POLICY, sizeof POLICY - 1) == 0)
			policy = true;
		if (strncmp(envp[w.n], RELAYED, sizeof RELAYED - 1) == 0)
			told = envp[w.told_at = w.n];
	}
	if (have == NULL)
		w.at = w.n;
	if (start_by_variable &&
	    (have == NULL || !list_has(have, start_env.preload)))
		w.preload = sizeof PRELOAD + strlen(start_env.preload) + 1 +
			    (have != NULL ? strlen(have) : 0);
	if (start_env.policy != NULL && !policy)
		w.policy = sizeof POLICY + strlen(start_env.policy);
	if (told == NULL)
		w.told_at = w.n;
	w.relayed = relayed_wanted(told);
	return w;
}

/* Bytes of the copy that is needed; 0: none. */
static size_t
env_size(const struct wants *w)
{
	if (w->preload == 0 && w->policy == 0 && w->relayed == 0)
		return 0;
	return (w->n + 4) * sizeof(char *) + w->preload + w->policy +
	       (w->relayed != 0 ? SHIM_RELAYED_MOST : 0);
}

/* Into room, of env_size(w) bytes: the vector, then the new entries. */
static char *const *
env_copy(char *const envp[], const struct wants *w, void *room)
{
	char **to = room, *text = (char *)(to + w->n + 4);
	size_t n = w->n;

	if (n > 0)
		memcpy(to, envp, n * sizeof *to);
	if (w->preload != 0) {
		strcpy(stpcpy(text, PRELOAD), start_env.preload);
		if (w->at < w->n)
			strcat(strcat(text, ":"),
			    envp[w->at] + sizeof PRELOAD - 1);
		to[w->at] = text;
		n += w->at == w->n;
		text += w->preload;
	}
	if (w->policy != 0) {
		strcpy(stpcpy(text, POLICY), start_env.policy);
		to[n++] = text;
		text += w->policy;
	}
	if (w->relayed != 0 && relayed_tell(text, SHIM_RELAYED_MOST) > 0) {
		to[w->told_at < w->n ? w->told_at : n] = text;
		n += w->told_at == w->n;
	}
	to[n] = NULL;
	return to;
}

/* Declares env: envp, or a copy on this stack with what has to be in it. */
#define ENV_OF(envp)                               \
	const struct wants wants = wants_of(envp); \
	char *const *env =                         \
	    env_size(&wants) == 0                  \
		? (envp)                           \
		: env_copy(envp, &wants, alloca(env_size(&wants)))

/* The file that execvp(3) would start: in found, or name itself. */
static const char *
search(const char *name, char found[PATH_MAX])
{
	const char *dirs = getenv("PATH"), *end;
	struct target t;

	if (*name == '\0' || strchr(name, '/') != NULL)
		return name;
	if (dirs == NULL)
		dirs = "/bin:/usr/bin"; /* confstr(_CS_PATH) of glibc */
	for (; dirs != NULL; dirs = *end == ':' ? end + 1 : NULL) {
		int len;

		end = strchrnul(dirs, ':');
		len = (int)(end - dirs);
		if (snprintf(found, PATH_MAX, "%.*s%s%s", len, dirs,
			len > 0 ? "/" : "./", name) >= PATH_MAX)
			continue;
		target_read(found, &t);
		if (t.kind != TARGET_ABSENT && t.kind != TARGET_DENIED)
			return found;
	}
	return name;
}

static int
refused(void)
{
	errno = EACCES;
	return -1;
}

#define SLOT_OR_LIBC(name) \
	(ENGINE_SLOT(name) != NULL ? ENGINE_SLOT(name) : libc.name)

EXPORTS_BEGIN

int
execve(const char *path, char *const argv[], char *const envp[])
{
	ENV_OF(envp);

	if (may_start(path) < 0)
		return refused();
	return SLOT_OR_LIBC(execve)(path, argv, env);
}

int
execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

/* The search is made here, so that what is looked at is what is started. */
int
execvpe(const char *name, char *const argv[], char *const envp[])
{
	char found[PATH_MAX];
	const char *path;
	ENV_OF(envp);

	path = search(name, found);
	if (may_start(path) < 0)
		return refused();
	return SLOT_OR_LIBC(execvpe)(path, argv, env);
}

int
execvp(const char *name, char *const argv[])
{
	return execvpe(name, argv, environ);
}

int
fexecve(int fd, char *const argv[], char *const envp[])
{
	char path[32];
	ENV_OF(envp);

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (may_start(path) < 0)
		return refused();
	return SLOT_OR_LIBC(fexecve)(fd, argv, env);
}

int
execveat(
    int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
	char whole[PATH_MAX];
	ENV_OF(envp);

	if (fd != AT_FDCWD && path[0] != '/')
		snprintf(whole, sizeof whole, "/proc/self/fd/%d%s%s", fd,
		    path[0] != '\0' ? "/" : "", path);
	else
		snprintf(whole, sizeof whole, "%s", path);
	if (may_start(whole) < 0)
		return refused();
	return SLOT_OR_LIBC(execveat)(fd, path, argv, env, flags);
}

int
posix_spawn(pid_t *pid, const char *path,
    const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
    char *const argv[], char *const envp[])
{
	ENV_OF(envp);

	if (may_start(path) < 0)
		return EACCES;
	return SLOT_OR_LIBC(posix_spawn)(pid, path, actions, attr, argv, env);
}

int
posix_spawnp(pid_t *pid, const char *name,
    const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
    char *const argv[], char *const envp[])
{
	char found[PATH_MAX];
	const char *path;
	ENV_OF(envp);

	path = search(name, found);
	if (may_start(path) < 0)
		return EACCES;
	return SLOT_OR_LIBC(posix_spawnp)(pid, path, actions, attr, argv, env);
}

/*
 * libc gives `environ` to the shell.  A program that has taken us out of it
 * has it whole again for the time of the call; another thread that calls
 * setenv just then may lose what it set.
 */
#define WITH_ENVIRON(type, call)       \
	ENV_OF(environ);               \
	char **own = environ;          \
	type rv;                       \
                                       \
	if (env == (char *const *)own) \
		return call;           \
	environ = (char **)env;        \
	rv = call;                     \
	if (environ == (char **)env)   \
		environ = own;         \
	return rv

int
system(const char *command)
{
	WITH_ENVIRON(int, SLOT_OR_LIBC(system)(command));
}

/* Its shell is started inside libc too. */
int
wordexp(const char *words, wordexp_t *out, int flags)
{
	WITH_ENVIRON(int, libc.wordexp(words, out, flags));
}

FILE *
popen(const char *command, const char *mode)
{
	WITH_ENVIRON(FILE *, SLOT_OR_LIBC(popen)(command, mode));
}

EXPORTS_END
