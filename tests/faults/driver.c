/*
 * driver.c - every fault at every call: makes the runs and judges each
 *
 *	faults [-n STEP] [-o OFFSET] [-j JOBS] [-r client|server] [-h HOW]
 *	    [-f FAULTED] [-k KIND] [-C|-M] [-a AT] [-p PRIORITY] [-t|-s] [-v] DIR
 *	    SUBJECT PRELOAD [-- BEFORE...]
 *
 * DIR holds good.pem, good.key, ca.pem and tls.cfg.  KIND: EINTR, EAGAIN,
 * ECONNRESET, EPIPE, ENOMEM, EMFILE, ENOBUFS, short, zero, malloc (the Nth
 * allocation fails) or mallocs (and all behind it, to the session's end).
 * FAULTED: 0, the process's first session, in which the engine is loaded; or
 * 1.  STEP: every so manieth run from OFFSET on, for a sample.
 *
 * -C: calls alone, -M: allocations alone.  -t: lists the calls instead.  -s: one
 * run, whose faults are BEFORE's (strace).
 *
 * A run is right (the fault was made good), clean (an errno that a TCP socket
 * may give) or one of the faults in verdicts[]; status 1 if there is any.
 */
#include <limits.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../fixtures/fixture.h"
#include "peer.h"
#include "run.h"

static const struct kind {
	const char *name;
	enum layer_kind kind;
	int value;
} kinds[] = {
    {"EINTR", LAYER_ERROR, EINTR},
    {"EAGAIN", LAYER_ERROR, EAGAIN},
    {"ECONNRESET", LAYER_ERROR, ECONNRESET},
    {"EPIPE", LAYER_ERROR, EPIPE},
    {"ENOMEM", LAYER_ERROR, ENOMEM},
    {"EMFILE", LAYER_ERROR, EMFILE},
    {"ENOBUFS", LAYER_ERROR, ENOBUFS},
    {"short", LAYER_SHORT, 0},
    {"zero", LAYER_ZERO, 0},
    {"malloc", LAYER_ALLOC, ENOMEM},
    {"mallocs", LAYER_ALLOCS, ENOMEM},
};

enum verdict {
	RIGHT,
	CLEAN,
	UNTOUCHED, /* no such call, or this fault does not fit it */
	HUNG,
	CRASHED,
	PLAINTEXT,
	WRONG_BYTES,
	STRANGE,  /* an errno that no TCP socket gives there */
	POISONED, /* another session failed too */
	LEAKED_FD,
	LEAKED_MEMORY,
	VERDICTS
};

static const char *const verdicts[VERDICTS] = {"right", "clean", "untouched",
    "hung", "crashed", "plaintext", "wrong bytes", "strange errno",
    "other session failed", "descriptor leaked", "memory leaked"};

static const char *const hows[] = {"block", "poll", "epoll", "edge"};

static struct setting setting;
static long step = 1, offset, only_at;
static int jobs = 2, verbose, tracing, straced, only_allocs = -1;
static const char *only_role, *only_how, *only_kind, *only_faulted;

/* Shared with the jobs. */
static struct tally {
	long runs[2][4][VERDICTS]; /* role, how */
	long total[VERDICTS];
} *tally;

static int
picked(const char *only, const char *name)
{
	return only == NULL || strcmp(only, name) == 0;
}

static int
errno_of(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].value;
	return 0;
}

/* What the call of a session may say of a fault of kind k. */
static int
is_allowed(const struct run *r, const struct kind *k, const char *hit,
    const char *call, const char *name)
{
	static const char *const always[] = {"ECONNRESET", "ECONNABORTED",
	    "EPIPE", "ENOMEM", "ENOBUFS", "EMFILE"};
	size_t i;

	for (i = 0; i < sizeof always / sizeof *always; i++)
		if (strcmp(name, always[i]) == 0)
			return 1;
	/* what cannot be judged is refused, as where no policy is read */
	if (strcmp(name, "EACCES") == 0)
		return r->faulted == 0 || strcmp(call, "connect") == 0 ||
		    strcmp(call, "accept") == 0;
	if (strcmp(call, "listen") == 0) /* or what comes before it */
		return k->value == errno_of(name);
	/* the kernel's answer to the program's own call, but for its bytes */
	if (strcmp(call, "recv") != 0 && strcmp(call, "send") != 0 &&
	    strstr(hit, strcmp(call, "epoll_wait") == 0 ? "wait" : call) != NULL)
		return k->value == errno_of(name);
	return strcmp(name, "EINTR") == 0 && k->value == EINTR;
}

static enum verdict
judge_sessions(const struct run *r, const struct kind *k,
    const struct outcome *o)
{
	enum verdict v = RIGHT;
	char call[80], name[80];
	int i, ok = 0;

	for (i = 0; i < SESSIONS; i++) {
		if (strcmp(o->session[i], "ok") == 0) {
			ok++;
			continue;
		}
		if (strncmp(o->session[i], "WRONG", 5) == 0)
			return WRONG_BYTES;
		if (strncmp(o->session[i], "STUCK", 5) == 0)
			return HUNG;
		if (sscanf(o->session[i], "%79s %79s", call, name) != 2)
			return STRANGE;
		if (i != r->faulted &&
		    !(r->faulted == 0 && (strcmp(name, "EACCES") == 0 ||
			strcmp(call, "listen") == 0)))
			return POISONED;
		if (!is_allowed(r, k, o->hit, call, name))
			return STRANGE;
		v = CLEAN;
	}
	return ok > o->complete ? WRONG_BYTES : v;
}

static enum verdict
judge(const struct run *r, const struct kind *k, const struct outcome *o,
    const struct outcome *base)
{
	enum verdict v;

	if (o->clear != NULL)
		return PLAINTEXT;
	if (o->bad != NULL)
		return WRONG_BYTES;
	if (o->status == -1)
		return HUNG;
	if (o->status != 0 || o->lines != SESSIONS || o->fds < 0)
		return CRASHED;
	v = judge_sessions(r, k, o);
	if (v > CLEAN)
		return v;
	if (o->fds > base->fds)
		return LEAKED_FD;
	if (o->live > base->live)
		return LEAKED_MEMORY;
	return strcmp(o->hit, "-") == 0 ? UNTOUCHED : v;
}

static void
tell(const struct run *r, const struct kind *k, const struct outcome *o,
    const struct outcome *base, enum verdict v)
{
	printf("%s: %s %s -f %d -k %s -a %ld at %s: %s, %s, %s; peer %d %s; "
	       "fds %+ld live %+ld bytes %+ld; status %d\n",
	    verdicts[v], r->server ? "server" : "client", r->how, r->faulted,
	    k->name, r->at, o->hit, o->session[0], o->session[1],
	    o->session[2], o->complete,
	    o->clear ? o->clear : o->bad ? o->bad : "", o->fds - base->fds, o->live - base->live,
	    o->bytes - base->bytes, o->status);
	if (verbose)
		printf("%s\n", o->said);
	fflush(stdout);
}

/*
 * What 27 times the same have more than 9 times; RIGHT, or what a run that did
 * not come to its end is, of which *o is left for tell().
 */
static enum verdict
grows(const struct run *once, struct outcome *o, long *live, long *fds)
{
	static const int times[] = {9, 27};
	struct run r = *once;
	struct outcome before;
	int i;

	memset(o, 0, sizeof *o);
	for (i = 0; i < 2; i++) {
		before = *o;
		r.times = times[i];
		run_make(&setting, &r, o);
		if (o->fds < 0)
			return o->status == -1 ? HUNG : CRASHED;
	}
	*live = o->live - before.live;
	*fds = o->fds - before.fds;
	return RIGHT;
}

/*
 * Once more is no leak (a list that has grown); more each time is one.  A
 * session without a fault leaves nothing either.  The outcome is the one to
 * tell of.
 */
static enum verdict
leaks(struct run *r, enum verdict found, struct outcome *o)
{
	struct run calm = *r;
	struct outcome many;
	long live, fds, calm_live, calm_fds;
	enum verdict v = grows(r, &many, &live, &fds);

	calm.at = 1L << 40;
	if (v == RIGHT)
		v = grows(&calm, &many, &calm_live, &calm_fds);
	if (v != RIGHT) {
		*o = many;
		return v;
	}
	/* 18 sessions more: less than one each is a list that has grown */
	v = live >= 18 || calm_live >= 18 || fds > 8 || calm_fds > 8 ? found
								      : CLEAN;
	if (v > CLEAN || verbose)
		printf("27 times have more than 9: live %ld fds %ld; without a "
		       "fault: live %ld fds %ld\n",
		    live, fds, calm_live, calm_fds);
	return v;
}

static void
one(struct run *r, const struct kind *k, const struct outcome *base, int how)
{
	struct outcome o;
	enum verdict v, found;
	char number[8];
	int i;

	snprintf(number, sizeof number, "%d", (int)k->kind);
	r->kind = number;
	r->value = k->value;
	run_make(&setting, r, &o);
	v = judge(r, k, &o, base);
	/* what still ends while it is counted is not there each time */
	found = v;
	for (i = 0; i < 3 && v == found &&
	     (v == LEAKED_FD || v == LEAKED_MEMORY); i++)
		v = leaks(r, v, &o);
	if (v > UNTOUCHED || verbose)
		tell(r, k, &o, base, v);
	__atomic_fetch_add(&tally->runs[r->server][how][v], 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&tally->total[v], 1, __ATOMIC_RELAXED);
}

/* A run without a fault, by which the others are measured. */
static void
measure(struct run *r, enum layer_kind count, struct outcome *base)
{
	char number[8];
	int i;

	snprintf(number, sizeof number, "%d", (int)count);
	r->kind = number;
	r->value = 0;
	r->at = 0;
	if (count == LAYER_ALLOCS) /* 0 would be all of them */
		r->at = 1L << 40;
	run_make(&setting, r, base);
	for (i = 0; i < SESSIONS; i++)
		if (strcmp(base->session[i], "ok") != 0 ||
		    base->complete != SESSIONS) {
			fprintf(stderr, "without a fault %s %s: %s, peer %d\n%s",
			    r->server ? "server" : "client", r->how,
			    base->session[i], base->complete, base->said);
			exit(2);
		}
}

/* The calls of a session by their numbers, as -a has them. */
static void
print_trace(struct run *r)
{
	struct outcome o;
	char *line, *rest = NULL;
	long n = 0;

	r->kind = "trace";
	run_make(&setting, r, &o);
	for (line = strtok_r(o.said, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		printf("%s %s -f %d: %ld %s\n",
		    r->server ? "server" : "client", r->how, r->faulted, ++n,
		    line);
}

static int
is_alloc(const struct kind *k)
{
	return k->kind >= LAYER_ALLOC;
}

/*
 * An edge that is not there cannot be waited for: to say EAGAIN of what has come
 * is for an edge-triggered set a kernel that loses events.
 */
static int
fits(const struct run *r, const struct kind *k)
{
	return strcmp(r->how, "edge") != 0 ||
	    (k->value != EAGAIN && k->value != EINTR);
}

/*
 * One series: kind k at each call of one session.  The runs are dealt out by
 * their number; *number goes on over all series.
 */
static void
series(struct run *r, const struct kind *k, const struct outcome *base,
    long calls, int how, int job, long *number)
{
	for (r->at = 1; r->at <= calls; r->at++) {
		long n = (*number)++;

		if (only_at != 0 && r->at != only_at)
			continue;
		if (n % step == offset % step && n / step % jobs == job)
			one(r, k, base, how);
	}
}

/* strace says which call fails, and in which session is not known. */
static int
judge_straced(int server)
{
	struct run r = {server, only_how, -1, "0", 0, 0, 1};
	struct outcome o;
	enum verdict v = RIGHT;
	int i;

	run_make(&setting, &r, &o);
	if (o.clear != NULL)
		v = PLAINTEXT;
	else if (o.bad != NULL)
		v = WRONG_BYTES;
	else if (o.status != 0 || o.lines != SESSIONS)
		v = o.status == -1 ? HUNG : CRASHED;
	for (i = 0; v < CLEAN && i < SESSIONS; i++)
		if (strncmp(o.session[i], "WRONG", 5) == 0)
			v = WRONG_BYTES;
		else if (strncmp(o.session[i], "STUCK", 5) == 0)
			v = HUNG;
	if (v > CLEAN)
		printf("%s: %s, %s, %s; peer %d; status %d\n%s\n",
		    verdicts[v], o.session[0], o.session[1], o.session[2],
		    o.complete, o.status, o.said);
	return v > CLEAN;
}

static void
work(int job)
{
	static const int sessions[] = {0, 1};
	long number = 0;
	int role, how, s;
	size_t k;

	for (role = 0; role < 2; role++)
		for (how = 0; how < 4; how++)
			for (s = 0; s < 2; s++) {
				struct run r = {role, hows[how], sessions[s],
				    NULL, 0, 0, 1};
				struct outcome calls = {0}, allocs = {0};
				char name[8];

				snprintf(name, sizeof name, "%d", sessions[s]);
				if (!picked(only_role,
					role ? "server" : "client") ||
				    !picked(only_how, hows[how]) ||
				    !picked(only_faulted, name))
					continue;
				if (tracing) {
					print_trace(&r);
					continue;
				}
				measure(&r, LAYER_ERROR, &calls);
				measure(&r, LAYER_ALLOCS, &allocs);
				for (k = 0; k < sizeof kinds / sizeof *kinds;
				     k++)
					if (picked(only_kind, kinds[k].name) &&
					    only_allocs != !is_alloc(&kinds[k]) &&
					    fits(&r, &kinds[k]))
						series(&r, &kinds[k], &calls,
						    is_alloc(&kinds[k])
							? allocs.count
							: calls.count + 2,
						    how, job, &number);
			}
}

static void
print_tally(void)
{
	int role, how, v;

	for (role = 0; role < 2; role++)
		for (how = 0; how < 4; how++) {
			long *n = tally->runs[role][how], sum = 0;

			for (v = 0; v < VERDICTS; v++)
				sum += n[v];
			if (sum == 0)
				continue;
			printf("%s %-5s %6ld runs:", role ? "server" : "client",
			    hows[how], sum);
			for (v = 0; v < VERDICTS; v++)
				if (n[v] > 0 || v < UNTOUCHED)
					printf(" %ld %s", n[v], verdicts[v]);
			printf("\n");
		}
}

static int
run_jobs(void)
{
	int i, status, bad = 0;
	long v;

	for (i = 0; i < jobs; i++)
		if (fork() == 0) {
			work(i);
			fflush(stdout);
			_exit(0);
		}
	while (wait(&status) != -1)
		bad |= status;
	print_tally();
	for (v = UNTOUCHED + 1; v < VERDICTS; v++)
		bad |= tally->total[v] != 0;
	return bad || tally->total[RIGHT] + tally->total[CLEAN] == 0;
}

int
main(int argc, char **argv)
{
	static char file[4][4200];
	static const char *const names[] = {
	    "good.pem", "good.key", "ca.pem", "tls.cfg"};
	const char *priority = "NORMAL";
	int opt, i;

	while ((opt = getopt(argc, argv, "+n:o:j:r:h:f:k:a:p:tvCMs")) != -1) {
		switch (opt) {
		case 'n': step = atol(optarg); break;
		case 'o': offset = atol(optarg); break;
		case 'j': jobs = atoi(optarg); break;
		case 'r': only_role = optarg; break;
		case 'h': only_how = optarg; break;
		case 'f': only_faulted = optarg; break;
		case 'k': only_kind = optarg; break;
		case 'a': only_at = atol(optarg); break;
		case 'p': priority = optarg; break;
		case 't': tracing = jobs = 1; break;
		case 'v': verbose = 1; break;
		case 'C': only_allocs = 0; break;
		case 'M': only_allocs = 1; break;
		case 's': straced = 1; break;
		default: return 2;
		}
	}
	if (argc - optind < 3)
		return 2;
	for (i = 0; i < 4; i++)
		snprintf(file[i], sizeof file[i], "%s/%s", argv[optind],
		    names[i]);
	peer_init(file[0], file[1], file[2], priority);
	setting.policy = file[3];
	setting.subject = argv[optind + 1];
	setting.preload = argv[optind + 2];
	setting.before = argc - optind > 4 ? argv + optind + 4 : NULL;
	signal(SIGPIPE, SIG_IGN);
	if (straced)
		return judge_straced(strcmp(only_role, "server") == 0);
	tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED)
		die("mmap");
	return run_jobs();
}
