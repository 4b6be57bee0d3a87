/*
 * target.h - can this program be preloaded?
 *
 * A pure function over a path: no allocation, no stdio, no lock, errno kept;
 * safe in a signal handler and in a vfork child.
 */
#ifndef SHIM_TARGET_H
#define SHIM_TARGET_H

enum target_kind {
	TARGET_OK,         /* glibc's loader will see the preload */
	TARGET_ABSENT,     /* there is no such file */
	TARGET_DENIED,     /* not a file that the caller may execute */
	TARGET_UNREADABLE, /* may be executed but not looked at */
	TARGET_FORMAT,     /* neither ELF nor #! (execvp runs it by /bin/sh) */
	TARGET_LOOP,       /* more #! lines in a row than the kernel follows */
	TARGET_FOREIGN,    /* ELF for another machine, class or byte order */
	TARGET_STATIC,     /* no loader, so nothing that could preload */
	TARGET_GO,         /* makes its system calls itself */
	TARGET_MUSL,       /* musl ignores LD_PRELOAD of a glibc object */
	TARGET_LOADER,     /* some other loader than glibc's */
	TARGET_SETID,      /* setuid or setgid: the preload is dropped */
	TARGET_CAPS,       /* file capabilities: the preload is dropped */
	TARGET_KINDS
};

#define TARGET_NAME 256 /* BINPRM_BUF_SIZE: no #! line is longer */

struct target {
	enum target_kind kind;
	char interp[TARGET_NAME]; /* where #! led to, "" without #! */
	char loader[TARGET_NAME]; /* its PT_INTERP, "" when there is none */
};

/* Judges the file that execve(path) would start, and fills *out. */
enum target_kind target_read(const char *path, struct target *out);

/* close(2); the preload puts libc's own here, since close is its hook. */
extern int (*target_close)(int fd);

/* What is the matter and what would help: "is ...; ..." */
const char *target_text(enum target_kind kind);

#endif
