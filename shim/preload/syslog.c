/*
 * syslog.c - syslog(3) over a socket that nobody else has, by hand
 *
 * libc keeps its socket's number to itself.  A daemon that closes all numbers
 * after openlog() may get that one again as a connection, and libc would then
 * send its text there, in the middle of a session's records.  Here the class
 * tells: it is FD_PASS from the socket on, and no longer once a hook has seen
 * the number closed or replaced.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>

#include "owned.h"

#undef syslog /* macros under fortify where the compiler is clang */
#undef vsyslog

extern int __vsnprintf_chk(
    char *, size_t, int, size_t, const char *, va_list);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int number = -1, kind = SOCK_DGRAM; /* and all below: lock */
static int option, facility = LOG_USER, mask = 0xff;
static const char *tag;
static uint64_t cookie; /* of the socket: which one it is */

/*
 * Is the number still ours?  If not, whose it is closes it.  The kernel is
 * asked where classes of FD_PASS are not kept (owned_part).
 */
static int
is_open(void)
{
	if (number != -1 && owned_class(number) != FD_PASS &&
	    (process_sealed || owned_class(number) != FD_UNKNOWN ||
		cookie == 0 || shim_cookie(&libc, number) != cookie))
		number = -1;
	return number != -1;
}

static void
hang_up(void)
{
	if (!is_open())
		return;
	owned_forget(number);
	(void)libc.close(number);
	number = -1;
}

static int
make_socket(void)
{
	int fd = libc.socket(AF_UNIX, kind | SOCK_CLOEXEC, 0);

	if (fd >= FD_MAX) { /* it would have no class */
		(void)libc.close(fd);
		return -1;
	}
	if (fd >= 0) {
		descriptor_fresh(fd);
		owned_set(fd, FD_PASS);
		cookie = process_sealed ? 0 : shim_cookie(&libc, fd);
	}
	return fd;
}

/* A daemon may listen for datagrams, or for streams. */
static int
dial(void)
{
	static const struct sockaddr_un to = {AF_UNIX, "/dev/log"};
	int tries;

	for (tries = 0; tries < 2 && !is_open(); tries++) {
		number = make_socket();
		if (number == -1 ||
		    libc.connect(number, (const struct sockaddr *)&to,
			sizeof to) == 0)
			break;
		tries += errno != EPROTOTYPE;
		hang_up();
		kind = kind == SOCK_DGRAM ? SOCK_STREAM : SOCK_DGRAM;
	}
	return is_open() ? 0 : -1;
}

/* A stream's messages are told apart by their NUL. */
static int
deliver(const char *text, size_t len)
{
	len += kind == SOCK_STREAM;
	return is_open() && libc.send(number, text, len, MSG_NOSIGNAL) >= 0;
}

static void
console(const char *text)
{
	int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)dprintf(fd, "%s\r\n", text);
	(void)close(fd);
}

/* text as RFC 3164 has it; what a person reads begins at said. */
static void
emit(const char *text, size_t len, size_t said)
{
	struct iovec v[2] = {{(void *)(text + said), len - said},
	    {(void *)"\n", 1}};

	if (option & LOG_PERROR)
		(void)!writev(2, v, len > 0 && text[len - 1] == '\n' ? 1 : 2);
	(void)dial();
	if (deliver(text, len))
		return;
	hang_up(); /* the daemon may have been started anew */
	if (dial() == 0 && deliver(text, len))
		return;
	hang_up();
	if (option & LOG_CONS)
		console(text + said);
}

/* "<pri>Mmm dd hh:mm:ss tag[pid]: "; its length, and where tag begins. */
static size_t
head(char *buf, size_t room, int pri, size_t *said)
{
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May",
	    "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t now = time(NULL);
	struct tm tm = {0};
	int n, m;

	(void)localtime_r(&now, &tm);
	n = snprintf(buf, room, "<%d>%s %2d %02d:%02d:%02d ", pri,
	    months[tm.tm_mon % 12], tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec);
	*said = (size_t)n;
	m = snprintf(buf + n, room - (size_t)n,
	    option & LOG_PID ? "%.256s[%d]: " : "%.256s: ",
	    tag != NULL ? tag : program_invocation_short_name, (int)getpid());
	return (size_t)(n + m);
}

static int
body(char *buf, size_t room, int flag, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = flag > 0 ? __vsnprintf_chk(buf, room, flag, room, fmt, again)
		     : vsnprintf(buf, room, fmt, again);
	va_end(again);
	return n;
}

static void
log_line(int pri, int flag, const char *fmt, va_list ap)
{
	char line[1024], *buf = line;
	int saved = errno, n;
	size_t said, at;

	if (!(LOG_MASK(LOG_PRI(pri)) & mask))
		return;
	if (!(pri & LOG_FACMASK))
		pri |= facility;
	at = head(line, sizeof line, pri, &said);
	errno = saved; /* %m */
	n = body(line + at, sizeof line - at, flag, fmt, ap);
	if (n >= (int)(sizeof line - at)) {
		buf = malloc(at + (size_t)n + 1);
		if (buf != NULL) {
			memcpy(buf, line, at);
			errno = saved;
			n = body(buf + at, (size_t)n + 1, flag, fmt, ap);
		} else {
			buf = line;
			n = (int)(sizeof line - at) - 1;
		}
	}
	if (n >= 0)
		emit(buf, at + (size_t)n, said);
	if (buf != line)
		free(buf);
}

EXPORTS_BEGIN

void
__vsyslog_chk(int pri, int flag, const char *fmt, va_list ap)
{
	int saved = errno, cancel;

	libc_need();
	if (pri & ~(LOG_PRIMASK | LOG_FACMASK)) {
		syslog(LOG_ERR, "syslog: unknown facility/priority: %x",
		    (unsigned)pri);
		pri &= LOG_PRIMASK | LOG_FACMASK;
	}
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_mutex_lock(&lock);
	errno = saved;
	log_line(pri, flag, fmt, ap);
	pthread_mutex_unlock(&lock);
	pthread_setcancelstate(cancel, NULL);
	errno = saved;
}

void
__syslog_chk(int pri, int flag, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	__vsyslog_chk(pri, flag, fmt, ap);
	va_end(ap);
}

void
vsyslog(int pri, const char *fmt, va_list ap)
{
	__vsyslog_chk(pri, 0, fmt, ap);
}

void
syslog(int pri, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	__vsyslog_chk(pri, 0, fmt, ap);
	va_end(ap);
}

void
openlog(const char *ident, int how, int fac)
{
	int saved = errno;

	libc_need();
	pthread_mutex_lock(&lock);
	if (ident != NULL)
		tag = ident;
	option = how;
	if ((fac & ~LOG_FACMASK) == 0)
		facility = fac;
	if (how & LOG_NDELAY)
		(void)dial();
	pthread_mutex_unlock(&lock);
	errno = saved;
}

void
closelog(void)
{
	libc_need();
	pthread_mutex_lock(&lock);
	hang_up();
	tag = NULL;
	kind = SOCK_DGRAM;
	pthread_mutex_unlock(&lock);
}

int
setlogmask(int want)
{
	int was;

	pthread_mutex_lock(&lock);
	was = mask;
	if (want != 0)
		mask = want;
	pthread_mutex_unlock(&lock);
	return was;
}

EXPORTS_END
