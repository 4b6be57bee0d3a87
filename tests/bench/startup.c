/*
 * startup.c - what a preloaded object costs a process that lives for a moment
 *
 *	startup COUNT NAME=LIBRARY... -- PROGRAM ARGUMENT...
 *
 * Starts PROGRAM COUNT times with each LIBRARY in LD_PRELOAD (none where it
 * is empty), in turn; prints `NAME us us`: the medians of what passed and of
 * the CPU that the process used.  Exit status 2 if one of them fails.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 8

struct variant {
	const char *name, *library;
	double *wall, *cpu;
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double
micros(struct timeval t)
{
	return (double)t.tv_sec * 1e6 + (double)t.tv_usec;
}

static void
run_once(struct variant *v, size_t at, char **argv)
{
	double start = now();
	struct rusage used;
	int status;
	pid_t pid;

	if (*v->library == '\0')
		unsetenv("LD_PRELOAD");
	else
		setenv("LD_PRELOAD", v->library, 1);
	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0 ||
	    wait4(pid, &status, 0, &used) != pid || status != 0) {
		fprintf(stderr, "%s: %s failed\n", v->name, argv[0]);
		exit(2);
	}
	v->wall[at] = now() - start;
	v->cpu[at] = micros(used.ru_utime) + micros(used.ru_stime);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *v, size_t n)
{
	qsort(v, n, sizeof *v, compare);
	return v[n / 2];
}

int
main(int argc, char **argv)
{
	size_t count = argc > 1 ? (size_t)atol(argv[1]) : 0, n = 0, i, j;
	struct variant v[MOST];
	char **at = argv + 2, *equals;

	for (; argc > 2 && *at != NULL && strcmp(*at, "--") != 0; at++) {
		equals = strchr(*at, '=');
		if (equals == NULL || n == MOST)
			return 2;
		*equals = '\0';
		v[n++] = (struct variant){*at, equals + 1,
		    calloc(count, sizeof(double)),
		    calloc(count, sizeof(double))};
	}
	if (count == 0 || n == 0 || *at == NULL || at[1] == NULL)
		return 2;
	for (i = 0; i < count; i++)
		for (j = 0; j < n; j++)
			run_once(&v[j], i, at + 1);
	for (j = 0; j < n; j++)
		printf("%s %.1f %.1f\n", v[j].name, median(v[j].wall, count),
		    median(v[j].cpu, count));
	return 0;
}
