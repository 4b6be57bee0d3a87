/*
 * memory.h - for unit tests: TCP sockets that are queues of bytes in memory
 *
 * Numbers that stand for no queue are the kernel's.  What goes to descriptor
 * 2 is kept in memory_log.  A call that would wait for ever runs memory_idle,
 * and fails the test if that moves nothing.
 */
#ifndef UNIT_MEMORY_H
#define UNIT_MEMORY_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "../../shim/engine/conn.h"

#define MEMORY_BASE 600
#define MEMORY_END 2000
#define SYSLOG 599

/* The call that fails, counted from 1, and its errno. */
struct trouble {
	unsigned at;
	int err;
};

struct memory {
	struct memory *peer; /* NULL: it has closed */
	int fds;

	unsigned char *in; /* what the peer has sent; owned */
	size_t first, end, cap;
	unsigned char *wire; /* all that this side ever sent; owned */
	size_t sent, wire_cap;

	/* knobs */
	size_t room;      /* most that `in` holds; 0: any */
	size_t recv_most; /* most that a recv gives; 0: any */
	size_t send_most; /* most that a send takes; 0: any */
	bool full; /* a send was short: the next one that may not wait says so */
	bool no_meminfo;  /* the kernel does not know SO_MEMINFO */
	struct trouble recv_fails, send_fails;
	struct timeval timeout[2]; /* SO_RCVTIMEO, SO_SNDTIMEO */
	bool nonblock;

	int nodelay; /* as the program has set it */
	unsigned nodelay_asked;
	int nodelay_sent; /* as it was at the last send */
	int flags_sent;   /* of the last send that was tried */
	unsigned recvs, sends;
	bool fin;     /* the peer ends behind what is in `in` */
	bool reset;   /* ... by a reset */
	bool dead;    /* a reset was met */
	bool shut_wr; /* this side has ended */
	bool aborts;  /* SO_LINGER {1, 0} */
	int so_error;
};

static struct memory *memory_at[MEMORY_END];
static bool (*memory_idle)(void); /* true: something moved */
static char memory_log[1 << 16];
static const char *memory_test = "memory"; /* the name of the test */

static inline _Noreturn void
memory_die(const char *why)
{
	printf("not ok %s: %s\n", memory_test, why);
	exit(1);
}

static inline struct memory *
memory_find(int fd)
{
	return fd >= MEMORY_BASE && fd < MEMORY_END ? memory_at[fd] : NULL;
}

static inline size_t
memory_left(const struct memory *m)
{
	return m->end - m->first;
}

static inline size_t
memory_space(const struct memory *m)
{
	const struct memory *to = m->peer;

	if (to == NULL || to->room == 0)
		return SIZE_MAX;
	return to->room > memory_left(to) ? to->room - memory_left(to) : 0;
}

/* 0 when something moved, -1 and EAGAIN when the time t (NULL: none) is up. */
static inline int
memory_wait(const char *call, const struct timeval *t)
{
	char why[80];

	if (memory_idle != NULL && memory_idle())
		return 0;
	snprintf(why, sizeof why, "%s would wait for ever", call);
	if (t == NULL || (t->tv_sec == 0 && t->tv_usec == 0))
		memory_die(why);
	(void)poll(NULL, 0, (int)(t->tv_sec * 1000 + t->tv_usec / 1000));
	errno = EAGAIN;
	return -1;
}

/* Lets the next calls through, then fails one; 0 or -1 and errno. */
static inline int
memory_trouble(struct memory *m, unsigned *count, const struct trouble *t)
{
	if (++*count != t->at)
		return 0;
	if (t->err == ECONNRESET || t->err == EPIPE || t->err == ETIMEDOUT) {
		m->dead = true;
		if (m->peer != NULL)
			m->peer->reset = true;
	}
	errno = t->err;
	return -1;
}

static inline ssize_t
memory_recv(int fd, void *buf, size_t len, int flags)
{
	struct memory *m = memory_find(fd);
	size_t k;

	if (m == NULL)
		return recv(fd, buf, len, flags);
	if (memory_trouble(m, &m->recvs, &m->recv_fails) == -1)
		return -1;
	while (memory_left(m) == 0) {
		if (m->dead || (m->fin && !m->reset))
			return 0;
		errno = m->reset ? ECONNRESET : EAGAIN;
		m->dead |= m->reset;
		if (m->reset || m->nonblock || (flags & MSG_DONTWAIT))
			return -1;
		if (memory_wait("recv", &m->timeout[0]) == -1)
			return -1;
	}
	k = memory_left(m) < len ? memory_left(m) : len;
	if (m->recv_most > 0 && k > m->recv_most)
		k = m->recv_most;
	memcpy(buf, m->in + m->first, k);
	if (!(flags & MSG_PEEK))
		m->first += k;
	return (ssize_t)k;
}

/* buf, with room for need bytes. */
static inline unsigned char *
memory_grown(unsigned char *buf, size_t *cap, size_t need)
{
	if (need <= *cap)
		return buf;
	*cap = 2 * need;
	buf = realloc(buf, *cap);
	if (buf == NULL)
		memory_die("out of memory");
	return buf;
}

/* len bytes arrive at m, whoever sent them. */
static inline void
memory_put(struct memory *m, const void *data, size_t len)
{
	if (m->first == m->end)
		m->first = m->end = 0;
	m->in = memory_grown(m->in, &m->cap, m->end + len);
	if (len > 0)
		memcpy(m->in + m->end, data, len);
	m->end += len;
}

static inline ssize_t
memory_send(int fd, const void *buf, size_t len, int flags)
{
	struct memory *m = memory_find(fd);
	size_t k;

	if (m == NULL)
		return send(fd, buf, len, flags);
	if (!(flags & MSG_NOSIGNAL))
		memory_die("a send that could raise SIGPIPE");
	if (memory_trouble(m, &m->sends, &m->send_fails) == -1)
		return -1;
	m->nodelay_sent = m->nodelay;
	m->flags_sent = flags;
	for (;;) {
		if (m->shut_wr || m->dead || m->reset || m->peer == NULL) {
			errno = EPIPE;
			return -1;
		}
		if (memory_space(m) > 0 && !m->full)
			break;
		m->full = false;
		if (m->nonblock || (flags & MSG_DONTWAIT)) {
			errno = EAGAIN;
			return -1;
		}
		if (memory_wait("send", &m->timeout[1]) == -1)
			return -1;
	}
	k = memory_space(m) < len ? memory_space(m) : len;
	if (m->send_most > 0 && k > m->send_most)
		k = m->send_most;
	m->full = k < len;
	memory_put(m->peer, buf, k);
	m->wire = memory_grown(m->wire, &m->wire_cap, m->sent + k);
	memcpy(m->wire + m->sent, buf, k);
	m->sent += k;
	return (ssize_t)k;
}

static inline ssize_t
memory_read(int fd, void *buf, size_t len)
{
	return memory_find(fd) != NULL ? memory_recv(fd, buf, len, 0)
				       : read(fd, buf, len);
}

static inline void
memory_note(const char *text, size_t len)
{
	size_t n = strlen(memory_log);

	if (n + len >= sizeof memory_log)
		memory_die("the log is full");
	memcpy(memory_log + n, text, len);
	memory_log[n + len] = '\0';
}

static inline ssize_t
memory_write(int fd, const void *buf, size_t len)
{
	if (fd != 2 && memory_find(fd) == NULL)
		return write(fd, buf, len);
	if (fd == 2)
		memory_note(buf, len);
	return fd == 2 ? (ssize_t)len : memory_send(fd, buf, len, MSG_NOSIGNAL);
}

static inline short
memory_events(const struct memory *m)
{
	bool end = m->fin || m->reset || m->dead;
	short ev = 0;

	if (memory_left(m) > 0 || end)
		ev |= POLLIN | POLLRDNORM;
	if (end)
		ev |= POLLRDHUP;
	if (memory_space(m) > 0 || m->dead || m->shut_wr)
		ev |= POLLOUT | POLLWRNORM;
	if (m->dead || m->reset || (m->fin && m->shut_wr))
		ev |= POLLHUP;
	if (m->reset && !m->dead)
		ev |= POLLERR;
	return ev;
}

static inline int
memory_look(struct pollfd *fds, nfds_t n)
{
	int ready = 0;
	nfds_t i;

	for (i = 0; i < n; i++) {
		const struct memory *m = memory_find(fds[i].fd);

		fds[i].revents = 0;
		if (m != NULL)
			fds[i].revents = memory_events(m) &
					 (fds[i].events | POLLERR | POLLHUP);
		else
			(void)poll(&fds[i], 1, 0);
		ready += fds[i].revents != 0;
	}
	return ready;
}

static inline int
memory_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	int ready;

	while ((ready = memory_look(fds, n)) == 0 && timeout != 0) {
		if (memory_idle != NULL && memory_idle())
			continue;
		if (timeout < 0)
			(void)memory_wait("poll", NULL);
		(void)poll(NULL, 0, timeout); /* the time does pass */
		timeout = 0;
	}
	return ready;
}

static inline int
memory_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *t,
    const sigset_t *mask)
{
	return memory_poll(fds, n,
	    t == NULL ? -1 : (int)(t->tv_sec * 1000 + t->tv_nsec / 1000000));
}

static inline void
memory_drop(int fd)
{
	struct memory *m = memory_at[fd], *peer = m->peer;

	memory_at[fd] = NULL;
	if (--m->fds > 0)
		return;
	if (peer != NULL) {
		peer->fin = true;
		peer->reset |= m->aborts || memory_left(m) > 0;
		peer->peer = NULL;
	}
	free(m->in);
	free(m->wire);
	free(m);
}

static inline int
memory_close(int fd)
{
	if (memory_find(fd) == NULL)
		return fd == SYSLOG ? 0 : close(fd);
	memory_drop(fd);
	return 0;
}

/* dup3 is asked for to put a descriptor of the kernel's over one of ours. */
static inline int
memory_dup3(int fd, int to, int flags)
{
	if (memory_find(fd) != NULL || memory_find(to) == NULL)
		return dup3(fd, to, flags);
	memory_drop(to);
	return to;
}

static inline int
memory_copy(int fd, int least)
{
	int to = least > MEMORY_BASE ? least : MEMORY_BASE;

	while (to < MEMORY_END && memory_at[to] != NULL)
		to++;
	if (to == MEMORY_END) {
		errno = EMFILE;
		return -1;
	}
	memory_at[to] = memory_at[fd];
	memory_at[to]->fds++;
	return to;
}

static inline int
memory_fcntl(int fd, int cmd, ...)
{
	struct memory *m = memory_find(fd);
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	if (m == NULL)
		return fcntl(fd, cmd, arg);
	switch (cmd) {
	case F_GETFL:
		return O_RDWR | (m->nonblock ? O_NONBLOCK : 0);
	case F_SETFL:
		m->nonblock = (arg & O_NONBLOCK) != 0;
		return 0;
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return memory_copy(fd, (int)arg);
	default:
		return 0;
	}
}

/*
 * Two sockets that are connected, under two numbers.  They are blocking, and
 * their knobs are off.
 */
static inline void
memory_pair(int fd[2])
{
	struct memory *m[2];
	int i, at = MEMORY_BASE;

	for (i = 0; i < 2; i++) {
		m[i] = calloc(1, sizeof *m[i]);
		if (m[i] == NULL)
			memory_die("out of memory");
		while (memory_at[at] != NULL)
			at++;
		memory_at[at] = m[i];
		m[i]->fds = 1;
		fd[i] = at;
	}
	m[0]->peer = m[1];
	m[1]->peer = m[0];
}

#endif
