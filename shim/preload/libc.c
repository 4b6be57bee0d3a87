/* libc.c - libc's own functions, found behind our hooks */
#include <dlfcn.h>
#include <errno.h>

#include "../target.h"
#include "preload.h"
#include "symbol.h"

struct shim_calls libc;
char libc_ready;

/* For dlopen.S, which knows no offsets: where libc's own is kept. */
void *(**const dlopen_libc)(const char *, int)
    __attribute__((used)) = &libc.dlopen;

static const struct {
	const char *name;
	size_t slot;
} rows[] = {
#define CALL(gate, ret, name, params, args) \
	{#name, offsetof(struct shim_calls, name)},
#define CALL_BY_HAND(ret, name, params) \
	{#name, offsetof(struct shim_calls, name)},
#include "../calls.def"
#undef CALL
#undef CALL_BY_HAND
};

#define ROWS (sizeof rows / sizeof rows[0])

/* Stands for what an older libc does not have. */
static long
absent(void)
{
	errno = ENOSYS;
	return -1;
}

static void **
slot(size_t row)
{
	return (void **)((char *)&libc + rows[row].slot);
}

/*
 * All slots hold something before the first look-up: one that fails
 * allocates its error text, and the host's malloc may call read or close.
 */
FIRST void
libc_init(void)
{
	struct symbol_scope scope;
	int saved = errno;
	size_t i;
	void *found;

	if (libc_ready)
		return;
	for (i = 0; i < ROWS; i++)
		*slot(i) = (void *)absent;
	libc_ready = 1;
	symbol_begin(&scope, &libc);
	for (i = 0; i < ROWS; i++) {
		found = symbol_find(&scope, rows[i].name);
		if (found == NULL)
			found = dlsym(RTLD_NEXT, rows[i].name);
		if (found != NULL)
			*slot(i) = found;
	}
	target_close = libc.close;
	process_init();
	errno = saved;
}
