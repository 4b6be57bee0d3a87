/*
 * threads.c - the memory of a server that begins a thread for each connection
 *
 *	threads-TRANSPORT serve CERT KEY
 *	threads-TRANSPORT visit CA PORT AT-ONCE CONNECTIONS
 *
 * A program for each of bench/transport/.  The
 * server echoes, prints `port N`, and at SIGUSR1 a line: KB of RSS, of
 * malloc's blocks in use, and of its holes; at SIGUSR2 too, behind
 * malloc_trim().  A visitor sends from 1 to 32 KB four times and has as long
 * in between as makes AT-ONCE connections some 1000 a second at most.
 */
#include <arpa/inet.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#include "../bench/transport.h"

enum { ROOM = 32768, TURNS = 4, STACK = 1 << 18 };

static _Atomic long left;
static int port;
static unsigned pause_most;

/* The last number behind what in text. */
static long
last_of(const char *text, const char *what)
{
	const char *at, *found = NULL;

	for (at = text; (at = strstr(at, what)) != NULL; at++)
		found = at + strlen(what);
	found = found != NULL ? strstr(found, "size=\"") : NULL;
	return found != NULL ? atol(found + 6) : 0;
}

/* malloc_info(3) tells of all arenas, mallinfo(3) of one. */
static void
tell(void)
{
	long pages = 0, taken, holes;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	malloc_info(0, f);
	fclose(f);
	taken = last_of(text, "<system type=\"current\"");
	holes = last_of(text, "<total type=\"fast\"") +
		last_of(text, "<total type=\"rest\"");
	free(text);
	f = fopen("/proc/self/statm", "r");
	if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1)
		die("statm");
	fclose(f);
	printf("%ld %ld %ld\n", pages * 4, (taken - holes) / 1024,
	    holes / 1024);
	fflush(stdout);
}

static void *
teller(void *arg)
{
	int sig;

	while (sigwait(arg, &sig) == 0) {
		if (sig == SIGUSR2)
			malloc_trim(0);
		tell();
	}
	return NULL;
}

static bool
move_all(struct end *e, char *p, size_t n, bool out)
{
	while (n > 0) {
		ssize_t k = out ? end_write(e, p, n) : end_read(e, p, n);

		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

static void *
echo(void *arg)
{
	char buf[ROOM];
	struct end e;
	ssize_t n;

	if (end_begin(&e, (int)(intptr_t)arg, true))
		while ((n = end_read(&e, buf, sizeof buf)) > 0)
			if (!move_all(&e, buf, (size_t)n, true))
				break;
	end_finish(&e);
	return NULL;
}

static void
begin(void *(*f)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK);
	if (pthread_create(&t, &attr, f, arg) != 0)
		die("pthread_create");
	pthread_attr_destroy(&attr);
}

static void
serve(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof sin;
	int at = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	static sigset_t told;

	sigemptyset(&told);
	sigaddset(&told, SIGUSR1);
	sigaddset(&told, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &told, NULL);
	if (at == -1 || bind(at, (struct sockaddr *)&sin, sizeof sin) == -1 ||
	    listen(at, 1024) == -1 ||
	    getsockname(at, (struct sockaddr *)&sin, &len) == -1)
		die("listen");
	begin(teller, &told);
	printf("port %d\n", ntohs(sin.sin_port));
	fflush(stdout);
	while ((fd = accept(at, NULL, NULL)) != -1)
		begin(echo, (void *)(intptr_t)fd);
	die("accept");
}

static bool
visit_once(unsigned *seed)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), i;
	char buf[ROOM];
	struct end e;
	bool good;

	memset(buf, 'x', sizeof buf);
	if (connect(fd, (struct sockaddr *)&sin, sizeof sin) == -1)
		die("connect");
	good = end_begin(&e, fd, false);
	for (i = 0; good && i < TURNS; i++) {
		size_t n = 1024 + (unsigned)rand_r(seed) % (ROOM - 1024);

		good = move_all(&e, buf, n, true) &&
		       move_all(&e, buf, n, false);
		(void)poll(NULL, 0, (int)((unsigned)rand_r(seed) % pause_most));
	}
	end_finish(&e);
	return good;
}

static void *
visitor(void *arg)
{
	unsigned seed = (unsigned)(intptr_t)arg;

	while (atomic_fetch_sub(&left, 1) > 0)
		if (!visit_once(&seed))
			die("visit");
	return arg;
}

static void
visit(int at_once)
{
	pthread_t t[1024];
	int i;

	pause_most = (unsigned)at_once / 2 + 1;
	for (i = 0; i < at_once; i++)
		if (pthread_create(&t[i], NULL, visitor,
			(void *)(intptr_t)(i + 1)) != 0)
			die("pthread_create");
	for (i = 0; i < at_once; i++)
		pthread_join(t[i], NULL);
}

int
main(int argc, char **argv)
{
	bool server = argc == 4 && strcmp(argv[1], "serve") == 0;

	signal(SIGPIPE, SIG_IGN);
	if (!server && (argc != 6 || atoi(argv[4]) > 1024))
		return 2;
	transport_init(argv[2], server ? argv[2] : NULL,
	    server ? argv[3] : NULL);
	if (server)
		serve();
	port = atoi(argv[3]);
	left = atol(argv[5]);
	visit(atoi(argv[4]));
	return 0;
}
