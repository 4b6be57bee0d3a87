/* process.c - whose memory this is, and what happens to it as a whole */
#include <alloca.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel.h"
#include "owned.h"

/*
 * pthread_atfork() as libc has it; what stands for it in each object is on a
 * page of ours that a start does not touch otherwise.
 */
extern int __register_atfork(
    void (*)(void), void (*)(void), void (*)(void), void *object);

char process_sealed;
char process_asynchronous;

/* For vfork.S, which knows no offsets: where libc's own is kept. */
pid_t (**const vfork_libc)(void) __attribute__((used)) = &libc.vfork;

/*
 * The pid of the process that this memory belongs to: a vfork child reads its
 * parent's, a fork's is told by its handler.  Whom no handler tells, as a raw
 * clone, has to read that nobody is: then the word is on a page of its own,
 * which the kernel wiped (MADV_WIPEONFORK).  That page is made before the
 * first call that could make either of them, since it is a third of what a
 * start would cost, and most programs never make such a call.
 *
 * owner goes from &first_owner to the page once, for good and whole, and both
 * have the same in them then: who reads it on any thread, in a handler or in a
 * child, reads one or the other.
 */
static pid_t first_owner;
static pid_t *owner = &first_owner;

pid_t *process_wiped; /* the engine's, beside it */

static void
forked(void)
{
	__atomic_store_n(__atomic_load_n(&owner, __ATOMIC_ACQUIRE),
	    kernel_getpid(), __ATOMIC_RELAXED);
	engine_forked();
}

FIRST void
process_init(void)
{
	first_owner = kernel_getpid();
	/* The first child's check may be made by a vfork child of its own. */
	__register_atfork(NULL, NULL, forked, &owner);
}

/*
 * A child that system calls of the program's own have made while there was no
 * page yet: is its memory that of was?  Where nobody says, it is taken to be: such a child
 * is refused what a vfork child is.
 */
static int
shares_memory(pid_t me, pid_t was)
{
	return kernel_call(SYS_kcmp, me, was, KCMP_VM, 0, 0, 0) <= 0;
}

FIRST int
process_vforked(void)
{
	pid_t was, me, *at;

	if (process_sealed)
		return 0;
	me = kernel_getpid();
	at = __atomic_load_n(&owner, __ATOMIC_ACQUIRE);
	was = __atomic_load_n(at, __ATOMIC_RELAXED);
	if (likely(was == me))
		return 0;
	if (was != 0 && (at != &first_owner || shares_memory(me, was)))
		return 1;
	__atomic_store_n(at, me, __ATOMIC_RELAXED);
	return 0;
}

static pid_t *
wiped_page(void)
{
	const long len = 4096; /* x86-64 has no other */
	long page = kernel_call(SYS_mmap, 0, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page < 0)
		return NULL;
	if (kernel_call(SYS_madvise, page, len, MADV_WIPEONFORK, 0, 0, 0) < 0) {
		kernel_call(SYS_munmap, page, len, 0, 0, 0, 0);
		return NULL; /* Linux before 4.14 */
	}
	return (pid_t *)page;
}

void
process_dividing(void)
{
	pid_t *page, *at = &first_owner;

	libc_need();
	if (process_wiped != NULL || process_sealed || process_vforked())
		return;
	page = wiped_page();
	if (page == NULL)
		return;
	*page = kernel_getpid();
	if (__atomic_compare_exchange_n(&owner, &at, page, 0, __ATOMIC_RELEASE,
		__ATOMIC_ACQUIRE))
		at = page;
	else
		kernel_call(SYS_munmap, (long)page, 4096, 0, 0, 0, 0);
	__atomic_store_n(&process_wiped, at + 1, __ATOMIC_RELEASE);
}

static int
policy_exists(void)
{
	return start_env.policy != NULL ||
	       access(SYSCONFDIR "/policy.cfg", F_OK) == 0;
}

void
process_leave(void)
{
	const struct shim_engine *engine = engine_get();
	int saved = errno;

	if (engine_loading || process_vforked())
		return;
	if (engine == NULL && policy_exists())
		engine = engine_need();
	if (engine != NULL && engine->leave != NULL)
		engine->leave();
	errno = saved;
}

void
process_sealing(void)
{
	const struct shim_engine *engine = engine_get();
	int saved = errno;

	if (engine != NULL && !process_vforked())
		engine->sealing();
	owned_settle_all();
	errno = saved;
}

long
process_seal(long rv)
{
	if (rv == 0)
		process_sealed = 1;
	return rv;
}

void
process_forking(void)
{
	const struct shim_engine *engine;

	engine_settle();
	engine = engine_get();
	if (engine != NULL)
		engine->forking();
}

long
process_forked(long pid)
{
	const struct shim_engine *engine = engine_get();

	if (pid == 0)
		forked();
	if (engine != NULL)
		engine->forked(pid);
	return pid;
}

/* What clone() is to run, on a stack that the child has a copy of. */
struct start {
	int (*run)(void *);
	void *arg;
};

static int
child_run(void *arg)
{
	struct start *start = arg;

	process_forked(0);
	return start->run(start->arg);
}

static void
ending(void)
{
	const struct shim_engine *engine = engine_get();

	if (engine != NULL && engine->ending != NULL && !process_vforked())
		engine->ending();
}

EXPORTS_BEGIN

void
_exit(int status)
{
	libc_need();
	ending();
	libc._exit(status);
	__builtin_unreachable();
}

void
_Exit(int status)
{
	libc_need();
	ending();
	libc._Exit(status);
	__builtin_unreachable();
}

/* Its handlers are told neither the child's pid nor that it failed. */
pid_t
fork(void)
{
	pid_t pid;

	libc_need();
	engine_settle();
	pid = libc.fork();
	return pid != 0 ? (pid_t)process_forked(pid) : pid;
}

/* libc runs no handler for this one, nor for clone(). */
pid_t
_Fork(void)
{
	libc_need();
	process_forking();
	return (pid_t)process_forked(libc._Fork());
}

int
clone(int (*run)(void *), void *stack, int flags, void *arg, ...)
{
	struct start start = {run, arg};
	va_list ap;
	void *parent, *tls, *child;

	libc_need();
	va_start(ap, arg);
	parent = va_arg(ap, void *);
	tls = va_arg(ap, void *);
	child = va_arg(ap, void *);
	va_end(ap);
	if (flags & CLONE_FILES && !(flags & CLONE_THREAD))
		owned_part();
	if (flags & CLONE_VM)
		process_dividing();
	if (flags & CLONE_VM || process_vforked())
		return libc.clone(run, stack, flags, arg, parent, tls, child);
	process_forking();
	return (int)process_forked(libc.clone(
	    child_run, stack, flags, &start, parent, tls, child));
}

int
prctl(int option, ...)
{
	unsigned long a, b, c, d;
	va_list ap;
	int rv;

	libc_need();
	va_start(ap, option);
	a = va_arg(ap, unsigned long);
	b = va_arg(ap, unsigned long);
	c = va_arg(ap, unsigned long);
	d = va_arg(ap, unsigned long);
	va_end(ap);
	if (option != PR_SET_SECCOMP)
		return libc.prctl(option, a, b, c, d);
	process_leave();
	process_sealing();
	rv = libc.prctl(option, a, b, c, d);
	return (int)process_seal(rv);
}

/* The arguments as a vector on the caller's stack: safe after vfork. */
#define ARGV(argv, first)                            \
	va_start(ap, first);                         \
	for (n = 1; va_arg(ap, char *) != NULL; n++) \
		;                                    \
	va_end(ap);                                  \
	argv = alloca((n + 1) * sizeof *argv);       \
	argv[0] = (char *)first;                     \
	va_start(ap, first);                         \
	for (i = 1; i <= n; i++)                     \
	argv[i] = va_arg(ap, char *)

int
execl(const char *path, const char *arg, ...)
{
	char **argv;
	size_t i, n;
	va_list ap;

	ARGV(argv, arg);
	va_end(ap);
	return execv(path, argv);
}

int
execlp(const char *path, const char *arg, ...)
{
	char **argv;
	size_t i, n;
	va_list ap;

	ARGV(argv, arg);
	va_end(ap);
	return execvp(path, argv);
}

int
execle(const char *path, const char *arg, ...)
{
	char **argv, **envp;
	size_t i, n;
	va_list ap;

	ARGV(argv, arg);
	envp = va_arg(ap, char **);
	va_end(ap);
	return execve(path, argv, envp);
}

EXPORTS_END
