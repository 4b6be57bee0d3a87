/*
 * file.h - files that decide about trust: opened once, checked on the open
 * descriptor, read from it
 */
#ifndef POLICY_FILE_H
#define POLICY_FILE_H

#include <stddef.h>

#include "policy.h"

enum file_kind {
	FILE_POLICY, /* a policy or a part of one */
	FILE_PUBLIC, /* certificates, trust, CRLs */
	FILE_SECRET, /* keys, passwords: not readable by others */
};

#define FILE_MAX ((size_t)16 << 20) /* a sane bound for any one of them */

/*
 * Reads all of path: a regular file of at most max bytes, owned by root or
 * the effective user, that neither group nor others may write, nor may they
 * write any directory on the way to it unless it is sticky.  Symbolic links
 * are followed, and each place they lead through is judged the same way.
 * Never blocks on a FIFO, and opens no device.  A NUL in a file of PEM is a
 * fault.
 *
 * On success *out is the caller's, to release with free(): *len bytes and a
 * NUL after them (a secret is the caller's to wipe).  A fault blames
 * at_file:at_line, the place that names path; where at_file is NULL path
 * itself, line 1.
 */
int file_read(const char *path, enum file_kind kind, size_t max, char **out,
    size_t *len, struct fault *f, const char *at_file, int at_line);

/*
 * The same judgement on a directory (capath, include_dir): on success returns
 * an open descriptor that is the caller's to close, else -1 and a fault.
 */
int file_open_directory(
    const char *path, struct fault *f, const char *at_file, int at_line);

/*
 * Opens a file of this process's user to read and to write: regular, its
 * owner the effective user and nobody else with any right to it, under one
 * name only, the way to it judged as above.  create: makes it, mode 0600,
 * where there is none.  An open descriptor that is the caller's to close, or
 * -1 and a fault; errno is ENOENT where there is none, EMFILE where there is
 * no number left, and else nothing to go by.
 */
int file_open_own(const char *path, bool create, struct fault *f);

/*
 * What lies at path, opened before as fd, is moved aside to path.bad.  0, or
 * -1 where it is not fd any more, or nothing can be moved there.
 */
int file_put_aside(const char *path, int fd);

/*
 * Makes name absolute as seen from base, the file that names it: relative
 * names are relative to base's folder.  On success the result is the
 * caller's, to release with free(); NULL when out of memory or when the
 * working directory is unknown.
 */
char *file_absolute(const char *name, const char *base);

#endif
