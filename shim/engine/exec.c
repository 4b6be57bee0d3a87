/* exec.c - sessions that end because the program becomes another */

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conn.h"
#include "deferred.h"
#include "process.h"

/*
 * exec closes connections in the kernel, without close_notify and over unread
 * tickets.  Whether it succeeds nobody knows before.  So a keeper, a fork of
 * this process, waits on a socket that exec closes: end of file tells it that
 * the old image is gone, and it ends the sessions in its place; a byte tells
 * it that exec failed, and it goes away with everything as it was.  Sessions
 * belong to the first user after a fork, so either one may go on.  The keeper
 * is nobody's child: a process in between is reaped at once.
 */
struct keeper {
	int fd; /* our end of the pair; -1: none was needed */
};

struct tally {
	pid_t pid;
	int n;
};

static void
count(struct conn *c, void *arg)
{
	struct tally *t = arg;

	if (c->state == CONN_OPEN && !c->linger_set &&
	    slot_alone(c->slot, t->pid))
		t->n++;
}

static void
let_go_of(struct conn *c, void *arg)
{
	const pid_t *old = arg;
	unsigned char record[SLOT_RECORD];
	size_t len;

	(void)slot_drop(c->slot, *old, record, &len);
}

/* Everything but the connections: a pipe held open would hold up readers. */
static void
close_others(int keep)
{
	int fd, max = getdtablesize();

	for (fd = 0; fd < max && fd < FD_MAX; fd++)
		if (fd != keep && !table_has(fd))
			host->libc->close(fd);
}

static void
keep(int fd, pid_t old)
{
	int n, max = getdtablesize(), at;
	char byte;

	setsid();
	close_others(fd);
	n = (int)host->libc->read(fd, &byte, 1);
	if (n != 0) {
		old = process_pid();
		table_each(let_go_of, &old);
	} else {
		table_each(let_go_of, &old);
		for (at = 0; at < max && at < FD_MAX; at++)
			if (table_has(at))
				descriptor_close(at);
		deferred_finish(now_ms() + 5000);
	}
	host->libc->_exit(0);
}

/* The one in between ends at once; its SIGCHLD was never the program's. */
static void
reap(pid_t pid, const sigset_t *old)
{
	static const struct timespec now;
	sigset_t child;
	int state;

	while (waitpid(pid, &state, 0) == -1 && errno == EINTR)
		;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	if (!sigismember(old, SIGCHLD))
		sigtimedwait(&child, NULL, &now);
}

static void
start(struct keeper *k)
{
	struct tally t = {process_pid(), 0};
	sigset_t all, old;
	int p[2];
	pid_t pid;

	k->fd = -1;
	if (process_is_vfork_child())
		return;
	table_each(count, &t);
	if (t.n == 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) == -1)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pid = fork();
	if (pid == 0) {
		if (fork() == 0) {
			host->libc->close(p[1]);
			keep(p[0], t.pid);
		}
		host->libc->_exit(0);
	}
	if (pid > 0)
		reap(pid, &old);
	host->libc->close(p[0]);
	k->fd = p[1];
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/*
 * exec has failed: everything is as it was, once the keeper has let go (the
 * next attempt of a PATH search counts holders).
 */
static int
stop(const struct keeper *k)
{
	int saved = errno;

	if (k->fd != -1) {
		char byte;

		(void)!host->libc->write(k->fd, "", 1);
		(void)!host->libc->read(k->fd, &byte, 1);
		host->libc->close(k->fd);
	}
	errno = saved;
	return -1;
}

#define AROUND(call)                   \
	do {                           \
		struct keeper k;       \
		start(&k);             \
		(void)host->libc->call; \
		return stop(&k);       \
	} while (0)

static int
do_execve(const char *path, char *const argv[], char *const envp[])
{
	AROUND(execve(path, argv, envp));
}

static int
do_execv(const char *path, char *const argv[])
{
	AROUND(execv(path, argv));
}

static int
do_execvp(const char *path, char *const argv[])
{
	AROUND(execvp(path, argv));
}

static int
do_execvpe(const char *path, char *const argv[], char *const envp[])
{
	AROUND(execvpe(path, argv, envp));
}

static int
do_fexecve(int fd, char *const argv[], char *const envp[])
{
	AROUND(fexecve(fd, argv, envp));
}

static int
do_execveat(int fd, const char *path, char *const argv[],
    char *const envp[], int flags)
{
	AROUND(execveat(fd, path, argv, envp, flags));
}

void
calls_exec(struct shim_calls *c)
{
	c->execve = do_execve;
	c->execv = do_execv;
	c->execvp = do_execvp;
	c->execvpe = do_execvpe;
	c->fexecve = do_fexecve;
	c->execveat = do_execveat;
}
