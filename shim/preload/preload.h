/*
 * preload.h - what the files of tlsshim.so share
 *
 * Nothing here allocates or locks, but for engine_need.  A name of calls.def
 * must not be called from this folder where libc's is meant: say libc.close,
 * not close, which is our own hook.
 */
#ifndef PRELOAD_H
#define PRELOAD_H

#include "../abi.h"
#include "place.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/*
 * Around the definitions of hooks.  Default, not protected: ld.so warns on
 * stderr where a program that is not PIE refers to a protected function.
 */
#define EXPORTS_BEGIN _Pragma("GCC visibility push(default)")
#define EXPORTS_END _Pragma("GCC visibility pop")

/* libc.c */

extern struct shim_calls libc;
extern char libc_ready;

void libc_init(void);

/* libc_init's stubs and late.S: the function of a row.  As symbol_take. */
void *libc_find(size_t row);

/* What has not been called yet: no child is to find it anew. */
void libc_find_all(void);

/* For hooks that may be entered before our constructor. */
static inline void
libc_need(void)
{
	if (unlikely(!libc_ready))
		libc_init();
}

/* process.c */

void process_init(void);
extern pid_t *process_wiped; /* NULL, or as shim_host says */

/*
 * Before the first call that makes a child which shares this memory, or one
 * that no hook and no handler sees; and before the engine starts, which wants
 * process_wiped.  Signal-safe; errno is kept.
 */
void process_dividing(void);

/* 1 in a child that shares this memory but not its descriptors (vfork). */
int process_vforked(void);

/*
 * Around a fork of which libc runs no handlers; process_forked takes its
 * result in both processes, and errno is kept.
 */
void process_forking(void);
long process_forked(long pid);

/* Reads what is needed before rights or files are lost; errno is kept. */
void process_leave(void);

/*
 * 1 once this process has put itself under seccomp: no system call may then
 * be added to what the program does of its own accord.
 */
extern char process_sealed;
extern char process_asynchronous; /* a thread may be cancelled anywhere */

/* Before one that sets seccomp: what must be asked is asked now. */
void process_sealing(void);

/* After a system call that sets seccomp was made with result rv. */
long process_seal(long rv);

/* page.c */

/*
 * socket(2) by a system call from the page of ../page.h, for where libc's was
 * refused with EACCES.  Any thread; not from a signal handler.
 */
int page_socket(int domain, int type, int protocol);

/* start.c */

extern struct shim_env start_env;
extern char start_done;

/* 1 if LD_PRELOAD brought us here, 0 if /etc/ld.so.preload did. */
extern char start_by_variable;

/* engine.c */

enum engine_state {
	ENGINE_NONE,
	ENGINE_LOADING,
	ENGINE_READY,
	ENGINE_FAILED,
};

extern const struct shim_engine *engine_value;

/* 1 while this thread loads the engine: every gate passes then. */
extern __thread char engine_loading __attribute__((tls_model("initial-exec")));

/* The engine if it is loaded, else NULL.  Signal-safe. */
static inline const struct shim_engine *
engine_get(void)
{
	return __atomic_load_n(&engine_value, __ATOMIC_ACQUIRE);
}

/*
 * The engine, loaded if need be; NULL when there is none to be had, which is
 * said once on stderr and remembered.  May allocate and wait; errno is kept.
 */
const struct shim_engine *engine_need(void);

/*
 * Before a fork: another thread's load ends first, if that is soon; and with an
 * engine libc's functions are found, which each child would find anew.
 */
void engine_settle(void);

/* In the child of a fork: a load that another thread began never ends. */
void engine_forked(void);

/* A slot of the loaded engine, or NULL. */
#define ENGINE_SLOT(name) \
	(engine_get() != NULL ? engine_get()->calls->name : NULL)

/* bind.c */

/*
 * The program's calls of our hooks need ld.so no more.  Waits for ld.so's lock;
 * not from a signal handler.
 */
void bind_hooks(void);

/* names.c */

/* name was looked up and gave list, whose addresses may be tagged. */
void names_note(const char *name, struct addrinfo *list);

size_t names_find(const struct sockaddr *addr, socklen_t len,
    struct shim_name *out, size_t n);

/* relayed.c */

/* abi.h's. */
void relayed_add(const struct shim_relayed *r);
size_t relayed_tell(char *buf, size_t len);

/* What the former image has told; anything may stand there. */
void relayed_read(const char *text);

/*
 * What libc's answer to a call on an end is to the program: where the relay
 * says by the name of its own end that the connection was cut (abi.h), or has
 * been killed, an end of file is ECONNRESET, once.
 */
ssize_t relayed_end(int fd, ssize_t answer);

/* 1 if fd is an end of a relay's pair that this process knows of. */
int relayed_has(int fd);

/* 1 if an earlier image has put fd where a connection was that nobody gets. */
int relayed_refused(int fd);

/* struct shim_host's protects. */
int exec_protects(const char *path);

#endif
