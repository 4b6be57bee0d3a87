/*
 * owned.h - which descriptors are the engine's, and the gates of calls.def
 *
 * A gate says which way a call goes.  Its fast path is one load and one
 * compare; what follows when that fails is in owned.c.
 */
#ifndef OWNED_H
#define OWNED_H

#include <errno.h>

#include "preload.h"

enum way {
	WAY_LIBC,
	WAY_ENGINE,
	WAY_REFUSED, /* errno is set */
	WAY_RELAYED, /* libc, and its end of file may be none (gate_carry) */
};

extern unsigned char owned_table[FD_MAX];

/* One more than the highest number a class other than UNKNOWN was set for. */
extern int owned_top;

static inline int
owned_class(int fd)
{
	if (unlikely((unsigned)fd >= FD_MAX))
		return FD_UNKNOWN;
	return __atomic_load_n(&owned_table[fd], __ATOMIC_RELAXED);
}

void owned_set(int fd, enum fd_class class);

/* fd is about to be closed or replaced; nothing in a vfork child. */
void owned_forget(int fd);

/*
 * The class of fd, found out if it is not known and judged if it has to be;
 * a negative errno where the judgement is no.  errno is kept.
 */
int owned_settle(int fd);

/* fd has come from elsewhere, or is an errno's -1; returns it. */
int owned_arrived(int fd);

/* From now on no class of FD_PASS is kept. */
void owned_part(void);

/* Nothing can be written through fd any more, by stdio either. */
void owned_plug(int fd);

/*
 * libc is about to close fd where no hook sees it: what stands there ends as
 * by close(), and the number stays open for libc.  errno is kept.
 */
void descriptor_vacate(int fd);

/* libc has just made fd: what stood there was closed past every hook. */
void descriptor_lost(int fd);

static inline void
descriptor_fresh(int fd)
{
	int class = owned_class(fd);

	if (unlikely(class == FD_GOVERNED || class == FD_SET))
		descriptor_lost(fd);
}

/* Classifies everything that is open: no system call may follow (seccomp). */
void owned_settle_all(void);

/* The cold halves of the gates below; errno is kept unless WAY_REFUSED. */
enum way owned_way(int fd);
enum way owned_refused(int why);
enum way owned_way_either(int fd, int other);
enum way owned_way_connect(int fd);
enum way owned_way_setup(int fd);
enum way owned_way_poll(const struct pollfd *fds, nfds_t n);
enum way owned_way_select(
    int n, const fd_set *r, const fd_set *w, const fd_set *e);
enum way owned_way_epoll_ctl(int epfd, int fd);
enum way owned_way_epoll(int epfd);

/* A governed descriptor. */
static inline enum way
gate_owned(int fd)
{
	if (likely(owned_class(fd) == FD_PASS))
		return WAY_LIBC;
	return owned_way(fd);
}

/* A call that moves bytes. */
static inline enum way
gate_carry(int fd)
{
	int class = owned_class(fd);
	enum way way;

	if (likely(class == FD_PASS))
		return WAY_LIBC;
	if (class == FD_GOVERNED && engine_get() != NULL)
		return WAY_ENGINE;
	way = owned_way(fd);
	return way == WAY_LIBC && owned_class(fd) == FD_RELAYED ? WAY_RELAYED
								: way;
}

/* Bytes from one to the other: either one governed. */
static inline enum way
gate_either(int fd, int other)
{
	if (likely(owned_class(fd) == FD_PASS && owned_class(other) == FD_PASS))
		return WAY_LIBC;
	return owned_way_either(fd, other);
}

/* A send may connect as well (TCP fast open). */
static inline enum way
gate_send(int fd, int flags)
{
	if (unlikely(flags & MSG_FASTOPEN))
		return owned_way_connect(fd);
	return gate_owned(fd);
}

/* Only an engine that is there already wants to know of these. */
static inline enum way
gate_setup(int fd)
{
	if (likely(owned_class(fd) == FD_PASS))
		return WAY_LIBC;
	return owned_way_setup(fd);
}

/* The end of a relay's pair is connected. */
static inline enum way
gate_dial(int fd)
{
	enum way way = owned_way_connect(fd);

	return way == WAY_LIBC && owned_class(fd) == FD_RELAYED
		   ? owned_refused(EISCONN)
		   : way;
}

static inline enum way
gate_poll(const struct pollfd *fds, nfds_t n)
{
	nfds_t i;

	libc_need();
	if (unlikely(n > FD_MAX))
		return WAY_LIBC; /* EINVAL */
	for (i = 0; i < n; i++)
		if (unlikely(owned_class(fds[i].fd) != FD_PASS))
			return owned_way_poll(fds, n);
	return WAY_LIBC;
}

static inline enum way
gate_epoll_ctl(int epfd, int fd)
{
	if (likely(owned_class(fd) == FD_PASS && owned_class(epfd) == FD_PASS))
		return WAY_LIBC;
	return owned_way_epoll_ctl(epfd, fd);
}

static inline enum way
gate_epoll(int epfd)
{
	if (likely(owned_class(epfd) == FD_PASS))
		return WAY_LIBC;
	return owned_way_epoll(epfd);
}

static inline enum way
gate_leave(void)
{
	libc_need();
	process_leave();
	return WAY_LIBC;
}

/* In the words of the rows: by the row's own parameter names. */
#define GATE_OWNED gate_owned(fd)
#define GATE_CARRY gate_carry(fd)
#define GATE_AIO gate_owned(cb->aio_fildes)
#define GATE_AIO_LIST                                              \
	({                                                         \
		enum way list_way = WAY_LIBC;                      \
		int at;                                            \
                                                                   \
		libc_need();                                       \
		for (at = 0; at < n && list_way == WAY_LIBC; at++) \
			if (list[at] != NULL)                      \
				list_way = gate_owned(             \
				    list[at]->aio_fildes);         \
		list_way;                                          \
	})
#define GATE_EITHER gate_either(fd, other)
#define GATE_SEND gate_send(fd, flags)
#define GATE_CONNECT owned_way_connect(fd)
#define GATE_DIAL gate_dial(fd)
#define GATE_SETUP gate_setup(fd)
#define GATE_POLL gate_poll(fds, n)
#define GATE_SELECT owned_way_select(n, r, w, e)
#define GATE_EPOLL_CTL gate_epoll_ctl(epfd, fd)
#define GATE_LEAVE gate_leave()

/* What libc's answer is to the program, where the gate says WAY_RELAYED. */
#define RELAYED_OWNED(answer) (answer)
#define RELAYED_CARRY(answer) relayed_end(fd, (answer))
#define RELAYED_AIO(answer) (answer)
#define RELAYED_AIO_LIST(answer) (answer)
#define RELAYED_EITHER(answer) (answer)
#define RELAYED_SEND(answer) (answer)
#define RELAYED_CONNECT(answer) (answer)
#define RELAYED_DIAL(answer) (answer)
#define RELAYED_SETUP(answer) (answer)
#define RELAYED_POLL(answer) (answer)
#define RELAYED_SELECT(answer) (answer)
#define RELAYED_EPOLL_CTL(answer) (answer)
#define RELAYED_LEAVE(answer) (answer)

/*
 * What an open gate means where the engine has no slot.  Nothing that could
 * move bytes or begin a connection may then go to libc.
 */
#define NO_SLOT_OWNED WAY_LIBC
#define NO_SLOT_CARRY WAY_REFUSED
#define NO_SLOT_AIO WAY_REFUSED
#define NO_SLOT_AIO_LIST WAY_REFUSED
#define NO_SLOT_EITHER WAY_REFUSED
#define NO_SLOT_SEND WAY_REFUSED
#define NO_SLOT_CONNECT WAY_REFUSED
#define NO_SLOT_DIAL WAY_REFUSED
#define NO_SLOT_SETUP WAY_LIBC
#define NO_SLOT_POLL WAY_LIBC
#define NO_SLOT_SELECT WAY_LIBC
#define NO_SLOT_EPOLL_CTL WAY_LIBC
#define NO_SLOT_LEAVE WAY_LIBC

#endif
