/* run.c - starts the scripted program, is its peer, collects what it says */
#include <poll.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <spawn.h>

#include "../fixtures/fixture.h"
#include "peer.h"
#include "run.h"

#define DEADLINE 60000 /* ms for a few sessions; their own waits end after 15000 */

struct child {
	pid_t pid;
	int pidfd, out, err; /* err: a file */
	char text[4096];
	size_t len;
	int64_t deadline;
};

static int
nameless_file(void)
{
	int fd = memfd_create("faults", MFD_CLOEXEC);

	if (fd == -1)
		die("memfd_create");
	return fd;
}

static void
start(const struct setting *s, const struct run *r, int port, struct child *c)
{
	char number[4][16], preload[4400], policy[4400];
	const char *argv[32];
	char *envp[] = {preload, policy, NULL};
	posix_spawn_file_actions_t files;
	int n = 0, pipes[2];

	while (s->before != NULL && s->before[n] != NULL && n < 16) {
		argv[n] = s->before[n];
		n++;
	}
	snprintf(preload, sizeof preload, "LD_PRELOAD=%s", s->preload);
	snprintf(policy, sizeof policy, "TLSSHIM_POLICY=%s", s->policy);
	snprintf(number[0], sizeof number[0], "%d", port);
	snprintf(number[1], sizeof number[1], "%d", r->value);
	snprintf(number[2], sizeof number[2], "%ld", r->at);
	argv[n++] = s->subject;
	argv[n++] = r->server ? "server" : "client";
	argv[n++] = number[0];
	argv[n++] = r->how;
	argv[n++] = r->faulted == 0 ? "0" : r->faulted == 1 ? "1" : "2";
	argv[n++] = r->kind;
	argv[n++] = number[1];
	argv[n++] = number[2];
	snprintf(number[3], sizeof number[3], "%d", r->times);
	if (r->times > 1)
		argv[n++] = number[3];
	argv[n] = NULL;
	if (pipe2(pipes, O_CLOEXEC) == -1)
		die("pipe2");
	c->err = nameless_file();
	c->out = pipes[0];
	c->len = 0;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&files, pipes[1], 1);
	posix_spawn_file_actions_adddup2(&files, c->err, 2);
	errno = posix_spawn(
	    &c->pid, argv[0], &files, NULL, (char *const *)argv, envp);
	if (errno != 0)
		die(argv[0]);
	posix_spawn_file_actions_destroy(&files);
	close(pipes[1]);
	c->pidfd = pidfd_open(c->pid, 0);
	if (c->pidfd == -1)
		die("pidfd_open");
	c->deadline = peer_now() + DEADLINE * (1 + r->times / 9);
}

/* Waits for fd (-1: nothing) or the child's end; 1: fd, 0: its end or late. */
static int
wait_for(struct child *c, int fd)
{
	struct pollfd p[2] = {{c->pidfd, POLLIN, 0}, {fd, POLLIN, 0}};
	int64_t left = c->deadline - peer_now();

	if (left <= 0 || poll(p, 2, (int)left) <= 0)
		return 0;
	return p[1].revents != 0;
}

static void
hear(struct child *c)
{
	ssize_t n = read(c->out, c->text + c->len, sizeof c->text - 1 - c->len);

	if (n > 0)
		c->len += (size_t)n;
	c->text[c->len] = '\0';
}

static void
session(int fd, int server, const struct child *c, struct outcome *out)
{
	struct peer_result p;

	peer_talk(fd, server, c->deadline, &p);
	out->complete += p.complete;
	if (p.clear != NULL)
		out->clear = p.clear;
	if (p.bad != NULL)
		out->bad = p.bad;
}

static void
be_server(int listener, struct child *c, struct outcome *out)
{
	int fd;

	while (wait_for(c, listener)) {
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd != -1)
			session(fd, 1, c, out);
	}
}

/* Its listener is open as long as it lives. */
static void
be_client(struct child *c, struct outcome *out)
{
	int port = 0, fd;

	while (port == 0 && wait_for(c, c->out)) {
		hear(c);
		if (c->len == 0)
			return;
		if (sscanf(c->text, "port %d\n", &port) != 1)
			return;
	}
	while (port != 0 && (fd = loopback_connect(port)) != -1)
		session(fd, 0, c, out);
}

static void
finish(struct child *c, struct outcome *out)
{
	struct pollfd p = {c->out, POLLIN, 0};
	off_t size;

	out->status = 0;
	if (wait_for(c, -1) || waitpid(c->pid, &out->status, WNOHANG) != c->pid) {
		kill(c->pid, SIGKILL);
		waitpid(c->pid, &out->status, 0);
		out->status = -1;
	}
	while (poll(&p, 1, 0) == 1) {
		size_t before = c->len;

		hear(c);
		if (c->len == before)
			break;
	}
	size = lseek(c->err, 0, SEEK_END);
	if (size > (off_t)sizeof out->said - 1)
		size = sizeof out->said - 1;
	size = pread(c->err, out->said, (size_t)size,
	    lseek(c->err, 0, SEEK_END) - size);
	out->said[size > 0 ? size : 0] = '\0';
	close(c->out);
	close(c->err);
	close(c->pidfd);
}

static void
read_text(char *text, struct outcome *out)
{
	char *line, *rest = NULL;

	strcpy(out->hit, "-");
	out->lines = 0;
	for (line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "port ", 5) == 0)
			continue;
		if (sscanf(line, "hit %31s count %ld fds %ld live %ld bytes %ld",
			out->hit, &out->count, &out->fds, &out->live,
			&out->bytes) == 5)
			return;
		if (out->lines < SESSIONS)
			snprintf(out->session[out->lines++],
			    sizeof out->session[0], "%s", line);
	}
	out->fds = -1; /* it did not come to its end */
}

void
run_make(const struct setting *s, const struct run *r, struct outcome *out)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	socklen_t len = sizeof sin;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct child c;

	memset(out, 0, sizeof *out);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&sin, sizeof sin) == -1 ||
	    listen(listener, 8) == -1 ||
	    getsockname(listener, (struct sockaddr *)&sin, &len) == -1)
		die("listen");
	start(s, r, ntohs(sin.sin_port), &c);
	if (r->server)
		be_client(&c, out);
	else
		be_server(listener, &c, out);
	finish(&c, out);
	close(listener);
	read_text(c.text, out);
}
