/* What the scenarios do with a connection: bytes, waits, signals; see tcpdiff.h. */
#define _GNU_SOURCE
#include "tcpdiff.h"

static volatile sig_atomic_t signals[NSIG];

/* ---- bytes ---- */

void
digest_add(struct digest *d, const void *bytes, size_t n)
{
	const unsigned char *b = bytes;

	for (size_t i = 0; i < n; i++)
		d->hash = (d->hash ^ b[i]) * 1099511628211u;
	d->n += n;
}

void
say_digest(const char *label, const struct digest *d, const char *end)
{
	say("%s %zu bytes %016lx%s", label, d->n, (unsigned long)d->hash, end);
}

void
pattern(void *to, size_t n, size_t offset, unsigned seed)
{
	unsigned char *b = to;

	for (size_t i = 0; i < n; i++)
		b[i] = ((uint32_t)(offset + i) * 2654435761u >> 15) + seed;
}

void
put(int fd, const void *bytes, size_t n)
{
	const char *b = bytes;

	while (n > 0) {
		ssize_t k = write(fd, b, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0) {
			say("put: -1 %s", strerrorname_np(errno));
			return;
		}
		b += k;
		n -= k;
	}
}

void
puts_to(int fd, const char *text)
{
	put(fd, text, strlen(text));
}

void
give(int fd, size_t n, size_t chunk, unsigned seed)
{
	struct digest d = DIGEST;
	char *buf = malloc(chunk);

	while (d.n < n) {
		size_t k = n - d.n < chunk ? n - d.n : chunk;

		pattern(buf, k, d.n, seed);
		put(fd, buf, k);
		digest_add(&d, buf, k);
	}
	say_digest("gave", &d, "");
	free(buf);
}

void
take(int fd, size_t n)
{
	static _Thread_local char buf[65536];
	struct digest d = DIGEST;
	char end[64] = "";

	while (d.n < n) {
		size_t want = n - d.n < sizeof(buf) ? n - d.n : sizeof(buf);
		ssize_t k = read(fd, buf, want);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0) {
			sprintf(end, ", then %s",
			    k == 0 ? "EOF" : strerrorname_np(errno));
			break;
		}
		digest_add(&d, buf, k);
	}
	say_digest("took", &d, end);
}

void
take_text(int fd, size_t n)
{
	char buf[4096] = "";
	size_t have = 0;
	ssize_t k = 1;

	while (have < n && (k = read(fd, buf + have, n - have)) > 0)
		have += k;
	say_text("took", buf, have);
	if (have < n)
		say("then %s", k == 0 ? "EOF" : strerrorname_np(errno));
}

/* ---- readiness ---- */

void
await(int fd, short events)
{
	struct pollfd p = { fd, events, 0 };

	while (poll(&p, 1, 3000) < 0 && errno == EINTR)
		continue;
}

void
await_bytes(int fd, int n)
{
	struct timespec ms = { 0, 1000000 };
	int have = 0;

	for (int i = 0; i < 1000; i++) {
		if (ioctl(fd, FIONREAD, &have) == 0 && have >= n)
			return;
		nanosleep(&ms, NULL);
	}
}

void
show_poll(int fd, short events, int ms)
{
	struct pollfd p = { fd, events, 0 };
	int n = poll(&p, 1, ms);

	if (n < 0)
		say("poll %s = -1 %s", events_name(events),
		    strerrorname_np(errno));
	else
		say("poll %s = %s", events_name(events),
		    events_name(p.revents));
}

void
quiet(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	say("quiet: %s", poll(&p, 1, 120) == 0 ? "yes" : "no");
}

static void
epoll_change(int op, int set, int fd, unsigned events, unsigned tag)
{
	struct epoll_event e = { .events = events, .data.u32 = tag };

	if (epoll_ctl(set, op, fd, &e) < 0)
		say("epoll_ctl: -1 %s", strerrorname_np(errno));
}

void
watch(int set, int fd, unsigned events, unsigned tag)
{
	epoll_change(EPOLL_CTL_ADD, set, fd, events, tag);
}

void
rewatch(int set, int fd, unsigned events, unsigned tag)
{
	epoll_change(EPOLL_CTL_MOD, set, fd, events, tag);
}

static int
by_tag(const void *a, const void *b)
{
	const struct epoll_event *x = a, *y = b;

	return (x->data.u32 > y->data.u32) - (x->data.u32 < y->data.u32);
}

void
show_epoll(int set, int ms)
{
	struct epoll_event e[16];
	char line[600] = "epoll:", *to = line + strlen(line);
	int n = epoll_wait(set, e, 16, ms);

	if (n < 0) {
		say("epoll: -1 %s", strerrorname_np(errno));
		return;
	}
	qsort(e, n, sizeof(e[0]), by_tag);
	for (int i = 0; i < n; i++)
		to += sprintf(to, " %u:%s", e[i].data.u32,
		    events_name(e[i].events));
	say("%s", n == 0 ? "epoll: nothing" : line);
}

/* ---- signals and time ---- */

static void
count(int sig)
{
	signals[sig]++;
}

void
catch_signal(int sig, int flags)
{
	struct sigaction a = { .sa_handler = count, .sa_flags = flags };

	sigaction(sig, &a, NULL);
}

int
caught(int sig)
{
	int n = signals[sig];

	signals[sig] = 0;
	return n;
}

void
say_caught(int sig)
{
	say("SIG%s: %s", sigabbrev_np(sig), caught(sig) > 0 ? "yes" : "no");
}

void
alarm_every(int ms)
{
	struct timeval step = { ms / 1000, ms % 1000 * 1000 };
	struct itimerval t = { step, step };

	setitimer(ITIMER_REAL, &t, NULL);
}

double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

const char *
waited(double since, double at_least_s)
{
	return now() - since >= at_least_s * 0.9 ? "late" : "early";
}
