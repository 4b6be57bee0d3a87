/* process.c - fork handlers, and children that no handler saw */

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cache.h"
#include "keylog.h"
#include "conn.h"
#include "epoll.h"
#include "libc_stream.h"
#include "process.h"
#include "thread.h"

volatile pid_t *process_mark;
static volatile pid_t self;
static unsigned forks;

/* This process is in a pid namespace that its parent was not in. */
static bool elsewhere;

/*
 * This thread is between before() and what follows: it has locked and
 * announced.  The child has it too, since it is that thread.
 */
#define LOCAL static __thread __attribute__((tls_model("initial-exec")))
LOCAL bool announced;
LOCAL unsigned announcement;

pid_t
process_pid(void)
{
	return self;
}

pid_t
process_holder(void)
{
	return elsewhere ? 0 : self;
}

unsigned
process_forks(void)
{
	return forks;
}

static void
set_mark(void)
{
	self = getpid();
	if (process_mark != NULL)
		*process_mark = self;
}

static void
before(void)
{
	epoll_before_fork();
	announced = table_before_fork();
	announcement = table_announcement();
}

static void
in_parent(void)
{
	if (announced)
		table_after_fork(false, true);
	announced = false;
	epoll_after_fork(false);
}

static void
child(void)
{
	bool told = announced;

	announced = false;
	forks++;
	set_mark();
	thread_forked(self);
	/* only the first process of a namespace is 1 (pid_namespaces(7)) */
	elsewhere |= self == 1;
	epoll_after_fork(true);
	snapshot_after_fork();
	libc_stream_forked();
	cache_after_fork();
	keylog_after_fork();
	table_after_fork(true, told);
}

static void
in_child(void)
{
	child();
}

/* GnuTLS notices a fork by a handler alone, and would repeat its nonces. */
void
process_unseen(void)
{
	child();
	gnutls_rnd_refresh();
}

void
process_forking(void)
{
	int saved = errno;

	before();
	errno = saved;
}

void
process_forked(long pid)
{
	int saved = errno;

	if (pid == 0) {
		process_check();
	} else {
		if (announced)
			in_parent();
		table_forked(announcement, pid);
	}
	errno = saved;
}

static pid_t *
own_page(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED && madvise(p, 4096, MADV_WIPEONFORK) == 0 ? p
									 : NULL;
}

int
process_init(void)
{
	process_mark = host->wiped != NULL ? *host->wiped : own_page();
	if (process_mark == NULL)
		return -ENOSYS; /* Linux before 4.14 */
	set_mark();
	return -pthread_atfork(before, in_parent, in_child);
}

bool
process_is_vfork_child(void)
{
	return getpid() != self && process_mark != NULL && *process_mark != 0;
}
