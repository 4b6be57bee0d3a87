/*
 * soak.h - what the ends of a soak share: the bytes that go round
 *
 * Byte n of a connection is one of a table, from a place that its first four
 * bytes say.  The table has the marker in it that tests/fixtures/oracle.c
 * looks for on the wire.
 */
#ifndef SOAK_H
#define SOAK_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MARKER "marker-of-soak"
#define TABLE 65521

static unsigned char table[TABLE];

static inline void
table_init(void)
{
	uint32_t x = 2463534242u;
	size_t i;

	for (i = 0; i < TABLE; i++) {
		x ^= x << 13; /* Marsaglia, Xorshift RNGs, 2003 */
		x ^= x >> 17;
		x ^= x << 5;
		table[i] = (unsigned char)x;
	}
	for (i = 0; i + sizeof MARKER < TABLE; i += 256)
		memcpy(table + i, MARKER, sizeof MARKER - 1);
}

static inline void
fill(unsigned char *buf, size_t n, uint64_t at)
{
	size_t i;

	for (i = 0; i < n; i++)
		buf[i] = table[(at + i) % TABLE];
}

static inline bool
is_right(const unsigned char *buf, size_t n, uint64_t at)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (buf[i] != table[(at + i) % TABLE])
			return false;
	return true;
}

static inline int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* An end without a close_notify, for whoever has not sent all there was. */
static inline void
abort_close(int fd)
{
	struct linger l = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
	close(fd);
}

#endif
