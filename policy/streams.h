/*
 * streams.h - stdin, stdout and stderr for the libconfig within the engine
 *
 * libconfig.a is made for programs: its scanner takes these variables by their
 * distance, which an object that libc is loaded beside cannot know.  The
 * engine's copy of the archive has the names of its own ones (Makefile).  Who
 * reads text that is in memory uses stderr alone, before exit(2) where there
 * is no memory.
 */
#ifndef POLICY_STREAMS_H
#define POLICY_STREAMS_H

#include <stdio.h>

extern FILE *streams_in, *streams_out, *streams_err;

#endif
