/*
 * client.c - many connections that are talked on, ended and made anew, with
 * every byte that comes back looked at
 *
 *	soak_client CONNECTIONS SECONDS PORT...
 *
 * At the end one line a figure.  Status 1: a byte was wrong, an end of file
 * came before all that was due, or a connection stood still.  "-PORT" is a
 * server whose end of file says nothing.
 */
#include "soak.h"

#ifndef STILL_MS
#define STILL_MS 120000
#endif
enum { MESSAGE = 30000 };
enum state { IDLE, CONNECTING, TALKING, ENDING };

struct talk {
	enum state state;
	int fd, port;
	bool exact;        /* its end of file is a promise */
	uint64_t seed;     /* place in the table */
	size_t sent, want; /* bytes of this turn, in all */
	size_t got;
	int turns; /* still to come */
	int64_t next, moved;
};

static struct {
	long connections, turns, bytes, ends, resets, wrong, brief, still;
	long errors[140];
} count;

static struct talk *talks;
static int ep, ntalks, nports, ports[16];
static int64_t finish;

static uint32_t
chance(uint32_t below)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 20) % below;
}

static void
told(const struct talk *t, const char *what)
{
	struct sockaddr_in sin = {0};
	socklen_t len = sizeof sin;

	(void)getsockname(t->fd, (struct sockaddr *)&sin, &len);
	printf("%s: fd %d, port %d to %d, %zu sent, %zu come, state %d\n",
	    what, t->fd, ntohs(sin.sin_port), t->port, t->sent, t->got,
	    t->state);
	fflush(stdout);
}

static void
watch(struct talk *t)
{
	struct epoll_event ev = {.data.ptr = t, .events = EPOLLIN};

	if (t->state == CONNECTING || t->sent < t->want)
		ev.events |= EPOLLOUT;
	if (epoll_ctl(ep, EPOLL_CTL_MOD, t->fd, &ev) == -1 &&
	    epoll_ctl(ep, EPOLL_CTL_ADD, t->fd, &ev) == -1)
		t->next = now_ms(); /* looked at by the clock */
}

static void
gone(struct talk *t, bool reset)
{
	if (reset)
		abort_close(t->fd);
	else
		close(t->fd);
	t->state = IDLE;
	t->next = now_ms() + chance(3000);
}

static void
failed(struct talk *t, int err)
{
	count.errors[err < 140 ? err : 0]++;
	count.resets++;
	gone(t, true);
}

static void
begin(struct talk *t)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int port = ports[chance((uint32_t)nports)];

	memset(t, 0, sizeof *t);
	t->exact = port > 0;
	t->port = abs(port);
	t->seed = chance(TABLE);
	t->turns = 1 + (int)chance(30);
	t->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	t->state = CONNECTING;
	t->moved = t->next = now_ms();
	t->next += STILL_MS;
	sin.sin_port = htons((uint16_t)t->port);
	count.connections++;
	if (connect(t->fd, (struct sockaddr *)&sin, sizeof sin) == -1 &&
	    errno != EINPROGRESS)
		failed(t, errno);
	else
		watch(t);
}

static void
say(struct talk *t)
{
	static unsigned char buf[MESSAGE];
	size_t n = t->want - t->sent;
	ssize_t k;

	if (n > sizeof buf)
		n = sizeof buf;
	fill(buf, n, t->seed + t->sent);
	k = send(t->fd, buf, n, MSG_NOSIGNAL);
	if (k == -1 && errno != EAGAIN && errno != EINTR) {
		failed(t, errno);
		return;
	}
	if (k > 0) {
		t->sent += (size_t)k;
		t->moved = now_ms();
	}
	watch(t);
}

/* What is said next: another message, or an end of one kind or another. */
static void
turn(struct talk *t)
{
	t->next = now_ms() + STILL_MS;
	if (t->turns-- > 0 && now_ms() < finish) {
		t->want += 1 + chance(MESSAGE);
		count.turns++;
		say(t);
		return;
	}
	count.ends++;
	switch (chance(3)) {
	case 0:
		t->state = ENDING;
		if (shutdown(t->fd, SHUT_WR) == -1)
			failed(t, errno);
		return;
	case 1:
		gone(t, false);
		return;
	default: /* in the middle of a message */
		t->want += 1 + chance(MESSAGE);
		say(t);
		if (t->state != IDLE)
			gone(t, chance(2) == 0);
	}
}

static void
ended(struct talk *t)
{
	/* unasked for, or before all had come */
	if (t->exact && (t->state == TALKING || t->got < t->sent)) {
		count.brief++;
		told(t, "an early end of file");
	}
	gone(t, false);
}

static void
hear(struct talk *t)
{
	static unsigned char buf[MESSAGE];
	ssize_t n = recv(t->fd, buf, sizeof buf, 0);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1) {
		failed(t, errno);
		return;
	}
	if (n == 0) {
		ended(t);
		return;
	}
	if (t->got + (size_t)n > t->sent ||
	    !is_right(buf, (size_t)n, t->seed + t->got)) {
		count.wrong++;
		told(t, "a wrong byte");
		gone(t, true);
		return;
	}
	t->got += (size_t)n;
	t->moved = now_ms();
	count.bytes += n;
	if (t->state == TALKING && t->got == t->want)
		t->next = now_ms() + 500 + chance(4000);
}

static void
connected(struct talk *t)
{
	int err = 0;
	socklen_t len = sizeof err;

	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &err, &len) == -1)
		err = errno;
	if (err != 0) {
		failed(t, err);
		return;
	}
	t->state = TALKING;
	turn(t);
}

static void
event(struct talk *t, uint32_t events)
{
	if (t->state == CONNECTING) {
		if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
			connected(t);
		return;
	}
	if (t->state != IDLE && (events & EPOLLOUT) && t->sent < t->want)
		say(t);
	if (t->state != IDLE && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
		hear(t);
}

/* What the clock says of t; false when it is done for good. */
static bool
clock_look(struct talk *t, int64_t now)
{
	if (t->state == IDLE) {
		if (now >= finish)
			return false;
		if (now >= t->next)
			begin(t);
		return true;
	}
	if (now - t->moved > STILL_MS &&
	    (t->state != TALKING || t->got < t->want)) {
		count.still++;
		told(t, "no progress");
		if (getenv("SOAK_STOP"))
			pause();
		gone(t, true);
	} else if (t->state == TALKING && t->got == t->want &&
	    now >= (now >= finish ? 0 : t->next)) {
		t->moved = now;
		turn(t);
	} else if (now >= t->next) {
		watch(t);
		t->next = now + STILL_MS;
	}
	return true;
}

static void
report(void)
{
	int i;

	printf("connections %ld turns %ld megabytes %ld ends %ld cut %ld\n",
	    count.connections, count.turns, count.bytes >> 20, count.ends,
	    count.resets);
	for (i = 0; i < 140; i++)
		if (count.errors[i] > 0)
			printf("error %s %ld\n", strerrorname_np(i),
			    count.errors[i]);
	printf("wrong %ld early %ld still %ld\n", count.wrong, count.brief,
	    count.still);
	fflush(stdout);
}

static void
loop(void)
{
	struct epoll_event ev[256];
	int64_t now, look = 0;
	bool alive = true;
	int n, i;

	while (alive) {
		n = epoll_wait(ep, ev, 256, 50);
		for (i = 0; i < n; i++)
			event(ev[i].data.ptr, ev[i].events);
		now = now_ms();
		if (now < look)
			continue;
		look = now + 50;
		alive = false;
		for (i = 0; i < ntalks; i++)
			alive |= clock_look(&talks[i], now);
	}
}

int
main(int argc, char **argv)
{
	int i;

	if (argc < 4)
		return 2;
	table_init();
	ntalks = atoi(argv[1]);
	for (i = 3; i < argc && nports < 16; i++)
		ports[nports++] = atoi(argv[i]);
	talks = calloc((size_t)ntalks, sizeof *talks);
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (talks == NULL || ep == -1)
		return 2;
	finish = now_ms() + 1000 * (int64_t)atoi(argv[2]);
	/* they come within the first ten seconds */
	for (i = 0; i < ntalks; i++)
		talks[i].next = now_ms() + chance(10000);
	loop();
	report();
	(void)poll(NULL, 0, atoi(getenv("SOAK_STAY") ?: "0") * 1000);
	return count.wrong + count.brief + count.still > 0;
}
