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
	volatile bool
	    begun; /* the helper is on its way: nothing is left to do here */
	char seconds[16];
	char stack[STACK] __attribute__((aligned(16)));
};

typedef long raw_call(long, ...);

/* Three numbers stay open, in any order. */
static void
close_others(raw_call *raw, int a, int b, int c)
{
	int low = a < b ? a : b, high = a < b ? b : a;
	int first = low < c ? low : c, last = high > c ? high : c;
	int middle = a + b + c - first - last;

	if (first > 0)
		raw(SYS_close_range, 0U, (unsigned)first - 1, 0U);
	if (middle > first + 1)
		raw(SYS_close_range, first + 1U, middle - 1U, 0U);
	if (last > middle + 1)
		raw(SYS_close_range, middle + 1U, last - 1U, 0U);
	raw(SYS_close_range, last + 1U, ~0U, 0U);
}

/* Out of the way of what the helper is to find on 0 and 1. */
static int
aside(raw_call *raw, int fd)
{
	return fd > 2 ? fd : (int)raw(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3L);
}

/*
 * The helper to be: shares our memory until exec, so it makes raw system
 * calls and nothing else.  Descriptors are its own: all that are not wanted go
 * first, since the program may have used up as many as it may have.
 */
static int
become_helper(void *arg)
{
	struct job *j = arg;
	char *const argv[] = {(char *)"tlsshim-linger", j->seconds, NULL};
	char *const envp[] = {NULL};
	raw_call *raw = host->libc->syscall; /* not the host's */
	int exe = helper, sock, rest;

	raw(SYS_setsid);
	close_others(raw, exe, j->fd, j->rest);
	exe = aside(raw, exe);
	sock = aside(raw, j->fd);
	rest = aside(raw, j->rest);
	if (exe >= 0 && raw(SYS_dup3, sock, 0, 0) == 0 &&
	    raw(SYS_dup3, rest, 1, 0) == 1) {
		raw(SYS_close, sock);
		j->begun = true;
		raw(SYS_execveat, exe, "", argv, envp, AT_EMPTY_PATH);
		j->begun = false;
	}
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
	       prctl(PR_GET_CHILD_SUBREAPER, &subreaper) == -1 ||
	       subreaper != 0;
}

/* The numbers that *lent counts are to be had back once it is closed. */
static int
remember(const void *rest, size_t len, int *lent)
{
	int fd = memfd_create("tlsshim", MFD_CLOEXEC);
	struct quiet q;
	ssize_t n;

	if (fd == -1 && (errno == EMFILE || errno == ENFILE)) {
		*lent = ours_lend();
		fd = memfd_create("tlsshim", MFD_CLOEXEC);
	}
	if (fd == -1)
		return -1;
	quiet_begin(&q);
	n = host->libc->write(fd, rest, len);
	quiet_end(&q);
	if (n != (ssize_t)len || lseek(fd, 0, SEEK_SET) == -1) {
		host->libc->close(fd);
		return -1;
	}
	return fd;
}

static void
start(struct job *j)
{
	char stack[STACK] __attribute__((aligned(16)));
	sigset_t all, old;
	pid_t pid;
	int state;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	/* exit signal 0: the host's wait() and SIGCHLD know nothing of it */
	pid = clone(in_between, stack + STACK, CLONE_VM | CLONE_VFORK, j);
	if (pid > 0)
		while (waitpid(pid, &state, __WCLONE) == -1 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

bool
linger_start(int fd, const void *rest, size_t len, int seconds)
{
	struct job j; /* with a stack in it, which nobody clears */
	int lent = 0;

#ifdef __SANITIZE_THREAD__ /* its runtime takes clone for a fork */
	return false;
#endif
	if (helper == -1 || would_be_seen())
		return false;
	j.fd = fd;
	j.begun = false;
	j.rest = remember(rest, len, &lent);
	if (j.rest != -1) {
		snprintf(j.seconds, sizeof j.seconds, "%d", seconds);
		start(&j);
		host->libc->close(j.rest);
	}
	ours_reclaim(lent);
	return j.begun;
}
