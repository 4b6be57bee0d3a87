/*
 * relay.c - what moving a connection into a relay costs
 *
 *	relay PORT COUNT [MEGABYTES]
 *
 * COUNT times: connects, writes a byte, reads a byte, dup2()s onto 0 and
 * closes.  With MEGABYTES so much memory is touched first.  Prints the median
 * of dup2() in microseconds, and of the first byte written and read after it.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
exchange(int fd)
{
	char byte = 'x';

	if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1) {
		perror("exchange");
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	int count = argc > 2 ? atoi(argv[2]) : 1, i;
	size_t memory = argc > 3 ? (size_t)atol(argv[3]) << 20 : 0;
	double *moved = calloc((size_t)count, sizeof *moved);
	double *spoke = calloc((size_t)count, sizeof *spoke);
	int null = open("/dev/null", O_RDONLY);
	char *ballast = malloc(memory + 1);

	if (moved == NULL || spoke == NULL || ballast == NULL || argc < 2)
		return 2;
	memset(ballast, 1, memory + 1);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)atoi(argv[1]));
	dup2(null, 0);
	for (i = 0; i < count; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		double start;

		if (connect(fd, (struct sockaddr *)&sin, sizeof sin) == -1) {
			perror("connect");
			return 1;
		}
		exchange(fd);
		start = now_us();
		dup2(fd, 0);
		moved[i] = now_us() - start;
		exchange(0);
		spoke[i] = now_us() - start - moved[i];
		dup2(null, 0); /* the next socket is another number */
		close(fd);
	}
	qsort(moved, (size_t)count, sizeof *moved, compare);
	qsort(spoke, (size_t)count, sizeof *spoke, compare);
	printf("dup2 %.0f us, first exchange after it %.0f us, memory %zu MB\n",
	    moved[count / 2], spoke[count / 2], memory >> 20);
	return ballast[0] == 0;
}
