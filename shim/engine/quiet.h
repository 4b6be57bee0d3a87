/*
 * quiet.h - writing to files of our own without a signal to the program
 *
 * A log, a cache or a memfd behind RLIMIT_FSIZE raises SIGXFSZ (setrlimit(2)),
 * a log to a pipe that nobody reads SIGPIPE (write(2)).  The program has
 * written nothing, and both end it by default.
 */
#ifndef ENGINE_QUIET_H
#define ENGINE_QUIET_H

#include <signal.h>

struct quiet {
	sigset_t mask, pending; /* as they were before */
};

/*
 * Between the two both signals are held back in this thread; one that came
 * meanwhile is taken away.  They may be nested in a mask of the caller's.
 * errno stays as it is.  Safe in a signal handler.
 */
void quiet_begin(struct quiet *q);
void quiet_end(const struct quiet *q);

#endif
