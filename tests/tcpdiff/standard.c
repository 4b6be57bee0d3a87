/* standard.c - stdin and stdout on a connection, reopening, wide, the end */
#define _GNU_SOURCE
#include "tcpdiff.h"

#include <stdio_ext.h>
#include <wchar.h>

static void
quiet_server(int fd)
{
	take(fd, ALL);
}

/* Sends back what it is told, line by line, until the end. */
static void
echo_server(int fd)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		put(fd, buf, n);
	say("end: %s", n == 0 ? "EOF" : strerrorname_np(errno));
}

static void
wide_client(int fd)
{
	FILE *f = fdopen(fd, "r+");
	wchar_t b[64] = L"";

	DO(fwide(f, 0));
	DO(fwprintf(f, L"wide %d\n", 12));
	DO(fwide(f, 0) > 0);
	DO(fflush(f));
	DO(fgetws(b, 64, f) == b);
	say("%ls", b);
	DO(fseek(f, 0, SEEK_CUR));
	DO(fputws(L"more\n", f));
	DO(fputwc(L'x', f));
	DO(fflush(f));
	DO(fgetwc(f));
	DO(ungetwc(L'M', f));
	DO(fgetws(b, 64, f) == b);
	say("%ls", b);
	DO(fputs("narrow", f));
	DO(fclose(f));
}

/* Standard streams, moved onto the connection. */
static void
standard_client(int fd)
{
	char b[64] = "";

	DO(dup2(fd, 0));
	DO(dup2(fd, 1));
	close(fd);
	setlinebuf(stdout);
	DO(printf("%s\n", "printf"));
	DO(fgets(b, sizeof(b), stdin) == b);
	say_text("b", b, 7);
	DO(puts("puts"));
	DO(putchar('\n'));
	DO(fileno(stdout));
	DO(getchar());
	DO(scanf("%3s", b));
	say_text("b", b, 3);
	DO(getchar());
	DO(fwrite("w\n", 1, 2, stdout));
	DO(fgets(b, sizeof(b), stdin) == b);
	DO(feof(stdin) != 0);
	DO(freopen("/dev/null", "w", stdout) == stdout);
	DO(fileno(stdout));
	DO(puts("to nowhere"));
	DO(fgets(b, sizeof(b), stdin) == b);
	DO(fclose(stdin));
	DO(fcloseall());
}

static void
standard_wide_client(int fd)
{
	wchar_t b[64] = L"";

	DO(dup2(fd, 0));
	DO(dup2(fd, 1));
	close(fd);
	DO(wprintf(L"wide %ls\n", L"text"));
	DO(putwchar(L'w'));
	DO(putwchar(L'\n'));
	DO(fwide(stdout, 0) > 0);
	DO(fflush(stdout));
	DO(fgetws(b, 64, stdin) == b);
	say("%ls", b);
	DO(getwchar());
	DO(printf("narrow\n"));
	DO(fclose(stdout));
	DO(fclose(stdin));
}

static void
reopen_client(int fd)
{
	FILE *f = fdopen(fd, "r+"), *g;
	char b[64] = "";

	DO(fputs("before", f));
	g = freopen("/dev/zero", "r", f);
	DO(g == f);
	if (g == NULL)
		return;
	DO(fileno(g) >= 0);
	DO(fread(b, 1, 4, g));
	DO(fcntl(fd, F_GETFD) == -1 || fileno(g) == fd);
	DO(fclose(g));
}

static void
exit_client(int fd)
{
	FILE *f = fdopen(fd, "w");

	DO(fputs("flushed by exit", f));
	exit(0);
}

static void
exit_std_client(int fd)
{
	DO(dup2(fd, 1));
	close(fd);
	DO(printf("flushed by exit"));
	exit(0);
}

static void
abandon_client(int fd)
{
	FILE *f = fdopen(fd, "w");

	DO(fputs("never flushed", f));
	_exit(0);
}

static void
all_client(int fd)
{
	FILE *f = fdopen(fd, "w"), *g = fdopen(dup(fd), "w");

	DO(fputs("one ", f));
	DO(fputs("two ", g));
	DO(fflush(NULL));
	DO(fputs("three", f));
	DO(fcloseall());
	(void)g;
}

static void
lock_client(int fd)
{
	FILE *f = fdopen(fd, "r+");

	flockfile(f);
	DO(putc_unlocked('a', f));
	DO(fputs_unlocked("bc\n", f));
	DO(fflush_unlocked(f));
	DO(getc_unlocked(f));
	funlockfile(f);
	DO(ftrylockfile(f));
	funlockfile(f);
	__fpurge(f);
	DO(fileno_unlocked(f) == fd);
	DO(isatty(fileno(f)));
	DO(__fsetlocking(f, FSETLOCKING_QUERY));
	DO(fclose(f));
}

#define HEARD(name, id) \
	{name, TWO_PROCESSES, CONNECTED, quiet_server, id##_client, ""}
#define ECHO(name, id) \
	{name, TWO_PROCESSES, CONNECTED, echo_server, id##_client, ""}

const struct scenario scenarios[] = {
	ECHO("standard", standard),
	/* not as over TCP: tests/streams_test.sh looks at what they say */
	{"wide", TWO_PROCESSES, CONNECTED, echo_server, wide_client, "own"},
	ECHO("standard-wide", standard_wide),
	HEARD("reopen", reopen),
	HEARD("exit", exit),
	HEARD("exit-standard", exit_std),
	HEARD("abandon", abandon),
	HEARD("all", all),
	ECHO("lock", lock),
	{.name = NULL},
};
