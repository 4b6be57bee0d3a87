/* exec.c - what a new program image may take along */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "log.h"

/*
 * A session lives in this image's memory and would be lost at exec: the new
 * image would write plaintext into the middle of it.  So connections close at
 * exec, listeners pass.  The marks are taken off again if exec fails.  A
 * vfork child has its own descriptors and no table of its own: nothing but
 * the kernel's flag is changed.
 */
struct marks {
	int fd[64];
	int n;
};

static void
mark(struct marks *m)
{
	int fd, max = getdtablesize();
	char text[160];

	m->n = 0;
	for (fd = 0; fd < max && fd < FD_MAX; fd++) {
		struct conn *c;
		int fl;

		if (host->class_of[fd] != FD_GOVERNED)
			continue;
		c = table_get(fd);
		if (c == NULL)
			continue;
		fl = host->libc->fcntl(fd, F_GETFD, 0L);
		if (c->state != CONN_LISTEN && fl != -1 &&
		    !(fl & FD_CLOEXEC)) {
			host->libc->fcntl(fd, F_SETFD, (long)fl | FD_CLOEXEC);
			snprintf(text, sizeof text,
			    "descriptor %d is closed at exec: a session does "
			    "not pass to a new program",
			    fd);
			if (c->session != NULL)
				log_text(LOG_INFO, "%s", text);
			if (m->n < 64)
				m->fd[m->n++] = fd;
		}
		conn_put(c);
	}
}

static int
unmark(const struct marks *m)
{
	int saved = errno, i;

	for (i = 0; i < m->n; i++) {
		int fl = host->libc->fcntl(m->fd[i], F_GETFD, 0L);

		if (fl != -1)
			host->libc->fcntl(
			    m->fd[i], F_SETFD, (long)fl & ~FD_CLOEXEC);
	}
	errno = saved;
	return -1;
}

static int
do_execve(const char *path, char *const argv[], char *const envp[])
{
	struct marks m;

	mark(&m);
	host->libc->execve(path, argv, envp);
	return unmark(&m);
}

static int
do_execv(const char *path, char *const argv[])
{
	struct marks m;

	mark(&m);
	host->libc->execv(path, argv);
	return unmark(&m);
}

static int
do_execvp(const char *path, char *const argv[])
{
	struct marks m;

	mark(&m);
	host->libc->execvp(path, argv);
	return unmark(&m);
}

static int
do_execvpe(const char *path, char *const argv[], char *const envp[])
{
	struct marks m;

	mark(&m);
	host->libc->execvpe(path, argv, envp);
	return unmark(&m);
}

static int
do_fexecve(int fd, char *const argv[], char *const envp[])
{
	struct marks m;

	mark(&m);
	host->libc->fexecve(fd, argv, envp);
	return unmark(&m);
}

static int
do_execveat(int fd, const char *path, char *const argv[],
    char *const envp[], int flags)
{
	struct marks m;

	mark(&m);
	host->libc->execveat(fd, path, argv, envp, flags);
	return unmark(&m);
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
