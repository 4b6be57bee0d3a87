/*
 * passthrough.c - what one call costs on a descriptor that is not TCP
 *
 *	passthrough COUNT
 *
 * COUNT one-byte calls of each kind; prints `KIND NANOSECONDS` a call.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double
time_reads(int fd, long count)
{
	double start = now();
	char c;

	while (count-- > 0)
		if (read(fd, &c, 1) != 1)
			abort();
	return now() - start;
}

static double
time_writes(int fd, long count)
{
	double start = now();

	while (count-- > 0)
		if (write(fd, "x", 1) != 1)
			abort();
	return now() - start;
}

/* Fills and empties in turn, so that the pipe never blocks. */
static void
time_pipe(long count, double *reads, double *writes)
{
	const long batch = 4096; /* a pipe keeps at least a page */
	int p[2];
	long done;

	*reads = *writes = 0;
	if (pipe(p) == -1)
		abort();
	for (done = 0; done < count; done += batch) {
		*writes += time_writes(p[1], batch);
		*reads += time_reads(p[0], batch);
	}
}

int
main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 1000000;
	int zero = open("/dev/zero", O_RDWR);
	double reads, writes;

	if (zero == -1)
		abort();
	printf("zero-read %.2f\n", time_reads(zero, count) / (double)count);
	printf("zero-write %.2f\n", time_writes(zero, count) / (double)count);
	time_pipe(count, &reads, &writes);
	printf("pipe-read %.2f\n", reads / (double)count);
	printf("pipe-write %.2f\n", writes / (double)count);
	return 0;
}
