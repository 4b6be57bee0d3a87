/*
 * abi.h - the contract between tlsshim.so (the host side) and
 * tlsshim-engine.so
 *
 * The preload owns the class table, libc's real functions, the ring of names
 * and the copied environment; the engine owns policy, sessions and everything
 * that allocates.  Each side fills one structure, once; neither is ever freed.
 */
#ifndef SHIM_ABI_H
#define SHIM_ABI_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "calls.h"
#include "tlsshim.h"

#define SHIM_ABI 6u

/*
 * What the preload knows of a descriptor.  One byte each in host->class_of;
 * read and written with relaxed atomics from any thread and from signal
 * handlers.  FD_UNKNOWN is always a safe value: the next use classifies.
 */
enum fd_class {
	FD_UNKNOWN, /* not seen yet: classified at the first use */
	FD_PASS,    /* not ours: libc's answer is the answer */
	FD_STREAM,  /* a TCP socket neither connected nor listening yet */
	FD_GOVERNED, /* the engine has a connection or listener for it */
	FD_SET,     /* an epoll set that has held a stream or governed fd */
	FD_OURS,    /* our own: log, arena; a close of it gives EBADF */
	FD_REFUSED, /* governed, and no engine to speak for it: EACCES */
	FD_RELAYED, /* one end of a socket pair; a relay has the connection */
};

#define FD_MAX 1048576 /* fs.nr_open's default; above: never cached */

/* Options that would go behind the session: ENOPROTOOPT on what is governed. */
static inline bool
shim_goes_behind(int level, int name)
{
	if (level == SOL_SOCKET)
		return name == SO_ZEROCOPY || name == SO_PEEK_OFF;
	return level == IPPROTO_TCP &&
	    (name == TCP_ULP || name == TCP_REPAIR ||
		name == TCP_ZEROCOPY_RECEIVE);
}

/* The number of a socket, the same for every descriptor of it; 0: none. */
static inline uint64_t
shim_cookie(const struct shim_calls *libc, int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof cookie;

	(void)libc->getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len);
	return cookie;
}

/* What the engine may need of the environment, copied in the constructor. */
struct shim_env {
	int secure;             /* AT_SECURE: the rest is NULL then */
	const char *policy;     /* $TLSSHIM_POLICY or NULL */
	const char *search;     /* $LOCALDOMAIN or NULL */
	const char *keylog;     /* $SSLKEYLOGFILE or NULL */
	const char *preload;	/* path of tlsshim.so as it was loaded */
};

/* One name that this process has looked up and the ring still holds. */
struct shim_name {
	char name[256];  /* as the program gave it, NUL-terminated */
	uint64_t serial; /* grows with each look-up */
	int tid;         /* the thread that looked up */
	int latest;      /* 1: this thread's latest look-up gave this address */
	int tagged;      /* 1: the tag in the sockaddr names this look-up */
};

/* One end of a socket pair whose other end is a relay's. */
struct shim_relayed {
	uint64_t cookie; /* SO_COOKIE of this end */
	int protocol;    /* SO_PROTOCOL of the connection */
	union shim_address {
		struct sockaddr sa; /* sa_family 0: the kernel knew no peer */
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} local, peer; /* of the connection */
	int refused; /* 1: no relay is there, and no byte may pass */
};

/*
 * What the relay's own end says of its close by the length of its name, which
 * getpeername(2) gives: of the kernel's choice (unix(7), autobind: a NUL and
 * five digits), an orderly end; a longer one, a cut.  None: the relay lives, or
 * it was killed.
 */
#define SHIM_ORDERLY_NAME (offsetof(struct sockaddr_un, sun_path) + 6)

/* The variable that tells the next image of a process's relayed ends. */
#define SHIM_RELAYED_NAME "TLSSHIM_RELAYED"
#define SHIM_RELAYED_MOST 8400 /* bytes of it with its value: 64 entries */

struct shim_host {
	unsigned abi; /* SHIM_ABI */
	const struct shim_calls *libc;
	unsigned char *class_of; /* FD_MAX entries of enum fd_class */
	void (*set_class)(int fd, enum fd_class k); /* any thread, no lock */
	const struct shim_env *env;
	const char *sealed; /* not NULL; 1: under seccomp, make no call of our own */
	/* not NULL; 1: threads may have asked for asynchronous cancellation */
	const char *asynchronous;

	/*
	 * A word for the engine on a page that the kernel gives as zeros to
	 * the child of any fork (MADV_WIPEONFORK); NULL where there is none.
	 * The tools have no such page to lend: wiped itself is NULL.
	 */
	pid_t *const *wiped;

	/*
	 * Names that the ring holds for addr, newest first, each once; returns
	 * how many were written to out (at most n).  No lock; thread-safe.
	 */
	size_t (*names_find)(const struct sockaddr *addr, socklen_t len,
	    struct shim_name *out, size_t n);

	/* From now on the process answers for that socket as TCP would. */
	void (*relayed_add)(const struct shim_relayed *r);

	/*
	 * Writes SHIM_RELAYED_NAME, "=" and what the next image must know to
	 * buf (SHIM_RELAYED_MOST bytes are always enough); its length, 0 if
	 * there is nothing to tell or no room.
	 */
	size_t (*relayed_tell)(char *buf, size_t len);

	/*
	 * 1 if the program that execve(path) would start has the preload, as
	 * far as its file tells.  Works in vfork children; errno is kept.
	 */
	int (*protects)(const char *path);
};

/* The public API as the engine answers it; fd is a connection of its own. */
struct shim_api {
#define API(gate, ret, name, params, args, without) ret(*name) params;
#include "api.def"
#undef API
};

struct shim_engine {
	unsigned abi; /* SHIM_ABI */
	const struct shim_calls *calls;
	const struct shim_api *api;

	/*
	 * A TCP socket that no hook created or accepted (inherited, passed,
	 * socket activation) is used for the first time: judge it, set its
	 * class to FD_PASS, FD_STREAM or FD_GOVERNED.  0 or a negative errno.
	 */
	int (*adopt)(int fd);

	/*
	 * A wait on epfd that began as libc's brought n events, and the set
	 * holds governed descriptors by now: translates in place, returns how
	 * many are left for the program.
	 */
	int (*events)(int epfd, struct epoll_event *events, int n);

	/* The process is about to lose rights or files: read what is needed
	 * later. */
	void (*leave)(void);

	/* It is about to put itself under seccomp. */
	void (*sealing)(void);

	/*
	 * A program at path (for a script: its interpreter's path, and the
	 * script) is about to be started and cannot be preloaded; why says so
	 * in words.  0: let it, or a negative errno; logged.  Any thread, and
	 * a vfork child.
	 */
	int (*unprotected)(
	    const char *path, const char *script, const char *why);

	/* The process ends: end every connection that is ours to end. */
	void (*ending)(void);

	/*
	 * Around a fork of which libc runs no handlers (_Fork, clone, a raw
	 * system call): forking before, forked with its result in both
	 * processes.  After libc's fork(): forked in the parent alone.
	 */
	void (*forking)(void);
	void (*forked)(long pid);

	/*
	 * libc is about to close fd where no hook sees it: ends what stands
	 * there as close() would, but leaves the number open, on nothing, for
	 * libc to close.  errno is kept; any thread.
	 */
	void (*vacate)(int fd);

	/*
	 * The kernel has just given fd away, or the caller has seen that it is
	 * closed: what stood there was closed past every hook and is lost.
	 * errno is kept; any thread.
	 */
	void (*lost)(int fd);

	/*
	 * libc may have closed a number of its own that nobody knows: every
	 * number that stands for a connection is compared with the kernel's.
	 * errno is kept; any thread.
	 */
	void (*sweep)(void);
};

/*
 * The engine's one entry.  Called once, under the preload's own guard.
 * Returns NULL when the engine cannot work at all (the preload then refuses
 * whatever could be governed).  A policy that does not load is not such a
 * case: the engine starts and refuses with the policy's fault in its log.
 */
const struct shim_engine *shim_engine_start(const struct shim_host *host);

#endif
