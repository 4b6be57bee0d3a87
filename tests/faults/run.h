/* run.h - one run of the scripted program, with a fault in one session */
#ifndef FAULTS_RUN_H
#define FAULTS_RUN_H

#include "layer.h"
#include "script.h"

struct setting { /* the same for all runs */
	const char *subject; /* the program */
	const char *preload; /* value of LD_PRELOAD */
	const char *policy;
	char *const *before; /* words before the program, or NULL */
};

struct run {
	int server; /* what the program is */
	const char *how;
	int faulted; /* which session, or -1 */
	const char *kind; /* enum layer_kind as a number, or "trace" */
	int value;
	long at;
	int times; /* the fault is planted, each in a session of its own */
};

struct outcome {
	char session[SESSIONS][80]; /* what the program says of each */
	char hit[32];  /* the call that failed, "-" if none did */
	long count;    /* calls of the session that had the fault */
	long fds, live, bytes;
	int complete;  /* sessions of which the peer saw all */
	const char *clear, *bad; /* as in peer.h, of any session */
	int lines;     /* sessions that it spoke of */
	int status;    /* of waitpid; -1: it hung and was killed */
	char said[8000]; /* the end of its stderr */
};

/* Makes the run; exits if the program cannot even be started. */
void run_make(const struct setting *s, const struct run *r,
    struct outcome *out);

#endif
