/* start.c - the constructor and the destructor */
#include <fcntl.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "owned.h"
#include "symbol.h"

/* csu/libc-start.c; no header has it. */
extern int __libc_start_main(int (*)(int, char **, char **), int, char **,
    void (*)(void), void (*)(void), void (*)(void), void *);

struct shim_env start_env;
char start_done;
char start_by_variable;

APART static char preload_path[PATH_MAX]; /* where ld.so's is relative */

/*
 * A copy that lives as long as the process: redis and others write their
 * title over the environment.  No malloc, which may be the host's; and what
 * is short has no mapping of its own, which every fork would have to copy.
 */
FIRST static const char *
copy(const char *value)
{
	static char room[1024];
	static size_t used;
	size_t len = strlen(value) + 1;
	char *to = room + used;

	if (len <= sizeof room - used)
		used += len;
	else
		to = mmap(NULL, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* Not to lose a policy: an empty name is one that cannot be read. */
	return to == MAP_FAILED ? "" : memcpy(to, value, len);
}

/*
 * What follows name in entry, or NULL.  By hand: libc's functions for strings
 * are on pages of it that a start has not touched otherwise.
 */
FIRST static const char *
value_of(const char *entry, const char *name)
{
	for (; *name != '\0'; name++, entry++)
		if (*entry != *name)
			return NULL;
	return *entry == '=' ? entry + 1 : NULL;
}

FIRST static void
variable_read(const char *entry, const char *name, const char **out)
{
	const char *value = *out == NULL ? value_of(entry, name) : NULL;

	if (value != NULL)
		*out = copy(value);
}

/* Ends the path at list, which ends at a separator, in name? */
FIRST static int
called(const char *list, const char *name)
{
	const char *n = name; /* what is still to come; NULL: another's name */

	for (; *list != '\0' && *list != ':' && *list != ' '; list++)
		if (*list == '/')
			n = name;
		else if (n != NULL)
			n = *n == *list ? n + 1 : NULL;
	return n != NULL && *n == '\0';
}

/* Does what follows LD_PRELOAD= name an object as ours is called? */
FIRST static int
preload_named(const char *list)
{
	const char *own = start_env.preload, *name, *at;

	if (own == NULL)
		return 0;
	for (name = at = own; *at != '\0'; at++)
		if (*at == '/')
			name = at + 1;
	for (;;) {
		if (called(list, name))
			return 1;
		while (*list != '\0' && *list != ':' && *list != ' ')
			list++;
		if (*list++ == '\0')
			return 0;
	}
}

FIRST static void
environment_read(char **envp)
{
	FIRST_DATA static const char preload[] = "LD_PRELOAD",
				     policy[] = "TLSSHIM_POLICY",
				     search[] = "LOCALDOMAIN",
				     keylog[] = "SSLKEYLOGFILE",
				     relay[] = SHIM_RELAYED_NAME;
	const char *relayed = NULL;

	if (start_env.secure || envp == NULL)
		return;
	for (; *envp != NULL; envp++) {
		char first = **envp;
		const char *list;

		if (first != 'T' && first != 'L' && first != 'S')
			continue;
		list = value_of(*envp, preload);
		if (list != NULL)
			start_by_variable |= preload_named(list) != 0;
		variable_read(*envp, policy, &start_env.policy);
		variable_read(*envp, search, &start_env.search);
		variable_read(*envp, keylog, &start_env.keylog);
		variable_read(*envp, relay, &relayed);
	}
	if (relayed != NULL)
		relayed_read(relayed);
}

/*
 * Our own path, absolute: the program may go elsewhere before the engine is
 * loaded.  A relative one in an AT_SECURE process would be the caller's say.
 */
FIRST static void
path_read(void)
{
	const char *own = symbol_own;
	size_t at, len;

	if (own == NULL)
		return;
	if (own[0] == '/') { /* ld.so's, and as long there as we are */
		start_env.preload = own;
		return;
	}
	len = strlen(own);
	if (start_env.secure ||
	    getcwd(preload_path, sizeof preload_path) == NULL)
		return;
	at = strlen(preload_path);
	preload_path[at++] = '/';
	if (at + len >= sizeof preload_path)
		return;
	memcpy(preload_path + at, own, len + 1);
	start_env.preload = preload_path;
}

/*
 * A service that an unshimmed inetd has started: libc's stdio writes to its
 * connection past every hook, so that the first use would be too late.  All
 * three numbers are one session.
 */
FIRST static void
standard_settle(void)
{
	int fd, as, class;

	for (fd = 0; fd <= 2; fd++) {
		for (as = 0; as < fd; as++)
			if (owned_class(as) == FD_GOVERNED &&
			    shim_cookie(&libc, as) == shim_cookie(&libc, fd))
				break;
		if (as < fd && ENGINE_SLOT(dup2) != NULL) {
			(void)engine_get()->calls->dup2(as, fd);
			continue;
		}
		class = owned_settle(fd);
		if (class < 0 || class == FD_REFUSED)
			owned_plug(fd);
	}
}

__attribute__((constructor)) static void
start(int argc, char **argv, char **envp)
{
	libc_need();
	start_env.secure = getauxval(AT_SECURE) != 0;
	path_read();
	environment_read(envp);
	start_done = 1;
}

/*
 * exit() reaches _exit inside libc, and flushes streams only behind this:
 * those over connections are flushed before these end.  Other libraries'
 * destructors may still write and close after this: the engine serves them.
 */
__attribute__((destructor)) static void
end(void)
{
	const struct shim_engine *engine = engine_get();

	if (engine != NULL && engine->ending != NULL && !process_vforked()) {
		(void)fflush(NULL);
		engine->ending();
	}
}

EXPORTS_BEGIN

/* The first moment at which all of libc works and the program has not run. */
FIRST int
__libc_start_main(int (*entry)(int, char **, char **), int argc, char **argv,
    void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
    void *stack_end)
{
	int saved = errno;

	libc_need();
	standard_settle();
	errno = saved;
	return libc.__libc_start_main(
	    entry, argc, argv, init, fini, rtld_fini, stack_end);
}

EXPORTS_END
