/*
 * startup.c - what a preloaded object costs a process that does nothing
 *
 *	startup COUNT LIBRARY
 *
 * Starts /bin/true COUNT times without and with LIBRARY in LD_PRELOAD, in
 * turn; prints the medians of both in microseconds.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double
run_once(char **env)
{
	char *argv[] = {"true", NULL};
	double start = now();
	int status;
	pid_t pid;

	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, env) != 0)
		abort();
	if (waitpid(pid, &status, 0) != pid || status != 0)
		abort();
	return now() - start;
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
	size_t n = argc > 1 ? (size_t)atol(argv[1]) : 500, i;
	char *plain_env[] = {NULL}, *env[] = {NULL, NULL};
	double *plain, *with;

	if (argc < 3 || n == 0 ||
	    asprintf(&env[0], "LD_PRELOAD=%s", argv[2]) == -1)
		return 2;
	plain = calloc(n, sizeof *plain);
	with = calloc(n, sizeof *with);
	if (plain == NULL || with == NULL)
		abort();
	for (i = 0; i < n; i++) {
		plain[i] = run_once(plain_env);
		with[i] = run_once(env);
	}
	printf("start-plain %.1f\n", median(plain, n));
	printf("start-with %.1f\n", median(with, n));
	return 0;
}
