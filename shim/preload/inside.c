/* inside.c - calls of libc that connect, write or exec by themselves */
#include <execinfo.h>
#include <netdb.h>
#include <string.h>
#include <sys/syscall.h>

#include "owned.h"

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/*
 * rcmd(3) and rexec(3) open a TCP connection inside libc and send a password
 * on it.  Nothing can come between: they do not work under a policy.
 */
static int
refused(void)
{
	errno = EACCES;
	return -1;
}

/* One line of backtrace_symbols, as long as it is. */
static void
line_write(int fd, const char *line)
{
	size_t len = strlen(line);
	ssize_t n;

	for (; len > 0; line += n, len -= (size_t)n) {
		n = write(fd, line, len);
		if (n <= 0)
			return;
	}
}

EXPORTS_BEGIN

int
rexec_af(char **host, int port, const char *user, const char *password,
    const char *command, int *errors, sa_family_t family)
{
	return refused();
}

int
rexec(char **host, int port, const char *user, const char *password,
    const char *command, int *errors)
{
	return refused();
}

int
rcmd_af(char **host, unsigned short port, const char *local,
    const char *remote, const char *command, int *errors, sa_family_t family)
{
	return refused();
}

int
rcmd(char **host, unsigned short port, const char *local, const char *remote,
    const char *command, int *errors)
{
	return refused();
}

/* Into a file libc does it without malloc, as after a crash it must be. */
void
backtrace_symbols_fd(void *const *frames, int n, int fd)
{
	char **lines;
	int i;

	libc_need();
	if (gate_owned(fd) == WAY_LIBC) {
		libc.backtrace_symbols_fd(frames, n, fd);
		return;
	}
	lines = backtrace_symbols(frames, n);
	for (i = 0; lines != NULL && i < n; i++) {
		line_write(fd, lines[i]);
		line_write(fd, "\n");
	}
	free(lines);
}

int
pidfd_getfd(int process, int number, unsigned flags)
{
	libc_need();
	return owned_arrived((int)libc.syscall(
	    SYS_pidfd_getfd, (long)process, (long)number, (long)flags));
}

/* From here the numbers of one thread are not those of another. */
int
unshare(int flags)
{
	libc_need();
	if (flags & CLONE_FILES)
		owned_part();
	return libc.unshare(flags);
}

int
pthread_setcanceltype(int type, int *old)
{
	libc_need();
	if (type == PTHREAD_CANCEL_ASYNCHRONOUS)
		__atomic_store_n(&process_asynchronous, 1, __ATOMIC_RELAXED);
	return libc.pthread_setcanceltype(type, old);
}

EXPORTS_END
