/* log.c - one line a person can act on, where the policy wants it */

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../policy/der.h"
#include "conn.h"
#include "engine.h"
#include "log.h"
#include "ours.h"
#include "quiet.h"

enum log_to { TO_STDERR, TO_SYSLOG, TO_FILE };

static struct {
	enum log_to to;
	enum log_level level;
	enum log_format format;
	_Atomic int fd; /* TO_FILE */
	dev_t dev; /* what descriptor 2 was when the engine started */
	ino_t ino;
	bool tty; /* descriptor 2 was open and no socket then */
} sink = {TO_STDERR, LOG_NOTICE, LOG_TEXT, -1, 0, 0, false};

static const char *const level_words[] = {
    "error", "warning", "notice", "info", "debug"};

/* syslog(3): facility user; severities err, warning, notice, info, debug */
static const int severities[] = {11, 12, 13, 14, 15};

/* Expands %p (pid), %u (user) and %% of a log path. */
static int
expand(const char *path, char *buf, size_t len)
{
	size_t n = 0;

	for (; *path != '\0' && n + 24 < len; path++) {
		if (*path != '%') {
			buf[n++] = *path;
			continue;
		}
		switch (*++path) {
		case 'p':
			n += (size_t)snprintf(
			    buf + n, len - n, "%d", (int)process_pid());
			break;
		case 'u':
			n += (size_t)snprintf(
			    buf + n, len - n, "%u", (unsigned)geteuid());
			break;
		case '\0':
			path--;
			break;
		default:
			buf[n++] = *path;
		}
	}
	buf[n] = '\0';
	return *path == '\0' ? 0 : -1;
}

static void
open_file(const char *path)
{
	char buf[1024];
	int fd;

	if (expand(path, buf, sizeof buf) == -1)
		return;
	fd = open(buf,
	    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
		O_NONBLOCK | O_NOCTTY,
	    0600);
	if (fd == -1)
		return;
	if (ours_take(fd, &sink.fd) == 0)
		sink.to = TO_FILE;
	else
		host->libc->close(fd);
}

void
log_init(const struct log_values *values)
{
	struct stat st;

	sink.tty = fstat(2, &st) == 0 && !S_ISSOCK(st.st_mode);
	if (sink.tty) {
		sink.dev = st.st_dev;
		sink.ino = st.st_ino;
	}
	if (values == NULL)
		return;
	sink.level = values->level;
	sink.format = values->format;
	if (values->to == NULL || strcmp(values->to, "stderr") == 0)
		sink.to = TO_STDERR;
	else if (strcmp(values->to, "syslog") == 0)
		sink.to = TO_SYSLOG;
	else
		open_file(values->to);
}

int
log_fd(void)
{
	return sink.to == TO_FILE ? sink.fd : -1;
}

bool
log_wants(enum log_level level)
{
	return level <= sink.level;
}

/* Under inetd descriptor 2 is the connection; a daemon reuses the number. */
static bool
stderr_usable(void)
{
	struct stat st;

	return sink.tty && fstat(2, &st) == 0 && st.st_dev == sink.dev &&
	    st.st_ino == sink.ino;
}

static void
to_syslog(enum log_level level, const char *line, size_t len)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char buf[2600];
	int fd, n;

	fd = host->libc->socket(
	    AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return;
	n = snprintf(buf, sizeof buf, "<%d>%.*s", severities[level], (int)len,
	    line);
	memcpy(sun.sun_path, "/dev/log", sizeof "/dev/log");
	host->libc->sendto(fd, buf,
	    (size_t)n < sizeof buf ? (size_t)n : sizeof buf - 1, MSG_NOSIGNAL,
	    (struct sockaddr *)&sun, sizeof sun);
	host->libc->close(fd);
}

/*
 * A pipe or a terminal that takes no more now gets no line: whoever does not
 * read it would stop the program.  One that poll calls writable takes as much
 * as PIPE_BUF (pipe(7)).
 */
static bool
is_full(int fd)
{
	struct pollfd p = {fd, POLLOUT, 0};

	return host->libc->poll(&p, 1, 0) == 0;
}

static void
put_line(int fd, const char *line, size_t len)
{
	struct quiet q;

	if (is_full(fd))
		return;
	quiet_begin(&q);
	(void)!host->libc->write(fd, line, len);
	quiet_end(&q);
}

static void
emit(enum log_level level, char *line, size_t len)
{
	int saved = errno;

	if (sink.to == TO_FILE || (sink.to == TO_STDERR && stderr_usable())) {
		line[len] = '\n';
		put_line(sink.to == TO_FILE ? sink.fd : 2, line, len + 1);
	} else {
		to_syslog(level, line, len);
	}
	errno = saved;
}

/*
 * Text for a line, which may come from the peer: no control characters, no
 * bytes that are no UTF-8, and in JSON no bare quotes.
 */
static size_t
put_clean(char *buf, size_t n, size_t len, const char *s)
{
	size_t k;

	for (; *s != '\0' && n + 8 < len; s += k) {
		unsigned char ch = (unsigned char)*s;

		k = text_character((const unsigned char *)s);
		if (ch < 0x20 || ch == 0x7f || k == 0) {
			k = 1;
			n += (size_t)snprintf(buf + n, len - n,
			    sink.format == LOG_JSON ? "\\u%04x" : "\\x%02x",
			    ch);
		} else if (sink.format == LOG_JSON &&
		    (ch == '"' || ch == '\\')) {
			n += (size_t)snprintf(buf + n, len - n, "\\%c", ch);
		} else {
			memcpy(buf + n, s, k);
			n += k;
		}
	}
	buf[n] = '\0';
	return n;
}

static size_t
put_pair(char *buf, size_t n, size_t len, const char *key, const char *val)
{
	bool json = sink.format == LOG_JSON;

	if (val == NULL || val[0] == '\0' || n + 64 > len)
		return n;
	n += (size_t)snprintf(
	    buf + n, len - n, json ? ",\"%s\":\"" : " %s=", key);
	n = put_clean(buf, n, len, val);
	if (json && n + 2 < len) {
		buf[n++] = '"';
		buf[n] = '\0';
	}
	return n;
}

/* "refused exec /usr/bin/x" */
static size_t
put_program(char *buf, size_t len, const struct log_line *l)
{
	size_t n;

	if (sink.format == LOG_JSON) {
		n = (size_t)snprintf(buf, len,
		    "{\"pid\":%d,\"level\":\"%s\",\"verdict\":\"%s\"",
		    (int)process_pid(), level_words[l->level], l->verdict);
		return put_pair(buf, n, len, "program", l->program);
	}
	n = (size_t)snprintf(buf, len, "tlsshim[%d]: %s exec ",
	    (int)process_pid(), l->verdict);
	return put_clean(buf, n, len, l->program);
}

static size_t
put_head(char *buf, size_t len, const struct log_line *l)
{
	const char *side = l->side == SIDE_CLIENT ? "client" : "server";
	const char *peer = l->peer != NULL ? l->peer : "-";

	if (l->program != NULL)
		return put_program(buf, len, l);
	if (sink.format == LOG_JSON)
		return (size_t)snprintf(buf, len,
		    "{\"pid\":%d,\"level\":\"%s\",\"verdict\":\"%s\","
		    "\"side\":\"%s\",\"peer\":\"%s\"",
		    (int)process_pid(), level_words[l->level], l->verdict,
		    side, peer);
	return (size_t)snprintf(buf, len, "tlsshim[%d]: %s %s %s",
	    (int)process_pid(), l->verdict, side, peer);
}

void (*log_tap)(const struct log_line *l);

void
log_write(const struct log_line *l)
{
	char buf[2400], where[1200] = "";
	size_t len = sizeof buf - 8, n;

	if (log_tap != NULL) {
		log_tap(l);
		return;
	}
	if (!log_wants(l->level))
		return;
	if (l->rule != NULL)
		snprintf(
		    where, sizeof where, "%s:%d", l->rule->file, l->rule->line);
	n = put_head(buf, len, l);
	n = put_pair(buf, n, len, "cause", l->cause);
	n = put_pair(buf, n, len, "name", l->name);
	n = put_pair(buf, n, len, "rule", where);
	if (sink.format == LOG_JSON) {
		n = put_pair(buf, n, len, "text", l->text);
		n += (size_t)snprintf(buf + n, sizeof buf - n, "}");
	} else {
		n += (size_t)snprintf(buf + n, sizeof buf - n, ": ");
		n = put_clean(buf, n, len, l->text);
	}
	emit(l->level, buf, n);
}

void
log_conn(const struct conn *c, enum log_level level, const char *verdict,
    const char *cause, const char *text)
{
	log_write(&(struct log_line){.level = level,
	    .verdict = verdict,
	    .side = c->side,
	    .peer = c->peer,
	    .cause = cause,
	    .name = c->name,
	    .rule = c->rule,
	    .text = text});
}

void
log_text(enum log_level level, const char *fmt, ...)
{
	char text[1200], buf[1400];
	size_t n;
	va_list ap;

	if (!log_wants(level))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (sink.format == LOG_JSON) {
		n = (size_t)snprintf(buf, sizeof buf,
		    "{\"pid\":%d,\"level\":\"%s\"", (int)process_pid(),
		    level_words[level]);
		n = put_pair(buf, n, sizeof buf - 16, "text", text);
		n += (size_t)snprintf(buf + n, sizeof buf - n, "}");
	} else {
		n = (size_t)snprintf(
		    buf, sizeof buf - 16, "tlsshim[%d]: ", (int)process_pid());
		n = put_clean(buf, n, sizeof buf - 16, text);
	}
	emit(level, buf, n);
}
