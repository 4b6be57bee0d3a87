/* bell.c - wakes threads that sleep in poll or select */

#include <pthread.h>
#include <stdint.h>

#include "bell.h"
#include "engine.h"
#include "ours.h"

static pthread_mutex_t bell_lock = PTHREAD_MUTEX_INITIALIZER; /* all of these */
static _Atomic int bells[2] = {-1, -1};
static unsigned now;       /* the round; bells[now % 2] is silent */
static unsigned listening; /* to that */
static unsigned behind;    /* who listens to the other one still: it rings */
static bool again;         /* it is to be rung when nobody does any more */

static _Atomic int *
bell_of(unsigned which)
{
	return &bells[which % 2];
}

int
bell_listen(struct ear *e)
{
	_Atomic int *bell;
	int fd;

	pthread_mutex_lock(&bell_lock);
	bell = bell_of(now);
	if (atomic_load(bell) == -1)
		(void)ours_event(bell);
	fd = atomic_load(bell);
	e->on = true;
	e->dull = fd == -1 || behind > 0;
	e->round = now;
	listening++;
	pthread_mutex_unlock(&bell_lock);
	return fd;
}

/* bell_lock held, and nobody is behind. */
static void
ring(void)
{
	uint64_t one = 1;
	int fd = atomic_load(bell_of(now));

	if (fd != -1)
		(void)!host->libc->write(fd, &one, sizeof one);
	behind = listening;
	listening = 0;
	again = false;
	now++;
}

static void
silence(unsigned round)
{
	uint64_t n;
	int fd = atomic_load(bell_of(round));

	if (fd != -1)
		(void)!host->libc->read(fd, &n, sizeof n);
}

void
bell_leave(struct ear *e)
{
	if (!e->on)
		return;
	e->on = false;
	pthread_mutex_lock(&bell_lock);
	if (e->round == now) {
		listening--;
	} else if (e->round + 1 == now && --behind == 0) {
		silence(e->round);
		if (again && listening > 0)
			ring();
		again = false;
	}
	pthread_mutex_unlock(&bell_lock);
}

void
bell_ring(void)
{
	pthread_mutex_lock(&bell_lock);
	if (listening > 0 && behind > 0)
		again = true;
	else if (listening > 0)
		ring();
	pthread_mutex_unlock(&bell_lock);
}

/*
 * The parent's waits are not the child's to wake, and a handler's fork may
 * come back to one: its round is long past.
 */
void
bell_forked(void)
{
	pthread_mutex_init(&bell_lock, NULL);
	ours_close(&bells[0]);
	ours_close(&bells[1]);
	listening = behind = 0;
	again = false;
	now += 2;
}
