/*
 * alive.h - is a process that was there once still there?
 */
#ifndef ENGINE_ALIVE_H
#define ENGINE_ALIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Hundredths of a second since boot, as /proc counts them; they wrap. */
uint32_t alive_ticks(void);

/*
 * True if the process that had the number pid at the tick since still lives:
 * not if the number is free, is a zombie's or was given to a younger process.
 * What cannot be found out (no /proc, a sandbox) counts as alive.  Thread-safe,
 * allocates nothing; errno may change.
 */
bool alive_is(pid_t pid, uint32_t since);

#endif
