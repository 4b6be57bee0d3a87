/* handover.c - numbers that stand for the program's end of a relay's pair */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "epoll.h"
#include "handover.h"
#include "log.h"
#include "ours.h"
#include "process.h"

static void
say_unable(struct conn *c, const char *why)
{
	log_conn(c, LOG_ERROR, "refused", "relay", why);
}

/* Locked: the relay takes it, or whoever is the next to use it. */
static bool
offer(struct conn *c, enum slot_use use, const struct turn *t)
{
	if (atomic_load(&t->busy) ||
	    !slot_claim(c->slot, use, &c->stamp[use]))
		return false;
	slot_offer(c->slot, use, &c->stamp[use]);
	conn_touched(c);
	return true;
}

/*
 * Locked: is it ours to give?  A session in use may be given by half: git's
 * pack-objects writes what its parent reads the answers of.
 */
static int
may_give(struct conn *c)
{
	bool rx, tx;

	if (c->state == CONN_FAILED || c->state == CONN_FOREIGN ||
	    c->state == CONN_RELAYED || c->state == CONN_LISTEN)
		return -ENOTCONN;
	rx = offer(c, SLOT_RX, &c->rx);
	tx = offer(c, SLOT_TX, &c->tx);
	if ((rx && tx) || (c->state == CONN_OPEN && (rx || tx)))
		return 0;
	return atomic_load(&c->rx.busy) || atomic_load(&c->tx.busy)
	    ? -EBUSY
	    : -ECONNABORTED;
}

/* Locked: begins a relay for c. */
static int
give(struct conn *c, int fd, pid_t leaves, struct relay *r)
{
	int rv = may_give(c);

	if (rv == 0)
		rv = relay_start(c, fd, leaves, r);
	if (rv == -ECONNABORTED)
		say_unable(c,
		    "another process uses this session: the next program "
		    "cannot have it");
	else if (rv == -EBUSY)
		say_unable(c,
		    "another thread waits on this session: the next program "
		    "cannot have it");
	else if (rv < 0 && rv != -ENOTCONN)
		say_unable(c, "no relay could be started for this session");
	return rv;
}

/* The numbers of c in this process; as many as it has, or as there is room. */
static int
numbers_of(const struct conn *c, int *out, int room)
{
	int fd, n = 0, left = (int)atomic_load(&c->fds);

	for (fd = 0; fd < FD_MAX && n < left && n < room; fd++)
		if (table_is_at(fd, c))
			out[n++] = fd;
	return n;
}

static void
become_end(int fd, int end, bool keep)
{
	host->libc->dup3(end, fd, keep ? 0 : O_CLOEXEC);
}

static int
move_all(struct conn *c, int fd, const int *more, int n, struct relay *r)
{
	int numbers[64], k = numbers_of(c, numbers, 64), i;

	for (i = 0; i < k; i++) {
		epoll_closing(numbers[i], c, i == k - 1);
		become_end(numbers[i], r->end, descriptor_kept(numbers[i]));
		table_drop(numbers[i], c, FD_RELAYED);
	}
	for (i = 0; i < n; i++) {
		become_end(more[i], r->end, true);
		__atomic_store_n(
		    &host->class_of[more[i]], FD_RELAYED, __ATOMIC_RELEASE);
	}
	(void)slot_leave(c->slot, process_holder(), NULL);
	c->slot = NULL;
	relay_go(r);
	host->libc->close(r->end);
	return 0;
}

int
handover_all(struct conn *c, int fd, const int *more, int n)
{
	struct relay r;
	int rv;

	conn_lock(c);
	rv = give(c, fd, 0, &r);
	if (rv == 0)
		c->state = CONN_RELAYED; /* for threads that still have it */
	pthread_mutex_unlock(&c->lock);
	return rv < 0 ? rv : move_all(c, fd, more, n, &r);
}

static void
hold(const struct handover *h, struct conn *c)
{
	if (h->holds)
		atomic_fetch_add(&c->refs, 1);
}

static void
drop(const struct handover *h, struct conn *c)
{
	if (h->holds)
		conn_put(c);
}

int
handover_to(struct handover *h, struct conn *c, int fd)
{
	struct relay *r = &h->to[h->conns].relay;
	int i, rv;

	for (i = 0; i < h->conns; i++)
		if (h->to[i].c == c)
			return i;
	if (h->conns == HANDOVER_CONNS)
		return -1;
	conn_lock(c);
	rv = give(c, fd, h->leaves, r);
	pthread_mutex_unlock(&c->lock);
	if (rv < 0 && relay_none(r, fd) < 0)
		return -1;
	hold(h, c);
	h->to[i].c = c;
	return h->conns++;
}

/* fd, which is c's, becomes the end; what it was is kept aside. */
static bool
hand_over(struct handover *h, struct conn *c, int fd)
{
	int saved, i;

	if (h->numbers == HANDOVER_NUMBERS)
		return false;
	saved = host->libc->fcntl(fd, F_DUPFD_CLOEXEC, 64L);
	if (saved == -1)
		saved = host->libc->fcntl(fd, F_DUPFD_CLOEXEC, 3L);
	if (saved == -1)
		return false;
	i = handover_to(h, c, saved);
	if (i == -1) {
		host->libc->close(saved);
		return false;
	}
	become_end(fd, h->to[i].relay.end, true);
	h->number[h->numbers].fd = fd;
	h->number[h->numbers].raw = NULL;
	h->number[h->numbers++].saved = saved;
	return true;
}

/*
 * The conn that fd, one of the three standard numbers, stands for and that is
 * to stay there.  In a vfork child the table speaks of the parent's numbers,
 * and a socket that is elsewhere there was put here by the child.
 */
static struct conn *
standard(int fd)
{
	struct conn *c = table_get(fd), *found;
	bool kept = c == NULL || descriptor_kept(fd);

	if (process_is_vfork_child()) {
		found = table_find(shim_cookie(host->libc, fd));
		if (found != c)
			kept = true;
		if (c != NULL)
			conn_put(c);
		c = found;
	}
	if (c != NULL && (!kept || c->listens)) {
		conn_put(c);
		return NULL;
	}
	return c;
}

/* Would slot_claim() be granted? */
static bool
may_claim(const struct conn *c, enum slot_use use)
{
	uint32_t stamp = c->stamp[use];

	return slot_owned(c->slot, stamp) ||
	    slot_undecided(c->slot, use, stamp);
}

/*
 * Is the session this process's, or will it be if it asks?  One that another
 * thread had in use at the fork is nobody's once the parent has closed it.
 */
static bool
is_ours(struct conn *c)
{
	switch (c->state) {
	case CONN_OPEN:
		if (slot_owned(c->slot, c->stamp[SLOT_TX]) &&
		    slot_owned(c->slot, c->stamp[SLOT_RX]))
			return true;
		/* fall through */
	case CONN_PRE:
	case CONN_TCP:
	case CONN_HANDSHAKE:
	case CONN_WATCHED:
		return may_claim(c, SLOT_RX) && may_claim(c, SLOT_TX) &&
		    slot_alone(c->slot, process_holder());
	default:
		return false;
	}
}

bool
handover_raw(struct handover *h, const struct conn *c)
{
	if (c->state != CONN_PRE)
		return false;
	if (h->protects == -1)
		h->protects = host->protects(h->path);
	return h->protects == 1;
}

bool
handover_passes(const struct handover *h, const struct conn *c)
{
	int i;

	for (i = 0; i < h->numbers; i++)
		if (h->number[i].raw == c)
			return true;
	return false;
}

/* One for all numbers of a process, and it lives as long. */
static _Atomic int dead = -1;

/* An unconnected one: EINVAL to read, ENOTCONN to write. */
static int
new_dead_end(void)
{
	return host->libc->socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

int
handover_dead_end(struct handover *h)
{
	struct shim_relayed r = {.protocol = IPPROTO_TCP, .refused = 1};
	int fd = -1;

	r.local.in.sin_family = AF_INET;
	if (process_is_vfork_child()) {
		if (h->dead == -1)
			h->dead = new_dead_end();
		fd = h->dead;
	} else {
		if (atomic_load(&dead) == -1)
			fd = new_dead_end();
		if (fd != -1 && ours_take(fd, &dead) == -1)
			host->libc->close(fd);
		fd = atomic_load(&dead);
	}
	r.cookie = fd == -1 ? 0 : shim_cookie(host->libc, fd);
	if (r.cookie == 0)
		return -1;
	host->relayed_add(&r);
	return fd;
}

/* fd, which is c's, can be used by nobody in the next image. */
static void
refuse(struct handover *h, int fd)
{
	int end = handover_dead_end(h), saved;

	if (end == -1 || h->numbers == HANDOVER_NUMBERS)
		return; /* closed: EBADF */
	saved = host->libc->fcntl(fd, F_DUPFD_CLOEXEC, 64L);
	if (saved == -1)
		return;
	become_end(fd, end, true);
	h->number[h->numbers].fd = fd;
	h->number[h->numbers].raw = NULL;
	h->number[h->numbers++].saved = saved;
}

/* A vfork child holds the slot from here on too, by a number of its own. */
static void
pass(struct handover *h, struct conn *c, int fd)
{
	if (h->numbers == HANDOVER_NUMBERS)
		return;
	if (process_is_vfork_child() && c->slot != NULL &&
	    !handover_passes(h, c) &&
	    !slot_step_in(c->slot, getpid(), c->cookie))
		return;
	host->libc->fcntl(fd, F_SETFD, 0L);
	hold(h, c);
	h->number[h->numbers].fd = fd;
	h->number[h->numbers].raw = c;
	h->number[h->numbers++].saved = -1;
}

/* Outlives fd the exec as far as the program knows, and is it still c's? */
static bool
goes_along(const struct conn *c, int fd)
{
	int flags;

	if (c->listens)
		return false;
	if (!process_is_vfork_child())
		return descriptor_kept(fd);
	flags = host->libc->fcntl(fd, F_GETFD, 0L);
	return flags != -1 && (descriptor_kept(fd) || !(flags & FD_CLOEXEC)) &&
	    shim_cookie(host->libc, fd) == c->cookie;
}

static void
hand_over_other(struct handover *h, int fd)
{
	struct conn *c = table_get(fd);

	if (c == NULL)
		return;
	if (!goes_along(c, fd))
		;
	else if (handover_raw(h, c))
		pass(h, c, fd);
	else if (process_is_vfork_child() || !is_ours(c) ||
	    !hand_over(h, c, fd))
		refuse(h, fd);
	conn_put(c);
}

void
handover_init(struct handover *h, const char *path)
{
	h->holds = !process_is_vfork_child();
	h->conns = h->numbers = 0;
	h->leaves = 0;
	h->protects = h->dead = -1;
	h->path = path;
}

void
handover_begin(struct handover *h, const char *path)
{
	int fd, top = table_top();

	handover_init(h, path);
	h->leaves = process_is_vfork_child() ? 0 : process_holder();
	for (fd = 0; fd <= 2; fd++) {
		struct conn *c = standard(fd);

		if (c == NULL)
			continue;
		(void)hand_over(h, c, fd);
		conn_put(c);
	}
	for (fd = 3; fd < top; fd++)
		if (table_has(fd))
			hand_over_other(h, fd);
}

static void
take_back(const struct handover *h, int i)
{
	struct conn *c = h->number[i].raw;
	int fd = h->number[i].fd;

	if (h->number[i].saved != -1) {
		host->libc->dup3(h->number[i].saved, fd, O_CLOEXEC);
		host->libc->close(h->number[i].saved);
		return;
	}
	if (table_is_at(fd, c)) /* else another thread has closed it */
		host->libc->fcntl(fd, F_SETFD, (long)FD_CLOEXEC);
	while (--i >= 0)
		if (h->number[i].raw == c)
			return;
	if (process_is_vfork_child() && c->slot != NULL)
		(void)slot_step_out(c->slot, getpid());
}

void
handover_undo(struct handover *h)
{
	int saved = errno, i;

	for (i = 0; i < h->numbers; i++)
		take_back(h, i);
	for (i = 0; i < h->numbers; i++)
		if (h->number[i].raw != NULL)
			drop(h, h->number[i].raw);
	for (i = 0; i < h->conns; i++) {
		relay_stop(&h->to[i].relay);
		drop(h, h->to[i].c);
	}
	if (h->dead != -1)
		host->libc->close(h->dead);
	errno = saved;
}

void
handover_go(struct handover *h)
{
	int i;

	for (i = 0; i < h->conns; i++) {
		relay_go(&h->to[i].relay);
		host->libc->close(h->to[i].relay.end);
		drop(h, h->to[i].c);
	}
}

size_t
handover_entries(char *const envp[])
{
	size_t n = 0;

	while (envp != NULL && envp[n] != NULL)
		n++;
	return (n + 2) * sizeof *envp;
}

char *const *
handover_entry(char *const envp[], void *to, char *entry)
{
	static const char name[] = SHIM_RELAYED_NAME "=";
	char **out = to;
	size_t i, n = 0;

	for (i = 0; envp != NULL && envp[i] != NULL; i++)
		if (strncmp(envp[i], name, sizeof name - 1) != 0)
			out[n++] = envp[i];
	out[n++] = entry;
	out[n] = NULL;
	return out;
}

char **
handover_environ(char *const envp[])
{
	size_t len = handover_entries(envp);
	char *room = malloc(len + SHIM_RELAYED_MOST);

	if (room == NULL ||
	    host->relayed_tell(room + len, SHIM_RELAYED_MOST) == 0) {
		free(room);
		return NULL;
	}
	(void)handover_entry(envp, room, room + len);
	return (char **)room;
}
