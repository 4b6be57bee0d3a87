/* explain.c - tlsshim explain: what the engine would decide, and why */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/credentials.h"
#include "../policy/json.h"
#include "../policy/keys.h"
#include "../shim/target.h"
#include "tools.h"

#define ADDRESSES 32
#define ANY_PROGRAM ""      /* that no glob but "*" matches */
#define NOWHERE "192.0.2.1" /* RFC 5737: belongs to nobody */

struct question {
	enum side side;
	const char *host, *port, *address, *peer, *program, *script;
	char program_path[PATH_MAX], script_path[PATH_MAX];
	char **search; /* owned */
	size_t nsearch;
	size_t n;
	struct sockaddr_storage to[ADDRESSES];
	struct sockaddr_storage from; /* --peer */
};

/* One outcome, and the addresses that lead to it. */
struct answer {
	struct decision decision;
	size_t n;
	char to[ADDRESSES][INET6_ADDRSTRLEN];
	char priority[2048]; /* "" when there is none */
	struct fault fault;  /* why not */
	bool by_program;     /* some program would be told otherwise */
};

static const char *
address_text(const struct sockaddr_storage *ss, char *buf, size_t len)
{
	const void *p = &((const struct sockaddr_in *)ss)->sin_addr;

	if (ss->ss_family == AF_INET6)
		p = &((const struct sockaddr_in6 *)ss)->sin6_addr;
	return inet_ntop(ss->ss_family, p, buf, (socklen_t)len);
}

static bool
address_is_any(const char *text)
{
	return strcmp(text, "0.0.0.0") == 0 || strcmp(text, "::") == 0;
}

/* Appends the addresses of host; 0 or what getaddrinfo says. */
static int
addresses_add(const char *host, const char *port, int flags,
    struct sockaddr_storage *to, size_t *n, size_t max)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
			    .ai_flags = flags | AI_NUMERICSERV},
			*list, *a;
	int rv = getaddrinfo(host, port, &hints, &list);

	if (rv != 0)
		return rv;
	for (a = list; a != NULL && *n < max; a = a->ai_next)
		memcpy(&to[(*n)++], a->ai_addr, a->ai_addrlen);
	freeaddrinfo(list);
	return 0;
}

static int
port_check(const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	if (*text >= '0' && *text <= '9' && *end == '\0' && port <= 65535)
		return 0;
	complain("explain: '%s' is not a port number", text);
	return -1;
}

/*
 * A name that does not resolve here may still be asked about: only address
 * matchers depend on what it would resolve to.
 */
static int
question_resolve(struct question *q)
{
	const char *host = q->address != NULL ? q->address : q->host;
	int flags = q->address != NULL ? AI_NUMERICHOST : 0;
	size_t one = 0;
	int rv;

	rv = addresses_add(host, q->port, flags, q->to, &q->n, ADDRESSES);
	if (rv != 0 && q->address == NULL && q->side == SIDE_CLIENT &&
	    !name_is_address(q->host)) {
		complain("explain: %s: %s; explained as if it were at " NOWHERE
			 " (--address gives another)",
		    host, gai_strerror(rv));
		rv = addresses_add(
		    NOWHERE, q->port, AI_NUMERICHOST, q->to, &q->n, ADDRESSES);
	}
	if (rv == 0 && q->peer != NULL) {
		host = q->peer;
		rv =
		    addresses_add(host, "0", AI_NUMERICHOST, &q->from, &one, 1);
	}
	if (rv != 0)
		complain("explain: %s: %s", host, gai_strerror(rv));
	return rv == 0 ? 0 : -1;
}

/* As the engine sees it: the executable, or interpreter and script. */
static void
question_program(struct question *q)
{
	const char *given = q->program;
	struct target target;

	if (given == NULL)
		return;
	if (realpath(given, q->program_path) != NULL)
		q->program = q->program_path;
	target_read(given, &target);
	if (target.interp[0] == '\0')
		return;
	strcpy(q->script_path, q->program_path);
	q->script = q->script_path;
	q->program = realpath(target.interp, q->program_path);
}

static void
answer_read(const struct policy *p, const struct question *q,
    const struct sockaddr_storage *to, struct answer *out)
{
	const char *names[] = {q->host};
	struct endpoint e = {
	    .side = q->side,
	    .program = q->program,
	    .script = q->script,
	    .search = (const char *const *)q->search,
	    .nsearch = q->nsearch,
	};

	memset(out, 0, sizeof(*out));
	if (q->side == SIDE_CLIENT) {
		e.peer = (const struct sockaddr *)to;
		e.names = names;
		e.nnames = name_is_address(q->host) ? 0 : 1;
	} else {
		e.local = (const struct sockaddr *)to;
		if (q->peer != NULL)
			e.peer = (const struct sockaddr *)&q->from;
	}
	policy_match(p, &e, &out->decision);
	if (q->program == NULL && out->decision.why == WHY_UNDECIDED) {
		/* it may only hang on which program it is */
		e.program = ANY_PROGRAM;
		policy_match(p, &e, &out->decision);
		out->by_program = out->decision.why != WHY_UNDECIDED;
	}
	address_text(to, out->to[out->n++], sizeof(out->to[0]));
	if (out->decision.action == ACTION_TLS && out->decision.rule != NULL &&
	    priority_text(&out->decision.rule->values, q->side,
		out->decision.rule->origin, out->priority,
		sizeof(out->priority), &out->fault) == -1)
		out->priority[0] = '\0';
}

static bool
answer_same(const struct answer *a, const struct answer *b)
{
	return a->decision.rule == b->decision.rule &&
	       a->decision.action == b->decision.action &&
	       a->decision.why == b->decision.why &&
	       strcmp(a->decision.name, b->decision.name) == 0;
}

/* Every distinct outcome, in the order of the addresses. */
static size_t
answers_read(
    const struct policy *p, const struct question *q, struct answer *out)
{
	size_t i, j, n = 0;

	for (i = 0; i < q->n; i++) {
		answer_read(p, q, &q->to[i], &out[n]);
		for (j = 0; j < n && !answer_same(&out[j], &out[n]); j++)
			;
		if (j < n)
			strcpy(out[j].to[out[j].n++], out[n].to[0]);
		else
			n++;
	}
	return n;
}

static void
values_print(const struct rule *r)
{
	const struct key *k;
	const struct origin *o;

	for (k = keys; k < keys + KEY_COUNT; k++) {
		o = &r->origin[k - keys];
		printf("  %s = ", k->name);
		key_value_print(k, &r->values, stdout);
		if (o->file != NULL)
			printf("   [%s:%d]\n", o->file, o->line);
		else
			puts("   [default]");
	}
}

static void
answer_print(const struct question *q, const struct answer *a)
{
	const struct decision *d = &a->decision;
	size_t i;

	printf("%s %s port %s, at",
	    q->side == SIDE_CLIENT ? "client of" : "server on", q->host,
	    q->port);
	for (i = 0; i < a->n; i++)
		printf("%s %s", i > 0 ? "," : "", a->to[i]);
	printf("\n  verdict: %s\n  why: %s\n", action_word(d->action), d->text);
	if (q->side == SIDE_SERVER && address_is_any(a->to[0]))
		puts(
		    "  note: what is accepted is judged by the address it came "
		    "to; ask about that");
	if (a->by_program)
		puts("  note: rules for single programs are passed over; "
		     "--program asks about one");
	if (q->side == SIDE_SERVER && q->peer == NULL &&
	    d->why == WHY_UNDECIDED)
		puts("  note: --peer asks about one client");
	if (d->rule == NULL)
		return;
	printf("  rule: %s:%d\n  context: %s\n", d->rule->file, d->rule->line,
	    d->rule->context != NULL ? d->rule->context : "none, the defaults");
	if (!d->rule->enforce)
		puts("  enforce: false, what verification finds is logged and "
		     "passes");
	if (d->action != ACTION_TLS)
		return;
	if (d->name[0] != '\0')
		printf("  name: %s\n", d->name);
	if (a->priority[0] != '\0')
		printf("  priority string: %s\n", a->priority);
	else
		complain_fault(&a->fault);
	values_print(d->rule);
}

static void
values_print_json(const struct rule *r)
{
	const struct key *k;
	const struct origin *o;

	fputs(",\n  \"values\": {", stdout);
	for (k = keys; k < keys + KEY_COUNT; k++) {
		o = &r->origin[k - keys];
		printf("%s\n    ", k > keys ? "," : "");
		json_string_print(k->name, stdout);
		fputs(": { \"value\": ", stdout);
		key_value_print_json(k, &r->values, stdout);
		fputs(", \"file\": ", stdout);
		json_string_print(o->file, stdout);
		if (o->file != NULL)
			printf(", \"line\": %d", o->line);
		fputs(" }", stdout);
	}
	fputs(" }", stdout);
}

static void
member_print(const char *name, const char *value)
{
	printf(",\n  \"%s\": ", name);
	json_string_print(value, stdout);
}

static void
answer_print_json(const struct question *q, const struct answer *a)
{
	const struct decision *d = &a->decision;
	size_t i;

	printf(
	    "{ \"side\": \"%s\"", q->side == SIDE_CLIENT ? "client" : "server");
	member_print("host", q->host);
	printf(",\n  \"port\": %s,\n  \"addresses\": [", q->port);
	for (i = 0; i < a->n; i++) {
		fputs(i > 0 ? ", " : "", stdout);
		json_string_print(a->to[i], stdout);
	}
	fputs("]", stdout);
	member_print("verdict", action_word(d->action));
	member_print("why", d->text);
	if (d->rule != NULL) {
		member_print("file", d->rule->file);
		printf(",\n  \"line\": %d", d->rule->line);
		member_print("context", d->rule->context);
		printf(",\n  \"enforce\": %s",
		    d->rule->enforce ? "true" : "false");
	}
	if (d->rule != NULL && d->action == ACTION_TLS) {
		member_print("name", d->name);
		member_print("priority_string",
		    a->priority[0] != '\0' ? a->priority : NULL);
		values_print_json(d->rule);
	}
	fputs(" }", stdout);
}

static void
answers_print(
    const struct question *q, const struct answer *a, size_t n, bool json)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!json) {
			answer_print(q, &a[i]);
			continue;
		}
		fputs(i > 0 ? ",\n" : "[", stdout);
		answer_print_json(q, &a[i]);
	}
	if (json)
		puts("]");
}

static int
question_answer(struct question *q, const char *policy, bool json)
{
	struct answer *answers = calloc(ADDRESSES + 1, sizeof(*answers));
	struct policy *p = NULL;
	struct fault f = {0};
	int rv = -1;

	question_program(q);
	if (source_read(policy, &p, &f) == -1) {
		complain_fault(&f);
		goto out;
	}
	if (policy != NULL)
		source_warn(p, policy);
	if (answers == NULL || question_resolve(q) == -1)
		goto out;
	q->nsearch = name_search_read(NULL, getenv("LOCALDOMAIN"), &q->search);
	answers_print(q, answers, answers_read(p, q, answers), json);
	name_search_free(q->search, q->nsearch);
	rv = 0;
out:
	policy_free(p);
	free(answers);
	return rv;
}

int
explain_main(const struct subcommand *self, int argc, char **argv)
{
	static struct question q; /* too large for the stack */
	const char *policy = NULL;
	bool json = false;
	const struct option_row rows[] = {
	    {'p', "policy", OPTION_TEXT, &policy, "FILE",
		"Ask this policy instead of the one in force."},
	    {0, "program", OPTION_TEXT, &q.program, "FILE",
		"The program that connects or listens."},
	    {0, "address", OPTION_TEXT, &q.address, "ADDRESS",
		"What HOST resolves to, instead of asking the resolver."},
	    {0, "peer", OPTION_TEXT, &q.peer, "ADDRESS",
		"server: where the client is."},
	    {0, "json", OPTION_FLAG, &json, NULL, "Print JSON."},
	    {0},
	};
	int first = options_read(self, rows, true, argc, argv);

	if (first == -1)
		return EXIT_USAGE;
	argv += first;
	if (argc - first != 3)
		return options_wrong(
		    self, "a side, a host and a port are needed");
	if (strcmp(argv[0], "server") == 0)
		q.side = SIDE_SERVER;
	else if (strcmp(argv[0], "client") != 0)
		return options_wrong(self, "the side is client or server");
	q.host = argv[1];
	q.port = argv[2];
	if (port_check(q.port) == -1)
		return EXIT_USAGE;
	return question_answer(&q, policy, json) == 0 ? EXIT_GOOD : EXIT_BAD;
}
