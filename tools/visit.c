/* visit.c - from HOST:PORT and a policy to an open session, or to a refusal */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "visit.h"

static void
address_text(
    const struct sockaddr_storage *to, socklen_t len, char *buf, size_t size)
{
	char host[64] = "?", port[8] = "";

	getnameinfo((const struct sockaddr *)to, len, host, sizeof host, port,
	    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(buf, size, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s",
	    host, port);
}

static void
decide(const struct visit *v, const struct sockaddr_storage *to,
    struct decision *d)
{
	const char *names[] = {v->host};
	struct endpoint e = {.side = SIDE_CLIENT,
	    .program = v->program != NULL ? v->program : "",
	    .peer = (const struct sockaddr *)to,
	    .names = names,
	    .nnames = name_is_address(v->host) ? 0 : 1,
	    .search = (const char *const *)v->search,
	    .nsearch = v->nsearch};

	policy_match(v->policy, &e, d);
}

static int
failed(
    struct outcome *o, const char *verdict, const char *cause, const char *text)
{
	o->verdict = verdict;
	o->cause = cause;
	snprintf(o->text, sizeof o->text, "%s", text);
	return -1;
}

/* Without a name of its own a server must show its address. */
static void
name_set(struct outcome *o, const struct visit *v, const struct decision *d,
    const struct sockaddr_storage *to, socklen_t len)
{
	char host[64] = "";

	snprintf(o->name, sizeof o->name, "%s", d->name);
	if (o->name[0] != '\0')
		return;
	getnameinfo((const struct sockaddr *)to, len, host, sizeof host, NULL,
	    0, NI_NUMERICHOST);
	if (name_canon(host, o->name, sizeof o->name) == -1)
		o->name[0] = '\0';
}

static void
shake_hands(struct outcome *o, int fd, int timeout, bool resume)
{
	o->probe.peer = o->address;
	o->probe.resume = resume;
	probe_begin(&o->probe, fd, o->rule, o->cred, o->name, timeout);
	o->cause = o->probe.cause[0] != '\0' ? o->probe.cause : NULL;
	o->verdict = o->probe.err != 0    ? "reject"
		     : o->probe.tolerated ? "tolerated"
					  : "accept";
	o->good = o->probe.err == 0 && !o->probe.tolerated;
	snprintf(o->text, sizeof o->text, "%s",
	    o->probe.text[0] == '\0' && o->probe.err != 0
		? strerror(o->probe.err)
		: o->probe.text);
}

/* One address.  -1: another one may do better. */
static int
visit(const struct visit *v, const struct sockaddr_storage *to, socklen_t len,
    struct outcome *o)
{
	struct decision d = {0};
	struct fault f = {0};
	char text[sizeof f.file + sizeof f.text + 32];
	int fd;

	address_text(to, len, o->address, sizeof o->address);
	decide(v, to, &d);
	o->rule = d.rule;
	if (d.action == ACTION_REJECT)
		return failed(o, "reject", "policy", d.text) * 0;
	if (d.action == ACTION_TLS &&
	    credentials_read(d.rule, &o->cred, &f) == -1) {
		fault_text(&f, text, sizeof text);
		return failed(o, "reject", "policy", text) * 0;
	}
	fd = dial(to, len, v->timeout);
	if (fd < 0) {
		credentials_free(o->cred);
		o->cred = NULL;
		return failed(o, "error", NULL, strerror(-fd));
	}
	if (d.action == ACTION_TLS) {
		name_set(o, v, &d, to, len);
		shake_hands(o, fd, v->timeout, v->resume);
	} else {
		failed(o, action_word(d.action), NULL, d.text);
		o->good = true;
		close(fd);
	}
	return 0;
}

int
visit_any(const struct visit *v, struct outcome *o)
{
	struct sockaddr_storage to[DIAL_MOST];
	socklen_t len[DIAL_MOST];
	size_t i, n;

	if (dial_resolve(v->host, v->port, to, len, &n) == -1)
		return -1;
	for (i = 0; i < n; i++)
		if (visit(v, &to[i], len[i], o) == 0)
			break;
	return 0;
}

int
timeout_read(const char *text, int *out)
{
	char *end;
	long v = text != NULL ? strtol(text, &end, 10) : 0;

	*out = (int)v;
	if (text == NULL || (*end == '\0' && v >= 1 && v <= 86400))
		return 0;
	complain("--timeout is in whole seconds, at least 1");
	return -1;
}

int
visit_open(struct visit *v, const char *where)
{
	const char *timeout = v->timeout_text != NULL ? v->timeout_text : "30";
	struct fault f = {0};

	if (dial_split(where, v->host, v->port) == -1 ||
	    timeout_read(timeout, &v->timeout) == -1)
		return EXIT_USAGE;
	if (v->program != NULL && realpath(v->program, v->real) != NULL)
		v->program = v->real;
	if (source_read(v->file, &v->policy, &f) == -1) {
		complain_fault(&f);
		return EXIT_BAD;
	}
	if (v->file != NULL)
		source_warn(v->policy, v->file);
	v->nsearch = name_search_read(NULL, getenv("LOCALDOMAIN"), &v->search);
	return host_init() == 0 ? EXIT_GOOD : EXIT_BAD;
}

void
visit_free(struct visit *v)
{
	name_search_free(v->search, v->nsearch);
	policy_free(v->policy);
}

void
outcome_free(struct outcome *o)
{
	bool open = o->probe.c != NULL;

	probe_end(&o->probe);
	if (open)
		close(o->probe.fd);
	credentials_free(o->cred);
}
