/*
 * heap.c - preloaded behind tlsshim.so: what a process has from malloc
 *
 * The file $SOAK_HEAP.PID holds a struct heap.  RSS is what the allocator has
 * from the kernel, the holes between blocks with it, and how these grow says
 * nothing of who forgets to free; `used` is exact.  A child of fork counts for
 * itself alone, and nobody reads that.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct heap {
	_Atomic long used, blocks; /* bytes, and in how many pieces */
	_Atomic long taken;        /* bytes that malloc has from the kernel */
	_Atomic long threads;      /* how many were begun */
	_Atomic long next;         /* the second in which `taken` is looked at */
};

static struct heap mine;
static struct heap *heap = &mine;

static void
forked(void)
{
	heap = &mine;
}

__attribute__((constructor)) static void
begin(void)
{
	const char *s = getenv("SOAK_HEAP");
	char path[300];
	struct heap *h;
	int fd;

	if (s == NULL)
		return;
	snprintf(path, sizeof path, "%s.%d", s, (int)getpid());
	/* by number: open and close are hooks */
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT, 0600);
	if (fd == -1 || ftruncate(fd, sizeof *h) == -1)
		return;
	h = mmap(NULL, sizeof *h, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	syscall(SYS_close, fd);
	if (h == MAP_FAILED)
		return;
	h->used = mine.used;
	h->blocks = mine.blocks;
	h->threads = 0;
	h->next = 0;
	heap = h;
	pthread_atfork(NULL, NULL, forked);
}

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

/* Once a second: no lock of malloc's is held here. */
static void
look(void)
{
	struct timespec t;
	struct mallinfo2 m;
	long next = heap->next;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	if (t.tv_sec < next ||
	    !atomic_compare_exchange_strong(&heap->next, &next, t.tv_sec + 1))
		return;
	m = mallinfo2();
	heap->taken = (long)(m.arena + m.hblkhd);
}

/* As malloc counts it, with the word before the block. */
static long
size_of(void *p)
{
	return (long)(malloc_usable_size(p) + sizeof(size_t));
}

static void *
keep(void *p)
{
	if (p == NULL)
		return p;
	heap->used += size_of(p);
	heap->blocks++;
	if (heap != &mine)
		look();
	return p;
}

static void
lose(void *p)
{
	if (p == NULL)
		return;
	heap->used -= size_of(p);
	heap->blocks--;
}

void *
malloc(size_t n)
{
	return keep(__libc_malloc(n));
}

void *
calloc(size_t n, size_t size)
{
	return keep(__libc_calloc(n, size));
}

void *
realloc(void *p, size_t n)
{
	void *q;

	lose(p);
	q = __libc_realloc(p, n);
	if (q == NULL && n > 0)
		keep(p);
	return keep(q);
}

void *
memalign(size_t align, size_t n)
{
	return keep(__libc_memalign(align, n));
}

void *
aligned_alloc(size_t align, size_t n)
{
	return keep(__libc_memalign(align, n));
}

int
posix_memalign(void **out, size_t align, size_t n)
{
	void *p = keep(__libc_memalign(align, n));

	if (p == NULL)
		return ENOMEM;
	*out = p;
	return 0;
}

void
free(void *p)
{
	lose(p);
	__libc_free(p);
}

int
pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*f)(void *),
    void *arg)
{
	static __typeof__(pthread_create) *next;

	if (next == NULL)
		next = (__typeof__(next))dlsym(RTLD_NEXT, "pthread_create");
	heap->threads++;
	return next(t, attr, f, arg);
}
