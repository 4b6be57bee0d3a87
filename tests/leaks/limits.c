/* limits.c - connections where the engine has little left to work with */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "leak.h"

static void
lower(int what, rlim_t to)
{
	struct rlimit r;

	getrlimit(what, &r);
	r.rlim_cur = to;
	setrlimit(what, &r);
}

static void
with_few_descriptors(int port)
{
	lower(RLIMIT_NOFILE, 5);
	put(joined(port));
}

static void
with_no_descriptor_left(int port)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in sin = loopback(port);

	lower(RLIMIT_NOFILE, (rlim_t)fd + 1);
	if (connect(fd, (struct sockaddr *)&sin, sizeof sin) == 0)
		put(fd);
}

static void
with_every_descriptor_open(int port)
{
	struct sockaddr_in sin = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	lower(RLIMIT_NOFILE, 64);
	while (open("/dev/null", O_RDONLY) != -1)
		;
	if (connect(fd, (struct sockaddr *)&sin, sizeof sin) == 0)
		put(fd);
}

static void
with_no_memory_left(int port)
{
	struct sockaddr_in sin = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	lower(RLIMIT_AS, 1);
	if (connect(fd, (struct sockaddr *)&sin, sizeof sin) == 0)
		put(fd);
}

static void
with_little_memory(int port)
{
	struct sockaddr_in sin = loopback(port);
	rlim_t size;
	int fd;

	for (size = 8 << 20; size < 64 << 20; size += 8 << 20) {
		lower(RLIMIT_AS, size);
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&sin, sizeof sin) == 0)
			put(fd);
		close(fd);
	}
}

static void
with_memory_gone_afterwards(int port)
{
	int fd = joined(port);

	lower(RLIMIT_AS, 1);
	put(fd);
}

static void
with_no_file_to_be_written(int port)
{
	int fd = joined(port);

	lower(RLIMIT_FSIZE, 0);
	signal(SIGXFSZ, SIG_IGN);
	put(fd);
}

static void
in_an_empty_root(int port)
{
	char dir[] = "/tmp/leak.XXXXXX";

	if (mkdtemp(dir) == NULL || chroot(dir) == -1)
		return;
	put(joined(port));
}

static void
as_another_user(int port)
{
	if (setgid(65534) == -1 || setuid(65534) == -1)
		return;
	put(joined(port));
}

static void
as_another_user_by_number(int port)
{
	syscall(SYS_setresgid, 65534, 65534, 65534);
	syscall(SYS_setresuid, 65534, 65534, 65534);
	put(joined(port));
}

static void
filter_set(int by_number)
{
	struct sock_filter all[] = {
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog program = {1, all};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (by_number)
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
	else
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void
under_a_filter(int port)
{
	filter_set(0);
	put(joined(port));
}

static void
under_a_filter_by_number(int port)
{
	filter_set(1);
	put(joined(port));
}

/* read, write, exit and sigreturn are all that is left. */
static void
under_strict_seccomp(int port)
{
	int fd = joined(port);

	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	(void)!write(fd, MARKER, LENGTH);
	syscall(SYS_exit, 0);
}

static void
with_a_changed_environment(int port)
{
	clearenv();
	put(joined(port));
}

static void
with_an_overwritten_environment(int port)
{
	char **e;

	for (e = environ; *e != NULL; e++)
		memset(*e, 'x', strlen(*e));
	put(joined(port));
}

static void
in_another_directory(int port)
{
	if (chdir("/") == -1)
		return;
	put(joined(port));
}

const struct road limit_roads[] = {ROAD(with_few_descriptors),
    ROAD(with_no_descriptor_left), ROAD(with_every_descriptor_open),
    ROAD(with_no_memory_left), ROAD(with_little_memory),
    ROAD(with_memory_gone_afterwards), ROAD(with_no_file_to_be_written),
    ROAD(in_an_empty_root), ROAD(as_another_user),
    ROAD(as_another_user_by_number), ROAD(under_a_filter),
    ROAD(under_a_filter_by_number), ROAD(under_strict_seccomp),
    ROAD(with_a_changed_environment), ROAD(with_an_overwritten_environment),
    ROAD(in_another_directory), {NULL, NULL}};
