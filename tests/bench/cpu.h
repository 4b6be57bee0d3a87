/*
 * cpu.h - CPU seconds of this process and of others with their children
 *
 * A process's clock counts its threads that have ended too, and nanoseconds; of
 * children that have ended, stat alone tells, in ticks of 10 ms.
 */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
cpu_own(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static double cpu_process(long pid);

/* Of the children that a thread has begun. */
static double
cpu_children(long pid, const char *tid)
{
	char path[300];
	double total = 0;
	long child;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/task/%s/children", pid, tid);
	f = fopen(path, "r");
	while (f != NULL && fscanf(f, "%ld", &child) == 1)
		total += cpu_process(child);
	if (f != NULL)
		fclose(f);
	return total;
}

static double
cpu_threads(long pid)
{
	struct timespec t = {0, 0};
	clockid_t clock;

	if (clock_getcpuclockid((pid_t)pid, &clock) != 0 ||
	    clock_gettime(clock, &t) == -1)
		return 0;
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Of children that it has waited for: cutime and cstime of proc(5). */
static double
cpu_reaped(long pid)
{
	unsigned long user = 0, system = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	f = fopen(path, "r");
	if (f != NULL) {
		(void)!fscanf(f, "%*[^)]) %*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s"
				 "%*s%*s %lu %lu",
		    &user, &system);
		fclose(f);
	}
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double
cpu_process(long pid)
{
	double total = cpu_reaped(pid) + cpu_threads(pid);
	char path[64];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%ld/task", pid);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			total += cpu_children(pid, e->d_name);
	if (d != NULL)
		closedir(d);
	return total;
}

/* Of the processes in a list of pids with commas between, or NULL. */
static double
cpu_others(const char *pids)
{
	double total = 0;
	char *end;

	while (pids != NULL && *pids != '\0') {
		total += cpu_process(strtol(pids, &end, 10));
		pids = *end == ',' ? end + 1 : end;
	}
	return total;
}

#endif
