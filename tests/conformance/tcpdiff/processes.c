/* processes.c - processes, and many connections; scenarios.def has them all */
#define _GNU_SOURCE
#include "tcpdiff.h"

/* ================ processes ================ */

void
child_serves_server(int fd)
{
	pid_t pid = child();

	if (pid == 0) {
		lane(THIRD);
		take_text(fd, 8);
		give(fd, 100000, 10000, 12);
		take(fd, ALL);
		_exit(0);
	}
	DO(close(fd));
	reap(pid);
}

void
child_serves_client(int fd)
{
	puts_to(fd, "to child");
	take(fd, 100000);
	DO(shutdown(fd, SHUT_WR));
	take(fd, ALL);
}

static void
prefork_worker(int listener_fd, enum lane where)
{
	int total = 0, conn;
	char c;

	lane(where);
	while ((conn = accept(listener_fd, NULL, NULL)) >= 0) {
		if (read(conn, &c, 1) != 1 || c == 'q')
			_exit(0);
		put(conn, "ok", 2);
		close(conn);
		total++;
	}
	_exit(1);
}

void
prefork_server(int fd)
{
	pid_t one, two;

	if ((one = child()) == 0)
		prefork_worker(fd, THIRD);
	if ((two = child()) == 0)
		prefork_worker(fd, FOURTH);
	DO(close(fd));
	tell();
	reap(one);
	reap(two);
}

void
prefork_client(int fd)
{
	char buf[4];
	int good = 0;

	hear();
	for (int i = 0; i < 40; i++) {
		fd = dial();
		put(fd, "w", 1);
		good += recv(fd, buf, 3, MSG_WAITALL) == 2;
		close(fd);
	}
	say("answered %d", good);
	for (int i = 0; i < 2; i++) {
		fd = dial();
		put(fd, "q", 1);
		take(fd, ALL);
		close(fd);
	}
}

void
fork_alternate_server(int fd)
{
	int go[2];
	pid_t pid;
	char c;

	MUST(pipe(go));
	take_text(fd, 6);
	pid = child();
	if (pid == 0) {
		lane(THIRD);
		MUST(read(go[0], &c, 1));
		DO(write(fd, "child ", 6));
		take_text(fd, 6);
		_exit(0);
	}
	DO(write(fd, "parent ", 7));
	MUST(write(go[1], "", 1));
	reap(pid);
	DO(write(fd, "parent again", 12));
	take(fd, ALL);
}

void
fork_alternate_client(int fd)
{
	puts_to(fd, "before");
	take_text(fd, 13);
	puts_to(fd, "second");
	take_text(fd, 12);
	puts_to(fd, "third");
}

void
system_popen_server(int fd)
{
	char line[40];
	FILE *p;

	take_text(fd, 4);
	DO(system("exit 3") >> 8);
	DO(write(fd, "after system", 12));
	p = popen("echo from the shell", "r");
	say_text("popen", line, fgets(line, sizeof(line), p) ?
	    (ssize_t)strlen(line) : 0);
	DO(pclose(p));
	DO(write(fd, "after popen", 11));
	take(fd, ALL);
}

void
system_popen_client(int fd)
{
	puts_to(fd, "go!!");
	take_text(fd, 23);
	DO(system("true"));
	puts_to(fd, "bye");
}

void
exec_cat_server(int fd)
{
	pid_t pid = child();

	if (pid == 0) {
		dup2(fd, 0);
		dup2(fd, 1);
		close(fd);
		execl("/bin/cat", "cat", NULL);
		_exit(127);
	}
	close(fd);
	reap(pid);
}

void
exec_cat_client(int fd)
{
	struct digest d = DIGEST;
	char buf[500], back[500];

	for (int i = 0; i < 200; i++) {
		pattern(buf, sizeof(buf), i * sizeof(buf), 13);
		put(fd, buf, sizeof(buf));
		MUST(recv(fd, back, sizeof(back), MSG_WAITALL));
		digest_add(&d, back, sizeof(back));
		if (memcmp(buf, back, sizeof(buf)) != 0)
			say("differs in round %d", i);
	}
	say_digest("echoed", &d, "");
	DO(shutdown(fd, SHUT_WR));
	take(fd, ALL);
}

void
pass_used_server(int fd)
{
	int pair[2], got;
	pid_t pid;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid = child();
	if (pid == 0) {
		lane(THIRD);
		close(fd);
		got = receive_fd(pair[1]);
		take_text(got, 5);
		show_name("peer", got, 1);
		DO(write(got, "from the receiver", 17));
		take(got, ALL);
		_exit(0);
	}
	take_text(fd, 4);
	puts_to(fd, "mine");
	send_fd(pair[0], fd);
	DO(close(fd));
	tell();
	reap(pid);
}

void
pass_used_client(int fd)
{
	puts_to(fd, "used");
	take_text(fd, 4);
	hear();
	puts_to(fd, "other");
	take_text(fd, 17);
	DO(shutdown(fd, SHUT_WR));
	take(fd, ALL);
}

/* ================ many ================ */

enum { CROWD = 300 };

void
crowd_server(int fd)
{
	struct epoll_event e[64];
	int set = epoll_create1(0), done = 0, accepted = 0, conn;
	long bytes = 0;
	char buf[256];
	ssize_t n;

	set_nonblocking(fd, 1);
	watch(set, fd, EPOLLIN, fd);
	while (done < CROWD) {
		int ready = MUST(epoll_wait(set, e, 64, -1));

		for (int i = 0; i < ready; i++) {
			int at = e[i].data.u32;

			if (at == fd) {
				while ((conn = accept4(fd, NULL, NULL,
				    SOCK_NONBLOCK)) >= 0) {
					watch(set, conn, EPOLLIN, conn);
					accepted++;
				}
				continue;
			}
			while ((n = read(at, buf, sizeof(buf))) > 0) {
				bytes += n;
				put(at, buf, n);
			}
			if (n == 0 || errno != EAGAIN) {
				if (n < 0)
					say("read: %s", strerrorname_np(errno));
				close(at);
				done++;
			}
		}
	}
	say("accepted %d, bytes %ld", accepted, bytes);
}

void
crowd_client(int fd)
{
	static struct { int sent, got, fd; } one[CROWD];
	struct epoll_event e[64];
	int set = epoll_create1(0), open_now = CROWD, good = 0;
	char buf[256];
	ssize_t n;

	for (int i = 0; i < CROWD; i++) {
		one[i].fd = dial_nonblocking();
		watch(set, one[i].fd, EPOLLOUT, i);
	}
	while (open_now > 0) {
		int ready = MUST(epoll_wait(set, e, 64, -1));

		for (int k = 0; k < ready; k++) {
			int i = e[k].data.u32;

			if (!one[i].sent) {
				one[i].sent = 1 + i % 200;
				memset(buf, i, sizeof(buf));
				put(one[i].fd, buf, one[i].sent);
				rewatch(set, one[i].fd, EPOLLIN, i);
				continue;
			}
			while ((n = read(one[i].fd, buf, sizeof(buf))) > 0)
				one[i].got += n;
			if (n == 0)
				say("early end");
			if (n == 0 || one[i].got >= one[i].sent) {
				good += one[i].got == one[i].sent;
				close(one[i].fd);
				open_now--;
			}
		}
	}
	say("good %d", good);
}

void
connect_close_server(int fd)
{
	int ends = 0;
	char c;

	for (int i = 0; i < 50; i++) {
		int conn = answer(fd);

		ends += read(conn, &c, 1) == 0;
		close(conn);
	}
	say("clean ends %d", ends);
}

void
connect_close_client(int fd)
{
	int good = 0;

	for (int i = 0; i < 50; i++) {
		fd = dial();
		good += close(fd) == 0;
	}
	say("closed %d", good);
}

void
one_thread_poll_alone(int fd)
{
	int l = listener(AF_INET), client = dial_nonblocking(), server;
	char buf[8];

	show_poll(l, POLLIN, 3000);
	server = answer(l);
	set_nonblocking(server, 1);
	for (int i = 0; i < 300; i++) {
		struct pollfd p[2] = { { client, POLLOUT, 0 },
			{ server, POLLIN, 0 } };

		poll(p, 2, 10);
		if (p[0].revents & POLLOUT)
			break;
	}
	show_error(client);
	DO(write(client, "self", 4));
	await(server, POLLIN);
	DO(read(server, buf, 8));
	DO(write(server, "back", 4));
	await(client, POLLIN);
	DO(read(client, buf, 8));
	DO(close(client));
	await(server, POLLIN);
	DO(read(server, buf, 8));
}
