/* process.c - fork handlers, and children that no handler saw */

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conn.h"
#include "process.h"

/* MADV_WIPEONFORK: the kernel gives a child of any fork a page of zeros. */
static volatile pid_t *mark;
static volatile pid_t self;

pid_t
process_pid(void)
{
	return self;
}

static void
set_mark(void)
{
	self = getpid();
	if (mark != NULL)
		*mark = self;
}

static void
before(void)
{
	table_before_fork();
}

static void
in_parent(void)
{
	table_after_fork(false, true);
}

static void
in_child(void)
{
	set_mark();
	table_after_fork(true, true);
}

void
process_check(void)
{
	if (mark == NULL || *mark != 0)
		return;
	set_mark();
	table_after_fork(true, false);
}

int
process_init(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || madvise(p, 4096, MADV_WIPEONFORK) == -1)
		return -errno;
	mark = p;
	set_mark();
	return -pthread_atfork(before, in_parent, in_child);
}

bool
process_is_vfork_child(void)
{
	return getpid() != self && mark != NULL && *mark != 0;
}
