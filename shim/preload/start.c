/* start.c - the constructor and the destructor */
#include <dlfcn.h>
#include <limits.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "owned.h"

struct shim_env start_env;
char start_done;

static char preload_path[PATH_MAX];

/*
 * A copy that lives as long as the process: redis and others write their
 * title over the environment.  mmap, since malloc may be the host's.
 */
static const char *
copy(const char *value)
{
	size_t len = strlen(value) + 1;
	char *to = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* Not to lose a policy: an empty name is one that cannot be read. */
	return to == MAP_FAILED ? "" : memcpy(to, value, len);
}

static void
variable_read(const char *entry, const char *name, const char **out)
{
	size_t len = strlen(name);

	if (strncmp(entry, name, len) == 0 && entry[len] == '=' && *out == NULL)
		*out = copy(entry + len + 1);
}

static void
environment_read(char **envp)
{
	start_env.secure = getauxval(AT_SECURE) != 0;
	if (start_env.secure || envp == NULL)
		return;
	for (; *envp != NULL; envp++) {
		if (**envp != 'T' && **envp != 'L')
			continue;
		variable_read(*envp, "TLSSHIM_POLICY", &start_env.policy);
		variable_read(*envp, "TLSSHIM_HANDOVER", &start_env.handover);
		variable_read(*envp, "LOCALDOMAIN", &start_env.search);
	}
}

/*
 * Our own path, absolute: the program may go elsewhere before the engine is
 * loaded.  A relative one in an AT_SECURE process would be the caller's say.
 */
static void
path_read(void)
{
	Dl_info info;
	size_t at = 0, len;

	if (dladdr(&start_env, &info) == 0 || info.dli_fname == NULL)
		return;
	len = strlen(info.dli_fname);
	if (info.dli_fname[0] != '/') {
		if (start_env.secure ||
		    getcwd(preload_path, sizeof preload_path) == NULL)
			return;
		at = strlen(preload_path);
		preload_path[at++] = '/';
	}
	if (at + len >= sizeof preload_path)
		return;
	memcpy(preload_path + at, info.dli_fname, len + 1);
	start_env.preload = preload_path;
}

__attribute__((constructor)) static void
start(int argc, char **argv, char **envp)
{
	libc_need();
	environment_read(envp);
	path_read();
	start_done = 1;
}

/*
 * exit() reaches _exit inside libc.  Other libraries' destructors may still
 * write and close after this: the engine serves them.
 */
__attribute__((destructor)) static void
end(void)
{
	const struct shim_engine *engine = engine_get();

	if (engine != NULL && engine->ending != NULL && !process_vforked())
		engine->ending();
}
