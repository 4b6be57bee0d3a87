/*
 * calls.h - the interposed calls as a type: libc and the engine are two
 * values of struct shim_calls.  A null slot of the engine passes through.
 *
 * The libc headers are included so that the compiler checks every row of
 * calls.def against libc's own prototype.
 */
#ifndef SHIM_CALLS_H
#define SHIM_CALLS_H

#ifndef _GNU_SOURCE
#error "calls.def is written against _GNU_SOURCE prototypes"
#endif

#include <aio.h>
#include <aliases.h>
#include <dirent.h>
#include <execinfo.h>
#include <fcntl.h>
#include <fstab.h>
#include <fts.h>
#include <grp.h>
#include <gshadow.h>
#include <mntent.h>
#include <mqueue.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <pwd.h>
#include <sched.h>
#include <shadow.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <ttyent.h>
#include <unistd.h>
#include <utmp.h>
#include <utmpx.h>
#include <wordexp.h>

/*
 * Fortified entry points have no prototype unless fortify is on and an
 * argument is of unknown size; these are the ones of glibc 2.36
 * (debug/ in its source).
 */
extern ssize_t __read_chk(int, void *, size_t, size_t);
extern ssize_t __recv_chk(int, void *, size_t, size_t, int);
extern ssize_t __recvfrom_chk(
    int, void *, size_t, size_t, int, __SOCKADDR_ARG, socklen_t *);
extern int __poll_chk(struct pollfd *, nfds_t, int, size_t);
extern int __ppoll_chk(struct pollfd *, nfds_t, const struct timespec *,
    const sigset_t *, size_t);
extern int __dprintf_chk(int, int, const char *, ...);
extern int __vdprintf_chk(int, int, const char *, va_list);

/* syslog.h has names that are also engine/log.h's */
extern void openlog(const char *, int, int);
extern void closelog(void);
extern void syslog(int, const char *, ...);
extern void vsyslog(int, const char *, va_list);
extern void __syslog_chk(int, int, const char *, ...);
extern void __vsyslog_chk(int, int, const char *, va_list);
extern int setlogmask(int);

struct shim_calls {
#define CALL(gate, ret, name, params, args) ret(*name) params;
#define CALL_BY_HAND(ret, name, params) ret(*name) params;
#include "calls.def"
#undef CALL
#undef CALL_BY_HAND
};

#endif
