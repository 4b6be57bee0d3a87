/* waiting.c - what is ready; scenarios.def has them all */
#define _GNU_SOURCE
#include "tcpdiff.h"

/* ================ poll and select ================ */

static const short all_events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;

void
poll_life_server(int fd)
{
	hear();
	puts_to(fd, "12345");
	hear();
	DO(shutdown(fd, SHUT_WR));
	take(fd, ALL);
	meet();
}

void
poll_life_client(int fd)
{
	char buf[8];

	show_poll(fd, all_events, 0);
	show_poll(fd, POLLIN, 0);
	show_poll(fd, 0, 0);
	tell();
	await(fd, POLLIN);
	show_poll(fd, all_events, 0);
	DO(read(fd, buf, 2));
	show_poll(fd, all_events, 0);
	DO(read(fd, buf, 8));
	show_poll(fd, all_events, 0);
	tell();
	await(fd, POLLRDHUP);
	show_poll(fd, all_events, 0);
	DO(read(fd, buf, 8));
	show_poll(fd, all_events, 0);
	DO(shutdown(fd, SHUT_WR));
	await(fd, 0);
	show_poll(fd, all_events, 0);
	show_poll(fd, 0, 0);
	meet();
}

void
poll_many_server(int fd)
{
	struct pollfd p[403];
	int ends[2], hits = 0;

	MUST(pipe(ends));
	for (int i = 0; i < 403; i++)
		p[i] = (struct pollfd){ i % 2 ? ends[0] : -1 - i, POLLIN, 7 };
	p[7].fd = fd;
	p[200].fd = fd;
	p[401].fd = 599;
	DO(poll(p, 403, 0));
	say("closed descriptor: %s", events_name(p[401].revents));
	tell();
	await(fd, POLLIN);
	DO(poll(p, 403, 1000));
	for (int i = 0; i < 403; i++)
		if (p[i].revents != 0) {
			hits++;
			say("%d: %s", i, events_name(p[i].revents));
		}
	say("hits %d, negative cleared: %d", hits, p[0].revents == 0);
	DO(poll(NULL, 0, 10));
	take(fd, ALL);
}

void
poll_many_client(int fd)
{
	hear();
	puts_to(fd, "one");
}

void
ppoll_signal_server(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	struct timespec limit = { 5, 0 }, zero = { 0, 0 };
	sigset_t block, empty;

	catch_signal(SIGUSR1, 0);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	kill(getpid(), SIGUSR1);
	say("SIGUSR1 %d", caught(SIGUSR1));
	DO(ppoll(&p, 1, &zero, NULL));
	sigemptyset(&empty);
	DO(ppoll(&p, 1, &limit, &empty));
	say("SIGUSR1 %d", caught(SIGUSR1));
	tell();
	DO(ppoll(&p, 1, NULL, &empty));
	say("%s", events_name(p.revents));
	take(fd, ALL);
}

void
ppoll_signal_client(int fd)
{
	hear();
	puts_to(fd, "data");
}

void
poll_rdnorm_server(int fd)
{
	const short norm = POLLRDNORM | POLLWRNORM | POLLRDBAND | POLLWRBAND;

	show_poll(fd, norm, 0);
	tell();
	await(fd, POLLIN);
	show_poll(fd, norm, 0);
	take(fd, ALL);
	show_poll(fd, norm, 0);
}

void
poll_rdnorm_client(int fd)
{
	hear();
	puts_to(fd, "norm");
	DO(shutdown(fd, SHUT_WR));
	take(fd, ALL);
}

/* ================ epoll ================ */

void
epoll_level_server(int fd)
{
	hear();
	puts_to(fd, "level");
	hear();
	DO(close(fd));
}

void
epoll_level_client(int fd)
{
	int set = epoll_create1(0);
	char buf[8];

	watch(set, fd, EPOLLIN, 1);
	show_epoll(set, 0);
	tell();
	show_epoll(set, 3000);
	show_epoll(set, 0);
	DO(read(fd, buf, 2));
	show_epoll(set, 0);
	DO(read(fd, buf, 8));
	show_epoll(set, 0);
	rewatch(set, fd, EPOLLIN | EPOLLOUT, 2);
	show_epoll(set, 0);
	rewatch(set, fd, EPOLLIN, 3);
	tell();
	show_epoll(set, 3000);
	show_epoll(set, 0);
	DO(read(fd, buf, 8));
	show_epoll(set, 0);
}

void
epoll_edge_partial_server(int fd)
{
	puts_to(fd, "0123456789");
	hear();
	puts_to(fd, "abcde");
	hear();
	take(fd, ALL);
}

void
epoll_edge_partial_client(int fd)
{
	int set = epoll_create1(0);
	char buf[32];

	await_bytes(fd, 10);
	watch(set, fd, EPOLLIN | EPOLLET, 1);
	show_epoll(set, 1000);
	show_epoll(set, 0);
	DO(read(fd, buf, 4));
	show_epoll(set, 100);
	tell();
	show_epoll(set, 3000);
	show_epoll(set, 0);
	await_bytes(fd, 11);
	say_text("read", buf, read(fd, buf, sizeof(buf)));
	show_epoll(set, 0);
	tell();
}

void
epoll_oneshot_server(int fd)
{
	puts_to(fd, "a");
	hear();
	puts_to(fd, "b");
	hear();
}

void
epoll_oneshot_client(int fd)
{
	int set = epoll_create1(0);
	char buf[8];

	watch(set, fd, EPOLLIN | EPOLLONESHOT, 1);
	show_epoll(set, 3000);
	show_epoll(set, 0);
	rewatch(set, fd, EPOLLIN | EPOLLONESHOT, 2);
	show_epoll(set, 0);
	DO(read(fd, buf, 8));
	tell();
	await(fd, POLLIN);
	show_epoll(set, 0);
	rewatch(set, fd, EPOLLIN | EPOLLET | EPOLLONESHOT, 3);
	show_epoll(set, 0);
	show_epoll(set, 0);
	tell();
	await(fd, POLLRDHUP);
	show_epoll(set, 0);
	rewatch(set, fd, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, 4);
	show_epoll(set, 0);
}

void
epoll_rdhup_server(int fd)
{
	puts_to(fd, "tail");
	DO(shutdown(fd, SHUT_WR));
	hear();
	take(fd, ALL);
	meet();
}

void
epoll_rdhup_client(int fd)
{
	int set = epoll_create1(0);
	char buf[8];

	await(fd, POLLRDHUP);
	watch(set, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, 1);
	show_epoll(set, 0);
	show_epoll(set, 0);
	DO(read(fd, buf, 8));
	DO(read(fd, buf, 8));
	tell();
	DO(shutdown(fd, SHUT_WR));
	await(fd, 0);
	show_epoll(set, 1000);
	rewatch(set, fd, 0, 2);
	show_epoll(set, 0);
	meet();
}

void
epoll_two_sets_server(int fd)
{
	hear();
	puts_to(fd, "both");
	hear();
}

void
epoll_two_sets_client(int fd)
{
	int level = epoll_create1(0), edge = epoll_create1(0);
	char buf[8];

	watch(level, fd, EPOLLIN, 1);
	watch(edge, fd, EPOLLIN | EPOLLET, 2);
	tell();
	show_epoll(level, 3000);
	show_epoll(edge, 3000);
	show_epoll(level, 0);
	show_epoll(edge, 0);
	DO(read(fd, buf, 8));
	show_epoll(level, 0);
	show_epoll(edge, 0);
	tell();
}

static void *
add_later(void *arg)
{
	struct timespec while_waiting = { 0, 80000000 };
	int *fds = arg;

	nanosleep(&while_waiting, NULL);
	watch(fds[0], fds[1], EPOLLIN, 9);
	return NULL;
}

void
epoll_add_elsewhere_server(int fd)
{
	puts_to(fd, "waiting");
	hear();
}

void
epoll_add_elsewhere_client(int fd)
{
	int set = epoll_create1(0), fds[2] = { set, fd };
	pthread_t other;

	await_bytes(fd, 7);
	other = thread(add_later, fds);
	show_epoll(set, 5000);
	join(other);
	take_text(fd, 7);
	tell();
}

void
epoll_dup_server(int fd)
{
	hear();
	puts_to(fd, "one");
	hear();
	puts_to(fd, "two");
	hear();
}

void
epoll_dup_client(int fd)
{
	int set = epoll_create1(0), copy = dup(fd);
	char buf[8];

	watch(set, fd, EPOLLIN, 1);
	watch(set, copy, EPOLLIN, 2);
	tell();
	await(fd, POLLIN);
	show_epoll(set, 0);
	DO(read(copy, buf, 8));
	show_epoll(set, 0);
	DO(epoll_ctl(set, EPOLL_CTL_DEL, copy, NULL));
	DO(close(copy));
	tell();
	await(fd, POLLIN);
	show_epoll(set, 0);
	DO(read(fd, buf, 8));
	tell();
}
