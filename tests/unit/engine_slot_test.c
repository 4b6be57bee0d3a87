/*
 * engine_slot_test.c - who holds a connection: claims, the dead, a full
 * arena, and processes that race
 */
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../shim/engine/slot.c"

static int failures;
static const pid_t me = 100000000, you = 100000001; /* above any pid_max */

static void
result(bool good, const char *what)
{
	failures += !good;
	printf("%s %s\n", good ? "ok" : "not ok", what);
}

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

static void
test_claims(void)
{
	struct slot *s = slot_new(me);
	unsigned char rec[SLOT_RECORD];
	size_t len = 99;

	result(s != NULL && slot_undecided(s) && slot_alone(s, me),
	    "a new slot has one holder and no owner");
	result(slot_claim(s, me) && slot_claim(s, me) && !slot_undecided(s),
	    "the first to ask owns the session, however often it asks");
	result(!slot_claim(s, you), "nobody else does then");
	slot_disown(s, you);
	result(!slot_claim(s, you), "only the owner gives it up");
	slot_disown(s, me);
	result(slot_undecided(s) && slot_claim(s, you) && !slot_claim(s, me),
	    "once it has, the next to ask owns it");
	result(slot_drop(s, me, rec, &len) && len == 0 && s->holders == 0,
	    "the only holder is the last, without a record");
}

static void
test_record(void)
{
	static const unsigned char record[SLOT_RECORD + 1] = "close_notify";
	struct slot *s = slot_new(getpid());
	unsigned char rec[SLOT_RECORD] = "";
	pid_t parent = getppid(); /* lives, and is not us */
	size_t len = 99;

	slot_expect(s);
	slot_join(s, parent);
	result(s->holders == 2 && !slot_alone(s, getpid()),
	    "a fork makes a second holder");
	slot_leave_record(s, record, SLOT_RECORD + 1);
	result(s->record_len == 0, "a record that is too long is not left");
	slot_leave_record(s, record, SLOT_RECORD);
	result(!slot_drop(s, getpid(), rec, &len) && len == 0,
	    "the first to go is not the last");
	result(slot_drop(s, parent, rec, &len) && len == SLOT_RECORD &&
		   memcmp(rec, record, SLOT_RECORD) == 0 && s->holders == 0,
	    "the last one gets the record");
	s->record_len = 5;
	s->owner = 7;
	*hint = (uint32_t)(s - arena);
	result(slot_new(me) == s && s->record_len == 0 && s->owner == 0 &&
		   s->who[0].pid == me,
	    "who has the slot next finds nothing of it");
	slot_drop(s, me, rec, &len);
}

static void
test_dead(void)
{
	unsigned char rec[SLOT_RECORD];
	struct slot *s = slot_new(getpid());
	size_t len;
	int i;

	slot_expect(s);
	slot_join(s, dead_pid());
	result(s->holders == 2 && slot_alone(s, getpid()) && s->holders == 1,
	    "a holder that has died is not counted");
	slot_expect(s);
	slot_join(s, dead_pid());
	result(slot_drop(s, getpid(), rec, &len), "nor at the drop");

	s = slot_new(getpid());
	slot_expect(s);
	result(!slot_alone(s, getpid()), "a child that is expected counts");
	for (i = 0; i < NHOLDERS; i++)
		if (s->who[i].pid == EXPECTED)
			s->who[i].since -= 10;
	result(slot_alone(s, getpid()), "one whose fork failed long ago not");
	slot_drop(s, getpid(), rec, &len);

	s = slot_new(getpid());
	for (i = 0; i < 2 * NHOLDERS; i++) {
		slot_expect(s);
		slot_join(s, getppid());
	}
	result(s->holders == 2 * NHOLDERS + 1, "there is no room for all");
	for (i = 0; i < 2 * NHOLDERS; i++)
		if (slot_drop(s, getppid(), rec, &len))
			result(false, "not the last, and taken for it");
	result(slot_drop(s, getpid(), rec, &len), "but a count of them");
}

static void
test_full(void)
{
	struct slot **all = calloc(NSLOTS, sizeof *all);
	unsigned char rec[SLOT_RECORD];
	size_t len = 1;
	uint32_t i, n = 0;

	while (n < NSLOTS && (all[n] = slot_new(me)) != NULL)
		n++;
	result(n == NSLOTS && slot_new(me) == NULL, "the arena is full");
	slot_drop(all[12345], me, rec, &len);
	result(slot_new(you) == all[12345], "what is free again is found");
	for (i = 0; i < n; i++)
		slot_drop(all[i], i == 12345 ? you : me, rec, &len);
	free(all);
	slot_expect(NULL);
	slot_join(NULL, me);
	slot_disown(NULL, me);
	slot_leave_record(NULL, "x", 1);
	len = 1;
	result(slot_claim(NULL, me) && slot_alone(NULL, me) &&
		   !slot_undecided(NULL) && slot_drop(NULL, me, rec, &len) &&
		   len == 0,
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
} * race;

static void
race_round(int who, int i)
{
	struct slot *s = race->slot[i];
	unsigned char rec[SLOT_RECORD];
	pid_t pid = getpid();
	unsigned spins = 0;
	size_t len;

	race->taken[who][i] = (uint32_t)(slot_new(pid) - arena);
	race->line[i]++;
	while (race->line[i] < RACERS)
		if (++spins % 1000 == 0)
			sched_yield();
	if (slot_claim(s, pid)) {
		race->claims[i]++;
		slot_leave_record(s, &i, sizeof i);
	}
	if (!slot_drop(s, pid, rec, &len))
		return;
	race->lasts[i]++;
	race->records[i] += len == sizeof i && memcmp(rec, &i, len) == 0;
}

static void
race_run(int who)
{
	int i;

	for (i = 0; i < ROUNDS; i++)
		slot_join(race->slot[i], getpid());
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
		race->slot[i] = slot_new(EXPECTED);
		for (k = 1; k < RACERS; k++)
			slot_expect(race->slot[i]);
	}
}

/* Every slot was given to one process only. */
static bool
taken_once(void)
{
	static unsigned char seen[NSLOTS];
	int i, k;

	for (k = 0; k < RACERS; k++)
		for (i = 0; i < ROUNDS; i++)
			if (race->taken[k][i] >= NSLOTS ||
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
	setvbuf(stdout, NULL, _IOLBF, 0);
	result(slot_new(me) == NULL, "no arena, no slot");
	result(slot_init() == 0, "the arena is mapped");
	test_claims();
	test_record();
	test_dead();
	test_full();
	test_race();
	return failures > 0;
}
