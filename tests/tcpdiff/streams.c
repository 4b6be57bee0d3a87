/* streams.c - tcpdiff's scenarios about stdio over a connection */
#define _GNU_SOURCE
#include "tcpdiff.h"

#include <stdarg.h>
#include <stdio_ext.h>

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
text_server(int fd)
{
	puts_to(fd, "first\nsecond line\nthird\n12 0x1f word\nrest");
	shutdown(fd, SHUT_WR);
	take(fd, ALL);
}

static void
state(FILE *f)
{
	say("eof %d error %d fileno %s", feof(f) != 0, ferror(f) != 0,
	    fileno(f) < 0 ? "none" : "some");
}

static void
modes_client(int fd)
{
	static const char *const modes[] = {"r", "w", "a", "r+", "w+", "a+",
	    "rb", "wb", "r+b", "rb+", "re", "we", "rx", "wx", "rm", "rc",
	    "r,ccs=UTF-8", "", "q", "+r", "br"};
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		int copy = MUST(fcntl(fd, F_DUPFD_CLOEXEC, 300));
		FILE *f;

		MUST(fcntl(copy, F_SETFD, 0));
		f = fdopen(copy, modes[i]);
		if (f == NULL) {
			say("%s: %s", modes[i], strerrorname_np(errno));
			close(copy);
			continue;
		}
		say("%s: readable %d writable %d fileno %d cloexec %d "
		    "append %d",
		    modes[i], __freadable(f) != 0, __fwritable(f) != 0,
		    fileno(f) == copy, fcntl(copy, F_GETFD) & FD_CLOEXEC,
		    (fcntl(copy, F_GETFL) & O_APPEND) != 0);
		errno = 0;
		if (!__freadable(f))
			say("fgetc %d %s", fgetc(f), strerrorname_np(errno));
		if (!__fwritable(f))
			say("fputc %d %s", fputc('x', f),
			    strerrorname_np(errno));
		state(f);
		DO(fclose(f));
		/* O_APPEND stays on the socket, and is no matter there */
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_APPEND);
	}
	DO(write(fd, "still there", 11));
	take_text(fd, 11);
	DO(fdopen(-1, "r") == NULL);
	say("%s", strerrorname_np(errno));
	DO(fdopen(999, "w") == NULL);
	say("%s", strerrorname_np(errno));
}

static void
read_client(int fd)
{
	FILE *f = fdopen(fd, "r");
	char b[64] = "", *line = NULL;
	size_t room = 0;
	int n = 0, x = 0;

	DO(getline(&line, &room, f));
	say_text("line", line, 6);
	DO(fgetc(f));
	DO(ungetc('S', f));
	DO(ungetc('<', f));
	DO(fgets(b, 9, f) == b);
	say_text("b", b, 8);
	DO(getdelim(&line, &room, 'e', f));
	DO(fread(b, 1, 1, f));
	DO(fread(b, 3, 2, f));
	say_text("b", b, 6);
	DO(fscanf(f, "%d %i %s", &n, &x, b));
	say("%d %d %s", n, x, b);
	DO(ftell(f));
	DO(fseek(f, 0, SEEK_SET));
	DO(fseek(f, 0, SEEK_CUR));
	DO(fseek(f, 0, SEEK_END));
	DO(fgetpos(f, &(fpos_t){0}));
	rewind(f);
	say("rewind: %s", strerrorname_np(errno));
	state(f);
	DO(getw(f));
	DO(fgetc(f));
	DO(fgetc(f));
	state(f);
	DO(fgetc(f));
	clearerr(f);
	state(f);
	DO(fgetc(f));
	state(f);
	DO(ungetc('u', f));
	state(f);
	DO(fgetc(f));
	DO(fputc('x', f));
	DO(fflush(f));
	DO(fclose(f));
	DO(close(fd));
	free(line);
}

static void
write_server(int fd)
{
	char b[256];
	int i;

	for (i = 0; i < 8; i++) {
		tell();
		hear();
		if (poll(&(struct pollfd){fd, POLLIN, 0}, 1, 60) == 0)
			say("%d: nothing", i);
		else
			say("%d: %zd", i, recv(fd, b, sizeof(b), 0));
	}
	tell();
	take(fd, ALL);
}

/* Before each step the other end has looked at what came of the last. */
static void
write_client(int fd)
{
	static char room[64];
	FILE *f = fdopen(fd, "w");

	hear();
	DO(fputs("buffered", f));
	say("pending %zu", __fpending(f));
	tell();
	hear();
	DO(fflush(f));
	tell();
	hear();
	DO(setvbuf(f, NULL, _IOLBF, 0));
	DO(fprintf(f, "a line\nand"));
	tell();
	hear();
	DO(putc('\n', f));
	tell();
	hear();
	DO(setvbuf(f, NULL, _IONBF, 0));
	DO(fwrite("12345", 1, 5, f));
	tell();
	hear();
	DO(setvbuf(f, room, _IOFBF, 16));
	DO(fwrite("123456789012345", 1, 15, f));
	tell();
	hear();
	DO(fputs("67890", f));
	tell();
	hear();
	DO(fflush_unlocked(f));
	say("bufsize %zu", __fbufsize(f));
	tell();
	hear();
	DO(ftell(f));
	DO(fseek(f, 5, SEEK_SET));
	DO(fgetc(f));
	state(f);
	DO(puts("") < 0);
	DO(fclose(f));
}

static void
update_client(int fd)
{
	FILE *f = fdopen(fd, "r+");
	char b[64] = "";

	DO(fputs("hello\n", f));
	DO(fflush(f));
	DO(fgets(b, sizeof(b), f) == b);
	say_text("b", b, 6);
	DO(fseek(f, 0, SEEK_CUR));
	say("%s", strerrorname_np(errno));
	DO(fputs("again\nmore\n", f));
	DO(fflush(f));
	DO(fgets(b, sizeof(b), f) == b);
	say_text("b", b, 6);
	DO(fgetc(f));
	DO(fgetc(f));
	state(f);
	DO(fclose(f));
}

static void
two_client(int fd)
{
	int copy = MUST(dup(fd));
	FILE *in = fdopen(fd, "r"), *out = fdopen(copy, "w");
	char b[64] = "";
	int i;

	setlinebuf(out);
	for (i = 0; i < 3; i++) {
		DO(fprintf(out, "line %d\n", i));
		DO(fgets(b, sizeof(b), in) == b);
		say_text("b", b, 7);
	}
	DO(fclose(out));
	DO(write(fd, "still\n", 6));
	DO(fgets(b, sizeof(b), in) == b);
	DO(shutdown(fileno(in), SHUT_WR));
	DO(fgets(b, sizeof(b), in) == b);
	state(in);
	DO(fclose(in));
}

static void
select_server(int fd)
{
	puts_to(fd, "one\ntwo\n");
	hear();
	puts_to(fd, "three\n");
	take(fd, ALL);
}

static int
readable(FILE *f)
{
	struct timeval zero = {0, 0};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fileno(f), &set);
	return select(fileno(f) + 1, &set, NULL, NULL, &zero);
}

static void
select_client(int fd)
{
	FILE *f = fdopen(fd, "r");
	char b[64] = "";

	await_bytes(fd, 8);
	DO(readable(f));
	DO(fgets(b, sizeof(b), f) == b);
	DO(readable(f)); /* "two" is in the FILE's buffer: not readable */
	DO(__freading(f) != 0);
	tell();
	await(fd, POLLIN);
	DO(readable(f));
	DO(fgets(b, sizeof(b), f) == b);
	say_text("b", b, 4);
	DO(fgets(b, sizeof(b), f) == b);
	DO(readable(f));
	DO(fclose(f));
}

static int
vd(int fd, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vdprintf(fd, fmt, ap);
	va_end(ap);
	return n;
}

static void
dprintf_client(int fd)
{
	const char *volatile plain = "%s-%05d\n";

	DO(dprintf(fd, "%s %d\n", "dprintf", 12));
	DO(dprintf(fd, plain, "variable", 7));
	DO(vd(fd, "%s", "vdprintf\n"));
	DO(dprintf(fd, "%s", ""));
	DO(dprintf(fd, "%*d\n", 9000, 1));
	take_text(fd, 10 + 16 + 7);
	DO(shutdown(fd, SHUT_WR));
	catch_signal(SIGPIPE, 0);
	DO(dprintf(fd, "x"));
	say_caught(SIGPIPE);
	take(fd, ALL);
}

static void
before_server(int fd)
{
	int conn = answer(fd);

	close(fd);
	puts_to(conn, "hello\n");
	take(conn, ALL);
}

/* A FILE over a socket that is connected only afterwards. */
static void
before_client(int fd)
{
	struct sockaddr_storage a;
	socklen_t n = address(AF_INET, &a);
	char b[64] = "";
	int s = MUST(socket(AF_INET, SOCK_STREAM, 0));
	FILE *f = fdopen(s, "r+"), *g = fdopen(dup(s), "w");

	DO(connect(s, SA(&a), n));
	DO(fgets(b, sizeof(b), f) == b);
	say_text("b", b, 6);
	DO(fputs("through a copy\n", g));
	DO(fclose(g));
	DO(fseek(f, 0, SEEK_CUR));
	DO(fputs("and back\n", f));
	DO(fclose(f));
	DO(write(s, "x", 1));
}

static void
errors_server(int fd)
{
	hear();
	close(fd);
	tell();
}

static void
errors_client(int fd)
{
	FILE *f = fdopen(fd, "w"), *g = fdopen(dup(fd), "r");

	catch_signal(SIGPIPE, 0);
	DO(shutdown(fd, SHUT_WR));
	DO(fputs("lost", f));
	DO(fflush(f));
	say_caught(SIGPIPE);
	state(f);
	clearerr(f);
	DO(fflush(f));
	say_caught(SIGPIPE);
	setvbuf(f, NULL, _IONBF, 0);
	DO(fputs("lost", f));
	DO(fprintf(f, "%d", 12));
	DO(fwrite("abc", 1, 3, f));
	state(f);
	say_caught(SIGPIPE);
	tell();
	hear();
	DO(fgetc(g));
	state(g);
	DO(fgetc(f));
	DO(fclose(f));
	DO(fclose(g));
}

static void
wait_server(int fd)
{
	hear();
	puts_to(fd, "late\n");
	take(fd, ALL);
}

static void
wait_client(int fd)
{
	FILE *f = fdopen(fd, "r");
	char b[64] = "";

	set_nonblocking(fd, 1);
	DO(fgets(b, sizeof(b), f) == b);
	say("%s", strerrorname_np(errno));
	state(f);
	clearerr(f);
	set_nonblocking(fd, 0);
	set_timeout(fd, SO_RCVTIMEO, 50);
	DO(fgetc(f));
	say("%s", strerrorname_np(errno));
	state(f);
	clearerr(f);
	tell();
	set_timeout(fd, SO_RCVTIMEO, 0);
	DO(fgets(b, sizeof(b), f) == b);
	say_text("b", b, 5);
	DO(fclose(f));
}

/* More than the socket takes, without waiting. */
static void
full_client(int fd)
{
	static char big[8 << 20];
	FILE *f = fdopen(fd, "w");
	size_t n;

	set_nonblocking(fd, 1);
	n = fwrite(big, 1, sizeof(big), f);
	say("%s: %s", n < sizeof(big) ? "short" : "all",
	    strerrorname_np(errno));
	state(f);
	set_nonblocking(fd, 0);
	tell();
	DO(fclose(f));
}

static void
full_server(int fd)
{
	static char buf[65536];
	ssize_t n;

	hear();
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		continue;
	say("end: %zd", n);
}

#define ECHO(name, id) \
	{name, TWO_PROCESSES, CONNECTED, echo_server, id##_client, ""}

const struct scenario scenarios[] = {
	ECHO("modes", modes),
	{"read", TWO_PROCESSES, CONNECTED, text_server, read_client, ""},
	PROCESSES("write", CONNECTED, write, ""),
	ECHO("update", update),
	ECHO("two-streams", two),
	PROCESSES("select", CONNECTED, select, ""),
	ECHO("dprintf", dprintf),
	PROCESSES("before-connect", LISTENING, before, ""),
	PROCESSES("errors", CONNECTED, errors, ""),
	PROCESSES("wait", CONNECTED, wait, ""),
	PROCESSES("full", CONNECTED, full, ""),
	{.name = NULL},
};
