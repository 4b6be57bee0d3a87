/*
 * gaicb.c - names that are looked up in the background (getaddrinfo_a)
 *
 * libc's threads reach no hook, so a request is noted when the program learns
 * that it is done: a wait for it ends, or gai_error gives 0.  Programs ask
 * that again and again; each look-up is noted once.
 */
#include <netdb.h>
#include <stdint.h>

#include "preload.h"

#define MANY 64

/* Requests that were noted since they were made; a collision forgets one. */
static const struct gaicb *noted[MANY];

static const struct gaicb **
place_of(const struct gaicb *r)
{
	return &noted[((uintptr_t)r >> 4) % MANY];
}

static void
begin(const struct gaicb *r)
{
	if (r != NULL && __atomic_load_n(place_of(r), __ATOMIC_RELAXED) == r)
		__atomic_store_n(place_of(r), NULL, __ATOMIC_RELAXED);
}

static void
done(const struct gaicb *r)
{
	if (r == NULL || libc.gai_error((struct gaicb *)r) != 0 ||
	    __atomic_exchange_n(place_of(r), r, __ATOMIC_RELAXED) == r)
		return;
	names_note(r->ar_name, r->ar_result);
}

EXPORTS_BEGIN

int
getaddrinfo_a(int mode, struct gaicb *list[], int n, struct sigevent *event)
{
	int rv, i;

	libc_need();
	for (i = 0; i < n; i++)
		begin(list[i]);
	rv = libc.getaddrinfo_a(mode, list, n, event);
	for (i = 0; mode == GAI_WAIT && i < n; i++)
		done(list[i]);
	return rv;
}

int
gai_suspend(
    const struct gaicb *const list[], int n, const struct timespec *limit)
{
	int rv, i;

	libc_need();
	rv = libc.gai_suspend(list, n, limit);
	for (i = 0; i < n; i++)
		done(list[i]);
	return rv;
}

int
gai_error(struct gaicb *request)
{
	int rv;

	libc_need();
	rv = libc.gai_error(request);
	if (rv == 0)
		done(request);
	return rv;
}

EXPORTS_END
