/*
 * load.c - the clients that tests/bench/all measures
 *
 *	load bulk CA PORT	writes of -b bytes on -c connections
 *	load ping CA PORT	one byte there and back
 *	load talk CA PORT	-b bytes there and back on each of -c
 *	load meet CA PORT	one connection after the other
 *	load once CA PORT	one, and the end
 *	load first CA PORT	one, and the next: what each takes
 *	load hold CA PORT	-c that wait until stdin ends
 *
 * load-plain, load-openssl ... by transport.h.  -s seconds, -t a second thread
 * that does nothing, -n 1 resume sessions, -w PID,PID others whose CPU counts as
 * the server's.  With -c above 1, and talk: epoll and non-blocking sockets.
 * Prints `KEY VALUE` lines; each answer and count is checked, and what is wrong
 * ends with status 2.
 */
#include "cpu.h"
#include "peer.h"

static struct {
	double seconds;
	uint32_t block;
	int conns;
	bool threads;
	const char *watch;
} opt = {.seconds = 1, .block = MOST, .conns = 1};

static void
read_all(struct end *e, void *data, size_t len)
{
	while (len > 0) {
		ssize_t n = end_read(e, data, len);

		if (n == -1 && errno == EAGAIN)
			continue; /* GnuTLS: that was a ticket */
		if (n <= 0)
			die(n == 0 ? "end of file" : "read");
		data = (char *)data + n;
		len -= (size_t)n;
	}
}

/* The server's first answer. */
static char
dial(struct peer *p, int port, char what)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer;

	memset(p, 0, sizeof *p);
	p->greeting = (struct greeting){.what = what, .block = opt.block};
	if (connect(fd, (struct sockaddr *)&sin, sizeof sin) == -1)
		die("connect");
	if (!end_begin(&p->end, fd, false))
		die("handshake");
	write_all(&p->end, &p->greeting, sizeof p->greeting);
	read_all(&p->end, &answer, 1);
	return answer;
}

static struct peer *
dial_all(int port, char what)
{
	struct peer *p = calloc((size_t)opt.conns, sizeof *p);
	int i;

	for (i = 0; i < opt.conns; i++)
		(void)dial(&p[i], port, what);
	return p;
}

static double began, began_own, began_others;

static void
phase_begin(void)
{
	began_others = cpu_others(opt.watch);
	began_own = cpu_own();
	began = now();
}

static void
phase_end(const char *what, double count)
{
	double seconds = now() - began, own = cpu_own() - began_own;

	printf("%s %.0f\nseconds %.6f\nclient_cpu %.6f\n", what, count, seconds,
	    own);
	printf("server_cpu %.6f\n", cpu_others(opt.watch) - began_others);
}

static void
check_count(struct peer *p, uint64_t sent)
{
	uint64_t got;

	read_all(&p->end, &got, sizeof got);
	if (got != sent) {
		fprintf(stderr, "sent %lu bytes, %lu arrived\n",
		    (unsigned long)sent, (unsigned long)got);
		exit(2);
	}
}

static double
bulk_blocking(struct peer *p)
{
	uint64_t sent = 0;

	while (now() - began < opt.seconds) {
		write_all(&p->end, buf, opt.block);
		sent += opt.block;
	}
	buf[0] = 'L';
	write_all(&p->end, buf, opt.block);
	sent += opt.block;
	check_count(p, sent);
	return (double)sent;
}

/* As much of blocks as the connection takes; true at the end of the last. */
static bool
push_blocks(struct peer *p)
{
	ssize_t n = 1;
	int turns;

	for (turns = 0; turns < 4 && n > 0; turns++) {
		size_t at = p->count % opt.block;

		if (at == 0 && p->last)
			return true;
		if (at == 0)
			p->last = now() - began >= opt.seconds;
		buf[0] = p->last ? 'L' : 'b';
		n = end_write(&p->end, buf + at, opt.block - at);
		if (n > 0)
			p->count += (size_t)n;
	}
	if (n <= 0 && errno != EAGAIN)
		die("write");
	return p->last && p->count % opt.block == 0;
}

static int
watch_all(struct peer *p, unsigned events)
{
	int set = epoll_create1(EPOLL_CLOEXEC), i;

	for (i = 0; i < opt.conns; i++) {
		set_blocking(&p[i].end, false);
		watch(set, &p[i], events, EPOLL_CTL_ADD);
	}
	return set;
}

static double
bulk_events(struct peer *p)
{
	int set = watch_all(p, EPOLLOUT), left = opt.conns, i, n;
	struct epoll_event ev[64];
	double sent = 0;

	while (left > 0) {
		n = epoll_wait(set, ev, 64, -1);
		for (i = 0; i < n; i++)
			if (push_blocks(ev[i].data.ptr)) {
				watch(set, ev[i].data.ptr, 0, EPOLL_CTL_DEL);
				left--;
			}
	}
	for (i = 0; i < opt.conns; i++) {
		set_blocking(&p[i].end, true);
		check_count(&p[i], p[i].count);
		sent += (double)p[i].count;
	}
	return sent;
}

static void
bulk(int port)
{
	struct peer *p = dial_all(port, 'B');
	int i;

	memset(buf, 'b', sizeof buf);
	phase_begin();
	phase_end("bytes", opt.conns > 1 ? bulk_events(p) : bulk_blocking(p));
	for (i = 0; i < opt.conns; i++)
		end_finish(&p[i].end);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
ping(int port)
{
	size_t most = 1 << 20, n = 0;
	double *took = malloc(most * sizeof *took), at, last;
	struct peer *p = dial_all(port, 'E');
	char there = 'a', back;

	phase_begin();
	for (last = began; n < most && last - began < opt.seconds; n++) {
		write_all(&p->end, &there, 1);
		read_all(&p->end, &back, 1);
		if (back != there)
			die("another byte came back");
		there = (char)('a' + n % 26);
		at = now();
		took[n] = (at - last) * 1e6;
		last = at;
	}
	phase_end("rounds", (double)n);
	qsort(took, n, sizeof *took, compare);
	printf("p50 %.3f\np99 %.3f\n", took[n / 2], took[n * 99 / 100]);
	end_finish(&p->end);
}

/* An answer, whole or in part: true where it is whole and right. */
static bool
hear(struct peer *p)
{
	ssize_t n = end_read(&p->end, buf, opt.block - p->count);

	if (n == -1 && errno == EAGAIN)
		return false;
	if (n <= 0 || buf[0] != 't' || buf[n - 1] != 't')
		die("answer");
	p->count = (p->count + (size_t)n) % opt.block;
	return p->count == 0;
}

static void
talk(int port)
{
	struct peer *p = dial_all(port, 'E');
	char *text = malloc(opt.block);
	int set = watch_all(p, EPOLLIN), left = opt.conns, i, n;
	struct epoll_event ev[64];
	double heard = 0;

	memset(text, 't', opt.block);
	phase_begin();
	for (i = 0; i < opt.conns; i++)
		write_all(&p[i].end, text, opt.block);
	while (left > 0) {
		n = epoll_wait(set, ev, 64, -1);
		for (i = 0; i < n; i++) {
			struct peer *q = ev[i].data.ptr;

			if (!hear(q))
				continue;
			heard++;
			if (now() - began < opt.seconds)
				write_all(&q->end, text, opt.block);
			else
				left--;
		}
	}
	phase_end("messages", heard);
	for (i = 0; i < opt.conns; i++)
		end_finish(&p[i].end);
}

static void
meetings(int port)
{
	struct peer p;
	double n = 0, full = 0;

	phase_begin();
	while (now() - began < opt.seconds) {
		full += dial(&p, port, 'E') != 'r';
		n++;
		end_keep_session(&p.end);
		end_finish(&p.end);
	}
	phase_end("connections", n);
	printf("full %.0f\n", full);
}

static void
once(int port)
{
	struct peer p;

	(void)dial(&p, port, 'E');
	end_finish(&p.end);
}

static double
dial_us(int port)
{
	struct peer p;
	double start = now(), end;

	(void)dial(&p, port, 'E');
	end = now();
	end_finish(&p.end);
	return (end - start) * 1e6;
}

static void
first(int port)
{
	printf("first %.0f\n", dial_us(port));
	printf("next %.0f\n", dial_us(port));
}

static void
hold(int port)
{
	(void)dial_all(port, 'E');
	printf("held %d\n", opt.conns);
	fflush(stdout);
	(void)!read(0, buf, 1);
}

static const struct {
	const char *name;
	void (*run)(int port);
} roles[] = {{"bulk", bulk}, {"ping", ping}, {"talk", talk}, {"meet", meetings},
    {"once", once}, {"first", first}, {"hold", hold}};

static void
read_options(int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "ts:b:c:n:w:")) != -1)
		switch (o) {
		case 't':
			opt.threads = true;
			break;
		case 's':
			opt.seconds = atof(optarg);
			break;
		case 'b':
			opt.block = (uint32_t)atoi(optarg);
			break;
		case 'c':
			opt.conns = atoi(optarg);
			break;
		case 'n':
			transport_tickets = atoi(optarg);
			break;
		case 'w':
			opt.watch = optarg;
			break;
		default:
			exit(2);
		}
	if (opt.block == 0 || opt.block > MOST || opt.conns < 1)
		exit(2);
}

int
main(int argc, char **argv)
{
	size_t i;

	read_options(argc, argv);
	argv += optind;
	if (argc - optind != 3)
		return 2;
	transport_init(argv[1], NULL, NULL);
	set_up(opt.threads);
	for (i = 0; i < sizeof roles / sizeof *roles; i++)
		if (strcmp(argv[0], roles[i].name) == 0) {
			roles[i].run(atoi(argv[2]));
			return 0;
		}
	return 2;
}
