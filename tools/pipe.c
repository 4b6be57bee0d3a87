/*
 * pipe.c - tlsshim pipe: standard input and output over the policy's TLS
 *
 * Each direction ends by itself, as on a TCP socket: standard input's end is
 * our close_notify, the peer's close_notify is the end of standard output.
 * What is cut short on either side is told to the other as such: the
 * connection is reset, and the status is not 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "visit.h"

/* One direction: what was read and is still to be written. */
struct flow {
	char buf[65536];
	size_t from, to;
	bool ended;  /* the reading end has come to its end */
	bool closed; /* and the writing end was told */
};

struct pipe {
	const struct shim_calls *calls;
	struct probe *probe;
	int fd;
	size_t most;  /* to write to standard output without waiting in it */
	bool ignored; /* SIGPIPE was, when we were started */
	bool unread;  /* nobody reads standard output any more */
	struct flow up, down;
};

static bool
is_empty(const struct flow *f)
{
	return f->from == f->to;
}

static bool
is_later(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* The connection broke: the sentence of the log, or the errno's. */
static int
broken(const struct pipe *p)
{
	const struct probe *why = p->probe;
	const char *sentence = strerror(errno);

	if (why->cause[0] != '\0' && !why->tolerated)
		complain("broken: cause=%s: %s", why->cause, why->text);
	else
		complain("broken: %s", sentence);
	return -1;
}

static int
stdin_read(struct flow *f)
{
	ssize_t n = read(STDIN_FILENO, f->buf, sizeof f->buf);

	if (n == -1 && !is_later()) {
		complain("standard input: %m");
		return -1;
	}
	f->from = 0;
	f->to = n > 0 ? (size_t)n : 0;
	f->ended = n == 0;
	return 0;
}

static int
peer_read(struct pipe *p, struct flow *f)
{
	ssize_t n = p->calls->recv(p->fd, f->buf, sizeof f->buf, MSG_DONTWAIT);

	if (n == -1 && !is_later())
		return broken(p);
	f->from = 0;
	f->to = n > 0 ? (size_t)n : 0;
	f->ended = n == 0;
	/* nobody types on to a peer that has said its last */
	if (f->ended && isatty(STDIN_FILENO))
		p->up.ended = true;
	return 0;
}

static int
peer_write(struct pipe *p, struct flow *f)
{
	ssize_t n = p->calls->send(p->fd, f->buf + f->from, f->to - f->from,
	    MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n == -1 && !is_later())
		return broken(p);
	f->from += n > 0 ? (size_t)n : 0;
	return 0;
}

/* Standard output may be anybody's: its flags are left alone. */
static int
stdout_write(struct pipe *p, struct flow *f)
{
	size_t len = f->to - f->from;
	ssize_t n = write(
	    STDOUT_FILENO, f->buf + f->from, len < p->most ? len : p->most);

	if (n == -1 && !is_later()) {
		p->unread = errno == EPIPE;
		if (!p->unread || p->ignored)
			complain("standard output: %m");
		return -1;
	}
	f->from += n > 0 ? (size_t)n : 0;
	return 0;
}

static int
peer_close(struct pipe *p)
{
	p->up.closed = true;
	if (p->calls->shutdown(p->fd, SHUT_WR) == -1 && !p->down.ended)
		return broken(p);
	return 0;
}

/* Whoever reads it sees the end now; the number stays taken. */
static int
stdout_close(struct pipe *p)
{
	p->down.closed = true;
	if (close(STDOUT_FILENO) == -1) {
		complain("standard output: %m");
		return -1;
	}
	(void)!open("/dev/null", O_WRONLY | O_CLOEXEC);
	return 0;
}

static int
ends_pass(struct pipe *p)
{
	if (p->up.ended && is_empty(&p->up) && !p->up.closed &&
	    peer_close(p) == -1)
		return -1;
	if (p->down.ended && is_empty(&p->down) && !p->down.closed)
		return stdout_close(p);
	return 0;
}

/* One wait, and what it allows.  0, or -1 and said. */
static int
turn(struct pipe *p)
{
	enum { IN, PEER, OUT };
	struct flow *up = &p->up, *down = &p->down;
	struct pollfd w[3] = {{-1, POLLIN, 0}, {-1, 0, 0}, {-1, POLLOUT, 0}};

	if (is_empty(up) && !up->ended)
		w[IN].fd = STDIN_FILENO;
	w[PEER].events = (short)((is_empty(up) ? 0 : POLLOUT) |
				 (is_empty(down) && !down->ended ? POLLIN : 0));
	if (w[PEER].events != 0)
		w[PEER].fd = p->fd;
	if (!is_empty(down))
		w[OUT].fd = STDOUT_FILENO;
	if (p->calls->poll(w, 3, -1) == -1)
		return errno == EINTR ? 0 : broken(p);
	if (w[OUT].revents != 0 && stdout_write(p, down) == -1)
		return -1;
	if (w[PEER].revents != 0 && (w[PEER].events & POLLIN) &&
	    peer_read(p, down) == -1)
		return -1;
	if (w[PEER].revents != 0 && !is_empty(up) && peer_write(p, up) == -1)
		return -1;
	if (w[IN].revents != 0 && stdin_read(up) == -1)
		return -1;
	return ends_pass(p);
}

/*
 * A write to a pipe that poll calls writable may wait nevertheless, unless it
 * is no more than PIPE_BUF (pipe(7)); meanwhile nothing would be sent.
 */
static size_t
stdout_most(void)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		return SIZE_MAX;
	return PIPE_BUF;
}

/* Until both ends have come; EXIT_BAD where one did not, and the peer sees. */
static int
pump(struct pipe *p, const struct outcome *o)
{
	const struct linger abort = {1, 0};

	p->calls = probe_calls();
	p->fd = o->probe.fd;
	p->most = stdout_most();
	while (!(p->up.closed && p->down.closed)) {
		if (turn(p) == 0)
			continue;
		p->calls->setsockopt(
		    p->fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
		return EXIT_BAD;
	}
	return EXIT_GOOD;
}

/* Is there an open session to go by?  Else, or where it is not sound, says. */
static bool
is_open(const struct outcome *o, const struct visit *v)
{
	char rule[PATH_MAX + 32] = "";

	if (o->rule != NULL)
		snprintf(rule, sizeof rule, " rule=%s:%d", o->rule->file,
		    o->rule->line);
	if (o->probe.c != NULL && o->probe.err == 0) {
		if (o->probe.tolerated)
			complain("tolerated %s cause=%s name=%s%s: %s",
			    o->address, o->probe.cause, o->name, rule,
			    o->probe.text);
		return true;
	}
	if (o->cause != NULL)
		complain("refused %s cause=%s%s%s%s: %s", o->address, o->cause,
		    o->name[0] != '\0' ? " name=" : "", o->name, rule, o->text);
	else if (o->good)
		complain("refused %s cause=policy%s: the verdict is %s, and "
			 "this command speaks TLS alone",
		    o->address, rule, o->verdict);
	else
		complain("%s port %s: %s", v->host, v->port, o->text);
	return false;
}

/* As usual for who writes to a pipe that nobody reads: by the signal. */
static void
die_of_sigpipe(void)
{
	signal(SIGPIPE, SIG_DFL);
	raise(SIGPIPE);
}

static int
pipe_run(const struct visit *v)
{
	static struct pipe p; /* zero, and too large for a stack */
	struct outcome o = {.verdict = "error"};
	int status = EXIT_BAD;

	p.ignored = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
	p.probe = &o.probe;
	if (visit_any(v, &o) == 0 && is_open(&o, v))
		status = pump(&p, &o);
	outcome_free(&o);
	if (p.unread && !p.ignored)
		die_of_sigpipe();
	return status;
}

int
pipe_main(const struct subcommand *self, int argc, char **argv)
{
	struct visit v = {.resume = true};
	const struct option_row rows[] = {
	    VISIT_OPTIONS(v),
	    {0},
	};
	int status, first = options_read(self, rows, true, argc, argv);

	if (first == -1)
		return EXIT_USAGE;
	if (argc - first != 1)
		return options_wrong(self, "one HOST:PORT is wanted");
	/* a socket in their place would be read and written as them */
	if (fcntl(STDIN_FILENO, F_GETFD) == -1 ||
	    fcntl(STDOUT_FILENO, F_GETFD) == -1) {
		complain("standard input and output must be open");
		return EXIT_BAD;
	}
	status = visit_open(&v, argv[first]);
	if (status == EXIT_GOOD)
		status = pipe_run(&v);
	visit_free(&v);
	return status;
}
