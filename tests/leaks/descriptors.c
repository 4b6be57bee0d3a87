/* descriptors.c - other numbers for the same connection */
#include <sys/resource.h>

#include "leak.h"

static int
unconnected(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static void
join(int fd, int port)
{
	struct sockaddr_in sin = loopback(port);

	(void)connect(fd, (struct sockaddr *)&sin, sizeof sin);
}

static void
through_dup(int port)
{
	put(dup(joined(port)));
}

static void
through_dup2(int port)
{
	put(dup2(joined(port), 77));
}

static void
through_dup3(int port)
{
	put(dup3(joined(port), 77, O_CLOEXEC));
}

static void
through_f_dupfd(int port)
{
	put(fcntl(joined(port), F_DUPFD, 50));
}

static void
through_f_dupfd_cloexec(int port)
{
	put(fcntl(joined(port), F_DUPFD_CLOEXEC, 50));
}

static void
through_number_dup2(int port)
{
	put((int)syscall(SYS_dup2, joined(port), 77));
}

static void
through_number_fcntl(int port)
{
	put((int)syscall(SYS_fcntl, joined(port), F_DUPFD, 60));
}

static void
copied_before_connect(int port)
{
	int fd = unconnected(), copy = dup(fd);

	join(fd, port);
	put(copy);
}

static void
copied_and_used_before_connect(int port)
{
	int fd = unconnected(), copy = dup(fd), one = 1;

	setsockopt(copy, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	put(copy); /* EPIPE, and classified */
	join(fd, port);
	put(copy);
}

static void
original_closed(int port)
{
	int fd = joined(port), copy = dup(fd);

	close(fd);
	put(copy);
}

static void
onto_a_file(int port)
{
	int file = open("/dev/null", O_WRONLY);

	put(file);
	dup2(joined(port), file);
	put(file);
}

static void
number_of_a_file_by_number(int port)
{
	int file = open("/dev/null", O_WRONLY);

	put(file);
	syscall(SYS_dup3, joined(port), file, 0);
	put(file);
}

/* Sends fd over a unix socket to ourselves: another number. */
static int
passed(int fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
			 .cmsg_level = SOL_SOCKET,
			 .cmsg_type = SCM_RIGHTS}};
	char byte = 0;
	struct iovec one = {&byte, 1};
	struct msghdr m = {.msg_iov = &one,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof control};
	int pair[2], got;

	memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1 ||
	    sendmsg(pair[0], &m, 0) == -1 || recvmsg(pair[1], &m, 0) == -1)
		exit(2);
	memcpy(&got, CMSG_DATA(&control.head), sizeof got);
	return got;
}

static void
passed_to_ourselves(int port)
{
	put(passed(joined(port)));
}

static void
passed_before_connect(int port)
{
	int fd = unconnected(), copy = passed(fd);

	join(fd, port);
	put(copy);
}

static void
through_pidfd(int port)
{
	int fd = joined(port);
	long self = syscall(SYS_pidfd_open, getpid(), 0);

	put((int)syscall(SYS_pidfd_getfd, self, fd, 0));
}

static void
standard_numbers_closed(int port)
{
	struct sockaddr_in sin = loopback(port);
	int fd;

	close(0);
	close(1);
	close(2);
	fd = unconnected();
	if (connect(fd, (struct sockaddr *)&sin, sizeof sin) == 0)
		put(fd);
}

static void
everything_closed(int port)
{
	closefrom(0);
	put(joined(port));
}

static void
everything_closed_one_by_one(int port)
{
	struct rlimit limit;
	rlim_t fd;

	getrlimit(RLIMIT_NOFILE, &limit);
	for (fd = 0; fd < limit.rlim_cur; fd++)
		close((int)fd);
	put(joined(port));
}

static void
everything_closed_by_number(int port)
{
	int fd = joined(port);

	syscall(SYS_close_range, 0, fd - 1, 0);
	syscall(SYS_close_range, fd + 1, ~0u, 0);
	put(fd);
}

static void
number_used_again(int port)
{
	int pipes[2], fd;

	if (pipe(pipes) == -1)
		return;
	put(pipes[1]);
	close(pipes[1]);
	fd = joined(port);
	put(fd);
}

const struct road descriptor_roads[] = {ROAD(through_dup), ROAD(through_dup2),
    ROAD(through_dup3), ROAD(through_f_dupfd), ROAD(through_f_dupfd_cloexec),
    ROAD(through_number_dup2), ROAD(through_number_fcntl),
    ROAD(copied_before_connect), ROAD(copied_and_used_before_connect),
    ROAD(original_closed), ROAD(onto_a_file), ROAD(number_of_a_file_by_number),
    ROAD(passed_to_ourselves), ROAD(passed_before_connect), ROAD(through_pidfd),
    ROAD(standard_numbers_closed), ROAD(everything_closed),
    ROAD(everything_closed_one_by_one), ROAD(everything_closed_by_number),
    ROAD(number_used_again), {NULL, NULL}};
