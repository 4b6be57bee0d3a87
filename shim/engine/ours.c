/* ours.c - descriptors of the engine's own, and which numbers they have */

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "../../policy/file.h"
#include "engine.h"
#include "ours.h"

_Atomic int ours_nothing = -1;
static _Atomic int spare[OURS_SPARE] = {-1, -1, -1};

static int
copy_from(int fd, long lowest)
{
	int up = host->libc->fcntl(fd, F_DUPFD_CLOEXEC, lowest);

	if (up < FD_MAX)
		return up;
	host->libc->close(up);
	return -1;
}

/*
 * High, since daemons close everything low, but inside the 64 numbers that
 * every table of descriptors has (NR_OPEN_DEFAULT), if there is room left.
 * Beyond them the kernel makes a larger table, which every fork copies (8 KB
 * for a number of 1009) and every exit walks; and where threads share it,
 * the call waits for an RCU grace period (fs/file.c, expand_fdtable): 10 ms
 * in the middle of a program's first listen(), after which its threads stand
 * elsewhere than they would (libsoup's tests hung).
 */
static int
copy_away(int fd)
{
	static const int lowest[] = {48, 32, 16, 3};
	size_t i;
	int up = -1;

	for (i = 0; up == -1 && i < sizeof lowest / sizeof *lowest; i++)
		up = copy_from(fd, lowest[i]);
	return up;
}

static void
hold(int fd, _Atomic int *at)
{
	atomic_store(&fd_rows[fd].holder, at);
	atomic_store(at, fd);
	host->set_class(fd, FD_OURS);
}

static void
release(int fd)
{
	atomic_store(&fd_rows[fd].holder, NULL);
	__atomic_store_n(&host->class_of[fd], FD_UNKNOWN, __ATOMIC_RELEASE);
}

int
ours_copy(int fd, _Atomic int *at)
{
	int up = copy_away(fd), lent = 0;

	if (up == -1) {
		lent = ours_lend();
		up = copy_away(fd);
	}
	if (up != -1)
		hold(up, at);
	ours_reclaim(lent);
	return up == -1 ? -1 : 0;
}

int
ours_take(int fd, _Atomic int *at)
{
	int up = copy_away(fd);

	if (up != -1)
		host->libc->close(fd);
	else if (fd < FD_MAX)
		up = fd;
	else
		return -1;
	hold(up, at);
	return 0;
}

static bool
close_held(_Atomic int *at)
{
	int fd = atomic_load(at);

	/* written only where there is something: most children have nothing */
	if (fd == -1 || (fd = atomic_exchange(at, -1)) == -1)
		return false;
	release(fd);
	host->libc->close(fd);
	return true;
}

void
ours_close(_Atomic int *at)
{
	if (close_held(at))
		ours_reclaim(1); /* it may have been lent a number */
}

int
ours_event(_Atomic int *at)
{
	int lent = 0, rv = -1, fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd == -1 && errno == EMFILE) {
		lent = ours_lend();
		fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	}
	if (fd != -1 && (rv = ours_take(fd, at)) == -1)
		host->libc->close(fd);
	ours_reclaim(lent);
	return rv;
}

void
ours_yield(int number)
{
	_Atomic int *at;
	int up;

	if (number < 0 || number >= FD_MAX ||
	    host->class_of[number] != FD_OURS)
		return;
	at = atomic_load(&fd_rows[number].holder);
	up = copy_from(number, (long)number + 1);
	if (up == -1)
		up = copy_from(number, 16);
	release(number);
	if (at == NULL)
		return;
	if (up != -1)
		hold(up, at);
	else
		atomic_store(at, -1);
}

int
ours_lend(void)
{
	int i, n = 0;

	for (i = 0; i < OURS_SPARE; i++)
		n += close_held(&spare[i]);
	return n;
}

/* A copy takes one system call, a new one three and a path. */
static int
nothing_copy(void)
{
	int from = atomic_load(&ours_nothing), up;

	if (from == -1)
		return -1;
	up = copy_away(from);
	if (up == -1 || atomic_load(&ours_nothing) == from)
		return up;
	host->libc->close(up); /* it moved: this may be the program's */
	return -1;
}

/* What somebody has taken meanwhile is theirs. */
void
ours_reclaim(int n)
{
	static atomic_flag busy = ATOMIC_FLAG_INIT;
	int i, fd;

	if (atomic_flag_test_and_set(&busy)) /* the next one does it */
		return;
	for (i = 0; i < OURS_SPARE && n > 0; i++) {
		if (atomic_load(&spare[i]) != -1)
			continue;
		n--;
		fd = nothing_copy();
		if (fd != -1) {
			hold(fd, &spare[i]);
			continue;
		}
		fd = open("/dev/null", O_PATH | O_CLOEXEC);
		if (fd != -1 && ours_take(fd, &spare[i]) == -1)
			host->libc->close(fd);
	}
	atomic_flag_clear(&busy);
}

int
ours_open_own(const char *path, bool create, struct fault *f)
{
	int lent, saved, fd = file_open_own(path, create, f);

	if (fd != -1 || (errno != EMFILE && errno != ENFILE))
		return fd;
	lent = ours_lend();
	fd = file_open_own(path, create, f);
	saved = errno;
	ours_reclaim(lent);
	errno = saved;
	return fd;
}
