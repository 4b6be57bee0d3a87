/*
 * engine_slot_test.c - who holds a connection: claims, the dead, a full
 * arena, and processes that race
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../shim/engine/engine.h"
#include "../../shim/engine/slot.c"
#include "result.h"

static const pid_t me = 100000000, you = 100000001; /* above any pid_max */

/* The pid of a process that has ended and was waited for. */
static pid_t
dead_pid(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid == -1 || waitpid(pid, NULL, 0) != pid)
		abort();
	return pid;
}

static struct slot *
slot_of(pid_t pid, uint32_t *stamp)
{
	uint32_t none[SLOT_USES];

	return slot_new(pid, stamp != NULL ? stamp : none);
}

static bool
leaves(struct slot *s, pid_t pid)
{
	struct slot_end end;

	return slot_leave(s, pid, &end);
}

static void
test_claims(void)
{
	uint32_t a[SLOT_USES], b[SLOT_USES], c[SLOT_USES];
	struct slot *s = slot_of(me, a);
	struct slot_end end;

	result(s != NULL && slot_undecided(s, SLOT_TX, a[SLOT_TX]) &&
		   slot_alone(s, me),
	    "a new slot has one holder and no owner");
	memcpy(b, a, sizeof a);
	result(slot_claim(s, SLOT_TX, &a[SLOT_TX]) &&
		   slot_claim(s, SLOT_TX, &a[SLOT_TX]) &&
		   !slot_undecided(s, SLOT_TX, a[SLOT_TX]),
	    "the first to ask owns a use, however often it asks");
	result(!slot_claim(s, SLOT_TX, &b[SLOT_TX]), "nobody else does then");
	result(slot_claim(s, SLOT_RX, &b[SLOT_RX]) &&
		   !slot_claim(s, SLOT_RX, &a[SLOT_RX]),
	    "the other use may be another's");
	slot_offer(s, SLOT_TX, &b[SLOT_TX]);
	result(!slot_claim(s, SLOT_TX, &b[SLOT_TX]),
	    "only the owner offers it");
	memcpy(c, b, sizeof b);
	slot_offer(s, SLOT_TX, &a[SLOT_TX]);
	b[SLOT_TX] = a[SLOT_TX];
	result(slot_undecided(s, SLOT_TX, a[SLOT_TX]) &&
		   slot_claim(s, SLOT_TX, &b[SLOT_TX]) &&
		   !slot_claim(s, SLOT_TX, &a[SLOT_TX]),
	    "once it has, the next to ask owns it");
	slot_offer(s, SLOT_TX, &b[SLOT_TX]);
	result(!slot_claim(s, SLOT_TX, &a[SLOT_TX]) &&
		   !slot_claim(s, SLOT_TX, &c[SLOT_TX]),
	    "a copy of the session from before is no good any more");
	result(slot_inherited(7) == SLOT_NEVER && slot_inherited(8) == 8,
	    "a child has what was offered");
	a[SLOT_TX] = SLOT_NEVER;
	result(!slot_claim(s, SLOT_TX, &a[SLOT_TX]) &&
		   !slot_claim(NULL, SLOT_TX, &a[SLOT_TX]),
	    "and never the rest");
	result(slot_leave(s, me, &end) && end.len == 0 && s->holders == 0,
	    "the only holder is the last, without a record");
}

static void
test_record(void)
{
	static const unsigned char record[SLOT_RECORD + 1] = "close_notify";
	uint32_t a[SLOT_USES], b[SLOT_USES];
	struct slot *s = slot_of(getpid(), a);
	pid_t parent = getppid(); /* lives, and is not us */
	struct slot_end end;
	int expected;

	expected = slot_expect(s);
	result(slot_join(s, expected, parent) && s->holders == 2 &&
		   !slot_alone(s, getpid()),
	    "a fork makes a second holder");
	slot_leave_record(s, record, SLOT_RECORD + 1);
	result(s->record_len == 0, "a record that is too long is not left");
	slot_leave_record(s, record, SLOT_RECORD);
	result(!slot_leave(s, getpid(), &end), "the first to go is not the last");
	result(slot_leave(s, parent, &end) && end.len == SLOT_RECORD &&
		   memcmp(end.record, record, SLOT_RECORD) == 0 &&
		   end.stamp[SLOT_TX] == a[SLOT_TX] && s->holders == 0,
	    "the last one gets the record");
	s->record_len = 5;
	arenas[0]->hint = (uint32_t)(s - arenas[0]->slots);
	result(slot_of(me, b) == s && s->record_len == 0 &&
		   s->who[0].pid == me && !slot_claim(s, SLOT_TX, &a[SLOT_TX]),
	    "who has the slot next finds nothing of it");
	leaves(s, me);
}

static void
test_dead(void)
{
	struct slot *s = slot_of(getpid(), NULL);
	int i, expected;

	slot_join(s, slot_expect(s), dead_pid());
	result(s->holders == 2 && slot_alone(s, getpid()) && s->holders == 1,
	    "a holder that has died is not counted");
	slot_join(s, slot_expect(s), dead_pid());
	result(leaves(s, getpid()), "nor at the drop");

	s = slot_of(getpid(), NULL);
	expected = slot_expect(s);
	result(!slot_alone(s, getpid()), "a child that is expected counts");
	s->who[expected].since -= PATIENCE + 1;
	result(slot_alone(s, getpid()), "one whose fork failed long ago not");
	result(!slot_join(s, expected, getppid()),
	    "and when it comes after all it is told so");
	expected = slot_expect(s);
	slot_cancel(s, expected);
	result(s->holders == 1 && slot_alone(s, getpid()),
	    "a fork that is known to have failed does not count at once");
	leaves(s, getpid());

	s = slot_of(getpid(), NULL);
	for (i = 0; i < 2 * NHOLDERS; i++)
		slot_join(s, slot_expect(s), getppid());
	result(s->holders == 2 * NHOLDERS + 1, "there is no room for all");
	for (i = 0; i < 2 * NHOLDERS; i++)
		if (leaves(s, getppid()))
			result(false, "not the last, and taken for it");
	result(leaves(s, getpid()), "but a count of them");
}

/* A number that was given to another process since. */
static void
test_number_used_again(void)
{
	struct slot *s = slot_of(getpid(), NULL);
	int expected = slot_expect(s);

	slot_join(s, expected, getppid());
	result(!slot_alone(s, getpid()), "an old process is who it was");
	result(alive_is(getpid(), alive_ticks()) &&
		   !alive_is(getpid(), alive_ticks() - 100 * 3600 * 24),
	    "a process is younger than a day");
	s->who[expected].since = 1; /* when nobody had been started yet */
	result(slot_alone(s, getpid()), "a younger one with its number is not");
	leaves(s, getpid());

	s = slot_of(getpid(), NULL);
	slot_join(s, slot_expect(s), 0);
	result(!slot_alone(s, getpid()) && s->holders == 2,
	    "one of another pid namespace is counted, by no number");
	result(!leaves(s, 0) && slot_alone(s, getpid()), "until it leaves");
	leaves(s, getpid());
}

/*
 * An exec whose next image has ended, and was found dead, before whoever waits
 * for that exec counts it out: the parent's hold must not go with it.
 */
static void
test_left_for_another(void)
{
	pid_t pid = dead_pid();
	struct slot *s = slot_of(me, NULL);
	bool named;
	int i;

	s->holders = 3; /* and we */
	name_holder(s, 0, pid);
	named = slot_names(s, pid);
	(void)slot_alone(s, me);
	result(named && s->holders == 2, "one that has died is counted out");
	slot_leave_for(s, pid, named);
	result(s->holders == 2, "and not a second time");
	name_holder(s, 0, you);
	slot_leave_for(s, you, slot_names(s, you));
	result(s->holders == 1, "one that lives is, by another");
	for (i = 0; i < NHOLDERS; i++)
		s->who[i].pid = you;
	s->holders = 3;
	slot_leave_for(s, pid, slot_names(s, pid));
	result(s->holders == 2, "and one for whose name there was no room");
	memset(s->who, 0, sizeof s->who);
	s->holders = 1;
	(void)slot_leave(s, me, NULL);
}

/* A zombie that is not our child: its number is taken, and it is dead. */
static void
test_zombie_of_another(void)
{
	int p[2];
	pid_t pid, dead;

	if (pipe(p) == -1)
		abort();
	pid = fork();
	if (pid == 0) {
		dead = fork();
		if (dead == 0)
			_exit(0);
		waitid(P_PID, (id_t)dead, &(siginfo_t){0}, WEXITED | WNOWAIT);
		(void)!write(p[1], &dead, sizeof dead);
		pause();
	}
	if (read(p[0], &dead, sizeof dead) != sizeof dead)
		abort();
	result(kill(dead, 0) == 0 && !alive_is(dead, alive_ticks()),
	    "a sibling's zombie is dead");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
test_full(void)
{
	struct slot **all = calloc(FIRST + NSLOTS + 1, sizeof *all);
	uint32_t i, n = 0, stamp = SLOT_NEVER;

	while (arenas[2] == NULL && n <= FIRST + NSLOTS)
		all[n++] = slot_of(me, NULL);
	result(arena_of(all[FIRST - 1]) == arenas[0] &&
		   arena_of(all[FIRST]) == arenas[1],
	    "the first arena is a small one");
	result(n == FIRST + NSLOTS + 1 && all[n - 1] != NULL &&
		   arena_of(all[n - 1]) == arenas[2],
	    "when the arenas are full there is another");
	leaves(all[12345], me);
	result(slot_of(you, NULL) == all[12345], "what is free again is found");
	for (i = 0; i < n; i++)
		leaves(all[i], i == 12345 ? you : me);
	result(arenas[0]->used == 0 && arenas[1]->used == 0 &&
		   arenas[2]->used == 0,
	    "all are free again");
	free(all);
	slot_expect(NULL);
	slot_join(NULL, 0, me);
	slot_offer(NULL, SLOT_TX, &stamp);
	slot_leave_record(NULL, "x", 1);
	stamp = 0;
	result(slot_claim(NULL, SLOT_TX, &stamp) && slot_alone(NULL, me) &&
		   !slot_undecided(NULL, SLOT_TX, 0) && leaves(NULL, me),
	    "without a slot a process is alone");
}

#define RACERS 2 /* more than the processors there are would only queue */
#define ROUNDS 10000

/* What the processes of a race share. */
static struct race {
	_Atomic int line[ROUNDS];
	_Atomic int claims[ROUNDS], lasts[ROUNDS], records[ROUNDS];
	uint32_t taken[RACERS][ROUNDS]; /* slots of their own, by number */
	struct slot *slot[ROUNDS];
	uint32_t stamp[ROUNDS];
	int expected[RACERS][ROUNDS];
} * race;

static uint32_t
number(const struct slot *s)
{
	const struct arena *a = arena_of(s);

	return (uint32_t)(s - a->slots) + (a == arenas[0] ? 0 : FIRST);
}

static void
race_round(int who, int i)
{
	struct slot *s = race->slot[i];
	struct slot_end end;
	pid_t pid = getpid();
	uint32_t stamp = race->stamp[i];
	unsigned spins = 0;

	race->taken[who][i] = number(slot_of(pid, NULL));
	race->line[i]++;
	while (race->line[i] < RACERS)
		if (++spins % 1000 == 0)
			sched_yield();
	if (slot_claim(s, SLOT_TX, &stamp)) {
		race->claims[i]++;
		slot_leave_record(s, &i, sizeof i);
	}
	if (!slot_leave(s, pid, &end))
		return;
	race->lasts[i]++;
	race->records[i] += end.len == sizeof i &&
	    memcmp(end.record, &i, end.len) == 0;
}

static void
race_run(int who)
{
	int i;

	for (i = 0; i < ROUNDS; i++)
		slot_join(race->slot[i], race->expected[who][i], getpid());
	for (i = 0; i < ROUNDS; i++)
		race_round(who, i);
	_exit(0);
}

static void
race_start(void)
{
	int i, k;

	race = mmap(NULL, sizeof *race, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (race == MAP_FAILED)
		abort();
	for (i = 0; i < ROUNDS; i++) {
		uint32_t stamp[SLOT_USES];

		race->slot[i] = slot_new(EXPECTED, stamp);
		race->stamp[i] = stamp[SLOT_TX];
		for (k = 1; k < RACERS; k++)
			race->expected[k][i] = slot_expect(race->slot[i]);
	}
}

/* Every slot was given to one process only. */
static bool
taken_once(void)
{
	static unsigned char seen[FIRST + NSLOTS];
	int i, k;

	for (k = 0; k < RACERS; k++)
		for (i = 0; i < ROUNDS; i++)
			if (race->taken[k][i] >= FIRST + NSLOTS ||
			    seen[race->taken[k][i]]++)
				return false;
	return true;
}

static void
test_race(void)
{
	pid_t pids[RACERS];
	int i, status, ended = 0, claims = 0, lasts = 0, records = 0;

	race_start();
	for (i = 0; i < RACERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			race_run(i);
	}
	for (i = 0; i < RACERS; i++)
		ended += waitpid(pids[i], &status, 0) == pids[i] && status == 0;
	for (i = 0; i < ROUNDS; i++) {
		claims += race->claims[i] == 1;
		lasts += race->lasts[i] == 1;
		records += race->records[i] == 1;
	}
	result(ended == RACERS, "two processes race");
	result(claims == ROUNDS, "one of them owns the session, each time");
	result(lasts == ROUNDS, "one is the last, each time");
	result(records == ROUNDS, "and has the owner's record, each time");
	result(taken_once(), "no slot is given twice");
}

int
main(void)
{
	static const struct shim_calls calls = {.close = close};
	static const char sealed;
	static const struct shim_host mine = {
	    .libc = &calls, .sealed = &sealed, .asynchronous = &sealed};

	host = &mine;
	setvbuf(stdout, NULL, _IOLBF, 0);
	result(slot_of(me, NULL) == NULL, "no arena, no slot");
	result(slot_init() == 0, "the arena is mapped");
	test_claims();
	test_record();
	test_dead();
	test_number_used_again();
	test_zombie_of_another();
	test_left_for_another();
	test_full();
	test_race();
	return failures > 0;
}
