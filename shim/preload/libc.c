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

#define CALLS (sizeof libc / sizeof(void *))

/* late.S: all of calls.def, then all of imports.def */
extern const uint16_t late_rows, late_names_at[];
extern const char late_names[], late_stubs[];
extern void *late_imports[];

/*
 * Where functions are looked for at their first call: libc, which then comes
 * next behind us, as in most programs' starts.  Between us and libc's others
 * may have a name first, or have no table to look into; dlsym is then asked,
 * which may wait and allocate, so that nothing is left for later.
 *
 * Written by the constructor alone.  A first call may be on any thread, in a
 * signal handler, or in a vfork child: it reads what ld.so has mapped for
 * good, and writes one pointer that is whole at each moment and whoever writes
 * it the same.  So who comes in between finds the stub or the function, and
 * both are right.  Nobody waits, nothing is allocated, errno stays.
 */
static struct symbol_object libc_object;

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
	return row < CALLS ? (void **)&libc + row : &late_imports[row - CALLS];
}

static const char *
name(size_t row)
{
	return late_names + late_names_at[row];
}

static void
put(size_t row, void *function)
{
	__atomic_store_n(slot(row), function, __ATOMIC_RELAXED);
}

static void *
stub(size_t row)
{
	return (void *)(late_stubs + 16 * row);
}

/*
 * What the row's stub jumps to; late.S.  dlsym's turn comes only before
 * libc_init has seen where libc is, or where libc has the name in some way
 * that symbol.c does not read: no function of glibc 2.36's (symbols_test).
 */
FIRST void *
libc_find(size_t row)
{
	void *found = symbol_take(&libc_object, name(row));

	if (found == NULL)
		found = dlsym(RTLD_NEXT, name(row));
	if (found == NULL)
		found = (void *)absent;
	put(row, found);
	return found;
}

void
libc_find_all(void)
{
	size_t i;

	for (i = 0; i < late_rows; i++)
		if (__atomic_load_n(slot(i), __ATOMIC_RELAXED) == stub(i))
			(void)libc_find(i);
}

/* All slots hold something before the first look-up by dlsym. */
static void
find_now(const struct symbol_scope *scope)
{
	size_t i;
	void *found;

	for (i = 0; i < late_rows; i++) {
		found = symbol_find(scope, name(i));
		if (found == NULL)
			found = dlsym(RTLD_NEXT, name(i));
		put(i, found != NULL ? found : (void *)absent);
	}
}

static int
close_libc(int fd)
{
	return libc.close(fd);
}

FIRST void
libc_init(void)
{
	struct symbol_scope scope;
	int saved = errno;
	size_t i;

	if (libc_ready)
		return;
	for (i = 0; i < CALLS; i++)
		put(i, stub(i));
	libc_ready = 1;
	symbol_begin(&scope, &libc);
	if (scope.complete && scope.n == 1)
		libc_object = scope.objects[0];
	else
		find_now(&scope);
	target_close = close_libc;
	process_init();
	errno = saved;
}
