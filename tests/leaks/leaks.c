/*
 * leaks.c - leaks [ROAD PORT]
 *
 * Goes that road to 127.0.0.1:PORT; without arguments, prints their names.
 * Whether anything arrives is for the recorder at the other end to say.
 */
#include "leak.h"

static const struct road *const families[] = {byte_roads, connect_roads,
    descriptor_roads, stdio_roads, process_roads, limit_roads, peer_roads,
    inside_roads};

int
main(int argc, char **argv)
{
	const struct road *r;
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	alarm(20);
	for (i = 0; i < sizeof families / sizeof families[0]; i++)
		for (r = families[i]; r->name != NULL; r++) {
			if (argc < 3)
				puts(r->name);
			else if (strcmp(argv[1], r->name) == 0)
				return r->go(atoi(argv[2])), 0;
		}
	return argc < 3 ? 0 : 2;
}
