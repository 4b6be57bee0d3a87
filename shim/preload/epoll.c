/* epoll.c - waits that begin as libc's and may end as the engine's */

#include "owned.h"

/*
 * Another thread may add a governed descriptor while this one waits in the
 * kernel on a set that held none: what then comes back carries the engine's
 * data.  The engine translates it; if nothing is left of it, the wait goes on
 * as the engine's.
 */
static int
translated(int epfd, struct epoll_event *events, int got)
{
	if (likely(got <= 0 || owned_class(epfd) != FD_SET))
		return got;
	return engine_get()->events(epfd, events, got);
}

#define WAIT(name, ...)                                          \
	do {                                                     \
		enum way way = gate_epoll(epfd);                 \
		int got;                                         \
                                                                 \
		if (likely(way == WAY_LIBC)) {                   \
			got = libc.name(__VA_ARGS__);            \
			if (likely(got <= 0))                    \
				return got;                      \
			got = translated(epfd, events, got);     \
			if (got > 0)                             \
				return got;                      \
			way = WAY_ENGINE;                        \
		}                                                \
		if (way == WAY_ENGINE)                           \
			return engine_get()->calls->name(__VA_ARGS__); \
		return -1;                                       \
	} while (0)

EXPORTS_BEGIN

int
epoll_wait(int epfd, struct epoll_event *events, int n, int timeout)
{
	WAIT(epoll_wait, epfd, events, n, timeout);
}

int
epoll_pwait(int epfd, struct epoll_event *events, int n, int timeout,
    const sigset_t *mask)
{
	WAIT(epoll_pwait, epfd, events, n, timeout, mask);
}

int
epoll_pwait2(int epfd, struct epoll_event *events, int n,
    const struct timespec *timeout, const sigset_t *mask)
{
	WAIT(epoll_pwait2, epfd, events, n, timeout, mask);
}

EXPORTS_END
