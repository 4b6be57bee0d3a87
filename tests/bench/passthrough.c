/*
 * passthrough.c - what one call costs on a descriptor that is not TCP
 *
 *	passthrough COUNT [all | KIND [listen]]
 *
 * COUNT calls of a KIND, or of each; prints `KIND NANOSECONDS` a call.  With
 * `listen` there is a listener on TCP before, so that what a preload loads for
 * one is there.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
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

static int
zero(void)
{
	int fd = open("/dev/zero", O_RDWR);

	if (fd == -1)
		abort();
	return fd;
}

static double
zero_read(long count)
{
	return time_reads(zero(), count);
}

static double
zero_write(long count)
{
	return time_writes(zero(), count);
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

static double
pipe_read(long count)
{
	double reads, writes;

	time_pipe(count, &reads, &writes);
	return reads;
}

static double
pipe_write(long count)
{
	double reads, writes;

	time_pipe(count, &reads, &writes);
	return writes;
}

/* n pipes in which nothing is. */
static double
time_poll(long count, nfds_t n)
{
	struct pollfd p[8];
	double start;
	int ends[2];
	nfds_t i;

	for (i = 0; i < n; i++) {
		if (pipe(ends) == -1)
			abort();
		p[i] = (struct pollfd){ends[0], POLLIN, 0};
	}
	start = now();
	while (count-- > 0)
		if (poll(p, n, 0) != 0)
			abort();
	return now() - start;
}

static double
poll_1(long count)
{
	return time_poll(count, 1);
}

static double
poll_8(long count)
{
	return time_poll(count, 8);
}

static double
epoll(long count)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int set = epoll_create1(0), ends[2];
	double start;

	if (set == -1 || pipe(ends) == -1 ||
	    epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &ev) == -1)
		abort();
	start = now();
	while (count-- > 0)
		if (epoll_wait(set, &ev, 1, 0) != 0)
			abort();
	return now() - start;
}

static const struct {
	const char *name;
	double (*run)(long count);
} kinds[] = {{"zero-read", zero_read}, {"zero-write", zero_write},
    {"pipe-read", pipe_read}, {"pipe-write", pipe_write}, {"poll-1", poll_1},
    {"poll-8", poll_8}, {"epoll", epoll}};

static void
listen_somewhere(void)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&sin, sizeof sin) == -1 ||
	    listen(fd, 1) == -1)
		abort();
}

int
main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 1000000;
	const char *kind = argc > 2 ? argv[2] : "all";
	size_t i;

	if (argc > 3 && strcmp(argv[3], "listen") == 0)
		listen_somewhere();
	for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kind, "all") == 0 ||
		    strcmp(kind, kinds[i].name) == 0)
			printf("%s %.2f\n", kinds[i].name,
			    kinds[i].run(count) / (double)count);
	return 0;
}
