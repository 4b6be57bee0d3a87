/*
 * engine_forked_test.c - a signal handler forks somewhere in a short write, and
 * parent and child go on with it: no nonce is used twice
 */
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "../../shim/engine/argument.h"
#include "../../shim/engine/quick.h"

#include "traffic.h"

#define TRAP 0x100 /* the flag that has each instruction end in SIGTRAP */
#define LEN 40
#define RECORD (LEN + RECORD_HEADER + RECORD_EXTRA)
#define ROUNDS 2 /* messages: the one that is interrupted, and the next one */

static struct traffic t;

/* What a process has put on the wire from the interrupted message on. */
static struct sent {
	size_t len;
	unsigned char record[ROUNDS][RECORD];
} *sent; /* shared: the parent's, the child's */
static bool *came_by; /* shared: the handler was there */

static volatile long left; /* instructions until it forks; < 0: it has */
static bool raw;  /* by a system call that nobody sees */
static volatile pid_t child;

static pid_t
fork_raw(void)
{
	long rv = SYS_fork;

	__asm__ volatile("syscall" : "+a"(rv) : : "rcx", "r11", "memory");
	return (pid_t)rv;
}

/* kill() comes here first, and begins to count: raise() would block it. */
static void
step(int sig, siginfo_t *info, void *context)
{
	static const struct itimerval brief = {.it_value.tv_usec = 20000};
	greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];

	*flags |= TRAP;
	if (left-- > 0)
		return;
	*flags &= ~TRAP;
	if (left < -1)
		return;
	*came_by = true;
	child = raw ? fork_raw() : fork();
	if (child == 0) { /* the program's memory is each one's own */
		memset(pattern[CLIENT], 'c', LEN);
		setitimer(ITIMER_REAL, &brief, NULL);
	}
}

/* In a process of its own, and another one from there on. */
static void
write_forked(bool fresh, long at)
{
	struct conn *c = t.p.c[CLIENT];
	const unsigned char *v = pattern[CLIENT];
	struct sent *me;
	size_t before;
	int i;

	(void)tls.send(t.p.fd[CLIENT], v, LEN, MSG_NOSIGNAL);
	(void)argument_readable(&(struct iovec){(void *)v, LEN}, 1);
	if (fresh)
		conn_touched(c);
	before = t.p.m[CLIENT]->sent;
	left = at;
	kill(getpid(), SIGTRAP);
	(void)tls.send(t.p.fd[CLIENT], v, LEN, MSG_NOSIGNAL);
	left = -1; /* it ends, where it has not come */
	if (child == -1)
		_exit(0);
	me = &sent[child == 0];
	for (i = 0; i < ROUNDS; i++) {
		if (i > 0)
			(void)tls.send(t.p.fd[CLIENT], v, LEN, MSG_NOSIGNAL);
		me->len = t.p.m[CLIENT]->sent - before;
		if (me->len > sizeof me->record)
			memory_die("more than was written");
		memcpy(me->record, t.p.m[CLIENT]->wire + before, me->len);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
	_exit(0);
}

/* Sealed before the fork one may be sent by both, as by TCP; no other one. */
static bool
are_good(void)
{
	size_t both = sent[0].len < sent[1].len ? sent[0].len : sent[1].len;

	return both <= RECORD &&
	       memcmp(sent[0].record, sent[1].record, both) == 0;
}

static bool
try_at(bool fresh, long at)
{
	struct conn *c = t.p.c[CLIENT];
	pid_t pid;
	int status;

	memset(sent, 0, 2 * sizeof *sent);
	*came_by = false;
	child = -1;
	/* the last one has claimed the session, and is no more */
	(void)slot_leave(c->slot, process_holder(), NULL);
	c->slot = slot_new(process_holder(), c->stamp);
	conn_touched(c);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		write_forked(fresh, at);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static void
test_forked(bool fresh)
{
	long at = 1, bad = 0, points = 0, wrote = 0;

	do {
		bool fine = try_at(fresh, at);

		if (!fine || (*came_by && !are_good())) {
			if (bad++ == 0)
				printf("# instruction %ld, %d: %zu and %zu bytes\n",
				    at, fine, sent[0].len, sent[1].len);
		}
		wrote += sent[0].len + sent[1].len > 0;
		points++;
		at += raw ? 7 : 3; /* not each: time */
	} while (*came_by && points < 600);
	result(bad == 0 && wrote > 100, "%s%s: %ld of %ld points",
	    raw ? "unseen" : "seen", fresh ? ", asked anew" : "", bad, points);
}

int
main(void)
{
	struct sigaction sa = {
	    .sa_sigaction = step, .sa_flags = SA_SIGINFO | SA_RESTART};
	int i, k;

	pair_setup();
	memory_test = "a handler that forks in a write";
	start(&t, TLS13, "");
	for (i = 0; i < 12; i++)
		for (k = 0; k < 2; k++)
			if (!carry(&t, k, i == 0 ? 16384 : 10, MOST))
				memory_die("no bytes");
	sent = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sent == MAP_FAILED)
		memory_die("no page");
	came_by = (bool *)(sent + 2);
	sigaction(SIGTRAP, &sa, NULL);
	for (i = 0; i < 4; i++) {
		raw = i / 2 != 0;
		test_forked(i % 2 != 0);
	}
	pair_close(&t.p);
	return failures > 0;
}
