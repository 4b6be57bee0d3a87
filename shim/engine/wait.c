/* wait.c - how a read or a write waits for its socket; what sends its queue */

#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "call.h"
#include "conn.h"
#include "deferred.h"
#include "epoll.h"
#include "thread.h"

int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS + ts.tv_nsec;
}

int64_t
now_ns_after(int64_t sec, int64_t ns)
{
	int64_t from = now_ns() + ns;

	return sec < (INT64_MAX - from) / NS ? from + sec * NS : INT64_MAX;
}

bool
wait_allowed(int fd, int flags)
{
	struct conn *c;
	bool nonblock;
	int fl;

	if (flags & MSG_DONTWAIT)
		return false;
	fl = host->libc->fcntl(fd, F_GETFL, 0L);
	if (fl != -1)
		return !(fl & O_NONBLOCK);
	/* a filter of the program's may not let us ask */
	c = errno != EBADF ? table_get(fd) : NULL;
	if (c == NULL)
		return false;
	nonblock = c->nonblock;
	conn_put(c);
	return !nonblock;
}

static bool
may_wait(int fd, const struct patience *p)
{
	return p->allowed || wait_allowed(fd, p->flags);
}

int64_t
wait_until(int fd, int option)
{
	struct timeval tv = {0, 0};
	socklen_t len = sizeof tv;

	if (host->libc->getsockopt(fd, SOL_SOCKET, option, &tv, &len) == -1)
		return 0;
	if (tv.tv_sec == 0 && tv.tv_usec == 0)
		return 0;
	return now_ms() + (int64_t)tv.tv_sec * 1000 +
	    (tv.tv_usec + 999) / 1000;
}

/* Of the instruction under way: it comes in no wait. */
static bool
is_fault(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE ||
	    sig == SIGILL || sig == SIGTRAP || sig == SIGSYS;
}

/*
 * Would every handler of this program have the kernel go on with a call that
 * it interrupted?  poll never does, whatever SA_RESTART says, but what waits
 * in a poll here is a read or a write to the program.  Which handler it was
 * nobody tells; programs that mix both kinds get EINTR.  Those of faults, which
 * reporters of crashes set without SA_RESTART, do not count.
 */
static bool
handlers_restart(void)
{
	struct sigaction sa;
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		if (!is_fault(sig) && sigaction(sig, NULL, &sa) == 0 &&
		    sa.sa_handler != SIG_DFL && sa.sa_handler != SIG_IGN &&
		    !(sa.sa_flags & SA_RESTART))
			return false;
	return true;
}

/*
 * With SO_RCVTIMEO or SO_SNDTIMEO set it is EINTR in any case (signal(7)), and so
 * it is behind a part, which a restart would lose.
 */
bool
wait_goes_on(const struct patience *p)
{
	return !p->timed && !p->some && handlers_restart();
}

/* May another thread close, cancel, write meanwhile? */
static bool
threaded(void)
{
	return !single_threaded();
}

/* While handshakes are deferred every wait is one for them too. */
#define MOST_DEFERRED 64

/* One poll; a caller that has a turn may be cancelled in it. */
static int
poll_once(struct held *h, struct pollfd *p, nfds_t n, int timeout)
{
	int rv;

	if (h != NULL) {
		CALL_WAIT_BEGIN(h);
		rv = (int)as_engine(host->libc->poll(p, n, timeout));
		CALL_WAIT_END();
	} else {
		/* at an end, with the lock: no handler may come in */
		rv = (int)as_engine(host->libc->poll(p, n, timeout));
	}
	return rv;
}

static int
wait_poll(
    struct held *h, int fd, short events, const struct patience *pat)
{
	struct pollfd p[2 + MOST_DEFERRED] = {{fd, events, 0}};
	struct turn *wanted = h != NULL && h->turn == &h->c->tx ? h->turn : NULL;
	int own = 1;

	if (wanted != NULL && threaded()) {
		p[1] = (struct pollfd){turn_bell(), POLLIN, 0};
		own = 2;
	}
	for (;;) {
		int timeout = -1, n = 0, rv;
		bool slice;

		deferred_drive();
		if (pat->until > 0) {
			int64_t left = pat->until - now_ms();

			if (left <= 0)
				return -EAGAIN;
			timeout = left > INT_MAX ? INT_MAX : (int)left;
		}
		n = deferred_ask(p + own, MOST_DEFERRED);
		slice = n > 0 && (timeout < 0 || timeout > deferred_slice());
		if (slice)
			timeout = deferred_slice();
		rv = poll_once(h, p, (nfds_t)(own + n), timeout);
		if (rv == -EINTR && wait_goes_on(pat))
			continue;
		if (rv == -EAGAIN) { /* no memory, for now (poll(2)) */
			sched_yield();
			continue;
		}
		if (rv < 0)
			return rv;
		if (p[0].revents != 0) {
			deferred_leave();
			return 0;
		}
		if (wanted != NULL && atomic_load(&wanted->wanted) > 0)
			return -EPIPE;
		if (own == 2 && p[1].revents != 0)
			sched_yield(); /* rung for another one */
	}
}

int
wait_fd(int fd, short events, int64_t until)
{
	struct patience p = {.until = until, .timed = true};

	return wait_poll(NULL, fd, events, &p);
}

/* Among threads libc's recv and send, as cancellation points, cost more. */
ssize_t
wait_take(int fd, void *buf, size_t len)
{
	return as_engine(host->libc->syscall(SYS_recvfrom, (long)fd, buf, len,
	    (long)MSG_DONTWAIT, NULL, NULL));
}

ssize_t
wait_transmit(int fd, const void *buf, size_t len, int flags)
{
	return as_engine(host->libc->syscall(SYS_sendto, (long)fd, buf, len,
	    (long)(MSG_NOSIGNAL | MSG_DONTWAIT | flags), NULL, 0L));
}

/*
 * One recv or send that does not wait, on c's socket whatever becomes of the
 * number meanwhile: who closes it waits until it is used no more.
 */
ssize_t
wait_receive_now(struct conn *c, int fd, unsigned char *buf, size_t len)
{
	int at = table_use(fd, c);
	ssize_t n = at < 0 ? -EBADF : wait_take(at, buf, len);

	table_used(c);
	return n;
}

OFTEN ssize_t
wait_send_now(
    struct conn *c, int fd, const unsigned char *buf, size_t len, int flags)
{
	int at = table_use(fd, c);
	ssize_t n = at < 0 ? -EBADF : wait_transmit(at, buf, len, flags);

	table_used(c);
	return n;
}

/*
 * The kernel had no memory to move bytes with, and has moved none: the
 * connection is as it was (tcp(7) knows no end of one by these).
 */
bool
wait_passes(ssize_t rv)
{
	return rv == -ENOMEM || rv == -ENOBUFS || rv == -EMFILE;
}

/*
 * One recv, in front of which a poll waits until p->until.  What answers a
 * flight that has just been sent takes the peer its time: there the poll comes
 * first, else the bytes are most often there already.
 */
static ssize_t
recv_polled(struct conn *c, struct held *h, int fd, unsigned char *buf,
    size_t len, const struct patience *p)
{
	bool wait = p->answer && !c->nonblock && may_wait(fd, p);
	ssize_t rv = wait ? -EAGAIN : wait_receive_now(c, fd, buf, len);

	for (; rv == -EAGAIN && (wait || may_wait(fd, p)); wait = false) {
		rv = wait_poll(h, fd, POLLIN, p);
		if (rv < 0) /* -EAGAIN too: the time is over */
			return rv;
		rv = wait_receive_now(c, fd, buf, len);
	}
	return rv;
}

/* EAGAIN of a recv that was to wait: was it the kernel's to say? */
static bool
may_say_again(struct conn *c, int fd, const struct patience *p)
{
	return c->nonblock || !wait_allowed(fd, p->flags) ||
	    wait_until(fd, SO_RCVTIMEO) != 0;
}

/* One recv that waits, if there is no until. */
static inline ssize_t
recv_any(struct conn *c, struct held *h, int fd, void *buf, size_t len,
    int flags, const struct patience *p)
{
	ssize_t rv;

	do
		rv = call_recv(h, fd, buf, len, flags);
	while (rv == -EAGAIN && !may_say_again(c, fd, p) &&
	    (rv = wait_poll(h, fd, POLLIN, p)) == 0);
	return rv;
}

ssize_t
wait_receive_again(struct conn *c, int fd, unsigned char *buf, size_t len,
    const struct patience *p)
{
	return p->flags & MSG_DONTWAIT || may_say_again(c, fd, p)
		   ? -EAGAIN
		   : wait_receive(c, fd, buf, len, p);
}

/*
 * Where there are threads the wait is a look at one byte: a cancelled thread
 * would take what it had received along, and a number that is closed and
 * reused while it is on its way to the kernel would lose the bytes of another.
 */
OFTEN ssize_t
wait_receive(struct conn *c, int fd, unsigned char *buf, size_t len,
    const struct patience *p)
{
	struct held h = {c, &c->rx};
	bool look = !c->nonblock;
	ssize_t rv;

	if (likely(!threaded() && p->until == 0 && !p->some &&
		   !deferred_any() && !(p->flags & MSG_DONTWAIT)))
		return recv_any(c, &h, fd, buf, len, 0, p);
	if (p->until > 0 || p->some || deferred_any())
		return recv_polled(c, &h, fd, buf, len, p);
	for (rv = -EAGAIN; rv == -EAGAIN; look = true) {
		if (look && !(p->flags & MSG_DONTWAIT)) {
			rv = recv_any(c, &h, fd, buf, 1, WAIT_LOOK, p);
			if (rv < 0)
				return rv;
			fd = table_number(fd, c);
		}
		rv = wait_receive_now(c, fd, buf, len);
		if (p->flags & MSG_DONTWAIT)
			break;
	}
	return rv;
}

/* What GnuTLS has added meanwhile comes behind what was being sent. */
void
wait_output_back(struct conn *c)
{
	struct bytes later = c->out;

	c->out = c->now;
	c->now = (struct bytes){0};
	if (bytes_left(&later) > 0 &&
	    bytes_put(&c->out, bytes_at(&later), bytes_left(&later)) < 0)
		c->out_lost = true;
	bytes_free(&later);
}

/* The kernel tells nobody when it has memory again. */
static int
pause_for(struct held *h, const struct patience *p)
{
	struct patience brief = *p;
	int rv;

	brief.until = now_ms() + 10;
	rv = wait_poll(h, -1, 0, &brief);
	return rv == -EAGAIN && (p->until == 0 || now_ms() < p->until) ? 0 : rv;
}

enum sent {
	SENT, /* or the kernel tells when it will be */
	SENT_LATER, /* nobody tells */
	SENT_NEVER,
};

/*
 * What a send of c->now has said, waiting as p says.  -EINPROGRESS: try again.
 * Never a send that waits: who jumps out of one does not know what the kernel
 * has taken.
 */
static ssize_t
transmitted(struct conn *c, int fd, const struct patience *p, ssize_t n,
    enum sent *how)
{
	struct held h = {c, &c->tx};
	bool full = !wait_passes(n);

	if (!full) { /* what is queued has been taken from the program */
		*how = SENT_LATER;
		n = -EAGAIN;
	} else if (n < 0 && n != -EAGAIN && n != -EINTR && n != -EBADF) {
		*how = SENT_NEVER;
	}
	if (n != -EAGAIN || !wait_allowed(fd, p->flags))
		return n;
	/* while waiting this thread may drive others, or be cancelled */
	n = bytes_settle(&c->now);
	if (n == 0)
		n = full ? wait_poll(&h, fd, POLLOUT, p) : pause_for(&h, p);
	return n == 0 ? -EINPROGRESS : n;
}

void
wait_output_now(struct conn *c)
{
	ssize_t n;

	if (turn_take(c, &c->tx, -1, NULL) < 0)
		return;
	n = wait_send_now(
	    c, table_fd(c), bytes_at(&c->out), bytes_left(&c->out), 0);
	if (n > 0)
		bytes_take(&c->out, (size_t)n);
	turn_give(&c->tx);
}

/* What was sent leaves the queue; how it went. */
static void
settle_sent(struct conn *c, ssize_t n, enum sent how)
{
	if (n > 0)
		bytes_take(&c->now, (size_t)n);
	wait_output_back(c);
	c->out_again = how == SENT_LATER;
	c->fresh |= c->out_again;
	if (how == SENT_NEVER) { /* what the program sends again must not come twice */
		c->out_dead = true;
		bytes_free(&c->out);
	}
}

/*
 * One send of c->out, or, where it has been made already, what it has said.
 * What GnuTLS adds meanwhile (an answer to KeyUpdate) must not move the bytes
 * being sent: they leave the queue first.
 */
static ssize_t
send_once(struct conn *c, int fd, const struct patience *p, const ssize_t *said)
{
	enum sent how = c->out_dead ? SENT_NEVER : SENT;
	ssize_t n = -EPIPE;

	c->now = c->out;
	c->out = (struct bytes){0};
	if (!(p->flags & MSG_DONTWAIT))
		epoll_before_wait(c);
	pthread_mutex_unlock(&c->lock);
	if (how != SENT_NEVER) {
		n = said != NULL ? *said
				 : wait_send_now(c, fd, bytes_at(&c->now),
				       bytes_left(&c->now), p->flags);
		n = transmitted(c, fd, p, n, &how);
	}
	conn_lock(c);
	settle_sent(c, n, how);
	return n;
}

int
wait_output(struct conn *c, int fd, const struct patience *p)
{
	return wait_output_said(c, fd, p, NULL);
}

int
wait_output_said(
    struct conn *c, int fd, const struct patience *p, const ssize_t *said)
{
	/*
	 * Another process writes: an answer to a KeyUpdate that this one has
	 * read stays unsaid, which no peer waits for (RFC 8446, 4.6.3).
	 */
	if (bytes_left(&c->out) > 0 &&
	    !slot_claim(c->slot, SLOT_TX, &c->stamp[SLOT_TX]))
		bytes_free(&c->out);
	for (; bytes_left(&c->out) > 0; said = NULL) {
		ssize_t n;

		fd = table_number(fd, c);
		if (fd < 0)
			return -EBADF;
		if (bytes_settle(&c->in) < 0)
			return -ENOMEM;
		n = send_once(c, fd, p, said);
		if (n < 0 && n != -EINPROGRESS)
			return (int)n;
		if (bytes_left(&c->out) == 0)
			break;
		if (atomic_load(&c->tx.wanted) > 0)
			return -EPIPE;
	}
	return 0;
}

int
wait_writable(
    struct conn *c, int fd, short events, const struct patience *p)
{
	bool mine = atomic_load(&c->tx.busy) == thread_id();
	struct held h = {c, mine ? &c->tx : NULL};
	int rv;

	if (bytes_settle(&c->in) < 0 || bytes_settle(&c->out) < 0)
		return -ENOMEM;
	fd = table_number(fd, c);
	epoll_before_wait(c);
	pthread_mutex_unlock(&c->lock);
	rv = fd >= 0 ? wait_poll(&h, fd, events, p) : -EBADF;
	conn_lock(c);
	return rv;
}
