/*
 * engine_argument_test.c - which pages the kernel is asked about, and how often
 */
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../shim/engine/argument.c"
#include "result.h"

#define PAGES 300 /* of as many clients */

static int asked;

/* As both questions give their arguments. */
static long
counting(long number, ...)
{
	long a[6];
	va_list ap;
	int i;

	va_start(ap, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	asked++;
	return syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static struct shim_calls calls = {.syscall = counting};
static struct shim_host ours = {.libc = &calls};

static bool
all_good(char *at, enum argument_access a)
{
	int i;

	for (i = 0; i < PAGES; i++) {
		struct iovec v = {at + i * ARGUMENT_PAGE + 10, 20};

		if (!(a == FOR_READING ? argument_readable(&v, 1)
				       : argument_writable(&v, 1)))
			return false;
	}
	return true;
}

static char *
map(int prot)
{
	return mmap(NULL, PAGES * ARGUMENT_PAGE, prot,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void
test_many_buffers(char *at)
{
	int first, a;

	for (a = FOR_READING; a <= FOR_WRITING; a++) {
		asked = 0;
		result(all_good(at, a) && asked == PAGES,
		    "each page is asked about");
		asked = 0;
		result(all_good(at, a) && all_good(at, a), "all are good");
		first = asked;
		/* some have the same place: not half of them */
		result(first < PAGES, "few are asked about again");
	}
}

static void
test_bad_ones(void)
{
	char *none = map(PROT_NONE), *read_only = map(PROT_READ);
	struct iovec v = {none, 1}, w = {read_only, 1};
	struct iovec both = {read_only + ARGUMENT_PAGE * PAGES - 1, 2};

	munmap(read_only + ARGUMENT_PAGE * (PAGES - 1), ARGUMENT_PAGE);
	both.iov_base = read_only + ARGUMENT_PAGE * (PAGES - 1) - 1;
	result(!argument_readable(&v, 1) && !argument_readable(&v, 1),
	    "no page that may not be read, however often");
	result(argument_readable(&w, 1) && !argument_writable(&w, 1),
	    "what may be read need not be written");
	result(!argument_readable(&both, 1), "the last byte's page counts");
}

/* Another thread gets the buffers of one that has ended. */
static void *
look(void *at)
{
	return (void *)(intptr_t)all_good(at, FOR_READING);
}

static void
test_threads(char *at)
{
	pthread_t t;
	void *good[2];
	int i, times[2];

	for (i = 0; i < 2; i++) {
		asked = 0;
		pthread_create(&t, NULL, look, at);
		pthread_join(t, &good[i]);
		times[i] = asked;
	}
	result(good[0] && good[1] && times[0] == PAGES && times[1] == PAGES,
	    "a new thread knows no page of one before");
}

int
main(void)
{
	char *at = map(PROT_READ | PROT_WRITE);

	host = &ours;
	test_many_buffers(at);
	test_bad_ones();
	test_threads(at);
	return failures > 0;
}
