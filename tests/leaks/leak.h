/*
 * leak.h - what a hundred small programs share: each tries one road by which
 * a line of text could get to a TCP peer in clear
 */
#ifndef LEAK_H
#define LEAK_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARKER "marker-of-road\n"
#define LENGTH (sizeof MARKER - 1)

struct road {
	const char *name;
	void (*go)(int port);
};

/* Each family of roads; a row without a name ends it. */
extern const struct road byte_roads[], connect_roads[], descriptor_roads[],
    stdio_roads[], process_roads[], limit_roads[], peer_roads[],
    inside_roads[];

#define ROAD(name)          \
	{                   \
#name, name \
	}

static inline struct sockaddr_in
loopback(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A connection to port; ends the program where there is none to be had. */
static inline int
joined(int port)
{
	struct sockaddr_in sin = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd == -1 || connect(fd, (struct sockaddr *)&sin, sizeof sin) == -1)
		exit(0);
	return fd;
}

static inline void
put(int fd)
{
	(void)!write(fd, MARKER, LENGTH);
}

/* A file that holds the marker, at its beginning. */
static inline int
marker_file(void)
{
	int fd = fileno(tmpfile());

	put(fd);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* A pipe with the marker in it; its reading end. */
static inline int
marker_pipe(void)
{
	int p[2];

	if (pipe(p) == -1)
		exit(2);
	put(p[1]);
	close(p[1]);
	return p[0];
}

static inline void
await(pid_t pid)
{
	while (pid > 0 && waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
}

#endif
