/*
 * epoll_set.h - one epoll set: its registrations, its doorbell
 *
 * The life of a set
 *	A set has one reference for all its numbers together, and one for each
 *	use under way: a call that found it by a number (struct call's set,
 *	given back by call_end or by who jumps out of a wait), and a look at
 *	regs that were found by their conn (epoll.c, struct found).  The last
 *	one to go frees the regs and leaves the struct to the next set that is
 *	made.  It is never returned to malloc: who has just read which set a
 *	number has may try for a reference and see that it is too late, as
 *	with conns (conn.h).  There are as many as were open at one time.
 * Regs
 *	Closing takes every reg off its conn's list, under links, before it
 *	gives back the reference of the numbers: so a set whose reg is found
 *	on such a list, under links, has a reference that somebody may copy.
 *	Regs do not move and are not freed before the set is done with.
 * Closing under a thread that waits
 *	The kernel lets it wait, and what it reports then is nobody's.  epfd
 *	is -1 from the closing on, which is looked at whenever the set is
 *	locked: the wait ends with EBADF where it would go on with a number
 *	that may be another file's, and nothing is added any more.
 * Fork
 *	making is held over it, so that both lists are whole in the child.
 *	Calls of the parent's other threads never give back what they hold
 *	there: the child counts anew, the numbers' reference and those of its
 *	one thread's calls.  A set that another thread was closing, or changing, at
 *	the fork is not used again in the child, since regs of it may be on
 *	lists there.
 *	The last reference takes making: it goes with no lock held.
 */
#ifndef ENGINE_EPOLL_SET_H
#define ENGINE_EPOLL_SET_H

#include <sys/epoll.h>

#include "conn.h"

/* The first line of a cache is what a wait looks at; ahead.h asks for that. */
struct reg {
	struct set *set;
	struct conn *c; /* NULL: a stream that is not connected yet; links */
	uint64_t data;
	_Atomic uint32_t events; /* as the program asked; note_one needs no lock */
	uint32_t asked; /* what the kernel is asked for */
	int fd;         /* as the program registered it */
	bool live;
	bool closed;   /* fd was closed, a dup of it lives */
	bool disarmed; /* ONESHOT has fired */
	bool told_out; /* edge-triggered: OUT was reported since it was asked */
	bool hot; /* on the set's list of those to look at again */
	_Atomic bool noted; /* on the set's stack */
	unsigned shorts; /* the conn's out_shorts as told_out was set */
	unsigned wait; /* the wait that reported it last, and where */
	int place;
	struct reg *next_hot;

	struct reg *next_noted;
	_Atomic(struct reg *) next_of_conn; /* links */
	struct reg *next_of_fd; /* of a bucket, or of the spare ones */
	bool found; /* in a bucket: live and not closed */
	uint32_t index;
	pid_t by; /* the process that added it */
};

_Static_assert(offsetof(struct reg, next_noted) <= CONN_LINE, "a line");

struct set {
	_Atomic uint32_t refs; /* 0: spare */
	struct set *next;      /* of all there are; making */
	struct set *next_spare; /* making */
	_Atomic int epfd; /* one of its numbers; -1: closed (lock) */
	int fds;          /* how many; making (epoll_set.c) */
	pid_t pid;            /* who may wait for connections */
	uint32_t since;       /* alive_ticks() as of pid */
	unsigned forks;       /* process_forks() as of the lock's last init */
	pthread_mutex_t lock; /* all below but the stack */
	struct reg **regs;    /* by index; never shrinks, regs never move */
	uint32_t nregs, cap;
	struct reg **bucket; /* by number, as many as cap; NULL while cap is 0 */
	struct reg *spare;   /* not live; perhaps hot or noted still */
	uint64_t base; /* id of reg 0 in the kernel's data */
	struct reg *hot;
	_Atomic(struct reg *) stack; /* noted regs, pushed without lock */
	_Atomic int bell;            /* eventfd, rung while hot is not empty */
	_Atomic bool rung;
	bool full;      /* the last answer had no room for what is hot */
	unsigned waits; /* counts calls of epoll_wait */
	int64_t deadline; /* of the earliest handshake, 0 = none */
};

/*
 * A reference to the set of epfd, which is made if `make`; NULL: none, or out
 * of memory.  set_hold: another one, for who knows that there is one.
 */
struct set *set_get(int epfd, bool make);
struct set *set_hold(struct set *s);
void set_put(struct set *s);

/* Locks s; in the child of a fork with a lock of its own. */
void set_lock(struct set *s);

/*
 * Locked: true if this process may wait for s's connections: it made s, or it
 * goes on with what it inherited by fork, with a bell of its own.  False while
 * s has a connection that another, living process added: it would get events
 * of the other's session.
 */
bool set_take(struct set *s);

/* to is another number of from's set, if that has one. */
void set_share(int from, int to);

/*
 * epfd is no number of its set any more; that, if it was the last one, with
 * the reference of its numbers.
 */
struct set *set_forget(int epfd);

/* Locked: s has no number, no regs and no bell from now on. */
void set_close(struct set *s);
bool set_is_closed(const struct set *s);

/* reg.c: registrations */

/* links is held over a fork, by epoll_set.c. */
void reg_before_fork(void);
void reg_after_fork(bool child);

/* Locked: the live reg of fd, or NULL. */
struct reg *set_find(struct set *s, int fd);

/* Locked: the reg that the kernel's data names; NULL: the program's data. */
struct reg *set_reg(struct set *s, uint64_t data);
bool set_is_bell(const struct set *s, uint64_t data);

/* True of the kernel's data for a reg that another process has added. */
bool set_is_foreign(const struct set *s, uint64_t data);

/* Locked: a new reg for fd, or NULL. */
struct reg *set_add(struct set *s, int fd);
void set_del(struct reg *r);

/* Locked: r's number is closed and a copy of it lives. */
void set_hide(struct reg *r);

static inline uint64_t
reg_id(const struct reg *r)
{
	return r->set->base + 1 + r->index;
}

/* The kernel's answer is the program's: not connected yet, or a listener. */
bool reg_passes(const struct reg *r);

/* Set locked: the kernel's registration of r asks for events from now on. */
int reg_ctl(struct reg *r, int op, uint32_t events);

/* Any thread, no lock: r is to be looked at again. */
void reg_note(struct reg *r);

/* Set locked: r is on the hot list, and the bell rings. */
void reg_heat(struct reg *r);

/* Locked: moves what was noted to the hot list. */
void set_take_noted(struct set *s);

/* Locked: is there something to look at again? */
bool set_is_hot(const struct set *s);

/* Locked: silences the bell if nothing is hot. */
void set_quiet(struct set *s);

/* r belongs to a stream that is not connected yet. */
void reg_wait_stream(struct reg *r);

/* Ties r to c (NULL unties). */
void reg_bind(struct reg *r, struct conn *c);

/* Is r the only reg of its conn? */
bool reg_alone(const struct reg *r);

/* Calls f for each reg of c, or for each unbound reg of fd (c NULL). */
void reg_each(struct conn *c, int fd, void (*f)(struct reg *r, void *arg),
    void *arg);

#endif
