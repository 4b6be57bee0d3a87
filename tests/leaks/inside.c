/* inside.c - what libc does by itself, and the other names of what it has */
#include <execinfo.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <wordexp.h>

#include "leak.h"

extern ssize_t __write(int, const void *, size_t);
extern ssize_t __send(int, const void *, size_t, int);
extern int __connect(int, const struct sockaddr *, socklen_t);
extern int __dup2(int, int);
extern int __close(int);
extern FILE *_IO_fdopen(int, const char *);

static char echo[] = "/bin/echo", text[] = "marker-of-road";
static char *arguments[] = {echo, text, NULL};
static char *none[] = {NULL};

static void
by_write_with_underscores(int port)
{
	(void)!__write(joined(port), MARKER, LENGTH);
}

static void
by_send_with_underscores(int port)
{
	(void)!__send(joined(port), MARKER, LENGTH, 0);
}

static void
by_connect_with_underscores(int port)
{
	struct sockaddr_in sin = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)__connect(fd, (struct sockaddr *)&sin, sizeof sin);
	(void)!__write(fd, MARKER, LENGTH);
}

static void
by_fdopen_of_old(int port)
{
	FILE *f = _IO_fdopen(joined(port), "w");

	if (f != NULL && fputs(MARKER, f) >= 0)
		fflush(f);
}

static void
say(void)
{
	printf(MARKER);
	fflush(stdout);
}

static void
onto_output_with_underscores(int port)
{
	__dup2(joined(port), 1);
	say();
}

static void
onto_output_by_number(int port)
{
	int fd = joined(port);

	close(1);
	if (syscall(SYS_fcntl, fd, F_DUPFD, 1) == 1)
		say();
}

static void
onto_output_by_pidfd(int port)
{
	int fd = joined(port), self = pidfd_open(getpid(), 0);

	close(1);
	if (pidfd_getfd(self, fd, 0) == 1)
		say();
}

/* Number to becomes fd, by way of a unix socket. */
static void
passed_onto(int fd, int to)
{
	char byte = 0, room[CMSG_SPACE(sizeof fd)] = {0};
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
	    .msg_iovlen = 1,
	    .msg_control = room,
	    .msg_controllen = sizeof room};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int s[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) == -1)
		exit(2);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	sendmsg(s[0], &m, 0);
	close(to);
	recvmsg(s[1], &m, 0);
}

static void
passed_onto_output(int port)
{
	passed_onto(joined(port), 1);
	say();
}

static void
filter_set(void)
{
	struct sock_filter all[] = {
	    {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
	struct sock_fprog filter = {1, all};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

static void
passed_onto_output_under_a_filter(int port)
{
	int fd = joined(port);

	filter_set();
	passed_onto(fd, 1);
	say();
}

static void
copied_by_number_under_a_filter(int port)
{
	int fd = joined(port);

	filter_set();
	put((int)syscall(SYS_fcntl, fd, F_DUPFD, 20));
}

/* libc closes the number of a file unseen, and a connection gets it. */
static void
number_of_a_pipe_of_popen(int port)
{
	int fd = joined(port), n;
	FILE *f = popen("cat >/dev/null", "w");

	n = fileno(f);
	(void)!write(n, "x", 1);
	pclose(f);
	put((int)syscall(SYS_fcntl, fd, F_DUPFD, n));
}

static int
copy_over(void *numbers)
{
	const int *n = numbers;

	return dup2(n[0], n[1]);
}

static void
copied_by_another(int port, int flags)
{
	static char stack[65536];
	int n[2] = {joined(port), open("/dev/null", O_WRONLY)};

	put(n[1]);
	await(clone(copy_over, stack + sizeof stack, flags | SIGCHLD, n));
	put(n[1]);
}

static void
copied_by_one_with_our_descriptors(int port)
{
	copied_by_another(port, CLONE_FILES);
}

static void
copied_by_one_with_our_memory_too(int port)
{
	copied_by_another(port, CLONE_FILES | CLONE_VM);
}

static int shared;

static void *
part(void *how)
{
	int null;

	if (how != NULL)
		unshare(CLONE_FILES);
	else
		close_range(1000, 1001, 2); /* CLOSE_RANGE_UNSHARE */
	null = open("/dev/null", O_WRONLY);
	dup2(null, shared);
	put(shared);
	return NULL;
}

static void
parted_in_a_thread(int port, void *how)
{
	pthread_t thread;

	shared = joined(port);
	pthread_create(&thread, NULL, part, how);
	pthread_join(thread, NULL);
	put(shared);
}

static void
unshared_in_a_thread(int port)
{
	parted_in_a_thread(port, &shared);
}

static void
closed_and_unshared_in_a_thread(int port)
{
	parted_in_a_thread(port, NULL);
}

/* Its names are those of functions: this program is linked -rdynamic. */
void marker_of_road(int fd);

__attribute__((noinline)) void
marker_of_road(int fd)
{
	void *frames[8];

	backtrace_symbols_fd(frames, backtrace(frames, 8), fd);
	(void)!write(fd, "", 0);
}

static void
by_backtrace(int port)
{
	marker_of_road(joined(port));
}

static char host[] = "127.0.0.1";

static void
by_rexec(int port)
{
	char *name = host;

	(void)rexec_af(&name, htons((uint16_t)port), text, text, text, NULL,
	    AF_INET);
}

static void
by_rcmd(int port)
{
	char *name = host;

	(void)rcmd(&name, htons((uint16_t)port), text, text, text, NULL);
}

static void
by_wordexp(int port)
{
	char words[160];
	wordexp_t w;

	unsetenv("LD_PRELOAD");
	unsetenv("TLSSHIM_POLICY");
	snprintf(words, sizeof words,
	    "$(/bin/bash -c \"exec 5<>/dev/tcp/127.0.0.1/%d && "
	    "echo marker-of-road >&5\")",
	    port);
	wordexp(words, &w, 0);
}

/* dup in a vfork child, then another program. */
static void
by_vfork_dup_and_exec(int port)
{
	int fd = joined(port);
	pid_t pid = vfork();

	if (pid == 0) {
		close(1);
		(void)!dup(fd);
		execve(echo, arguments, none);
		_exit(1);
	}
	await(pid);
}

const struct road inside_roads[] = {ROAD(by_write_with_underscores),
    ROAD(by_send_with_underscores), ROAD(by_connect_with_underscores),
    ROAD(by_fdopen_of_old), ROAD(onto_output_with_underscores),
    ROAD(onto_output_by_number), ROAD(onto_output_by_pidfd),
    ROAD(passed_onto_output), ROAD(passed_onto_output_under_a_filter),
    ROAD(copied_by_number_under_a_filter), ROAD(number_of_a_pipe_of_popen),
    ROAD(copied_by_one_with_our_descriptors),
    ROAD(copied_by_one_with_our_memory_too), ROAD(unshared_in_a_thread),
    ROAD(closed_and_unshared_in_a_thread), ROAD(by_backtrace), ROAD(by_rexec),
    ROAD(by_rcmd), ROAD(by_wordexp), ROAD(by_vfork_dup_and_exec), {NULL, NULL}};
