/* testbed.c - tlsshim testbed: a throw-away CA and a policy for loopback */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "authority.h"
#include "replace.h"

static const char policy_text[] =
    "# Made by tlsshim testbed, to be thrown away.  Both ends of every TCP\n"
    "# connection over loopback speak TLS; everything else is left alone.\n"
    "version = 1;\n"
    "unmatched = \"plain\";\n"
    "on_unprotected = \"allow\";\n"
    "client = ( {\n"
    "\taddress = ( \"127.0.0.0/8\", \"::1\" );\n"
    "\tserver_hostname = \"localhost\";\n"
    "\tcafile = \"ca.pem\";\n"
    "} );\n"
    "server = ( {\n"
    "\taddress = ( \"127.0.0.0/8\", \"::1\" );\n"
    "\tcertfile = \"server.pem\";\n"
    "\tkeyfile = \"server.key\";\n"
    "} );\n";

struct file {
	const char *name;
	const void *data;
	size_t len;
	mode_t mode;
};

static bool
dir_is_empty(int dir)
{
	DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_CLOEXEC));
	struct dirent *e;
	bool empty = true;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			empty = false;
	if (d != NULL)
		closedir(d);
	return d != NULL && empty;
}

/* Ours if ca.pem is a CA of our making: nothing else may be overwritten. */
static bool
dir_is_testbed(int dir)
{
	int fd = openat(dir, "ca.pem", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	gnutls_x509_crt_t crt;
	char text[8192], name[128];
	size_t len = sizeof(name);
	ssize_t n = fd != -1 ? read(fd, text, sizeof(text)) : -1;
	gnutls_datum_t pem = {(unsigned char *)text, n > 0 ? (unsigned)n : 0};
	bool ours;

	if (fd != -1)
		close(fd);
	if (n <= 0 || gnutls_x509_crt_init(&crt) < 0)
		return false;
	ours = gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM) == 0 &&
	       gnutls_x509_crt_get_dn_by_oid(
		   crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &len) == 0 &&
	       strncmp(name, AUTHORITY_NAME, strlen(AUTHORITY_NAME)) == 0;
	gnutls_x509_crt_deinit(crt);
	return ours;
}

/* The folder, 0700; -1 after saying why it cannot be one. */
static int
dir_open(const char *path)
{
	bool made = mkdir(path, 0700) == 0;
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (dir == -1 || fstat(dir, &st) == -1) {
		complain("testbed: %s: %s", path, strerror(errno));
	} else if (st.st_uid != geteuid()) {
		complain("testbed: %s belongs to somebody else", path);
	} else if (!made && !dir_is_empty(dir) && !dir_is_testbed(dir)) {
		complain("testbed: %s holds other files and no testbed; name a "
			 "new or an empty folder",
		    path);
	} else if (fchmod(dir, 0700) == -1) {
		complain("testbed: %s: %s", path, strerror(errno));
	} else {
		return dir;
	}
	if (dir != -1)
		close(dir);
	return -1;
}

/* All are on the disk before the first takes its place. */
static int
files_write(int dir, const struct file *files, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (replace_begin(dir, files[i].name, files[i].data,
			files[i].len, files[i].mode) == -1)
			goto fail;
	for (i = 0; i < n; i++)
		if (replace_end(dir, files[i].name) == -1)
			goto fail;
	return 0;
fail:
	complain("testbed: %s: %s", files[i].name, strerror(errno));
	for (i = 0; i < n; i++)
		replace_drop(dir, files[i].name);
	return -1;
}

static int
testbed_write(int dir, const struct authority *a)
{
#define PEM(name, datum, mode)                         \
	{                                              \
		name, (datum).data, (datum).size, mode \
	}
	const struct file files[] = {
	    PEM("ca.pem", a->ca.crt_pem, 0644),
	    PEM("ca.key", a->ca.key_pem, 0600),
	    PEM("server.pem", a->server.crt_pem, 0644),
	    PEM("server.key", a->server.key_pem, 0600),
	    PEM("client.pem", a->client.crt_pem, 0644),
	    PEM("client.key", a->client.key_pem, 0600),
	    {"policy.cfg", policy_text, strlen(policy_text), 0644},
	};
#undef PEM
	size_t n = sizeof(files) / sizeof(files[0]);

	/* the policy does not change, but may have been edited: keep it */
	if (faccessat(dir, "policy.cfg", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		n--;
	return files_write(dir, files, n);
}

static void
testbed_print(const char *dir, const struct option_list *hosts)
{
	time_t end = time(NULL) + (time_t)AUTHORITY_DAYS * 24 * 3600;
	char day[32];
	size_t i;

	strftime(day, sizeof(day), "%Y-%m-%d", localtime(&end));
	printf("%s: certificates for localhost, 127.0.0.1, ::1", dir);
	for (i = 0; i < hosts->n; i++)
		printf(", %s", hosts->v[i]);
	printf(", valid until %s.\nNow put TLS under both ends of a "
	       "connection over loopback:\n\n"
	       "  tlsshim run -p %s/policy.cfg SERVER...\n"
	       "  tlsshim run -p %s/policy.cfg CLIENT...\n\n"
	       "Programs that speak TLS themselves find the CA in %s/ca.pem.\n",
	    day, dir, dir, dir);
}

static int
hosts_check(const struct option_list *hosts)
{
	char name[256];
	size_t i;

	for (i = 0; i < hosts->n; i++) {
		const char *host = hosts->v[i];

		if (strncmp(host, "*.", 2) == 0)
			host += 2;
		if (name_canon(host, name, sizeof(name)) == 0 &&
		    strcmp(name, host) == 0)
			continue;
		complain("testbed: '%s' is not a host name or an address in "
			 "its usual form",
		    hosts->v[i]);
		return -1;
	}
	return 0;
}

int
testbed_main(const struct subcommand *self, int argc, char **argv)
{
	struct option_list hosts = {0};
	const struct option_row rows[] = {
	    {0, "host", OPTION_LIST, &hosts, "NAME",
		"Make the certificate good for this name or address too."},
	    {0},
	};
	struct authority a;
	char path[PATH_MAX];
	int dir, rv, status = EXIT_BAD;
	int first = options_read(self, rows, true, argc, argv);

	if (first == -1)
		return EXIT_USAGE;
	if (first == argc)
		return options_wrong(self, "no folder is named");
	if (first < argc - 1)
		return options_wrong(self, "only one folder can be named");
	if (hosts_check(&hosts) == -1 ||
	    path_absolute(argv[first], path) == NULL ||
	    (dir = dir_open(path)) == -1)
		return EXIT_BAD;
	rv = authority_new(&a, &hosts);
	if (rv < 0)
		complain("testbed: %s", gnutls_strerror(rv));
	else if (testbed_write(dir, &a) == 0)
		status = EXIT_GOOD;
	authority_free(&a);
	close(dir);
	if (status == EXIT_GOOD)
		testbed_print(path, &hosts);
	return status;
}
