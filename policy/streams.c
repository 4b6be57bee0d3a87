/* streams.c - stdin, stdout and stderr for the libconfig within the engine */
#include <stdio.h>

#include "streams.h"

FILE *streams_in, *streams_out, *streams_err;

__attribute__((constructor)) static void
set(void)
{
	streams_in = stdin;
	streams_out = stdout;
	streams_err = stderr;
}
