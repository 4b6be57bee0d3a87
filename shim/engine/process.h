/*
 * process.h - which process this is, noticed without a system call
 */
#ifndef ENGINE_PROCESS_H
#define ENGINE_PROCESS_H

#include <stdbool.h>

/* Marks this process and registers the fork handlers; 0 or -errno. */
int process_init(void);

/*
 * On every entry to the engine: a child of a raw clone() or _Fork(), which
 * run no handler, is noticed here by a page that the kernel wiped.
 */
void process_check(void);

/* True in a vfork child: memory is the parent's, descriptors are not. */
bool process_is_vfork_child(void);

#endif
