/* processes.c - children and new images that have a copy of a connection */
#include <linux/sched.h>
#include <sched.h>
#include <spawn.h>
#include <stdint.h>

#include "leak.h"

extern char **environ;

static char *echo[] = {"/bin/echo", "marker-of-road", NULL};
static char *none[] = {NULL};

static void
in_a_child(int port)
{
	int fd = joined(port);
	pid_t pid = fork();

	if (pid == 0) {
		put(fd);
		_exit(0);
	}
	await(pid);
}

static void
connected_by_a_child(int port)
{
	struct sockaddr_in sin = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid = fork();

	if (pid == 0) {
		(void)connect(fd, (struct sockaddr *)&sin, sizeof sin);
		_exit(0);
	}
	await(pid);
	put(fd);
}

static void
connected_by_a_vfork_child(int port)
{
	struct sockaddr_in sin = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid = vfork();

	if (pid == 0) {
		(void)connect(fd, (struct sockaddr *)&sin, sizeof sin);
		_exit(0);
	}
	await(pid);
	put(fd);
}

static void
in_a_vfork_child(int port)
{
	int fd = joined(port);
	pid_t pid = vfork();

	if (pid == 0) {
		put(fd);
		_exit(0);
	}
	await(pid);
}

static void
in_a_raw_child(int port)
{
	int fd = joined(port);
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		put(fd);
		_exit(0);
	}
	await((pid_t)pid);
}

static void
in_a_child_of_clone3(int port)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	int fd = joined(port);
	long pid = syscall(SYS_clone3, &args, sizeof args);

	if (pid == 0) {
		put(fd);
		_exit(0);
	}
	await((pid_t)pid);
}

static int
write_in_clone(void *fd)
{
	put(*(int *)fd);
	return 0;
}

static void
in_a_child_that_shares_descriptors(int port)
{
	static char stack[65536];
	int fd = joined(port);

	await(clone(
	    write_in_clone, stack + sizeof stack, CLONE_FILES | SIGCHLD, &fd));
}

static void
in_a_child_of_a_child(int port)
{
	int fd = joined(port);
	pid_t pid = fork();

	if (pid == 0) {
		pid = fork();
		if (pid == 0)
			put(fd);
		await(pid);
		_exit(0);
	}
	await(pid);
}

static void
by_exec(int port)
{
	dup2(joined(port), 1);
	execv(echo[0], echo);
}

static void
by_exec_without_environment(int port)
{
	dup2(joined(port), 1);
	execve(echo[0], echo, none);
}

static void
by_execle(int port)
{
	dup2(joined(port), 1);
	execle(echo[0], echo[0], echo[1], (char *)NULL, none);
}

static void
by_execvpe(int port)
{
	dup2(joined(port), 1);
	execvpe("echo", echo, none);
}

static void
by_fexecve(int port)
{
	dup2(joined(port), 1);
	fexecve(open(echo[0], O_RDONLY), echo, none);
}

static void
by_number_execve(int port)
{
	dup2(joined(port), 1);
	syscall(SYS_execve, echo[0], echo, none);
}

static void
by_exec_after_unsetenv(int port)
{
	unsetenv("LD_PRELOAD");
	unsetenv("TLSSHIM_POLICY");
	dup2(joined(port), 1);
	execv(echo[0], echo);
}

static void
by_exec_on_another_number(int port)
{
	char command[64];

	snprintf(command, sizeof command, "echo marker-of-road >&%d",
	    dup2(joined(port), 9));
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
}

static void
by_vfork_and_exec(int port)
{
	int fd = joined(port);
	pid_t pid = vfork();

	if (pid == 0) {
		dup2(fd, 1);
		execve(echo[0], echo, none);
		_exit(1);
	}
	await(pid);
}

static void
by_vfork_dup_number_and_exec(int port)
{
	int fd = joined(port);
	pid_t pid = vfork();

	if (pid == 0) {
		syscall(SYS_dup2, fd, 1);
		execve(echo[0], echo, environ);
		_exit(1);
	}
	await(pid);
}

static void
by_posix_spawn(int port)
{
	posix_spawn_file_actions_t a;
	pid_t pid;

	posix_spawn_file_actions_init(&a);
	posix_spawn_file_actions_adddup2(&a, joined(port), 1);
	if (posix_spawn(&pid, echo[0], &a, NULL, echo, none) == 0)
		await(pid);
}

static void
by_posix_spawnp(int port)
{
	posix_spawn_file_actions_t a;
	pid_t pid;

	posix_spawn_file_actions_init(&a);
	posix_spawn_file_actions_adddup2(&a, joined(port), 1);
	if (posix_spawnp(&pid, "echo", &a, NULL, echo, environ) == 0)
		await(pid);
}

static void
by_posix_spawn_of_the_same_number(int port)
{
	posix_spawn_file_actions_t a;
	int fd = joined(port);
	char command[64];
	char *sh[] = {"sh", "-c", command, NULL};
	pid_t pid;

	snprintf(command, sizeof command, "echo marker-of-road >&%d", fd);
	posix_spawn_file_actions_init(&a);
	posix_spawn_file_actions_adddup2(&a, fd, fd);
	if (posix_spawn(&pid, "/bin/sh", &a, NULL, sh, environ) == 0)
		await(pid);
}

static void
by_system(int port)
{
	char command[64];

	snprintf(command, sizeof command, "echo marker-of-road >&%d",
	    dup2(joined(port), 9));
	(void)!system(command);
}

static void
by_popen(int port)
{
	char command[64];
	FILE *f;

	snprintf(command, sizeof command, "cat >&%d", dup2(joined(port), 9));
	f = popen(command, "w");
	fputs(MARKER, f);
	pclose(f);
}

static void
by_a_shell_of_its_own(int port)
{
	char command[128];

	snprintf(command, sizeof command,
	    "exec 5<>/dev/tcp/127.0.0.1/%d && echo marker-of-road >&5", port);
	execl("/bin/bash", "bash", "-c", command, (char *)NULL);
}

static void
by_a_shell_with_nothing(int port)
{
	char command[128];

	snprintf(command, sizeof command,
	    "exec 5<>/dev/tcp/127.0.0.1/%d && echo marker-of-road >&5", port);
	execle("/bin/bash", "bash", "-c", command, (char *)NULL, none);
}

static void
by_env_i(int port)
{
	char command[128];

	snprintf(command, sizeof command,
	    "exec 5<>/dev/tcp/127.0.0.1/%d && echo marker-of-road >&5", port);
	execlp("env", "env", "-i", "/bin/bash", "-c", command, (char *)NULL);
}

/* Beside this program lies one that is static and does as by_write does. */
static void
static_name(char path[4096])
{
	ssize_t n = readlink("/proc/self/exe", path, 4000);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		exit(2);
	strcpy(slash, "/bypass_static");
}

static void
by_a_static_child(int port)
{
	char path[4096], text[16];

	static_name(path);
	snprintf(text, sizeof text, "%d", port);
	execl(path, path, "asm", text, (char *)NULL);
}

static void
by_a_static_child_spawned(int port)
{
	char path[4096], text[16], how[] = "asm";
	char *args[] = {path, how, text, NULL};
	pid_t pid;

	static_name(path);
	snprintf(text, sizeof text, "%d", port);
	if (posix_spawn(&pid, path, NULL, NULL, args, none) == 0)
		await(pid);
}

const struct road process_roads[] = {ROAD(in_a_child),
    ROAD(connected_by_a_child), ROAD(connected_by_a_vfork_child),
    ROAD(in_a_vfork_child), ROAD(in_a_raw_child), ROAD(in_a_child_of_clone3),
    ROAD(in_a_child_that_shares_descriptors), ROAD(in_a_child_of_a_child),
    ROAD(by_exec), ROAD(by_exec_without_environment), ROAD(by_execle),
    ROAD(by_execvpe), ROAD(by_fexecve), ROAD(by_number_execve),
    ROAD(by_exec_after_unsetenv), ROAD(by_exec_on_another_number),
    ROAD(by_vfork_and_exec), ROAD(by_vfork_dup_number_and_exec),
    ROAD(by_posix_spawn), ROAD(by_posix_spawnp),
    ROAD(by_posix_spawn_of_the_same_number), ROAD(by_system), ROAD(by_popen),
    ROAD(by_a_shell_of_its_own), ROAD(by_a_shell_with_nothing), ROAD(by_env_i),
    ROAD(by_a_static_child), ROAD(by_a_static_child_spawned), {NULL, NULL}};
