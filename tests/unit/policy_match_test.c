/* policy_match_test.c - tables of endpoint and wanted decision */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../policy/policy.h"
#include "made.h"

/* Rows leave out what they do not care about. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define NAMES 4

struct row {
	const char *name;   /* a sentence */
	const char *policy; /* which of policies[] */
	enum side side;
	const char *peer, *local; /* "10.0.0.1 443", "2001:db8::1 443" */
	const char *names[NAMES];
	const char *want; /* "action why line name" */
	const char *program, *script;
};

/* What rows expect names the lines of these. */
static const struct {
	const char *name, *text;
} policies[] = {
    {"corp", "unmatched = \"plain\"; version = 1;\n"
	     "client = (\n"
	     "{ host = ( \"*.corp.example\", \"db.example\" ); },\n"
	     "{ address = \"10.0.0.0/8\"; port = ( 443, \"8000-8100\" );"
	     " verify_mode = \"none\"; },\n"
	     "{ address = \"2001:db8::/32\"; action = \"reject\"; } );\n"
	     "server = (\n"
	     "{ port = 80; peer = \"127.0.0.0/8\"; action = \"plain\"; },\n"
	     "{ port = 80; action = \"reject\"; },\n"
	     "{ address = \"10.0.0.1\"; certfile = \"x\"; } );\n"},
    {"skip", "unmatched = \"plain\"; version = 1; unnamed = \"skip\";\n"
	     "client = ( { host = \"db.example\"; } );\n"},
    {"reject", "unmatched = \"reject\"; version = 1;\n"
	       "client = ( { host = \"db.example\"; } );\n"},
    {"latest", "unmatched = \"plain\"; version = 1;\n"
	       "ambiguous_name = \"latest\";\n"
	       "client = ( { host = \"db.example\"; } );\n"},
    {"same", "unmatched = \"reject\"; version = 1;\n"
	     "client = (\n"
	     "{ host = \"a.example\"; action = \"plain\"; },\n"
	     "{ action = \"plain\"; } );\n"},
    {"samevalues", "unmatched = \"plain\"; version = 1;\n"
		   "client = (\n"
		   "{ host = \"a.example\"; handshake_timeout = 9; },\n"
		   "{ port = 1; handshake_timeout = 9; },\n"
		   "{ handshake_timeout = 8; } );\n"},
    {"pinned", "unmatched = \"plain\"; version = 1;\n"
	       "client = (\n"
	       "{ address = \"127.0.0.0/8\";"
	       " server_hostname = \"Bed.Example.\"; } );\n"},
    {"unchecked", "unmatched = \"plain\"; version = 1;\n"
		  "client = ( { check_hostname = false; } );\n"},
    {"all", "unmatched = \"plain\"; version = 1;\n"
	    "client = ( { } );\n"},
    {"program", "unmatched = \"plain\"; version = 1;\n"
		"client = (\n"
		"{ program = \"/usr/bin/python3*\"; action = \"reject\"; },\n"
		"{ program = \"/opt/*/run\"; action = \"reject\"; } );\n"},
    {"wild", "unmatched = \"plain\"; version = 1;\n"
	     "client = (\n"
	     "{ address = \"0.0.0.0\"; action = \"reject\"; },\n"
	     "{ address = \"::1\"; action = \"reject\"; } );\n"},
    {"both", "unmatched = \"plain\"; version = 1;\n"
	     "client = (\n"
	     "{ program = \"/bin/x\"; host = \"a.example\"; } );\n"},
    {"idn", "unmatched = \"plain\"; version = 1;\n"
	    "client = ( { host = \"*.B\303\274cher.example\"; } );\n"},
};

#define C SIDE_CLIENT
#define S SIDE_SERVER
#define P4 "192.0.2.1 443"

static const struct row rows[] = {
    {"exact host", "corp", C, P4, 0, {"db.example"}, "tls rule 3 db.example"},
    {"case and final dot do not matter", "corp", C, P4, 0, {"DB.Example."},
	"tls rule 3 db.example"},
    {"suffix at any depth", "corp", C, P4, 0, {"a.b.corp.example"},
	"tls rule 3 a.b.corp.example"},
    {"suffix is not the suffix itself", "corp", C, P4, 0, {"corp.example"},
	"plain unmatched 0 "},
    {"suffix wants a dot", "corp", C, P4, 0, {"xcorp.example"},
	"plain unmatched 0 "},
    {"short name completed by search", "corp", C, P4, 0, {"intra"},
	"tls rule 3 intra"},
    {"short name with a dot is whole", "corp", C, P4, 0, {"intra."},
	"plain unmatched 0 "},
    {"name with a dot is whole", "corp", C, P4, 0, {"in.tra"},
	"plain unmatched 0 "},
    {"no name is undecided", "corp", C, P4, 0, {0}, "reject undecided 3 "},
    {"literal is no name", "corp", C, P4, 0, {"192.0.2.1"},
	"reject undecided 3 "},
    {"octal literal is no name", "corp", C, P4, 0, {"0300.0.2.1"},
	"reject undecided 3 "},
    {"rubbish is no name", "corp", C, P4, 0, {"a b"}, "reject undecided 3 "},
    {"undecided before an address rule of other values", "corp", C,
	"10.1.2.3 443", 0, {0}, "reject undecided 3 "},
    {"address and port", "corp", C, "10.1.2.3 8050", 0, {"x.example"},
	"tls rule 4 x.example"},
    {"port out of range", "corp", C, "10.1.2.3 8101", 0, {"x.example"},
	"plain unmatched 0 "},
    {"v4-mapped counts as v4", "corp", C, "::ffff:10.1.2.3 443", 0,
	{"x.example"}, "tls rule 4 x.example"},
    {"v6 network", "corp", C, "2001:db8:ffff::1 1", 0, {"x.example"},
	"reject rule 5 "},
    {"next v6 network", "corp", C, "2001:db9::1 1", 0, {"x.example"},
	"plain unmatched 0 "},
    {"unnamed skip", "skip", C, P4, 0, {0}, "plain unmatched 0 "},
    {"undecided says so even where all else is refused", "reject", C, P4, 0,
	{0}, "reject undecided 2 "},
    {"one name of two leads elsewhere", "corp", C, P4, 0,
	{"x.example", "db.example"}, "reject ambiguous 3 "},
    {"the same two names the other way round", "corp", C, P4, 0,
	{"db.example", "x.example"}, "reject ambiguous 3 "},
    {"two names to verify", "corp", C, P4, 0, {"db.example", "a.corp.example"},
	"reject ambiguous 3 "},
    {"one name in two forms", "corp", C, P4, 0, {"db.example", "DB.example."},
	"tls rule 3 db.example"},
    {"two names of plain ends", "corp", C, P4, 0, {"x.example", "y.example"},
	"plain unmatched 0 "},
    {"ambiguous latest takes the first", "latest", C, P4, 0,
	{"x.example", "db.example"}, "plain unmatched 0 "},
    {"ambiguous latest takes the first, tls", "latest", C, P4, 0,
	{"db.example", "x.example"}, "tls rule 3 db.example"},
    {"undecided between equal verdicts is decided", "same", C, P4, 0, {0},
	"plain rule 4 "},
    {"two names to equal verdicts", "same", C, P4, 0,
	{"a.example", "b.example"}, "plain rule 3 "},
    {"undecided between equal values is decided", "samevalues", C,
	"192.0.2.1 1", 0, {0}, "tls rule 4 "},
    {"undecided between other values", "samevalues", C, "192.0.2.1 2", 0, {0},
	"reject undecided 3 "},
    {"server_hostname is the name", "pinned", C, "127.0.0.1 1", 0, {0},
	"tls rule 3 bed.example"},
    {"server_hostname settles many names", "pinned", C, "127.0.0.1 1", 0,
	{"a.example", "b.example", "c.example"}, "tls rule 3 bed.example"},
    {"wildcard destination is loopback", "pinned", C, "0.0.0.0 1", 0, {0},
	"tls rule 3 bed.example"},
    {"wildcard destination by its own name", "wild", C, "0.0.0.0 1", 0, {0},
	"reject rule 3 "},
    {"v6 wildcard destination is loopback", "wild", C, ":: 1", 0, {0},
	"reject rule 4 "},
    {"mapped wildcard destination is loopback", "pinned", C, "::ffff:0.0.0.0 1",
	0, {0}, "tls rule 3 bed.example"},
    {"many names unchecked take the first", "unchecked", C, P4, 0,
	{"a.example", "b.example"}, "tls rule 2 a.example"},
    {"many names checked are ambiguous", "all", C, P4, 0,
	{"a.example", "b.example"}, "reject ambiguous 2 "},
    {"no name verifies the address", "all", C, P4, 0, {0}, "tls rule 2 "},
    {"program glob", "program", C, P4, 0, {0}, "reject rule 3 ",
	"/usr/bin/python3.11"},
    {"program glob stops at a slash", "program", C, P4, 0, {0},
	"plain unmatched 0 ", "/opt/a/b/run"},
    {"program glob crosses one folder", "program", C, P4, 0, {0},
	"reject rule 4 ", "/opt/a/run"},
    {"script counts", "program", C, P4, 0, {0}, "reject rule 4 ", "/bin/sh",
	"/opt/a/run"},
    {"unknown program is undecided", "program", C, P4, 0, {0},
	"reject undecided 3 ", ""},
    {"unknown program and one name of two", "both", C, P4, 0,
	{"b.example", "a.example"}, "reject ambiguous 3 ", ""},
    {"IDN in the policy, A-label looked up", "idn", C, P4, 0,
	{"x.xn--bcher-kva.example"}, "tls rule 2 x.xn--bcher-kva.example"},
    {"IDN looked up", "idn", C, P4, 0, {"x.b\303\274cher.EXAMPLE"},
	"tls rule 2 x.xn--bcher-kva.example"},
    {"peer of a server", "corp", S, "127.0.0.9 1", "192.0.2.9 80", {0},
	"plain rule 7 "},
    {"other peer of a server", "corp", S, "192.0.2.1 1", "192.0.2.9 80", {0},
	"reject rule 8 "},
    {"unknown peer of a server", "corp", S, 0, "192.0.2.9 80", {0},
	"reject undecided 7 "},
    {"local address of a server", "corp", S, "192.0.2.1 1", "10.0.0.1 99", {0},
	"tls rule 9 "},
    {"another local address", "corp", S, "192.0.2.1 1", "10.0.0.2 99", {0},
	"plain unmatched 0 "},
    {"a wildcard is no loopback for servers", "corp", S, "192.0.2.1 1",
	"0.0.0.0 99", {0}, "plain unmatched 0 "},
};

/* Which rules of "corp" could decide, by line. */
static const struct row could[] = {
    {"nothing known", "corp", C, 0, 0, {0}, "3 4 5"},
    {"address known", "corp", C, P4, 0, {0}, "3"},
    {"name known", "corp", C, 0, 0, {"x.example"}, "4 5"},
    {"one name of two", "corp", C, P4, 0, {"x.example", "db.example"}, "3"},
    {"port 0 is any", "corp", C, "10.0.0.1 0", 0, {"x.example"}, "4"},
    {"server, nothing known", "corp", S, 0, 0, {0}, "7 8 9"},
    {"wildcard listener", "corp", S, 0, "0.0.0.0 99", {0}, "9"},
    {"wildcard listener of v6", "corp", S, 0, ":: 80", {0}, "7 8 9"},
    {"listener without a port", "corp", S, 0, "192.0.2.9 0", {0}, "7 8"},
    {"listener elsewhere", "corp", S, 0, "192.0.2.9 99", {0}, ""},
    {"peer known", "corp", S, "192.0.2.1 1", "192.0.2.9 80", {0}, "8"},
    {"program unknown", "program", C, P4, 0, {0}, "3 4", ""},
    {"program known", "program", C, P4, 0, {0}, "4", "/opt/a/run"},
    {"program of none", "program", C, P4, 0, {0}, "", "/bin/sh"},
};

static const struct sockaddr *
address_make(const char *text, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	char addr[64];
	int port;

	memset(ss, 0, sizeof *ss);
	if (text == NULL)
		return NULL;
	if (sscanf(text, "%63s %d", addr, &port) != 2)
		abort();
	if (inet_pton(AF_INET, addr, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
	} else if (inet_pton(AF_INET6, addr, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
	} else {
		abort();
	}
	return (const struct sockaddr *)ss;
}

static char folder[] = "/tmp/policy_match_test.XXXXXX";

static struct policy *
policy_make(const char *name)
{
	struct policy_source src = {0};
	struct policy *p = NULL;
	struct fault f = {0};
	char file[128], text[2200];
	FILE *out;
	size_t i = 0;

	while (strcmp(policies[i].name, name) != 0)
		i++;
	snprintf(file, sizeof file, "%s/%s.cfg", folder, name);
	out = fopen(file, "w");
	if (out == NULL)
		abort();
	fputs(policies[i].text, out);
	fclose(out);
	src.site = file;
	if (policy_read(&src, &p, &f) == -1) {
		fault_text(&f, text, sizeof text);
		printf("not ok policy %s: %s\n", name, text);
		exit(1);
	}
	unlink(file);
	return p;
}

static void
endpoint_make(
    const struct row *r, struct endpoint *e, struct sockaddr_storage ss[2])
{
	static const char *const search[] = {"other.example", "corp.example"};

	*e = (struct endpoint){.side = r->side,
	    .program = r->program != NULL ? r->program : "/bin/true",
	    .script = r->script,
	    .peer = address_make(r->peer, &ss[0]),
	    .local = address_make(r->local, &ss[1]),
	    .names = r->names,
	    .search = search,
	    .nsearch = 2};
	if (e->program[0] == '\0')
		e->program = NULL;
	while (e->nnames < NAMES && r->names[e->nnames] != NULL)
		e->nnames++;
}

static void
result(const char *name, const char *want, const char *got, const char *more)
{
	if (strcmp(want, got) == 0) {
		printf("ok %s\n", name);
		return;
	}
	failures++;
	printf("not ok %s: want '%s', got '%s' (%s)\n", name, want, got, more);
}

static void
test_match(const struct row *r)
{
	static const char *const why[] = {
	    "rule", "unmatched", "undecided", "ambiguous"};
	struct policy *p = policy_make(r->policy);
	struct sockaddr_storage ss[2];
	struct endpoint e;
	struct decision d;
	char got[512];

	endpoint_make(r, &e, ss);
	policy_match(p, &e, &d);
	snprintf(got, sizeof got, "%s %s %d %s", action_word(d.action),
	    why[d.why], d.rule != NULL ? d.rule->line : 0, d.name);
	result(r->name, r->want, got, d.text);
	if (d.text[0] == '\0' || (d.rule == NULL) != (d.why == WHY_UNMATCHED))
		report(false, "%s: no sentence or no rule", r->name);
	policy_free(p);
}

static void
test_could(const struct row *r)
{
	struct policy *p = policy_make(r->policy);
	struct sockaddr_storage ss[2];
	struct endpoint e;
	const struct rule *rules;
	char got[128] = "", *end = got;
	size_t i, n;

	endpoint_make(r, &e, ss);
	rules = r->side == SIDE_CLIENT ? p->client : p->server;
	n = r->side == SIDE_CLIENT ? p->nclient : p->nserver;
	for (i = 0; i < n; i++)
		if (rule_could_match(&rules[i], &e))
			end += sprintf(
			    end, "%s%d", end > got ? " " : "", rules[i].line);
	result(r->name, r->want, got, "could");
	policy_free(p);
}

/* Every name counts, however many the program has looked up. */
static void
test_many_names(void)
{
	struct policy *p = policy_make("corp");
	static char text[1000][32];
	const char *names[1000];
	struct sockaddr_storage ss;
	struct endpoint e = {.side = SIDE_CLIENT,
	    .program = "/bin/true",
	    .peer = address_make(P4, &ss),
	    .names = names,
	    .nnames = 1000};
	struct decision d;
	int i;

	for (i = 0; i < 1000; i++) {
		snprintf(text[i], sizeof text[i], "h%d.example", i);
		names[i] = i == 999 ? "db.example" : text[i];
	}
	policy_match(p, &e, &d);
	result("the last of a thousand names counts", "reject",
	    action_word(d.action), d.text);
	policy_free(p);
}

int
main(void)
{
	size_t i;

	umask(022);
	if (mkdtemp(folder) == NULL)
		return 2;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		test_match(&rows[i]);
	for (i = 0; i < sizeof could / sizeof could[0]; i++)
		test_could(&could[i]);
	test_many_names();
	rmdir(folder);
	return failures > 0;
}
