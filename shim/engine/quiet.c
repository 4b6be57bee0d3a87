/* quiet.c - writing to files of our own without a signal to the program */

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "quiet.h"

static const int ours[] = {SIGPIPE, SIGXFSZ};

#define OURS (sizeof ours / sizeof *ours)

void
quiet_begin(struct quiet *q)
{
	sigset_t held;
	size_t i;

	sigemptyset(&held);
	for (i = 0; i < OURS; i++)
		sigaddset(&held, ours[i]);
	pthread_sigmask(SIG_BLOCK, &held, &q->mask);
	sigemptyset(&q->pending);
	sigpending(&q->pending);
}

/* The program's own stays: one that was pending before, from whomever. */
void
quiet_end(const struct quiet *q)
{
	static const struct timespec now;
	int saved = errno;
	sigset_t new;
	size_t i;

	sigpending(&new);
	for (i = 0; i < OURS; i++) {
		sigset_t one;

		if (!sigismember(&new, ours[i]) ||
		    sigismember(&q->pending, ours[i]))
			continue;
		sigemptyset(&one);
		sigaddset(&one, ours[i]);
		sigtimedwait(&one, NULL, &now);
	}
	pthread_sigmask(SIG_SETMASK, &q->mask, NULL);
	errno = saved;
}
