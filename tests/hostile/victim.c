/*
 * victim.c - a program under the shim that echoes on all its connections
 *
 *	victim
 *
 * One thread, one epoll set, plain TCP.  Prints `port N` of its listener, and
 * connects to each port that a line of its standard input names.  A connection
 * ends at its end of file or error.  Ends with its standard input.
 */
#include <sys/epoll.h>

#include "../fixtures/fixture.h"

static int set;

static struct link {
	int open, connecting;
	uint32_t asked;
	size_t off, len;
	char buf[16384];
} *links[4096];

static void
ask(int fd, int op, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	if (epoll_ctl(set, op, fd, &e) == -1)
		die("epoll_ctl");
}

static void
end(int fd)
{
	links[fd]->open = 0;
	close(fd);
}

static void
begin(int fd, int connecting)
{
	struct link *l;

	if (fd >= 4096) {
		close(fd);
		return;
	}
	if (links[fd] == NULL && (links[fd] = calloc(1, sizeof *l)) == NULL)
		die("calloc");
	l = links[fd];
	l->open = 1;
	l->connecting = connecting;
	l->off = l->len = 0;
	l->asked = connecting ? EPOLLOUT : EPOLLIN;
	ask(fd, EPOLL_CTL_ADD, l->asked);
}

static void
dial(int port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)port);
	if (connect(fd, (struct sockaddr *)&sin, sizeof sin) == 0 ||
	    errno == EINPROGRESS)
		begin(fd, 1);
	else
		close(fd);
}

/* Writes what is there, then reads once; 0: it is over. */
static int
echo(int fd, struct link *l)
{
	ssize_t n;

	while (l->len > 0) {
		n = write(fd, l->buf + l->off, l->len);
		if (n <= 0)
			return n == -1 && errno == EAGAIN;
		l->off += (size_t)n;
		l->len -= (size_t)n;
	}
	n = read(fd, l->buf, sizeof l->buf);
	if (n <= 0)
		return n == -1 && errno == EAGAIN;
	l->off = 0;
	l->len = (size_t)n;
	n = write(fd, l->buf, l->len);
	if (n == -1)
		return errno == EAGAIN;
	l->off = (size_t)n;
	l->len -= (size_t)n;
	return 1;
}

static void
serve(int fd)
{
	struct link *l = links[fd];
	socklen_t len = sizeof errno;
	uint32_t want;
	int err = 0;

	if (!l->open)
		return;
	if (l->connecting) {
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
		if (err != 0) {
			end(fd);
			return;
		}
		l->connecting = 0;
	} else if (!echo(fd, l)) {
		end(fd);
		return;
	}
	want = l->len > 0 ? EPOLLOUT : EPOLLIN;
	if (want != l->asked)
		ask(fd, EPOLL_CTL_MOD, want);
	l->asked = want;
}

static void
obey(void)
{
	static char text[4096];
	static size_t have;
	ssize_t n = read(0, text + have, sizeof text - 1 - have);
	char *line = text, *next;

	if (n <= 0)
		exit(0);
	have += (size_t)n;
	text[have] = '\0';
	for (; (next = strchr(line, '\n')) != NULL; line = next + 1)
		dial(atoi(line));
	have -= (size_t)(line - text);
	memmove(text, line, have);
}

int
main(void)
{
	struct epoll_event e[64];
	int listener, n, i, fd;

	signal(SIGPIPE, SIG_IGN);
	set = epoll_create1(EPOLL_CLOEXEC);
	listener = loopback_listen();
	fcntl(listener, F_SETFL, O_NONBLOCK);
	ask(listener, EPOLL_CTL_ADD, EPOLLIN);
	ask(0, EPOLL_CTL_ADD, EPOLLIN);
	for (;;) {
		n = epoll_wait(set, e, 64, -1);
		if (n == -1 && errno != EINTR)
			die("epoll_wait");
		for (i = 0; i < n; i++) {
			if (e[i].data.fd == 0)
				obey();
			else if (e[i].data.fd != listener)
				serve(e[i].data.fd);
			else
				while ((fd = accept4(listener, NULL, NULL,
					    SOCK_NONBLOCK)) != -1)
					begin(fd, 0);
		}
	}
}
