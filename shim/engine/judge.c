/* judge.c - asks the policy, and keeps what its rules have loaded */

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conn.h"
#include "failure.h"
#include "log.h"
#include "ticket.h"

#define NAMES 64
#define NAMES_FEW 4 /* most addresses have one name, and none in most programs */

/* Written by judge_init, before any other call of the engine. */
static const char *program = ""; /* owned */
static const char *script; /* owned; NULL: none */
static char **search;
static size_t nsearch;

/* The script that an interpreter runs: its first argument that is a file. */
static void
find_script(void)
{
	char args[8192], *at, *end;
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return;
	n = host->libc->read(fd, args, sizeof args - 1);
	host->libc->close(fd);
	if (n <= 0)
		return;
	args[n] = '\0';
	end = args + n;
	for (at = args + strlen(args) + 1; at < end; at += strlen(at) + 1) {
		char start[2] = "";

		if (at[0] == '-' || at[0] == '\0')
			continue;
		fd = open(at, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd != -1) {
			if (host->libc->read(fd, start, 2) != 2)
				start[0] = '\0';
			host->libc->close(fd);
		}
		if (start[0] == '#' && start[1] == '!')
			script = realpath(at, NULL);
		return;
	}
}

static void
find_program(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	char *copy = n > 0 ? strndup(path, (size_t)n) : NULL;

	if (copy != NULL)
		program = copy;
	find_script();
}

bool
judge_ready(void)
{
	return snapshot_ready();
}

void
judge_init(void)
{
	find_program();
	nsearch = name_search_read(NULL, host->env->search, &search);
	snapshot_init(program, script);
}

/* n and then end; where the next one goes. */
static char *
put_number(char *at, unsigned n, char end)
{
	unsigned ten = 1;

	while (n / ten >= 10)
		ten *= 10;
	for (; ten > 0; ten /= 10)
		*at++ = (char)('0' + n / ten % 10);
	*at++ = end;
	return at;
}

/*
 * Every accept() comes by here, and printf's stack is deep: one page more for
 * the kernel to copy after each fork.
 */
static void
address4_text(const struct sockaddr_in *sin, char buf[22])
{
	const unsigned char *b = (const unsigned char *)&sin->sin_addr;
	int i;

	for (i = 0; i < 4; i++)
		buf = put_number(buf, b[i], i < 3 ? '.' : ':');
	put_number(buf, ntohs(sin->sin_port), '\0');
}

/* len: 64 at the least. */
static void
address_text(const struct sockaddr *sa, char *buf, size_t len)
{
	char host_[INET6_ADDRSTRLEN] = "?";
	const struct sockaddr_in6 *s6 = (const void *)sa;

	if (sa->sa_family == AF_INET) {
		address4_text((const void *)sa, buf);
	} else if (sa->sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &s6->sin6_addr, host_, sizeof host_);
		snprintf(buf, len, "[%s]:%u", host_, ntohs(s6->sin6_port));
	} else {
		snprintf(buf, len, "-");
	}
}

static void
log_decision(const struct conn *c, enum log_level level, const char *verdict,
    const char *cause, const struct decision *d, const char *text)
{
	log_write(&(struct log_line){.level = level,
	    .verdict = verdict,
	    .side = c->side,
	    .peer = c->peer,
	    .cause = cause,
	    .name = d->name,
	    .rule = d->rule,
	    .text = text});
}

/* A program that asks is told, though there is no connection (failure.h). */
static enum judgement
refused(const char *text)
{
	failure_note(NULL, &(struct failure){.err = -EACCES,
	    .cause = "policy",
	    .text = text});
	return JUDGED_REFUSED;
}

static __attribute__((noinline)) enum judgement
no_policy(const struct conn *c)
{
	char text[2200];

	fault_text(snapshot_fault(), text, sizeof text);
	/* said at each refusal, since the first may be long ago */
	log_write(&(struct log_line){.level = LOG_ERROR,
	    .verdict = "refused",
	    .side = c->side,
	    .peer = c->peer,
	    .cause = "policy",
	    .text = text});
	return refused(text);
}

/* The decision, in words only where the log will have them. */
static void
match(const struct snapshot *s, const struct endpoint *e, struct decision *d)
{
	policy_decide(snapshot_policy(s), e, d);
	if (d->action == ACTION_REJECT ||
	    (d->action == ACTION_PLAIN && log_wants(LOG_INFO)))
		policy_match(snapshot_policy(s), e, d);
}

/* Apart from carry_out, whose stack every accept() uses. */
static __attribute__((noinline)) enum judgement
read_files(struct conn *c, struct snapshot *s, const struct decision *d)
{
	struct fault f = {0};
	char text[2200];

	c->cred = snapshot_credentials(s, d->rule, &f);
	if (c->cred != NULL)
		return JUDGED_TLS;
	fault_text(&f, text, sizeof text);
	log_decision(c, LOG_ERROR, "refused", "policy", d, text);
	return refused(text);
}

/* What the decision means for c, which keeps s for as long as it needs it. */
static enum judgement
carry_out(struct conn *c, struct snapshot *s, const struct decision *d)
{
	if (d->action == ACTION_PLAIN) {
		log_decision(c, LOG_INFO, "plain", NULL, d, d->text);
		return JUDGED_PASS;
	}
	if (d->action == ACTION_REJECT) {
		log_decision(c, LOG_ERROR, "refused", "policy", d, d->text);
		return refused(d->text);
	}
	snapshot_put(c->snapshot);
	c->snapshot = snapshot_hold(s);
	c->rule = d->rule;
	if (d->action == ACTION_NATIVE)
		return JUDGED_TLS;
	c->cred = snapshot_loaded(s, d->rule);
	if (c->cred == NULL && read_files(c, s, d) == JUDGED_REFUSED)
		return JUDGED_REFUSED;
	strcpy(c->name, d->name);
	/* nobody may have called listen() here: socket activation */
	if (ticket_wanted(d->rule))
		(void)ticket_init();
	return JUDGED_TLS;
}

/* No name: the address itself is what the certificate must show. */
static void
name_by_address(struct conn *c, const struct sockaddr *addr)
{
	char text[INET6_ADDRSTRLEN] = "";
	const struct sockaddr_in6 *s6 = (const void *)addr;
	const struct sockaddr_in *s4 = (const void *)addr;

	if (addr->sa_family == AF_INET)
		inet_ntop(AF_INET, &s4->sin_addr, text, sizeof text);
	else
		inet_ntop(AF_INET6, &s6->sin6_addr, text, sizeof text);
	if (name_canon(text, c->name, sizeof c->name) == -1)
		c->name[0] = '\0';
}

/* What the process knows of addr's names; more than a few are owned memory. */
struct known_names {
	struct shim_name few[NAMES_FEW];
	struct shim_name *many; /* owned; NULL: few has them all */
	const char *name[NAMES]; /* those that may be meant */
	size_t n;
};

/*
 * Names that may be meant: the one that the tag or this thread's latest
 * look-up gives, else every name the process knows for the address.
 */
static size_t
names_of(const struct shim_name *found, size_t n, const char **names)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (found[i].tagged) {
			names[0] = found[i].name;
			return 1;
		}
	for (i = 0; i < n; i++)
		if (found[i].latest) {
			names[0] = found[i].name;
			return 1;
		}
	for (i = 0; i < n; i++)
		names[i] = found[i].name;
	return n;
}

/* False: there is no memory for them all. */
static bool
names_read(const struct sockaddr *addr, socklen_t len, struct known_names *k)
{
	struct shim_name *found = k->few;
	size_t n = host->names_find(addr, len, found, NAMES_FEW);

	k->many = NULL;
	if (n == NAMES_FEW) { /* or more */
		k->many = found = malloc(NAMES * sizeof *found);
		if (found == NULL)
			return false;
		n = host->names_find(addr, len, found, NAMES);
	}
	k->n = names_of(found, n, k->name);
	return true;
}

enum judgement
judge_connect(
    struct conn *c, int fd, const struct sockaddr *addr, socklen_t len)
{
	struct endpoint e = {.side = SIDE_CLIENT,
	    .program = program,
	    .script = script,
	    .peer = addr,
	    .search = (const char *const *)search,
	    .nsearch = nsearch};
	struct known_names known;
	struct decision d = {0};
	struct snapshot *s;
	enum judgement j;

	address_text(addr, c->peer, sizeof c->peer);
	s = snapshot_get();
	if (s == NULL)
		return no_policy(c);
	if (!names_read(addr, len, &known)) {
		snapshot_put(s);
		return JUDGED_REFUSED;
	}
	e.names = known.name;
	e.nnames = known.n;
	match(s, &e, &d);
	j = carry_out(c, s, &d);
	if (j == JUDGED_TLS && c->name[0] == '\0')
		name_by_address(c, addr);
	snapshot_put(s);
	free(known.many);
	return j;
}

/* What rules that could match a listener want, all together. */
struct prospects {
	bool governed; /* some connection to it may be TLS or refused */
	bool plain;    /* some may be plain */
};

/*
 * Every certificate and key that could apply is read now: a daemon drops its
 * privileges after listen().  NULL, or the rule whose files fail.
 */
static const struct rule *
survey(struct snapshot *s, const struct endpoint *e, struct prospects *out,
    struct fault *f)
{
	const struct policy *policy = snapshot_policy(s);
	size_t i;

	for (i = 0; i < policy->nserver; i++) {
		const struct rule *r = &policy->server[i];

		if (!rule_could_match(r, e))
			continue;
		if (r->action == ACTION_PLAIN)
			out->plain = true;
		else
			out->governed = true;
		if (snapshot_needs_files(r) &&
		    snapshot_credentials(s, r, f) == NULL)
			return r;
		/* before children are forked: they have it in common */
		if (ticket_wanted(r))
			(void)ticket_init();
	}
	return NULL;
}

/* c stands for what may come to the listener. */
static enum judgement
judge_prospects(
    struct conn *c, struct snapshot *s, const struct endpoint *e)
{
	const struct policy *policy = snapshot_policy(s);
	struct prospects p = {false, false};
	struct decision d = {0};
	struct fault f = {0};
	char text[2200];

	d.rule = survey(s, e, &p, &f);
	if (d.rule != NULL) {
		fault_text(&f, text, sizeof text);
		log_decision(c, LOG_ERROR, "refused", "policy", &d, text);
		return refused(text);
	}
	if (p.governed || (p.plain && policy->unmatched == UNMATCHED_REJECT))
		return JUDGED_TLS;
	if (p.plain)
		return JUDGED_PASS;
	match(s, e, &d);
	return carry_out(c, s, &d) == JUDGED_PASS ? JUDGED_PASS
						  : JUDGED_REFUSED;
}

/*
 * Nothing can be decided for a connection that has not come, but whether all
 * of them pass or none may: accept() judges the rest.
 */
enum judgement
judge_listen(int fd)
{
	struct sockaddr_storage local = {0};
	socklen_t len = sizeof local;
	const struct endpoint e = {.side = SIDE_SERVER,
	    .program = program,
	    .script = script,
	    .local = (struct sockaddr *)&local};
	struct conn c = {.side = SIDE_SERVER};
	struct snapshot *s = snapshot_get();
	enum judgement j;

	host->libc->getsockname(fd, (struct sockaddr *)&local, &len);
	address_text((struct sockaddr *)&local, c.peer, sizeof c.peer);
	if (s == NULL)
		return no_policy(&c);
	j = judge_prospects(&c, s, &e);
	snapshot_put(c.snapshot);
	snapshot_put(s);
	return j;
}

enum judgement
judge_accept(struct conn *c, int fd, const struct sockaddr *peer)
{
	struct sockaddr_storage local = {0}, asked = {0};
	socklen_t llen = sizeof local, plen = sizeof asked;
	struct endpoint e = {.side = SIDE_SERVER,
	    .program = program,
	    .script = script,
	    .local = (struct sockaddr *)&local,
	    .peer = peer};
	struct decision d = {0};
	struct snapshot *s = snapshot_get();
	enum judgement j;

	host->libc->getsockname(fd, (struct sockaddr *)&local, &llen);
	if (peer == NULL &&
	    host->libc->getpeername(fd, (struct sockaddr *)&asked, &plen) == 0)
		e.peer = (struct sockaddr *)&asked; /* else gone already */
	address_text(e.peer != NULL ? e.peer : (struct sockaddr *)&asked,
	    c->peer, sizeof c->peer);
	if (s == NULL)
		return no_policy(c);
	match(s, &e, &d);
	j = carry_out(c, s, &d);
	snapshot_put(s);
	return j;
}

enum judgement
judge_inherited(struct conn *c, int fd)
{
	enum judgement j = judge_accept(c, fd, NULL);
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof peer;
	struct endpoint e = {.side = SIDE_CLIENT,
	    .program = program,
	    .script = script,
	    .peer = (struct sockaddr *)&peer};
	struct decision d = {0};

	struct snapshot *s;

	if (j != JUDGED_PASS ||
	    host->libc->getpeername(fd, (struct sockaddr *)&peer, &len) == -1)
		return j;
	s = snapshot_get();
	match(s, &e, &d);
	if (d.action != ACTION_PLAIN) {
		j = JUDGED_REFUSED;
		log_decision(c, LOG_ERROR, "refused", "policy", &d,
		    "this connection was made by another program, and a client "
		    "rule governs it: its session did not come along");
	}
	snapshot_put(s);
	return j;
}

void
judge_leave(void)
{
	snapshot_leave();
}

/* A line about a program that is started, not about a connection. */
static void
log_start(enum log_level level, const char *verdict, const char *path,
    const struct rule *rule, const char *text)
{
	log_write(&(struct log_line){.level = level,
	    .verdict = verdict,
	    .program = path,
	    .cause = "unprotected",
	    .rule = rule,
	    .text = text});
}

int
judge_unprotected(const char *path, const char *script_, const char *why)
{
	char real[PATH_MAX], text[3000], fault[2200];
	struct decision d = {0};
	enum start start = START_REFUSED;
	struct snapshot *s = snapshot_get();

	if (realpath(path, real) == NULL)
		snprintf(real, sizeof real, "%s", path);
	if (s == NULL) {
		fault_text(snapshot_fault(), fault, sizeof fault);
		snprintf(text, sizeof text, "it %s; %s", why, fault);
	} else {
		start = policy_start(snapshot_policy(s), real, script_, &d);
		snprintf(text, sizeof text, "it %s; %s%s", why, d.text,
		    start == START_REFUSED
			? "; give the program a rule with action = \"plain\","
			  " or set on_unprotected = \"allow\""
			: "");
	}
	if (start == START_REFUSED)
		log_start(LOG_ERROR, "refused", real, d.rule, text);
	else if (start == START_WARNED)
		log_start(LOG_WARNING, "unprotected", real, d.rule, text);
	snapshot_put(s);
	return start == START_REFUSED ? -EACCES : 0;
}
