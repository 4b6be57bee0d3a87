/* table.c - which conn a descriptor stands for */

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "deferred.h"
#include "epoll.h"
#include "libc_stream.h"
#include "ours.h"
#include "process.h"
#include "thread.h"

/*
 * Roads that close, replace or make a number
 *	Through the PLT (close, dup*, fcntl, close_range, closefrom, accept,
 *	recvmsg, syscall): a hook is told, in the thread that
 *	does it, before the kernel gives the number away.
 *	libc closes a number that it has from the program, or that the program
 *	can learn (fclose, freopen, pclose, closedir, fts_close, endmntent,
 *	mq_close): the program may have closed that and got it again as a
 *	connection.  The preload's hook ends what stands there before libc
 *	closes it (descriptor_vacate).
 *	libc puts a file over 0, 1 and 2 (login_tty, forkpty, daemon): done by
 *	the preload in libc's stead, by hooks.
 *	libc closes a number that it tells nobody (endpwent and its like,
 *	utmpname): all are compared afterwards (table_sweep).  A FILE
 *	of libc's own on such a number is in its list of streams, so that the
 *	connection was given to a relay before (libc_stream_take_over).
 *	libc opens and closes a number within one call (getaddrinfo, nscd,
 *	getpwnam, scandir, glob, popen, dlopen, shm_unlink, setlocale), or
 *	between two of fts_read, nftw and the resolver's under RES_STAYOPEN:
 *	it becomes a connection only if another thread, or a callback, closes
 *	what is not its own meanwhile.  posix_spawn and system do it in the
 *	child, which execs.  What is left then is found as below.
 *	Numbers that libc makes (pipe, open, eventfd, memfd): the class is
 *	FD_UNKNOWN after every close that was seen, and owned_settle asks the
 *	kernel at the first use; SO_COOKIE then says whether it is a copy of a
 *	socket that is here already.
 *	None of these (a system call of the program's own, another thread's
 *	close as above): a socket, set or copy that a hook makes under the
 *	number drops what stood there (table_lost), and where the kernel
 *	answers EBADF or ENOTSOCK to a call that moves bytes, the number is
 *	compared (table_verify), so that a file has its number back after one
 *	errno.  What the engine sends to such a number is a record at most.
 *	libc's own send() by a stale number is another matter: syslog's is the
 *	preload's (syslog.c), a FILE's is silenced or a relay's; a resolver
 *	under RES_STAYOPEN whose datagram socket the program has closed would
 *	send its query, as over TCP.
 *
 * A slot of the table is read without a lock and written under world.  A
 * reader takes a reference only if there is one left, then looks again
 * whether the slot still says the same; conn memory is never freed, so that
 * the count may be read at any time.
 */
APART struct row fd_rows[FD_MAX];
/* Before this file's variables is what forks do not write (Makefile). */
__asm__(".pushsection .bss\n\t.balign 4096\n\t.popsection");
static pthread_mutex_t world = PTHREAD_MUTEX_INITIALIZER;
static struct conn *all, *spare;
static _Atomic int top;

/*
 * The first ones, beside all that: a server that forks for each connection
 * needs no more than its listener and one.  See APART.
 */
static struct conn near[2];
static unsigned near_made; /* world */

/*
 * Stands in the table while a descriptor is being closed: the number is not
 * free yet, and what other threads do with it must fail as on a closed one,
 * never reach the socket raw.
 */
static struct conn closing = {.refs = 1,
    .left = -1,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .state = CONN_FAILED,
    .err = -EBADF};

int
table_top(void)
{
	return atomic_load(&top);
}

bool
table_is(int fd, const struct conn *c)
{
	return c->ending ||
	    (fd >= 0 && fd < FD_MAX && atomic_load(&fd_rows[fd].conn) == c);
}

int
table_number_left(int fd, const struct conn *c)
{
	int left = atomic_load(&c->left);

	if (left != -1)
		return left;
	/* whoever ends it waits for us before the number goes */
	return atomic_load(&c->ending) ? fd : table_fd(c);
}

bool
table_is_at(int fd, const struct conn *c)
{
	return fd >= 0 && fd < FD_MAX && atomic_load(&fd_rows[fd].conn) == c;
}

static void
set_class(int fd, enum fd_class k)
{
	host->set_class(fd, k);
}

/* Its socket went past every hook; no number is left to end it by. */
static void
lose(struct conn *c)
{
	struct slot_end end;

	conn_lock(c);
	if (c->slot != NULL)
		(void)slot_leave(c->slot, process_holder(), &end);
	c->slot = NULL;
	if (c->state != CONN_LISTEN)
		conn_fail(c, -EBADF);
	pthread_mutex_unlock(&c->lock);
}

/* fd is c's no longer, though nobody has said so. */
static void
drop_stale(int fd, struct conn *c)
{
	struct conn *want = c;
	bool last = false;

	pthread_mutex_lock(&world);
	if (atomic_compare_exchange_strong(&fd_rows[fd].conn, &want, NULL)) {
		last = atomic_fetch_sub(&c->fds, 1) == 1;
		set_class(fd, FD_UNKNOWN);
	}
	pthread_mutex_unlock(&world);
	if (want != c)
		return;
	if (c->regs != NULL)
		epoll_closing(fd, c, last);
	if (last)
		lose(c);
	libc_stream_give_back(fd);
	conn_put(c);
}

void
table_lose_others(int fd, struct conn *c)
{
	int other, n = table_top();

	for (other = 0; other < n; other++)
		if (other != fd && table_is_at(other, c)) {
			descriptor_show(other);
			drop_stale(other, c);
		}
}

void
table_lost(int fd)
{
	struct conn *c =
	    fd >= 0 && fd < FD_MAX ? atomic_load(&fd_rows[fd].conn) : NULL;

	if (c != NULL && c != &closing)
		drop_stale(fd, c);
}

bool
table_verify(int fd)
{
	struct conn *c = *host->sealed ? NULL : table_get(fd);
	bool good;

	if (c == NULL)
		return true;
	good = c == &closing || c->cookie == 0 ||
	    shim_cookie(host->libc, fd) == c->cookie;
	if (!good)
		drop_stale(fd, c);
	conn_put(c);
	return good;
}

void
table_sweep(void)
{
	int fd, n = table_top();

	for (fd = 0; fd < n; fd++)
		if (atomic_load_explicit(&fd_rows[fd].conn, memory_order_relaxed))
			(void)table_verify(fd);
}

void
table_set(int fd, struct conn *c)
{
	struct conn *old = atomic_load(&fd_rows[fd].conn);

	if (old != c)
		table_lost(fd);
	atomic_fetch_add(&c->refs, 1);
	pthread_mutex_lock(&world);
	atomic_fetch_add(&c->fds, 1);
	atomic_store(&c->fd_hint, fd);
	if (fd >= atomic_load(&top))
		atomic_store(&top, fd + 1);
	old = atomic_exchange(&fd_rows[fd].conn, c);
	set_class(fd, FD_GOVERNED);
	pthread_mutex_unlock(&world);
	if (old == NULL || old == &closing)
		return;
	/* said again, or by two threads at once */
	atomic_fetch_sub(&old->fds, 1);
	conn_put(old);
}

struct conn *
table_close_begin(int fd)
{
	struct conn *c = NULL;
	bool last = false;

	if (fd < 0 || fd >= FD_MAX)
		return NULL;
	pthread_mutex_lock(&world);
	c = atomic_load(&fd_rows[fd].conn);
	if (c == &closing)
		c = NULL;
	if (c != NULL) {
		atomic_store(&fd_rows[fd].conn, &closing);
		last = atomic_fetch_sub(&c->fds, 1) == 1;
	}
	pthread_mutex_unlock(&world);
	if (c != NULL && c->regs != NULL)
		epoll_closing(fd, c, last);
	if (last) {
		atomic_store(&c->ending, true);
		conn_end(c, fd);
	}
	while (c != NULL && atomic_load(&c->using) > 0)
		sched_yield();
	if (c != NULL && !single_threaded()) {
		conn_lock(c);
		pthread_mutex_unlock(&c->lock);
	}
	return c;
}

void
table_close_end(int fd, struct conn *c)
{
	struct conn *want = &closing;

	pthread_mutex_lock(&world);
	if (atomic_compare_exchange_strong(&fd_rows[fd].conn, &want, NULL))
		set_class(fd, FD_UNKNOWN);
	pthread_mutex_unlock(&world);
	libc_stream_give_back(fd);
	conn_put(c);
}

void
table_drop(int fd, struct conn *c, enum fd_class class)
{
	struct conn *want = c;

	pthread_mutex_lock(&world);
	if (atomic_compare_exchange_strong(&fd_rows[fd].conn, &want, NULL))
		atomic_fetch_sub(&c->fds, 1);
	set_class(fd, class);
	pthread_mutex_unlock(&world);
	if (want == c)
		conn_put(c);
}

void
table_keep(int fd, struct conn *c)
{
	struct conn *other;

	pthread_mutex_lock(&world);
	for (other = all; other != NULL; other = other->next)
		atomic_store(&other->fds, 0);
	/* the calls that were under way will not come back */
	atomic_store(&c->refs, 1);
	atomic_store(&c->fds, 1);
	atomic_store(&c->using, 0);
	atomic_store(&c->fd_hint, fd);
	atomic_store(&fd_rows[fd].conn, c);
	set_class(fd, FD_GOVERNED);
	pthread_mutex_unlock(&world);
}

void
table_each(void (*f)(struct conn *c, void *arg), void *arg)
{
	struct conn *c;

	pthread_mutex_lock(&world);
	for (c = all; c != NULL; c = c->next)
		if (atomic_load(&c->fds) > 0)
			f(c, arg);
	pthread_mutex_unlock(&world);
}

struct find {
	uint64_t cookie;
	struct conn *found;
};

static void
compare(struct conn *c, void *arg)
{
	struct find *f = arg;

	if (f->found == NULL && c->cookie == f->cookie && refs_take(&c->refs))
		f->found = c;
}

struct conn *
table_find(uint64_t cookie)
{
	struct find f = {cookie, NULL};

	if (cookie != 0)
		table_each(compare, &f);
	return f.found;
}

int
table_fd(const struct conn *c)
{
	int fd = atomic_load(&c->fd_hint);

	if (atomic_load(&fd_rows[fd].conn) == c)
		return fd;
	for (fd = 0; fd < table_top(); fd++)
		if (atomic_load_explicit(&fd_rows[fd].conn, memory_order_relaxed) == c)
			return fd;
	return -1;
}

static struct conn *
made(void)
{
	struct conn *c;

	if (near_made < sizeof near / sizeof *near)
		return &near[near_made++];
	c = aligned_alloc(CONN_LINE, sizeof *c);
	if (c != NULL)
		memset(c, 0, sizeof *c);
	return c;
}

struct conn *
table_alloc(void)
{
	struct conn *c;

	pthread_mutex_lock(&world);
	c = spare;
	if (c != NULL)
		spare = c->next_free;
	else if ((c = made()) != NULL) {
		pthread_mutex_init(&c->lock, NULL);
		atomic_store(&c->left, -1);
		c->next = all;
		all = c;
	}
	pthread_mutex_unlock(&world);
	return c;
}

void
table_release(struct conn *c)
{
	pthread_mutex_lock(&world);
	c->next_free = spare;
	spare = c;
	pthread_mutex_unlock(&world);
}

static unsigned announcements; /* world */

static void
announce(struct conn *c)
{
	c->announced = announcements;
	c->expected = slot_expect(c->slot);
	if (c->slot != NULL && conn_trylock(c)) {
		fork_offer(c);
		pthread_mutex_unlock(&c->lock);
	}
}

/*
 * world is held over the fork, so that the table is whole in the child.  A
 * handler that interrupted the engine on this very thread may find it held:
 * then nothing is announced.
 */
static bool world_held;

bool
table_before_fork(void)
{
	struct conn *c;

	if (!thread_at_work())
		pthread_mutex_lock(&world);
	else if (pthread_mutex_trylock(&world) != 0)
		return false;
	world_held = true;
	announcements++;
	for (c = all; c != NULL; c = c->next)
		if (atomic_load(&c->fds) > 0)
			announce(c);
	return true;
}

unsigned
table_announcement(void)
{
	return announcements;
}

void
table_forked(unsigned which, long pid)
{
	struct conn *c;

	pthread_mutex_lock(&world);
	/* else another thread's fork has come since: time will tell */
	for (c = which == announcements ? all : NULL; c != NULL; c = c->next)
		if (atomic_load(&c->fds) == 0 || c->announced != which)
			continue;
		else if (pid > 0)
			slot_meet(c->slot, c->expected, (pid_t)pid);
		else
			slot_cancel(c->slot, c->expected);
	pthread_mutex_unlock(&world);
}

void
table_after_fork(bool child, bool announced)
{
	struct conn *c;

	if (!child) {
		if (!world_held)
			return;
		world_held = false;
		pthread_mutex_unlock(&world);
		return;
	}
	world_held = false;
	pthread_mutex_init(&world, NULL);
	deferred_reset();
	turn_forked();
	bell_forked();
	for (c = all; c != NULL; c = c->next) {
		if (atomic_load(&c->polled) != 0) /* most pages stay shared */
			atomic_store(&c->polled, 0);
		if (atomic_load(&c->fds) > 0)
			fork_inherit(c, announced);
		else if (atomic_load(&c->left) != -1)
			ours_close(&c->left); /* a call of the parent's */
	}
}

bool
table_has(int fd)
{
	return fd >= 0 && fd < FD_MAX && atomic_load(&fd_rows[fd].conn) != NULL;
}
