/* alive.c - is a process that was there once still there? */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alive.h"
#include "engine.h"

uint32_t
alive_ticks(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint32_t)(ts.tv_sec * 100 + ts.tv_nsec / 10000000);
}

enum child { NO_CHILD, CHILD_RUNS, CHILD_ENDED /* and was not waited for */ };

static enum child
child_state(pid_t pid)
{
	siginfo_t info = {.si_pid = 0};

	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == -1)
		return NO_CHILD;
	return info.si_pid == pid ? CHILD_ENDED : CHILD_RUNS;
}

/* Numbers come around after 32,768 forks at the least (pid_max, proc(5)). */
#define TOO_SOON 100

/* proc(5): state is field 3, starttime field 22; a name may hold anything. */
static bool
parse(const char *text, char *state, uint32_t *start)
{
	const char *at = strrchr(text, ')');
	int field;

	if (at == NULL || at[1] != ' ')
		return false;
	*state = at[2];
	for (at += 2, field = 3; field < 22; field++) {
		at = strchr(at, ' ');
		if (at == NULL)
			return false;
		at++;
	}
	*start = (uint32_t)strtoull(at, NULL, 10);
	return true;
}

static bool
look(pid_t pid, char *state, uint32_t *start)
{
	char path[40], text[1024];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	n = pread(fd, text, sizeof text - 1, 0);
	host->libc->close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return parse(text, state, start);
}

/*
 * A process with thousands of connections asks the same of each as it ends:
 * one look at /proc is good for all questions of the same tick.
 */
static __thread struct {
	pid_t pid;
	uint32_t tick, start;
	char state; /* 0: could not be found out */
} last __attribute__((tls_model("initial-exec")));

static bool
proc_says_dead(pid_t pid, uint32_t since)
{
	uint32_t now = alive_ticks();

	if (last.pid != pid || last.tick != now) {
		last.pid = pid;
		last.tick = now;
		if (!look(pid, &last.state, &last.start))
			last.state = 0;
	}
	if (last.state == 0)
		return false;
	return last.state == 'Z' || last.state == 'X' ||
	    (int32_t)(last.start - since) > 0;
}

bool
alive_is(pid_t pid, uint32_t since)
{
	if (*host->sealed)
		return true; /* a filter may kill for any of these calls */
	switch (child_state(pid)) {
	case CHILD_ENDED:
		return false;
	case CHILD_RUNS: /* a fork server asks this of every connection */
		if (alive_ticks() - since < TOO_SOON)
			return true;
		break;
	case NO_CHILD: /* of a child waitid() has said all that kill() does */
		if (kill(pid, 0) == -1 && errno == ESRCH)
			return false;
		break;
	}
	return !proc_says_dead(pid, since);
}
