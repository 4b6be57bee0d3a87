/* stdio.c - libc's own ways to print, which call no hook */
#include <err.h>
#include <error.h>
#include <pwd.h>
#include <syslog.h>
#include <wchar.h>

#include "leak.h"

static void
through_fdopen(int port)
{
	FILE *f = fdopen(joined(port), "r+");

	if (f == NULL)
		return;
	fputs(MARKER, f);
	fclose(f);
}

static void
through_fdopen_before_connect(int port)
{
	struct sockaddr_in sin = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	FILE *f = fdopen(fd, "w");

	(void)connect(fd, (struct sockaddr *)&sin, sizeof sin);
	fputs(MARKER, f);
	fflush(f);
}

static void
through_fdopen_of_a_copy(int port)
{
	struct sockaddr_in sin = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	FILE *f = fdopen(dup(fd), "w");

	(void)connect(fd, (struct sockaddr *)&sin, sizeof sin);
	fputs(MARKER, f);
	fflush(f);
}

static void
buffered_before_connect(int port)
{
	struct sockaddr_in sin = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	FILE *f = fdopen(fd, "w");

	fputs(MARKER, f);
	(void)connect(fd, (struct sockaddr *)&sin, sizeof sin);
	fflush(f);
}

static void
through_a_stream_left_to_exit(int port)
{
	FILE *f = fdopen(joined(port), "w");

	if (f != NULL)
		fputs(MARKER, f);
}

static void
through_a_wide_stream(int port)
{
	FILE *f = fdopen(joined(port), "w");

	if (f == NULL)
		return;
	fwprintf(f, L"%s", MARKER);
	fclose(f);
}

static void
through_stdout(int port)
{
	dup2(joined(port), 1);
	fputs(MARKER, stdout);
	fflush(stdout);
}

/* A stream that libc knows by the number, before there was a connection. */
static void
through_a_stream_of_the_number(int port)
{
	FILE *f = fopen("/dev/null", "w");

	dup2(joined(port), fileno(f));
	fputs(MARKER, f);
	fflush(f);
}

static void
through_a_stream_of_the_number_by_number(int port)
{
	FILE *f = fopen("/dev/null", "w");

	syscall(SYS_dup2, joined(port), fileno(f));
	fputs(MARKER, f);
	fflush(f);
}

static void
through_a_new_socket_on_one(int port)
{
	struct sockaddr_in sin = loopback(port);
	int fd;

	close(1);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd != 1 || connect(fd, (struct sockaddr *)&sin, sizeof sin) == -1)
		return;
	puts(MARKER);
	fflush(stdout);
}

static void
through_perror(int port)
{
	dup2(joined(port), 2);
	perror(MARKER);
}

static void
through_warnx(int port)
{
	dup2(joined(port), 2);
	warnx("%s", MARKER);
}

static void
through_error(int port)
{
	dup2(joined(port), 2);
	error(0, 0, "%s", MARKER);
}

static void
through_psignal(int port)
{
	dup2(joined(port), 2);
	psignal(SIGUSR1, MARKER);
}

static void
through_syslog(int port)
{
	dup2(joined(port), 2);
	openlog("leak", LOG_PERROR | LOG_NDELAY, LOG_USER);
	syslog(LOG_INFO, "%s", MARKER);
}

static void
through_getopt(int port)
{
	static char name[] = "marker-of-road", bad[] = "-x";
	static char *args[] = {name, bad, NULL};

	dup2(joined(port), 2);
	getopt(2, args, "a");
}

static void
through_putpwent(int port)
{
	FILE *f = fdopen(joined(port), "w");
	struct passwd p = {"marker-of-road", "x", 1, 1, "", "/", "/"};

	if (f == NULL)
		return;
	putpwent(&p, f);
	fflush(f);
}

static void
through_a_cookie_and_vfprintf(int port)
{
	FILE *f = fdopen(joined(port), "a+");

	if (f == NULL)
		return;
	setvbuf(f, NULL, _IONBF, 0);
	fprintf(f, "%s", MARKER);
}

const struct road stdio_roads[] = {ROAD(through_fdopen),
    ROAD(through_fdopen_before_connect), ROAD(through_fdopen_of_a_copy),
    ROAD(buffered_before_connect), ROAD(through_a_stream_left_to_exit),
    ROAD(through_a_wide_stream), ROAD(through_stdout),
    ROAD(through_a_stream_of_the_number),
    ROAD(through_a_stream_of_the_number_by_number),
    ROAD(through_a_new_socket_on_one), ROAD(through_perror),
    ROAD(through_warnx), ROAD(through_error), ROAD(through_psignal),
    ROAD(through_syslog), ROAD(through_getopt), ROAD(through_putpwent),
    ROAD(through_a_cookie_and_vfprintf), {NULL, NULL}};
