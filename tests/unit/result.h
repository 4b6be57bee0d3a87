/* result.h - what a unit test says of each of its claims; one thread */
#ifndef UNIT_RESULT_H
#define UNIT_RESULT_H

#include <stdbool.h>
#include <stdio.h>

static int failures; /* main() returns whether there are any */

static void
result(bool good, const char *what)
{
	failures += !good;
	printf("%s %s\n", good ? "ok" : "not ok", what);
}

#endif
