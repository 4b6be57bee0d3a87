/* exec.c - sessions that end because the program becomes another */

#include <alloca.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conn.h"
#include "deferred.h"
#include "handover.h"
#include "ours.h"
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
	int fd;   /* our end of the pair; -1: none was needed */
	int lent; /* numbers that the pair may have, to be had back (ours.h) */
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
	    (slot_alone(c->slot, t->pid) ||
		slot_owned(c->slot, c->stamp[SLOT_TX])))
		t->n++;
}

/*
 * What needs no keeper is held and used by others: a child that becomes
 * another program and lives on has it no longer.
 */
static void
step_out(struct conn *c, void *arg)
{
	const struct handover *h = arg;
	int i;

	for (i = 0; i < h->conns; i++)
		if (h->to[i].c == c)
			return;
	if (handover_passes(h, c)) /* this process has it in its next image */
		return;
	c->outside = slot_step_out(c->slot, process_holder());
	conn_touched(c);
}

static void
step_in(struct conn *c, void *arg)
{
	if (!c->outside)
		return;
	c->outside = false;
	conn_touched(c);
	if (slot_step_in(c->slot, process_holder(), c->cookie))
		return;
	c->slot = NULL;
	c->stamp[SLOT_RX] = c->stamp[SLOT_TX] = SLOT_NEVER;
}

/* The old image has gone; what it has passed on it still has. */
struct gone {
	pid_t pid;
	const struct handover *h;
};

static void
is_gone(struct conn *c, void *arg)
{
	const struct gone *old = arg;

	if (!handover_passes(old->h, c))
		slot_leave_for(c->slot, old->pid, c->named);
}

static void
note_name(struct conn *c, void *arg)
{
	const struct tally *t = arg;

	c->named = slot_names(c->slot, t->pid);
}

static void
let_go_of(struct conn *c, void *unused)
{
	(void)unused;
	(void)slot_leave(c->slot, process_holder(), NULL);
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

/* A relay has these: neither the session nor the end of the pair is ours. */
static void
leave_to_relays(const struct handover *h)
{
	int i;

	for (i = 0; i < h->conns; i++) {
		struct conn *c = h->to[i].c;

		c->state = CONN_RELAYED;
		conn_touched(c);
		(void)slot_leave(c->slot, process_holder(), NULL);
		c->slot = NULL;
	}
	for (i = 0; i < h->numbers; i++) {
		int fd = h->number[i].fd;
		struct conn *c = table_get(fd);

		/* only the next image's numbers stand for nothing */
		if (c != NULL && c->state != CONN_RELAYED) {
			if (h->number[i].saved != -1)
				host->libc->dup3(
				    h->number[i].saved, fd, O_CLOEXEC);
		} else
			descriptor_close(fd);
		if (c != NULL)
			conn_put(c);
	}
}

static void
keep(int fd, pid_t old, const struct handover *h)
{
	struct gone gone = {old, h};
	int n, max = getdtablesize(), at;
	char byte;

	setsid();
	leave_to_relays(h);
	close_others(fd);
	n = (int)host->libc->read(fd, &byte, 1);
	if (n != 0) {
		table_each(let_go_of, NULL);
	} else {
		table_each(is_gone, &gone);
		conn_end_all(); /* no call of the old image comes back */
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

static int
make_pair(struct keeper *k, int p[2])
{
	int type = SOCK_STREAM | SOCK_CLOEXEC;
	int rv = socketpair(AF_UNIX, type, 0, p);

	if (rv == -1 && (errno == EMFILE || errno == ENFILE)) {
		k->lent = ours_lend();
		rv = socketpair(AF_UNIX, type, 0, p);
	}
	return rv;
}

static void
start(struct keeper *k, const struct handover *h)
{
	struct tally t = {process_pid(), 0};
	sigset_t all, old;
	int p[2];
	pid_t pid;

	k->fd = -1;
	k->lent = 0;
	if (process_is_vfork_child())
		return;
	table_each(count, &t);
	if (t.n == 0)
		table_each(step_out, (void *)h);
	if (t.n == 0 || make_pair(k, p) == -1)
		return;
	table_each(note_name, &t);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pid = fork();
	if (pid == 0) {
		if (fork() == 0) {
			host->libc->close(p[1]);
			keep(p[0], t.pid, h);
		}
		table_each(let_go_of, NULL);
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
	} else if (!process_is_vfork_child()) {
		table_each(step_in, NULL);
	}
	ours_reclaim(k->lent);
	errno = saved;
	return -1;
}

/*
 * On the stack, since the memory of a vfork child is its parent's.  env is
 * what the call is to be given.
 */
#define AROUND(path, call)                                                       \
	do {                                                                \
		struct keeper k;                                            \
		struct handover h;                                          \
		char text[SHIM_RELAYED_MOST];                               \
		char *const *env = envp;                                    \
                                                                            \
		handover_begin(&h, path);                                   \
		start(&k, &h);                                              \
		if (host->relayed_tell(text, sizeof text) > 0)              \
			env = handover_entry(envp,                          \
			    alloca(handover_entries(envp)), text);          \
		(void)host->libc->call;                                     \
		handover_undo(&h);                                          \
		return stop(&k);                                            \
	} while (0)

static int
do_execve(const char *path, char *const argv[], char *const envp[])
{
	if (access(path, F_OK) == -1) /* most steps of a search by PATH */
		return host->libc->execve(path, argv, envp);
	AROUND(path, execve(path, argv, env));
}

static int
do_execvpe(const char *path, char *const argv[], char *const envp[])
{
	AROUND(path, execvpe(path, argv, env));
}

static int
do_fexecve(int fd, char *const argv[], char *const envp[])
{
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	AROUND(path, fexecve(fd, argv, env));
}

static int
do_execveat(int fd, const char *path, char *const argv[],
    char *const envp[], int flags)
{
	char whole[PATH_MAX];

	/* as the preload has looked at it */
	if (fd != AT_FDCWD && path[0] != '/')
		snprintf(whole, sizeof whole, "/proc/self/fd/%d%s%s", fd,
		    path[0] != '\0' ? "/" : "", path);
	else
		snprintf(whole, sizeof whole, "%s", path);
	AROUND(whole, execveat(fd, path, argv, env, flags));
}

void
calls_exec(struct shim_calls *c)
{
	c->execve = do_execve;
	c->execvpe = do_execvpe;
	c->fexecve = do_fexecve;
	c->execveat = do_execveat;
}
