/* slot.c - who holds a connection, across processes, in shared arenas */

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "alive.h"
#include "engine.h"
#include "slot.h"

#define NSLOTS 65536
#define NARENAS 64
#define NHOLDERS 4
#define EXPECTED (-1) /* announced before fork, not yet joined */
#define PATIENCE 1000 /* ticks until a fork is taken to have failed */
#define NAMELESS (-1) /* what slot_expect says when there was no room */

struct holder {
	_Atomic int32_t pid;    /* 0: free */
	_Atomic uint32_t since; /* alive_ticks(); older than the pid's joining */
};

struct slot {
	_Atomic uint32_t holders; /* 0: the slot is free */
	_Atomic uint32_t record_len;
	_Atomic uint32_t use[SLOT_USES]; /* stamps; see slot.h */
	_Atomic uint64_t cookie; /* the socket's, 0: not told yet */
	/*
	 * Processes by name, to tell the dead.  Those for whom there is no
	 * room are counted in holders and taken to be alive.
	 */
	struct holder who[NHOLDERS];
	unsigned char record[SLOT_RECORD];
};

_Static_assert(sizeof(struct slot) == 128, "a slot is 128 bytes");

/*
 * The counts and the first slots lie on one page, which is all that a server
 * with few connections at a time, and each of its children, touches.
 */
struct arena {
	_Alignas(128) _Atomic uint32_t hint; /* where to look for a free slot */
	_Atomic uint32_t top;  /* no slot at or above was ever used */
	_Atomic uint32_t used; /* how many are not free */
	uint32_t n;            /* slots; never changes */
	struct slot slots[];
};

#define FEW 31 /* slots on that page */

/*
 * The first arena is small enough for a gap between the libraries: it has a
 * page table in common with what a child writes anyway.
 */
#define FIRST 255

/*
 * Those that this process can see, from 0 on without a gap.  One that is
 * mapped after a fork is its process's and its later children's, who are all
 * that can ever hold a connection that is noted in it.
 */
RARE static _Atomic(struct arena *) arenas[NARENAS];

static struct arena *
arena_map(int at)
{
	uint32_t n = at == 0 ? FIRST : NSLOTS;
	size_t len = sizeof(struct arena) + n * sizeof(struct slot);
	struct arena *none = NULL, *a;

	a = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (a == MAP_FAILED)
		return NULL;
	a->n = n;
	if (atomic_compare_exchange_strong(&arenas[at], &none, a))
		return a;
	munmap(a, len); /* another thread's came first */
	return none;
}

int
slot_init(void)
{
	/* the second too: who comes after a fork is to see it */
	return arena_map(0) != NULL && arena_map(1) != NULL ? 0 : -errno;
}

static struct arena *
arena_of(const struct slot *s)
{
	struct arena *a;
	int i;

	for (i = 0; i < NARENAS && (a = arenas[i]) != NULL; i++)
		if (s >= a->slots && s < a->slots + a->n)
			return a;
	return NULL;
}

/* The index where from was renamed, or NAMELESS. */
static int
name_holder(struct slot *s, int32_t from, int32_t to)
{
	int i;

	for (i = 0; i < NHOLDERS; i++) {
		int32_t want = from;

		if (atomic_compare_exchange_strong(&s->who[i].pid, &want, to)) {
			s->who[i].since = alive_ticks();
			return i;
		}
	}
	return NAMELESS;
}

static void
raise_top(struct arena *a, uint32_t at)
{
	uint32_t old = a->top;

	while (old <= at && !atomic_compare_exchange_weak(&a->top, &old, at + 1))
		;
}

void
slot_name(struct slot *s, uint64_t cookie)
{
	if (s != NULL)
		s->cookie = cookie;
}

bool
slot_known(uint64_t cookie)
{
	struct arena *a;
	uint32_t i;
	int k;

	for (k = 0; k < NARENAS && (a = arenas[k]) != NULL; k++)
		for (i = 0; i < a->top; i++)
			if (a->slots[i].holders > 0 &&
			    a->slots[i].cookie == cookie)
				return true;
	return false;
}

/* Stamps go on from where the slot's last connection left them. */
static void
clear(struct slot *s, pid_t pid, uint32_t stamp[SLOT_USES])
{
	int i;

	memset(s->who, 0, sizeof s->who);
	s->cookie = 0;
	s->record_len = 0;
	for (i = 0; i < SLOT_USES; i++) {
		stamp[i] = (s->use[i] | 1) + 1;
		s->use[i] = stamp[i];
	}
	name_holder(s, 0, pid);
}

static struct slot *
arena_take(struct arena *a, pid_t pid, uint32_t stamp[SLOT_USES])
{
	uint32_t used = a->used, i, at;

	if (used >= a->n)
		return NULL;
	/* around the page, or as far that every other one should be free */
	at = atomic_fetch_add(&a->hint, 1) %
	    (used < FEW / 2 ? FEW : used < a->n / 2 ? 2 * used : a->n);
	for (i = 0; i < a->n; i++) {
		struct slot *s = &a->slots[(at + i) % a->n];
		uint32_t none = 0;

		if (!atomic_compare_exchange_strong(&s->holders, &none, 1))
			continue;
		atomic_fetch_add(&a->used, 1);
		raise_top(a, (at + i) % a->n);
		clear(s, pid, stamp);
		return s;
	}
	return NULL;
}

struct slot *
slot_new(pid_t pid, uint32_t stamp[SLOT_USES])
{
	struct arena *a;
	struct slot *s;
	int i;

	memset(stamp, 0, SLOT_USES * sizeof *stamp);
	if (arenas[0] == NULL)
		return NULL;
	for (i = 0; i < NARENAS; i++) {
		a = arenas[i];
		if (a == NULL && (a = arena_map(i)) == NULL)
			return NULL;
		s = arena_take(a, pid, stamp);
		if (s != NULL)
			return s;
	}
	return NULL;
}

int
slot_expect(struct slot *s)
{
	if (s == NULL)
		return NAMELESS;
	atomic_fetch_add(&s->holders, 1);
	return name_holder(s, 0, EXPECTED);
}

/*
 * Whoever looks between the two assignments finds a child that is expected,
 * as of now.
 */
void
slot_meet(struct slot *s, int expected, pid_t pid)
{
	int32_t want = EXPECTED;

	if (s == NULL || expected == NAMELESS)
		return;
	s->who[expected].since = alive_ticks();
	atomic_compare_exchange_strong(&s->who[expected].pid, &want, pid);
}

bool
slot_join(struct slot *s, int expected, pid_t pid)
{
	int32_t want = EXPECTED;

	if (s == NULL || expected == NAMELESS)
		return true;
	s->who[expected].since = alive_ticks();
	if (atomic_compare_exchange_strong(
		&s->who[expected].pid, &want, pid))
		return true;
	if (want != 0 && pid == 0) /* the parent knows us by this number */
		return atomic_compare_exchange_strong(
		    &s->who[expected].pid, &want, 0);
	return want == pid && pid != 0;
}

void
slot_cancel(struct slot *s, int expected)
{
	int32_t want = EXPECTED;

	if (s == NULL)
		return;
	if (expected == NAMELESS ||
	    atomic_compare_exchange_strong(&s->who[expected].pid, &want, 0))
		atomic_fetch_sub(&s->holders, 1);
}

OFTEN bool
slot_claim(struct slot *s, enum slot_use use, uint32_t *stamp)
{
	uint32_t want = *stamp;

	if (want == SLOT_NEVER)
		return false;
	if (s == NULL)
		return true;
	if (want & 1)
		return s->use[use] == want;
	if (!atomic_compare_exchange_strong(&s->use[use], &want, want | 1))
		return false;
	*stamp |= 1;
	return true;
}

void
slot_unclaim(struct slot *s, enum slot_use use, uint32_t *stamp)
{
	uint32_t mine = *stamp;

	if (s == NULL || mine == SLOT_NEVER || !(mine & 1))
		return;
	if (atomic_compare_exchange_strong(&s->use[use], &mine, *stamp - 1))
		*stamp -= 1;
}

void
slot_offer(struct slot *s, enum slot_use use, uint32_t *stamp)
{
	uint32_t mine = *stamp;

	if (s == NULL || mine == SLOT_NEVER || !(mine & 1))
		return;
	if (atomic_compare_exchange_strong(&s->use[use], &mine, *stamp + 1))
		*stamp += 1;
}

bool
slot_undecided(const struct slot *s, enum slot_use use, uint32_t stamp)
{
	return s != NULL && !(stamp & 1) && s->use[use] == stamp;
}

void
slot_leave_record(struct slot *s, const void *record, size_t len)
{
	if (s == NULL || len > SLOT_RECORD)
		return;
	memcpy(s->record, record, len);
	atomic_store(&s->record_len, (uint32_t)len);
}

static bool
holder_dead(const struct holder *h)
{
	int32_t pid = h->pid;
	uint32_t since = h->since;

	if (pid == 0 || since == 0) /* 0: it comes or goes just now */
		return false;
	if (pid == EXPECTED) /* a fork that failed inside libc: daemon() */
		return (int32_t)(alive_ticks() - since) > PATIENCE;
	return !alive_is(pid, since);
}

static void
bury(struct slot *s, pid_t me)
{
	int saved = errno;
	int i;

	if (me == 0) /* the others' numbers say nothing to us */
		return;
	for (i = 0; i < NHOLDERS; i++) {
		int32_t pid = s->who[i].pid;

		if (pid == me || !holder_dead(&s->who[i]))
			continue;
		s->who[i].since = 0;
		if (atomic_compare_exchange_strong(&s->who[i].pid, &pid, 0))
			atomic_fetch_sub(&s->holders, 1);
	}
	errno = saved;
}

bool
slot_alone(struct slot *s, pid_t pid)
{
	if (s == NULL)
		return true;
	if (s->holders > 1)
		bury(s, pid);
	return s->holders <= 1;
}

/* False if it has no name here, or somebody has buried it meanwhile. */
static bool
forget_holder(struct slot *s, pid_t pid)
{
	int i;

	for (i = 0; i < NHOLDERS; i++) {
		int32_t me = pid;

		if (s->who[i].pid != pid)
			continue;
		s->who[i].since = 0;
		if (atomic_compare_exchange_strong(&s->who[i].pid, &me, 0))
			return true;
	}
	return false;
}

bool
slot_names(const struct slot *s, pid_t pid)
{
	int i;

	for (i = 0; s != NULL && pid != 0 && i < NHOLDERS; i++)
		if (s->who[i].pid == pid)
			return true;
	return false;
}

void
slot_leave_for(struct slot *s, pid_t pid, bool named)
{
	if (s != NULL && (forget_holder(s, pid) || !named))
		atomic_fetch_sub(&s->holders, 1);
}

bool
slot_step_out(struct slot *s, pid_t pid)
{
	uint32_t n = s != NULL ? s->holders : 0;

	while (n > 1)
		if (atomic_compare_exchange_weak(&s->holders, &n, n - 1)) {
			if (pid != 0)
				(void)forget_holder(s, pid);
			return true;
		}
	return false;
}

bool
slot_step_in(struct slot *s, pid_t pid, uint64_t cookie)
{
	uint32_t n = s->holders;

	while (n > 0 && s->cookie == cookie)
		if (atomic_compare_exchange_weak(&s->holders, &n, n + 1)) {
			if (pid != 0)
				name_holder(s, 0, pid);
			return true;
		}
	return false;
}

bool
slot_leave(struct slot *s, pid_t pid, struct slot_end *end)
{
	(void)slot_alone(s, pid);
	return slot_leave_asked(s, pid, end);
}

bool
slot_leave_asked(struct slot *s, pid_t pid, struct slot_end *end)
{
	struct slot_end unwanted;
	int i;

	if (end == NULL)
		end = &unwanted;
	*end = (struct slot_end){0};
	if (s == NULL)
		return true;
	if (pid != 0)
		(void)forget_holder(s, pid);
	/*
	 * The slot is free the moment holders is 0: what it says is copied
	 * before.  It is complete then if we are the last, since the owner
	 * wrote it before its own subtraction, and only a holder claims.
	 */
	for (;;) {
		uint32_t n = s->holders;

		end->len = s->record_len;
		memcpy(end->record, s->record, sizeof end->record);
		for (i = 0; i < SLOT_USES; i++)
			end->stamp[i] = s->use[i];
		if (!atomic_compare_exchange_strong(&s->holders, &n, n - 1))
			continue;
		if (n == 1)
			atomic_fetch_sub(&arena_of(s)->used, 1);
		return n == 1;
	}
}
