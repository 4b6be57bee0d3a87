/*
 * epoll_report.h - what a set has to report, for who waits on it
 *
 * All with the set locked.
 */
#ifndef ENGINE_EPOLL_REPORT_H
#define ENGINE_EPOLL_REPORT_H

#include "epoll_set.h"

/* The answer of one epoll_wait, as it grows. */
struct answer {
	struct epoll_event *ev;
	int n; /* room */
	int got;
	unsigned wait; /* its number in the set */
};

/*
 * The kernel's n events, which lie behind what a has got: reported in place,
 * translated or swallowed.
 */
void epoll_report(struct set *s, struct answer *a, int n);

/*
 * Regs that were noted or reported before: some of them have news.  One with
 * nothing to tell is looked at again when it is noted, which a new question
 * does too: what a program has read a part of and asks about no more, or asks
 * only for room, must not keep its waits awake.
 */
void epoll_report_hot(struct set *s, struct answer *a);

/* A handshake that took too long fails when somebody looks at it. */
void epoll_note_late(struct set *s);

/*
 * Does r have something to report, or to wait for, that the kernel does not
 * know?  Else the bell stays silent: a set in a set would be readable for
 * nothing.
 */
bool epoll_has_news(const struct reg *r);

#endif
