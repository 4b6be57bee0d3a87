/* policy_name_test.c - one form for every way to write a name */
#include <unistd.h>

#include "../../policy/policy.h"
#include "made.h"

static const struct {
	const char *host, *want; /* want NULL: no name */
	bool address;
} rows[] = {
    {"db.example", "db.example", false},
    {"DB.Example", "db.example", false},
    {"db.example.", "db.example", false},
    {"db.example..", NULL, false},
    {".db.example", NULL, false},
    {"db", "db", false},
    {"my_host", "my_host", false},
    {"", NULL, false},
    {".", NULL, false},
    {"a b", NULL, false},
    {"a/b", NULL, false},
    {"a:1", NULL, false},
    {"*.example", NULL, false},
    {"b\303\274cher.example", "xn--bcher-kva.example", false},
    {"B\303\234CHER.example.", "xn--bcher-kva.example", false},
    {"XN--bcher-kva.example", "xn--bcher-kva.example", false},
    {"\377\376.example", NULL, false},
    {"10.1.2.3", "10.1.2.3", true},
    {"127.1", "127.0.0.1", true},
    {"0x7f.1", "127.0.0.1", true},
    {"2130706433", "127.0.0.1", true},
    {"0177.0.0.1", "127.0.0.1", true},
    {"10.1.2.3.", NULL, false},
    {"127.1.", NULL, false},
    {"\357\274\221\357\274\220.1.2.3", NULL, false}, /* wide "10.1.2.3" */
    {"10.1.2.3.4", "10.1.2.3.4", false},
    {"256.0.0.1", "256.0.0.1", false},
    {"::1", "::1", true},
    {"0:0::0:1", "::1", true},
    {"2001:DB8::1", "2001:db8::1", true},
    {"::ffff:10.1.2.3", "10.1.2.3", true},
    {"fe80::1%eth0", "fe80::1", true},
    {"dead.beef", "dead.beef", false},
};

static void
test_canon(void)
{
	char out[256], again[256];
	size_t i;
	int rv;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		rv = name_canon(rows[i].host, out, sizeof out);
		report(rows[i].want == NULL
			   ? rv == -1
			   : rv == 0 && strcmp(out, rows[i].want) == 0,
		    "'%s' is '%s'", rows[i].host, rv == 0 ? out : "no name");
		report(name_is_address(rows[i].host) == rows[i].address,
		    "'%s' is %s address", rows[i].host,
		    rows[i].address ? "an" : "no");
		if (rv == 0)
			report(name_canon(out, again, sizeof again) == 0 &&
				   strcmp(out, again) == 0,
			    "'%s' is canonical", out);
	}
}

static void
test_length(void)
{
	char label[70], name[300], out[256];

	memset(label, 'a', sizeof label);
	label[63] = '\0';
	report(
	    name_canon(label, out, sizeof out) == 0, "63 letters are a label");
	label[63] = 'a';
	label[64] = '\0';
	report(name_canon(label, out, sizeof out) == -1,
	    "64 letters are no label");
	label[63] = '\0';
	sprintf(name, "%s.%s.%s.%.61s", label, label, label, label);
	report(
	    name_canon(name, out, sizeof out) == 0, "253 letters are a name");
	strcat(name, "a");
	report(
	    name_canon(name, out, sizeof out) == -1, "254 letters are no name");
	report(name_canon("db.example", out, 10) == -1,
	    "a name that does not fit is refused, not cut");
}

static void
search_check(const char *name, const char *text, const char *localdomain,
    const char *want)
{
	char file[] = "/tmp/policy_name_test.XXXXXX", got[256] = "";
	int fd = mkstemp(file);
	char **v;
	size_t n, i;

	if (fd == -1 || write(fd, text, strlen(text)) == -1)
		abort();
	close(fd);
	n = name_search_read(file, localdomain, &v);
	for (i = 0; i < n; i++)
		sprintf(got + strlen(got), "%s%s", i > 0 ? " " : "", v[i]);
	report(strcmp(got, want) == 0, "%s: '%s'", name, got);
	name_search_free(v, n);
	unlink(file);
}

static void
test_search(void)
{
	char **v;

	search_check("search",
	    "nameserver 127.0.0.1\nsearch a.example\tB.Example.\n", NULL,
	    "a.example b.example");
	search_check("the last line counts",
	    "search a.example\ndomain b.example\n", NULL, "b.example");
	search_check("comments", "#search x\nsearch a.example # b\n;search y\n",
	    NULL, "a.example");
	search_check(
	    "no newline at the end", "search a.example", NULL, "a.example");
	search_check("LOCALDOMAIN goes first", "search a.example\n",
	    "c.example d.example", "c.example d.example");
	search_check("empty LOCALDOMAIN is none", "search a.example\n", "", "");
	search_check("nothing said", "nameserver 127.0.0.1\n", NULL, "");
	report(name_search_read("/nonexistent/resolv.conf", NULL, &v) == 0,
	    "no file, no domains");
	name_search_free(v, 0);
}

int
main(void)
{
	test_canon();
	test_length();
	test_search();
	return failures > 0;
}
