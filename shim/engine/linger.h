/*
 * linger.h - a connection whose end takes time is ended by a helper process
 */
#ifndef ENGINE_LINGER_H
#define ENGINE_LINGER_H

#include <stdbool.h>
#include <stddef.h>

/* Finds tlsshim-linger beside tlsshim.so; later, a chroot may hide it. */
void linger_init(void);

/*
 * Hands fd (a copy of it) and the ciphertext still to be sent to a helper,
 * which gives the peer `seconds`.  False: the caller has to wait itself (no
 * helper, no memory, or a helper would be seen by wait(): the process is PID 1
 * or a subreaper).  The host sees no SIGCHLD and no child.
 */
bool linger_start(int fd, const void *rest, size_t len, int seconds);

/* In a process of ours, which waits itself. */
void linger_off(void);

#endif
