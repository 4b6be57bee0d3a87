/* engine.c - loads tlsshim-engine.so when a call first needs it */
#include <alloca.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/syscall.h>
#include <time.h>

#include "owned.h"

#ifdef SHIM_NO_DEEPBIND /* sanitizers refuse it */
#define DEEPBIND 0
#else
#define DEEPBIND RTLD_DEEPBIND
#endif

const struct shim_engine *engine_value;
__thread char engine_loading __attribute__((tls_model("initial-exec")));

static int state;

static const struct shim_host host = {
    .abi = SHIM_ABI,
    .libc = &libc,
    .class_of = owned_table,
    .set_class = owned_set,
    .env = &start_env,
    .sealed = &process_sealed,
    .asynchronous = &process_asynchronous,
    .wiped = &process_wiped,
    .names_find = names_find,
    .relayed_add = relayed_add,
    .relayed_tell = relayed_tell,
    .protects = exec_protects,
};

/* Under a service manager descriptor 2 is a socket: <11> is user.err. */
static void
say_syslog(const char *line, size_t len)
{
	static const struct sockaddr_un to = {AF_UNIX, "/dev/log"};
	struct iovec iov[2] = {{(void *)"<11>", 4}, {(void *)line, len}};
	struct msghdr msg = {.msg_name = (void *)&to,
	    .msg_namelen = sizeof to,
	    .msg_iov = iov,
	    .msg_iovlen = 2};
	int fd = libc.socket(
	    AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return;
	(void)!libc.sendmsg(fd, &msg, MSG_NOSIGNAL);
	(void)libc.close(fd);
}

/*
 * To stderr, unless that is a socket: under inetd it is the connection.  The
 * caller has blocked SIGPIPE; one that we raise must not stay pending.
 */
static void
say(const char *text)
{
	static const struct timespec now;
	char line[1024];
	struct pollfd err = {2, POLLOUT, 0};
	sigset_t pipe_only, pending;
	socklen_t len = sizeof(int);
	int type, n;

	n = snprintf(line, sizeof line,
	    "tlsshim[%d]: refused cause=engine: the engine cannot be loaded: "
	    "%s: TCP connections of"
	    " this program are refused\n",
	    (int)getpid(), text);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof line) {
		n = sizeof line - 1;
		line[n - 1] = '\n';
	}
	if (libc.getsockopt(2, SOL_SOCKET, SO_TYPE, &type, &len) == 0 ||
	    errno != ENOTSOCK) {
		say_syslog(line, (size_t)n - 1);
		return;
	}
	if (libc.poll(&err, 1, 0) == 0) /* full: nobody reads it */
		return;
	sigpending(&pending);
	if (libc.write(2, line, (size_t)n) == -1 && errno == EPIPE &&
	    !sigismember(&pending, SIGPIPE)) {
		sigemptyset(&pipe_only);
		sigaddset(&pipe_only, SIGPIPE);
		sigtimedwait(&pipe_only, NULL, &now);
	}
}

static const struct shim_engine *
refuse(const char *why)
{
	say(why != NULL ? why : "unknown error");
	return NULL;
}

/*
 * Mapping a file that was cut short (a full disk, an upgrade) would end in
 * SIGBUS.  Linkers put the section headers last.
 */
static int
file_is_whole(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), whole = 1;
	struct stat st;
	Elf64_Ehdr h;

	if (fd == -1)
		return 1; /* dlopen says why */
	if (fstat(fd, &st) == 0 && pread(fd, &h, sizeof h, 0) == sizeof h)
		whole = h.e_shoff + (Elf64_Off)h.e_shnum * h.e_shentsize <=
			(Elf64_Off)st.st_size;
	(void)libc.close(fd);
	return whole;
}

/*
 * With what the user says to GnuTLS left out of the environment, which its
 * constructor reads: a file of algorithms, whether to call exit(1) over one
 * that is not right, what to print.  The copy is on the stack, since malloc
 * may be the host's; if another thread sets a variable meanwhile, the
 * environment stays what setenv made of it.
 */
static void *
object_open(const char *path)
{
	char **own = environ, **some, *none[] = {NULL};
	size_t n = 0, i, left = 0;
	void *object;

	if (own == NULL)
		own = none;
	while (own[n] != NULL)
		n++;
	some = alloca((n + 1) * sizeof *some);
	for (i = 0; i < n; i++)
		if (strncmp(own[i], "GNUTLS_", 7) != 0)
			some[left++] = own[i];
	some[left] = NULL;
	if (left < n)
		environ = some;
	object = libc.dlopen(path, RTLD_NOW | RTLD_LOCAL | DEEPBIND);
	if (environ == some)
		environ = own;
	return object;
}

static const struct shim_engine *
engine_open(void)
{
	static const char name[] = "tlsshim-engine.so";
	const struct shim_engine *(*start)(const struct shim_host *);
	const struct shim_engine *engine;
	char path[PATH_MAX + sizeof name];
	const char *slash;
	void *object;

	if (start_env.preload == NULL)
		return refuse("the path of tlsshim.so is not known");
	slash = strrchr(start_env.preload, '/');
	memcpy(
	    path, start_env.preload, (size_t)(slash + 1 - start_env.preload));
	memcpy(path + (slash + 1 - start_env.preload), name, sizeof name);
	if (!file_is_whole(path))
		return refuse("its file is cut short");
	object = object_open(path);
	if (object == NULL)
		return refuse(dlerror());
	start = (const struct shim_engine *(*)(const struct shim_host *))dlsym(
	    object, "shim_engine_start");
	if (start == NULL)
		return refuse(dlerror());
	process_dividing();
	engine = start(&host);
	if (engine == NULL)
		return refuse("it did not start");
	if (engine->abi != SHIM_ABI || engine->calls == NULL)
		return refuse("it is of another version than tlsshim.so");
	return engine;
}

/* A handler or a cancellation in here would find half an engine. */
static void
load(void)
{
	const struct shim_engine *engine;
	sigset_t all, saved;
	int cancel;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	engine_loading = 1;
	engine = engine_open();
	engine_loading = 0;
	if (engine != NULL)
		bind_hooks();
	__atomic_store_n(&engine_value, engine, __ATOMIC_RELEASE);
	__atomic_store_n(&state, engine != NULL ? ENGINE_READY : ENGINE_FAILED,
	    __ATOMIC_RELEASE);
	libc.syscall(
	    SYS_futex, &state, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	pthread_setcancelstate(cancel, NULL);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
}

const struct shim_engine *
engine_need(void)
{
	int saved = errno, now = ENGINE_NONE;

	if (engine_loading || !start_done)
		return NULL;
	if (engine_get() == NULL && !process_vforked() &&
	    __atomic_compare_exchange_n(&state, &now, ENGINE_LOADING, 0,
		__ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
		load();
	while (__atomic_load_n(&state, __ATOMIC_ACQUIRE) == ENGINE_LOADING)
		libc.syscall(SYS_futex, &state, FUTEX_WAIT_PRIVATE,
		    ENGINE_LOADING, NULL, NULL, 0);
	errno = saved;
	return engine_get();
}

/*
 * A second at most: the thread that loads may wait for ld.so, which may wait
 * for us, where a library's constructor forks.
 */
void
engine_settle(void)
{
	const struct timespec step = {0, 10000000};
	int saved = errno, i;

	for (i = 0; i < 100 && !engine_loading &&
	     __atomic_load_n(&state, __ATOMIC_ACQUIRE) == ENGINE_LOADING; i++)
		libc.syscall(SYS_futex, &state, FUTEX_WAIT_PRIVATE,
		    ENGINE_LOADING, &step, NULL, 0);
	if (engine_get() != NULL)
		libc_find_all();
	errno = saved;
}

void
engine_forked(void)
{
	if (state == ENGINE_LOADING && !engine_loading)
		__atomic_store_n(&state, ENGINE_FAILED, __ATOMIC_RELEASE);
}
