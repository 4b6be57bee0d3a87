/* argument.c - is memory that a program names for its bytes really there? */

#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "argument.h"
#include "engine.h"
#include "thread.h"

__thread uintptr_t argument_good[2][ARGUMENT_PAGES]
    __attribute__((tls_model("initial-exec")));

/*
 * Asks the kernel without changing anything.  Reading: a signal mask with no
 * such `how` is copied in first, and refused with EINVAL.  Writing: an atomic
 * addition of 0 (futex(2), FUTEX_WAKE_OP).
 */
static bool
ask(uintptr_t at, enum argument_access a)
{
	static uint32_t nobody;
	long rv;

	if (a == FOR_READING)
		rv = host->libc->syscall(
		    SYS_rt_sigprocmask, -1L, at & ~7UL, NULL, 8L);
	else
		rv = host->libc->syscall(SYS_futex, &nobody,
		    (long)(FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG), 0L, 0L,
		    at & ~3UL, (long)(FUTEX_OP_ADD << 28));
	return rv != -1 || errno != EFAULT;
}

static uintptr_t *
aside(struct argument_more *more, uintptr_t page, enum argument_access a)
{
	return &more->good[a][argument_place(page, ARGUMENT_MORE)];
}

static bool
page_is_good(uintptr_t at, enum argument_access a)
{
	struct argument_more *more = thread_more();
	uintptr_t page = at / ARGUMENT_PAGE;
	uintptr_t *known = argument_known(page, a), old = *known;

	if (old == page)
		return true;
	if ((more == NULL || *aside(more, page, a) != page) && !ask(at, a))
		return false;
	if (more != NULL && old != 0) {
		*aside(more, old, a) = old;
		more->any = true;
	}
	*known = page;
	return true;
}

bool
argument_absurd(const void *p, size_t len)
{
	uintptr_t at = (uintptr_t)p;

	return at < ARGUMENT_PAGE || at > ARGUMENT_END || len > ARGUMENT_END - at;
}

static bool
good_for(const struct iovec *iov, int n, enum argument_access a)
{
	int i;

	for (i = 0; i < n; i++) {
		uintptr_t at = (uintptr_t)iov[i].iov_base;
		size_t len = iov[i].iov_len;

		if (len == 0)
			continue;
		if (argument_absurd(iov[i].iov_base, 0))
			return false;
		if (len > CALL_MOST)
			len = CALL_MOST;
		if (!page_is_good(at, a))
			return false;
		/* programs claim more room than they have, and live by it */
		if (a == FOR_READING && !page_is_good(at + len - 1, a))
			return false;
	}
	return true;
}

bool
argument_readable(const struct iovec *iov, int n)
{
	return good_for(iov, n, FOR_READING);
}

bool
argument_writable(const struct iovec *iov, int n)
{
	return good_for(iov, n, FOR_WRITING);
}

/* lib/iov_iter.c: all lengths first, then what each of them would reach. */
int
argument_iovec(const struct iovec *iov, int n)
{
	int i;

	if (n > 0 && argument_absurd(iov, (size_t)n * sizeof *iov))
		return -EFAULT;
	for (i = 0; i < n; i++)
		if ((ssize_t)iov[i].iov_len < 0)
			return -EINVAL;
	for (i = 0; i < n; i++)
		if ((uintptr_t)iov[i].iov_base > ARGUMENT_END ||
		    iov[i].iov_len > ARGUMENT_END - (uintptr_t)iov[i].iov_base)
			return -EFAULT;
	return 0;
}
