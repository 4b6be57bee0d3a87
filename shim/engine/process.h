/*
 * process.h - which process this is, noticed without a system call
 */
#ifndef ENGINE_PROCESS_H
#define ENGINE_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "engine.h"

/* Marks this process and registers the fork handlers; 0 or -errno. */
int process_init(void);

/* MADV_WIPEONFORK: the kernel gives a child of any fork a page of zeros. */
extern volatile pid_t *process_mark;

void process_unseen(void); /* in such a child, once */

/* False in such a child that has not been noticed yet. */
static inline bool
process_marked(void)
{
	return process_mark == NULL || likely(*process_mark != 0);
}

/*
 * On every entry to the engine: a child that neither a handler nor a hook saw
 * (clone() in assembly) is noticed here by a page that the kernel wiped.
 */
static inline void
process_check(void)
{
	if (unlikely(!process_marked()))
		process_unseen();
}

/*
 * Around a fork of which libc runs no handlers.  forked: 0 in the child, the
 * child's pid in the parent, -1 where it failed.  Both latter also after
 * libc's own fork(), whose handlers are told neither.  Errno is kept.
 */
void process_forking(void);
void process_forked(long pid);

/* True in a vfork child: memory is the parent's, descriptors are not. */
bool process_is_vfork_child(void);

#endif
