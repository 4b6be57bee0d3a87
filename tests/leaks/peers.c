/* peers.c - connections that somebody else made, or that come to us */
#include <spawn.h>

#include "leak.h"

/*
 * Raw system calls stand for a parent without the preload: the connection is
 * made past every hook, and used by them.
 */
static long
raw(long nr, long a, long b, long c)
{
	long rv;

	__asm__ volatile("syscall"
			 : "=a"(rv)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return rv;
}

static int
foreign(int port)
{
	struct sockaddr_in sin = loopback(port);
	long fd = raw(SYS_socket, AF_INET, SOCK_STREAM, 0);

	if (raw(SYS_connect, fd, (long)&sin, sizeof sin) != 0)
		exit(0);
	return (int)fd;
}

static void
found_by_write(int port)
{
	put(foreign(port));
}

static void
found_by_sendfile(int port)
{
	off_t at = 0;
	int fd = foreign(port);

	syscall(SYS_sendfile, fd, marker_file(), &at, LENGTH);
}

static void
found_by_dprintf(int port)
{
	dprintf(foreign(port), "%s", MARKER);
}

static void
found_by_fdopen(int port)
{
	FILE *f = fdopen(foreign(port), "w");

	if (f == NULL)
		return;
	fputs(MARKER, f);
	fflush(f);
}

/* As inetd leaves it, for a program whose stdio is libc's own. */
static void
found_on_standard_output(int port)
{
	int fd = foreign(port);

	raw(SYS_dup2, fd, 1, 0);
	execl("/bin/echo", "echo", "marker-of-road", (char *)NULL);
}

static void
found_on_standard_error(int port)
{
	int fd = foreign(port);

	raw(SYS_dup2, fd, 2, 0);
	execl("/bin/cat", "cat", "/nowhere/marker-of-road", (char *)NULL);
}

static void
found_on_three(int port)
{
	int fd = foreign(port);

	raw(SYS_dup2, fd, 3, 0);
	execl("/bin/sh", "sh", "-c", "echo marker-of-road >&3", (char *)NULL);
}

/* A server that speaks first; the recorder's end is a listener of ours. */
static void
accepted(int port)
{
	struct sockaddr_in own = loopback(0), peer = loopback(port);
	socklen_t len = sizeof own;
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd, to, n;
	char buf[512];

	if (bind(listener, (struct sockaddr *)&own, sizeof own) == -1 ||
	    listen(listener, 1) == -1 ||
	    getsockname(listener, (struct sockaddr *)&own, &len) == -1)
		return;
	/* the client end and the way to the recorder pass by raw calls */
	if (fork() == 0) {
		fd = (int)raw(SYS_socket, AF_INET, SOCK_STREAM, 0);
		raw(SYS_connect, fd, (long)&own, sizeof own);
		to = (int)raw(SYS_socket, AF_INET, SOCK_STREAM, 0);
		raw(SYS_connect, to, (long)&peer, sizeof peer);
		while ((n = (int)raw(SYS_read, fd, (long)buf, sizeof buf)) > 0)
			raw(SYS_write, to, (long)buf, n);
		_exit(0);
	}
	fd = accept(listener, NULL, NULL);
	if (fd == -1)
		return;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	put(fd);
	close(fd);
	await(-1);
}

const struct road peer_roads[] = {ROAD(found_by_write), ROAD(found_by_sendfile),
    ROAD(found_by_dprintf), ROAD(found_by_fdopen),
    ROAD(found_on_standard_output), ROAD(found_on_standard_error),
    ROAD(found_on_three), ROAD(accepted), {NULL, NULL}};
