/* libc_stream.c - libc's own streams where their numbers become governed */

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/single_threaded.h>

#include "handover.h"
#include "libc_stream.h"

/* Exported by libc for just this, declared in no header. */
extern void _IO_list_lock(void);
extern void _IO_list_unlock(void);

/*
 * The host's variable, which may be a copy in the executable: the global
 * scope is asked, since ours (RTLD_DEEPBIND) begins with libc's own.
 */
static FILE **
standard(int fd)
{
	static const char *const names[] = {"stdin", "stdout", "stderr"};
	void *global = dlopen(NULL, RTLD_LAZY);

	return global != NULL ? dlsym(global, names[fd]) : NULL;
}

/*
 * What follows is read and written under `notes`, which nobody holds while
 * a stream is written to or a call of libc's takes the lock of its list.  Only
 * the list may be held by who takes it.
 */
static pthread_mutex_t notes = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool noted; /* ever: a look without the lock, at each close */

/* libc's three streams, and the number each had before we took it away. */
static FILE *originals[3];
static int numbers[3] = {-1, -1, -1};

/* The others, as far as there is room; they come back with a relay alone. */
RARE static struct {
	FILE *f; /* closed meanwhile: found in libc's list no longer */
	int number;
} others[16];

/* What libc's stream still holds goes first on the new one. */
static void
move_pending(FILE *from, FILE *to)
{
	size_t n = (size_t)(from->_IO_write_ptr - from->_IO_write_base);

	if (n > 0)
		fwrite(from->_IO_write_base, 1, n, to);
	__fpurge(from);
}

static void
note_original(int i, FILE *f, int number)
{
	pthread_mutex_lock(&notes);
	atomic_store(&noted, true);
	originals[i] = f;
	numbers[i] = number;
	pthread_mutex_unlock(&notes);
}

static void
note_other(FILE *f, int number)
{
	int i;

	pthread_mutex_lock(&notes);
	atomic_store(&noted, true);
	for (i = 0; i < 16 && others[i].f != NULL; i++)
		;
	if (i < 16) {
		others[i].number = number;
		others[i].f = f;
	}
	pthread_mutex_unlock(&notes);
}

/* The number that was taken from f; -1: none that is noted. */
static int
number_noted(const FILE *f)
{
	int i, number = -1;

	if (!atomic_load(&noted))
		return -1;
	pthread_mutex_lock(&notes);
	for (i = 0; i < 16 && number == -1; i++)
		if (others[i].f == f)
			number = others[i].number;
	pthread_mutex_unlock(&notes);
	return number;
}

/* notes held. */
static void
forget_others(int number)
{
	int i;

	for (i = 0; i < 16; i++)
		if (others[i].number == number)
			others[i].f = NULL;
}

void
libc_stream_forked(void)
{
	pthread_mutex_init(&notes, NULL);
}

/*
 * f writes to a governed number past us.  A standard stream is replaced by
 * one of ours under its variable; whoever has kept the old pointer, and any
 * other stream, meets EBADF: its bytes cannot be protected.
 */
static void
silence(FILE *f)
{
	int fd = f->_fileno, i;

	for (i = 0; i < 3; i++) {
		FILE **var = standard(i);
		FILE *ours;

		if (var == NULL || *var != f)
			continue;
		ours = stdio_open(fd, i == 0 ? "r" : "w");
		if (ours == NULL)
			break;
		if (i == 2)
			setvbuf(ours, NULL, _IONBF, 0);
		move_pending(f, ours);
		note_original(i, f, fd);
		*var = ours;
	}
	note_other(f, fd);
	f->_fileno = -1;
}

/* A stream over another copy of c's socket, made before it was connected. */
static bool
is_copy(int fd, const struct conn *c)
{
	return fd >= 0 && fd < FD_MAX && host->class_of[fd] == FD_STREAM &&
	    shim_cookie(host->libc, fd) == c->cookie;
}

/* Asked for once: ld.so takes locks. */
static FILE **
list_all(void)
{
	static FILE **_Atomic found;
	FILE **all = atomic_load(&found);
	void *global;

	if (all != NULL)
		return all;
	global = dlopen(NULL, RTLD_LAZY);
	all = global != NULL ? dlsym(global, "_IO_list_all") : NULL;
	atomic_store(&found, all);
	return all;
}

/* libc's own streams, but ours, for which is() holds; how many. */
static int
streams(bool (*is)(FILE *f, int fd, const struct conn *c), int fd,
    const struct conn *c, FILE **out, int room)
{
	FILE **all = list_all();
	bool alone = __libc_single_threaded;
	FILE *f;
	int n = 0;

	if (all == NULL)
		return 0;
	/* without it where nobody else is: it is written, and so copied after
	 * each fork (APART) */
	if (!alone)
		_IO_list_lock();
	for (f = *all; f != NULL && n < room; f = f->_chain)
		if (!stdio_is_ours(f) && is(f, fd, c))
			out[n++] = f;
	if (!alone)
		_IO_list_unlock();
	return n;
}

static bool
writes_to(FILE *f, int fd, const struct conn *c)
{
	return f->_fileno == fd || is_copy(f->_fileno, c);
}

static bool
is_silenced(FILE *f, int fd, const struct conn *c)
{
	return f->_fileno == -1 && number_noted(f) == fd;
}

void
libc_stream_silence(int fd, struct conn *c)
{
	FILE *found[16];
	int n = streams(writes_to, fd, c, found, 16), i;

	for (i = 0; i < n; i++) {
		int number = found[i]->_fileno;

		silence(found[i]);
		if (number != fd)
			table_set(number, c);
	}
}

/* The stream that number was taken from under stdin, stdout or stderr. */
static FILE *
take_original(int i, int number)
{
	FILE *f = NULL;

	pthread_mutex_lock(&notes);
	if (numbers[i] == number) {
		f = originals[i];
		numbers[i] = -1;
	}
	pthread_mutex_unlock(&notes);
	return f;
}

/* The number is harmless to libc's streams now: they have it back. */
static void
restore(int fd, struct conn *c)
{
	FILE *found[16];
	int n = streams(is_silenced, fd, c, found, 16), i;

	for (i = 0; i < 3; i++) {
		FILE **var = standard(i), *was;

		was = var != NULL ? take_original(i, fd) : NULL;
		if (was == NULL || !stdio_is_ours(*var))
			continue;
		fflush(*var);
		*var = was;
	}
	for (i = 0; i < n; i++)
		found[i]->_fileno = fd;
	pthread_mutex_lock(&notes);
	forget_others(fd);
	pthread_mutex_unlock(&notes);
}

/* Standard numbers that nobody has looked at yet and are the same socket. */
static int
add_copies(int fd, const struct conn *c, int *more, int n, int room)
{
	int at, i;

	for (at = 0; at <= 2 && n < room; at++) {
		uint64_t cookie;

		for (i = 0; i < n && more[i] != at; i++)
			;
		if (i < n || at == fd || table_has(at))
			continue;
		cookie = shim_cookie(host->libc, at);
		if (cookie != 0 && cookie == c->cookie)
			more[n++] = at;
	}
	return n;
}

/* May another process go on with it, without the program noticing? */
static bool
can_move(const struct conn *c)
{
	return c->state == CONN_OPEN || c->state == CONN_WATCHED ||
	    (c->side == SIDE_SERVER &&
		(c->state == CONN_PRE || c->state == CONN_HANDSHAKE));
}

void
libc_stream_take_over(int fd, struct conn *c)
{
	FILE *found[16];
	int n = streams(writes_to, fd, c, found, 16), i, k = 0, more[24];

	n += streams(is_silenced, fd, c, found + n, 16 - n);
	if (n == 0)
		return;
	for (i = 0; i < n; i++)
		if (found[i]->_fileno != fd && found[i]->_fileno != -1)
			more[k++] = found[i]->_fileno;
	k = add_copies(fd, c, more, k, 24);
	if (can_move(c) && handover_all(c, fd, more, k) == 0)
		restore(fd, c);
	else
		libc_stream_silence(fd, c);
}

void
libc_stream_give_back(int fd)
{
	int i;

	if (!atomic_load(&noted))
		return;
	pthread_mutex_lock(&notes);
	for (i = 0; i < 3; i++)
		if (originals[i] != NULL && numbers[i] == fd) {
			originals[i]->_fileno = fd;
			numbers[i] = -1;
		}
	forget_others(fd);
	pthread_mutex_unlock(&notes);
}

static FILE *
original(int i)
{
	FILE *f;

	pthread_mutex_lock(&notes);
	f = originals[i];
	pthread_mutex_unlock(&notes);
	return f;
}

FILE *
libc_stream_behind(FILE *f)
{
	int i, null;

	for (i = 0; i < 3; i++) {
		FILE **var = standard(i), *was = original(i);

		if (var == NULL || *var != f || was == NULL)
			continue;
		fflush(f);
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null == -1)
			return NULL;
		engine_calls()->dup2(null, fileno(f)); /* ends the conn */
		host->libc->close(null);
		*var = was;
		was->_fileno = fileno(f);
		return was;
	}
	return f;
}

/* The number of f, also if it was silenced; or -1. */
static int
number_of(const FILE *f)
{
	int number = f->_fileno;

	return number == -1 ? number_noted(f) : number;
}

void
libc_stream_leave(FILE *f)
{
	int fd = number_of(f);

	if (fd < 0 || !table_has(fd))
		return;
	descriptor_vacate(fd);
	f->_fileno = fd;
}
