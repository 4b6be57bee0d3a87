/* alloc.c - one allocator for the engine and the host */

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "reserve.h"

/*
 * The engine is loaded with RTLD_DEEPBIND, so that a host that exports
 * `close` or `config_init` does not hijack it.  Its malloc would then be
 * libc's even where the host brings its own (redis and bind: jemalloc), while
 * libc's strdup, getline and realpath, which GnuTLS frees the results of, use
 * the host's.  So the engine's scope begins with names that lead to the
 * host's.  What the host does not give comes from the reserve.  Not part of the
 * archive for the tools.
 */
#ifndef SHIM_NO_DEEPBIND
#define EXPORT __attribute__((visibility("default")))

static void *(*host_malloc)(size_t);
static void *(*host_calloc)(size_t, size_t);
static void *(*host_realloc)(void *, size_t);
static void (*host_free)(void *);
static int (*host_posix_memalign)(void **, size_t, size_t);
static void *(*host_aligned_alloc)(size_t, size_t);
static size_t (*host_usable_size)(void *); /* of that malloc, or NULL */

/* dladdr() would go through all names of libc, for the nearest one. */
static bool
same_object(void *one, void *other)
{
	struct dl_find_object a, b;

	return _dl_find_object(one, &a) == 0 &&
	       _dl_find_object(other, &b) == 0 &&
	       a.dlfo_link_map == b.dlfo_link_map;
}

/* The size of the host's blocks, if the function is of who gives them. */
static void
resolve_size(void *global)
{
	void *size = dlsym(global, "malloc_usable_size");

	if (size != NULL && same_object(size, dlsym(global, "malloc")))
		*(void **)&host_usable_size = size;
}

/* dlopen(NULL) is the global scope; RTLD_DEFAULT would begin with ourselves. */
static void
resolve(void)
{
	void *global = dlopen(NULL, RTLD_LAZY);

	resolve_size(global);
	*(void **)&host_calloc = dlsym(global, "calloc");
	*(void **)&host_realloc = dlsym(global, "realloc");
	*(void **)&host_free = dlsym(global, "free");
	*(void **)&host_posix_memalign = dlsym(global, "posix_memalign");
	*(void **)&host_aligned_alloc = dlsym(global, "aligned_alloc");
	*(void **)&host_malloc = dlsym(global, "malloc");
}

EXPORT void *
malloc(size_t n)
{
	void *p;

	if (host_malloc == NULL)
		resolve();
	p = host_malloc(n);
	return p != NULL ? p : reserve_get(n);
}

EXPORT void *
calloc(size_t n, size_t size)
{
	size_t total;
	void *p;

	if (host_malloc == NULL)
		resolve();
	p = host_calloc(n, size);
	if (p != NULL || __builtin_mul_overflow(n, size, &total))
		return p;
	p = reserve_get(total);
	return p != NULL ? memset(p, 0, total) : NULL;
}

/* From the reserve, or into it; p is not NULL, and stays if this is NULL. */
static void *
move(void *p, size_t n)
{
	void *q;
	size_t size;

	if (reserve_has(p))
		size = reserve_size(p);
	else if (host_usable_size != NULL)
		size = host_usable_size(p);
	else
		return NULL;
	q = reserve_has(p) ? malloc(n) : reserve_get(n);
	if (q == NULL)
		return NULL;
	memcpy(q, p, size < n ? size : n);
	free(p);
	return q;
}

EXPORT void *
realloc(void *p, size_t n)
{
	void *q = NULL;

	if (p == NULL)
		return malloc(n);
	if (host_malloc == NULL)
		resolve();
	if (!reserve_has(p))
		q = host_realloc(p, n);
	return q != NULL || n == 0 ? q : move(p, n);
}

EXPORT void *
reallocarray(void *p, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, total);
}

EXPORT void
free(void *p)
{
	if (host_malloc == NULL)
		resolve();
	if (reserve_has(p))
		reserve_put(p);
	else
		host_free(p);
}

EXPORT int
posix_memalign(void **out, size_t align, size_t n)
{
	if (host_malloc == NULL)
		resolve();
	return host_posix_memalign(out, align, n);
}

EXPORT void *
aligned_alloc(size_t align, size_t n)
{
	if (host_malloc == NULL)
		resolve();
	return host_aligned_alloc(align, n);
}

/* libc's would ask the host alone. */
EXPORT char *
strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = malloc(n);

	return p != NULL ? memcpy(p, s, n) : NULL;
}

extern char *__strdup(const char *); /* libconfig's name for it */

EXPORT char *
__strdup(const char *s)
{
	return (strdup)(s);
}
#else
/* Sanitizers bring the allocator, and refuse RTLD_DEEPBIND. */
extern int alloc_is_the_hosts;
int alloc_is_the_hosts = 1;
#endif
