/* host.c - the engine's host where there is no preload: libc itself */
#include <dlfcn.h>

#include "../shim/engine/probe.h"
#include "host.h"
#include "tools.h"

/* No header has it; calls.def names every call. */
extern int __libc_start_main(int (*)(int, char **, char **), int, char **,
    void (*)(void), void (*)(void), void (*)(void), void *);

static unsigned char class_of[FD_MAX];

static void
class_set(int fd, enum fd_class k)
{
	if (fd >= 0 && fd < FD_MAX)
		class_of[fd] = (unsigned char)k;
}

static size_t
no_names(const struct sockaddr *addr, socklen_t len, struct shim_name *out,
    size_t n)
{
	return 0;
}

int
host_init(void)
{
	static const struct shim_calls libc = {
#define CALL(gate, ret, name, params, args) .name = name,
#define CALL_BY_HAND(ret, name, params) .name = name,
#include "../shim/calls.def"
#undef CALL
#undef CALL_BY_HAND
	};
	static const struct shim_env env;
	static const char no;
	static const struct shim_host self = {.abi = SHIM_ABI,
	    .libc = &libc,
	    .class_of = class_of,
	    .set_class = class_set,
	    .env = &env,
	    .sealed = &no,
	    .asynchronous = &no,
	    .names_find = no_names};

	if (probe_init(&self) == 0)
		return 0;
	complain("the engine does not start");
	return -1;
}
