/* alloc.c - one allocator for the engine and the host */

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

/*
 * The engine is loaded with RTLD_DEEPBIND, so that a host that exports
 * `close` or `config_init` does not hijack it.  Its malloc would then be
 * libc's even where the host brings its own (redis and bind: jemalloc), while
 * libc's strdup, getline and realpath, which GnuTLS frees the results of, use
 * the host's.  So the engine's scope begins with names that lead to the
 * host's.  Not part of the archive for the tools.
 */
#ifndef SHIM_NO_DEEPBIND
#define EXPORT __attribute__((visibility("default")))

static void *(*host_malloc)(size_t);
static void *(*host_calloc)(size_t, size_t);
static void *(*host_realloc)(void *, size_t);
static void (*host_free)(void *);
static int (*host_posix_memalign)(void **, size_t, size_t);
static void *(*host_aligned_alloc)(size_t, size_t);

/* dlopen(NULL) is the global scope; RTLD_DEFAULT would begin with ourselves. */
static void
resolve(void)
{
	void *global = dlopen(NULL, RTLD_LAZY);

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
	if (host_malloc == NULL)
		resolve();
	return host_malloc(n);
}

EXPORT void *
calloc(size_t n, size_t size)
{
	if (host_malloc == NULL)
		resolve();
	return host_calloc(n, size);
}

EXPORT void *
realloc(void *p, size_t n)
{
	if (host_malloc == NULL)
		resolve();
	return host_realloc(p, n);
}

EXPORT void
free(void *p)
{
	if (host_malloc == NULL)
		resolve();
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
#else
/* Sanitizers bring the allocator, and refuse RTLD_DEEPBIND. */
extern int alloc_is_the_hosts;
int alloc_is_the_hosts = 1;
#endif
