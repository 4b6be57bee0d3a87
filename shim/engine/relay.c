/* relay.c - how a relay is born, and what it leaves behind of its parent */

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "call.h"
#include "linger.h"
#include "log.h"
#include "process.h"
#include "relay.h"

#define STACK (512 * 1024) /* handshakes, verification and log lines run here */
#define TITLE "tlsshim-relay"

struct job {
	struct conn *c;
	int fd;  /* the connection */
	int end; /* the relay's end of the pair */
	int ctl; /* the relay's end of the control pair */
	pid_t leaves; /* relay_start's */
	bool named;   /* slot_names() of it, before the exec */
	bool failed;
};

/*
 * Over the arguments, and over the environment where those are too short: the
 * kernel then shows all up to the first NUL (proc(5), cmdline).
 */
static void
set_title(const char *peer)
{
	char line[2048], *at;
	unsigned long start = 0, end = 0, env = 0;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC), i;
	ssize_t n = fd == -1 ? -1 : host->libc->read(fd, line, sizeof line - 1);
	char title[100];
	size_t len;

	prctl(PR_SET_NAME, TITLE);
	if (fd != -1)
		host->libc->close(fd);
	line[n > 0 ? n : 0] = '\0';
	at = strrchr(line, ')'); /* field 2, which may hold anything */
	for (i = 2; at != NULL && i < 48; i++)
		at = strchr(at + 1, ' ');
	if (at == NULL ||
	    sscanf(at, " %lu %lu %*u %lu", &start, &end, &env) != 3 ||
	    start == 0 || end <= start)
		return;
	if (env > end)
		end = env;
	len = (size_t)snprintf(title, sizeof title, TITLE ": %s", peer);
	memset((void *)start, 0, end - start);
	memcpy((void *)start, title, len < end - start ? len : end - start - 1);
}

static void
close_between(unsigned first, unsigned last)
{
	unsigned max = (unsigned)getdtablesize();

	if (first > last ||
	    host->libc->close_range(first, last, 0) == 0)
		return;
	for (; first <= last && first < max; first++)
		host->libc->close((int)first);
}

/* All but n numbers, and those for the log. */
static void
close_others(int *keep, int n)
{
	int from = 0, i, j;

	for (i = 0; i < n; i++)
		for (j = i + 1; j < n; j++)
			if (keep[j] < keep[i]) {
				int t = keep[i];

				keep[i] = keep[j];
				keep[j] = t;
			}
	for (i = 0; i < n; from = keep[i++] + 1)
		if (keep[i] > from)
			close_between((unsigned)from, (unsigned)keep[i] - 1);
	close_between((unsigned)from, ~0U);
}

static void
let_go_of(struct conn *c, void *arg)
{
	if (c != arg)
		(void)slot_leave(c->slot, process_holder(), NULL);
}

/* Nothing but c is left of what the parent had. */
static void
settle_down(struct job *j)
{
	int keep[4] = {j->fd, j->end, j->ctl, log_fd()};

	linger_off();
	table_each(let_go_of, j->c);
	table_keep(j->fd, j->c);
	conn_touched(j->c);
	j->c->moving = false;
	j->c->timeouts = false;
	j->c->regs = NULL;
	close_others(keep, keep[3] == -1 ? 3 : 4);
	host->libc->fcntl(j->end, F_SETFL, (long)(O_RDWR | O_NONBLOCK));
	setsid();
	(void)!chdir("/"); /* or a file system could not be unmounted */
	set_title(j->c->peer);
	prctl(PR_SET_DUMPABLE, 0);
}

/* Signals stay blocked: TCP in the kernel survives them too. */
static _Noreturn void
live(struct job *j)
{
	bool begins = j->c->state != CONN_OPEN;
	char byte;

	call_alone();
	settle_down(j);
	/*
	 * The handshake is ours once exec has happened, and nobody may come in
	 * between: whoever shares our parent's memory (vfork) has its stamps.
	 */
	if (begins && conn_claim(j->c) < 0)
		host->libc->_exit(1);
	(void)!host->libc->write(j->ctl, "", 1);
	if (host->libc->read(j->ctl, &byte, 1) != 0) {
		if (begins)
			conn_unclaim(j->c);
		(void)slot_leave(j->c->slot, process_holder(), NULL);
		host->libc->_exit(0);
		__builtin_unreachable();
	}
	host->libc->close(j->ctl);
	if (j->leaves != 0) /* exec has closed its descriptors */
		slot_leave_for(j->c->slot, j->leaves, j->named);
	relay_pump(j->c, j->fd, j->end);
}

/*
 * Between us and the relay, so that it is nobody's child that the host waits
 * for.  It shares our memory and is this thread to libc; so libc's fork takes
 * and gives back the locks that other threads of the host may hold.
 */
static int
in_between(void *arg)
{
	struct job *j = arg;
	long pid;

	if (__libc_single_threaded) {
		process_forking();
		pid = host->libc->syscall(SYS_clone, 0L, 0L, 0L, 0L, 0L);
	} else {
		pid = fork();
	}
	process_forked(pid);
	if (pid == 0)
		live(j);
	j->failed = pid < 0;
	host->libc->syscall(SYS_exit_group, 0L);
	return 0;
}

/* Exit signal 0: the host's wait() and SIGCHLD know nothing of it. */
static int
give_birth(struct job *j)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	sigset_t all, old;
	int state, rv = 0;
	pid_t pid;

	if (stack == MAP_FAILED)
		return -ENOMEM;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pid = clone(in_between, stack + STACK, CLONE_VM | CLONE_VFORK, j);
	if (pid == -1)
		rv = -errno;
	else
		while (waitpid(pid, &state, __WCLONE) == -1 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	munmap(stack, STACK);
	return rv < 0 ? rv : j->failed ? -EAGAIN : 0;
}

/* What of the socket's ways the program may count on. */
static void
copy_options(int from, int to)
{
	static const int names[] = {SO_RCVTIMEO, SO_SNDTIMEO};
	int flags = host->libc->fcntl(from, F_GETFL, 0L);
	struct timeval tv;
	size_t i;

	if (flags != -1)
		host->libc->fcntl(to, F_SETFL, (long)flags);
	for (i = 0; i < 2; i++) {
		socklen_t len = sizeof tv;

		if (host->libc->getsockopt(
			from, SOL_SOCKET, names[i], &tv, &len) == 0)
			host->libc->setsockopt(
			    to, SOL_SOCKET, names[i], &tv, len);
	}
}

static int
start(struct conn *c, int fd, pid_t leaves, const int pair[2],
    const int ctl[2])
{
	struct job j = {c, fd, pair[0], ctl[0], leaves,
	    slot_names(c->slot, leaves), false};
	char byte;
	int rv;

	c->moving = true;
	rv = give_birth(&j);
	c->moving = false;
	host->libc->close(pair[0]);
	host->libc->close(ctl[0]);
	if (rv < 0)
		return rv;
	/* it holds the slot from here on, or it is gone */
	return host->libc->read(ctl[1], &byte, 1) == 1 ? 0 : -EAGAIN;
}

void
relay_say_orderly(int end)
{
	static const struct sockaddr any_name = {.sa_family = AF_UNIX};

	host->libc->bind(end, &any_name, sizeof any_name.sa_family);
}

/* Whoever takes the name before makes the cut one that nobody speaks of. */
void
relay_say_cut(int end)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int n = snprintf(name.sun_path + 1, sizeof name.sun_path - 1,
	    TITLE "-%llx", (unsigned long long)shim_cookie(host->libc, end));

	host->libc->bind(end, (const struct sockaddr *)&name,
	    (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1U +
		(socklen_t)n);
}

/* The next image is told; names that the kernel does not know stay empty. */
static void
introduce(int fd, int end)
{
	struct shim_relayed r = {.protocol = IPPROTO_TCP};
	socklen_t len = sizeof r.protocol;

	host->libc->getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &r.protocol, &len);
	len = sizeof r.cookie;
	host->libc->getsockopt(end, SOL_SOCKET, SO_COOKIE, &r.cookie, &len);
	len = sizeof r.local;
	host->libc->getsockname(fd, &r.local.sa, &len);
	len = sizeof r.peer;
	if (host->libc->getpeername(fd, &r.peer.sa, &len) == -1)
		r.peer.sa.sa_family = 0;
	host->relayed_add(&r);
}

static void
show_ends(const struct conn *c, int end)
{
	if (c->wr_shut || c->shut_later)
		host->libc->shutdown(end, SHUT_WR);
	if (c->rd_shut)
		host->libc->shutdown(end, SHUT_RD);
}

int
relay_start(struct conn *c, int fd, pid_t leaves, struct relay *r)
{
	int pair[2], ctl[2], rv;

	if (bytes_settle(&c->in) < 0 || bytes_settle(&c->out) < 0)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ctl) == -1) {
		rv = -errno;
		host->libc->close(pair[0]);
		host->libc->close(pair[1]);
		return rv;
	}
	rv = start(c, fd, leaves, pair, ctl);
	r->end = pair[1];
	r->ctl = ctl[1];
	if (rv < 0) {
		host->libc->close(r->end);
		host->libc->close(r->ctl);
		return rv;
	}
	copy_options(fd, r->end);
	show_ends(c, r->end);
	introduce(fd, r->end);
	return 0;
}

void
relay_go(struct relay *r)
{
	if (r->ctl != -1)
		host->libc->close(r->ctl);
	r->ctl = -1;
}

void
relay_stop(struct relay *r)
{
	char byte;

	if (r->ctl != -1) {
		(void)!host->libc->write(r->ctl, "", 1);
		(void)!host->libc->read(r->ctl, &byte, 1);
		host->libc->close(r->ctl);
	}
	host->libc->close(r->end);
}

int
relay_none(struct relay *r, int fd)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return -errno;
	introduce(fd, pair[1]);
	relay_say_cut(pair[0]);
	host->libc->close(pair[0]);
	r->end = pair[1];
	r->ctl = -1;
	return 0;
}
