/* tlsshim.c - the command: a table of subcommands and its help */
#include <string.h>

#include "tools.h"

#define VERSION "0.1"

static const struct subcommand subcommands[] = {
    {"run", "[-p FILE] [--confine] [--] PROGRAM [ARGUMENT]...",
	"Run a program with its TCP connections governed by the policy.",
	run_main},
    {"check", "[-p FILE] [--strict] [--json]",
	"Say what is wrong with the policy and the files it names.",
	check_main},
    {"explain",
	"[-p FILE] [--program FILE] [--address ADDRESS] [--peer ADDRESS] "
	"[--json] client|server HOST|ADDRESS PORT",
	"Say what the policy decides about a connection, and why.",
	explain_main},
    {"apply", "FILE", "Check FILE and make it the policy of this machine.",
	apply_main},
    {"probe",
	"[-p FILE] [--program FILE] [--timeout SECONDS] [--json] HOST:PORT",
	"Connect as the policy would, and say what came of it.", probe_main},
    {"pipe", "[-p FILE] [--program FILE] [--timeout SECONDS] HOST:PORT",
	"Pass standard input and output over the policy's TLS.", pipe_main},
    {"fetch-cert",
	"[--ca FILE [--check-hostname]] [--min-version VERSION] "
	"[--timeout SECONDS] [--form FORM|--json] HOST:PORT",
	"Print the certificate that a server shows.", fetch_main},
    {"ca-certs",
	"[-p FILE [--context NAME]|--ca FILE] [--pem|--stats|--default-paths] "
	"[--json]",
	"List the certificate authorities that are trusted.", anchors_main},
    {"ciphers",
	"[-p FILE [--context NAME]] [--server] [--from-openssl STRING] "
	"[--json]",
	"List the cipher suites that are offered, or translate a list.",
	ciphers_main},
    {"cert", "[--form FORM|--json|--not-after] FILE",
	"Print a certificate in another form.", cert_main},
    {"verify",
	"[-p FILE [--context NAME]] [--host NAME] [--purpose server|client]"
	" [--trust FILE] [--crl FILE] [--staple FILE] [--at TIME] [--depth N]"
	" [--flags A,B] [--no-check-hostname] [--json] CHAIN.pem",
	"Judge a certificate chain as the engine would, at any moment.",
	verify_main},
    {"keys", "[--json|--man]",
	"List what a context or a rule can set, and what it means.", keys_main},
    {"features", "[--json]",
	"List what this build can do, and with which libraries.",
	features_main},
    {"sessions", "[-p FILE|--file FILE] [--json] list|stats|clear",
	"Show or empty the files that sessions are kept in.", sessions_main},
    {"testbed", "DIR [--host NAME]...",
	"Make a throw-away CA, certificates and a policy for loopback.",
	testbed_main},
};
#define NSUBCOMMANDS (sizeof(subcommands) / sizeof(subcommands[0]))

static void
usage_print(FILE *out)
{
	size_t i;

	fputs("usage: tlsshim SUBCOMMAND [ARGUMENT]...\n\n", out);
	for (i = 0; i < NSUBCOMMANDS; i++)
		fprintf(out, "  tlsshim %s %s\n      %s\n", subcommands[i].name,
		    subcommands[i].arguments, subcommands[i].summary);
	fputs("\ntlsshim SUBCOMMAND --help says more of one, tlsshim(1) of "
	      "all.\n",
	    out);
}

static int
subcommand_run(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < NSUBCOMMANDS; i++)
		if (strcmp(argv[0], subcommands[i].name) == 0)
			return subcommands[i].run(&subcommands[i], argc, argv);
	complain("there is no subcommand '%s'", argv[0]);
	usage_print(stderr);
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	int status = EXIT_GOOD;

	if (argc < 2) {
		usage_print(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0)
		usage_print(stdout);
	else if (strcmp(argv[1], "--version") == 0)
		puts("tlsshim " VERSION);
	else
		status = subcommand_run(argc - 1, argv + 1);
	if (fflush(stdout) == EOF && status == EXIT_GOOD) {
		complain("standard output: %m");
		return EXIT_BAD;
	}
	return status;
}
