/* linger.c - starts the helper that ends a connection */

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "linger.h"
#include "ours.h"
#include "quiet.h"

#define STACK 16384

static _Atomic int helper = -1; /* O_PATH, ours */

void
linger_init(void)
{
	char path[4096];
	const char *self = host->env->preload, *slash;
	int fd;

	slash = self != NULL ? strrchr(self, '/') : NULL;
	if (slash == NULL)
		return;
	if (snprintf(path, sizeof path, "%.*s/tlsshim-linger",
		(int)(slash - self), self) >= (int)sizeof path)
		return;
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd == -1)
		return;
	if (ours_take(fd, &helper) == -1)
		host->libc->close(fd);
}

void
linger_off(void)
{
	helper = -1;
}

struct job {
	int fd, rest;
	char seconds[16];
	char stack[STACK] __attribute__((aligned(16)));
};

/*
 * The helper to be: shares our memory until exec, so it makes raw system
 * calls and nothing else.  Descriptors are its own.
 */
static int
become_helper(void *arg)
{
	struct job *j = arg;
	char *const argv[] = {(char *)"tlsshim-linger", j->seconds, NULL};
	char *const envp[] = {NULL};
	long (*raw)(long, ...) = host->libc->syscall; /* not the host's */
	int exe = (int)raw(SYS_dup, helper);
	int sock = (int)raw(SYS_dup, j->fd);
	int rest = (int)raw(SYS_dup, j->rest);

	raw(SYS_setsid);
	raw(SYS_dup3, sock, 0, 0);
	raw(SYS_dup3, rest, 1, 0);
	/* past any number that the three can have */
	raw(SYS_dup3, exe, 2, O_CLOEXEC);
	raw(SYS_close_range, 3U, ~0U, 0U);
	raw(SYS_execveat, 2, "", argv, envp, AT_EMPTY_PATH);
	raw(SYS_exit_group, 127);
	return 127;
}

/* Between us and the helper, so that it is nobody's child that we wait for. */
static int
in_between(void *arg)
{
	struct job *j = arg;

	clone(become_helper, j->stack + STACK, CLONE_VM | CLONE_VFORK, j);
	host->libc->syscall(SYS_exit_group, 0);
	return 0;
}

static bool
would_be_seen(void)
{
	int subreaper = 0;

	return process_pid() == 1 ||
	    prctl(PR_GET_CHILD_SUBREAPER, &subreaper) == -1 || subreaper != 0;
}

static int
remember(const void *rest, size_t len)
{
	int fd = memfd_create("tlsshim", MFD_CLOEXEC);
	struct quiet q;
	ssize_t n;

	if (fd == -1)
		return -1;
	quiet_begin(&q);
	n = host->libc->write(fd, rest, len);
	quiet_end(&q);
	if (n != (ssize_t)len ||
	    lseek(fd, 0, SEEK_SET) == -1) {
		host->libc->close(fd);
		return -1;
	}
	return fd;
}

bool
linger_start(int fd, const void *rest, size_t len, int seconds)
{
	char stack[STACK] __attribute__((aligned(16)));
	sigset_t all, old;
	struct job j;
	int state;
	pid_t pid;

#ifdef __SANITIZE_THREAD__ /* its runtime takes clone for a fork */
	return false;
#endif
	if (helper == -1 || would_be_seen())
		return false;
	j.fd = fd;
	j.rest = remember(rest, len);
	if (j.rest == -1)
		return false;
	snprintf(j.seconds, sizeof j.seconds, "%d", seconds);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	/* exit signal 0: the host's wait() and SIGCHLD know nothing of it */
	pid = clone(in_between, stack + STACK, CLONE_VM | CLONE_VFORK, &j);
	if (pid > 0)
		while (waitpid(pid, &state, __WCLONE) == -1 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	host->libc->close(j.rest);
	return pid > 0;
}
