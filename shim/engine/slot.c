/* slot.c - who holds a connection, across processes, in one shared arena */

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "slot.h"

#define NSLOTS 65536
#define NHOLDERS 4
#define EXPECTED (-1) /* announced before fork, not yet joined */

struct holder {
	_Atomic int32_t pid;    /* 0: free */
	_Atomic uint32_t since; /* seconds of CLOCK_BOOTTIME */
};

struct slot {
	_Atomic uint32_t holders; /* 0: the slot is free */
	_Atomic int32_t owner;
	_Atomic uint32_t record_len;
	_Atomic uint64_t cookie; /* the socket's, 0: not told yet */
	/*
	 * Processes by name, to tell the dead.  Those for whom there is no
	 * room are counted in holders and taken to be alive.
	 */
	struct holder who[NHOLDERS];
	unsigned char record[SLOT_RECORD];
};

_Static_assert(sizeof(struct slot) == 128, "a slot is 128 bytes");

static struct slot *arena;
static _Atomic uint32_t *hint; /* shared: where to look for a free slot */
static _Atomic uint32_t *top;  /* shared: no slot at or above was ever used */

int
slot_init(void)
{
	size_t len = NSLOTS * sizeof(struct slot) + 4096;
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	arena = p;
	hint = (_Atomic uint32_t *)(arena + NSLOTS);
	top = hint + 1;
	return 0;
}

static uint32_t
uptime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint32_t)ts.tv_sec;
}

static void
name_holder(struct slot *s, int32_t from, int32_t to)
{
	int i;

	for (i = 0; i < NHOLDERS; i++) {
		int32_t want = from;

		if (atomic_compare_exchange_strong(&s->who[i].pid, &want, to)) {
			s->who[i].since = uptime();
			return;
		}
	}
}

static void
raise_top(uint32_t at)
{
	uint32_t old = *top;

	while (old <= at && !atomic_compare_exchange_weak(top, &old, at + 1))
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
	uint32_t i, n = arena != NULL ? *top : 0;

	for (i = 0; i < n; i++)
		if (arena[i].holders > 0 && arena[i].cookie == cookie)
			return true;
	return false;
}

struct slot *
slot_new(pid_t pid)
{
	uint32_t i, at;

	if (arena == NULL)
		return NULL;
	at = atomic_fetch_add(hint, 1);
	for (i = 0; i < NSLOTS; i++) {
		struct slot *s = &arena[(at + i) % NSLOTS];
		uint32_t none = 0;

		if (!atomic_compare_exchange_strong(&s->holders, &none, 1))
			continue;
		memset(s->who, 0, sizeof s->who);
		s->owner = 0;
		s->cookie = 0;
		s->record_len = 0;
		name_holder(s, 0, pid);
		raise_top((at + i) % NSLOTS);
		return s;
	}
	return NULL;
}

void
slot_expect(struct slot *s)
{
	if (s == NULL)
		return;
	atomic_fetch_add(&s->holders, 1);
	name_holder(s, 0, EXPECTED);
}

void
slot_join(struct slot *s, pid_t pid)
{
	if (s != NULL)
		name_holder(s, EXPECTED, pid);
}

bool
slot_claim(struct slot *s, pid_t pid)
{
	int32_t none = 0;

	if (s == NULL || s->owner == pid)
		return true;
	return atomic_compare_exchange_strong(&s->owner, &none, pid);
}

void
slot_disown(struct slot *s, pid_t pid)
{
	int32_t me = pid;

	if (s != NULL)
		atomic_compare_exchange_strong(&s->owner, &me, 0);
}

bool
slot_undecided(const struct slot *s)
{
	return s != NULL && s->owner == 0;
}

void
slot_leave_record(struct slot *s, const void *record, size_t len)
{
	if (s == NULL || len > SLOT_RECORD)
		return;
	memcpy(s->record, record, len);
	atomic_store(&s->record_len, (uint32_t)len);
}

/* Our own child that nobody has waited for yet: dead, and still there. */
static bool
is_zombie(pid_t pid)
{
	siginfo_t info = {.si_pid = 0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
	    0 &&
	    info.si_pid == pid;
}

/*
 * A holder is dead if no process has its number.  A number that was used
 * again within the life of a connection is taken for the holder: the cost is
 * a missing close_notify, never a wrong one.
 */
static bool
holder_dead(const struct holder *h)
{
	int32_t pid = h->pid;

	if (pid == 0)
		return false;
	if (pid == EXPECTED) /* a fork that failed */
		return h->since != 0 && uptime() - h->since > 2;
	return (kill(pid, 0) == -1 && errno == ESRCH) || is_zombie(pid);
}

static void
bury(struct slot *s, pid_t me)
{
	int saved = errno;
	int i;

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

bool
slot_drop(struct slot *s, pid_t pid, void *rec, size_t *len)
{
	unsigned char copy[SLOT_RECORD];
	int i;

	*len = 0;
	if (s == NULL)
		return true;
	if (s->holders > 1)
		bury(s, pid);
	for (i = 0; i < NHOLDERS; i++) {
		int32_t me = pid;

		if (s->who[i].pid != pid)
			continue;
		s->who[i].since = 0;
		if (atomic_compare_exchange_strong(&s->who[i].pid, &me, 0))
			break;
	}
	/*
	 * The slot is free the moment holders is 0: what it says is copied
	 * before.  It is complete then if we are the last, since the owner
	 * wrote it before its own subtraction.
	 */
	for (;;) {
		uint32_t n = s->holders;
		size_t l = s->record_len;

		memcpy(copy, s->record, sizeof copy);
		if (!atomic_compare_exchange_strong(&s->holders, &n, n - 1))
			continue;
		if (n > 1)
			return false;
		memcpy(rec, copy, sizeof copy);
		*len = l;
		return true;
	}
}
