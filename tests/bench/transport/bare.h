/*
 * bare.h - what a transport says that has no handshake
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include "../transport.h"

int transport_tickets;

void
transport_init(const char *ca, const char *cert, const char *key)
{
	(void)ca, (void)cert, (void)key;
}

bool
end_resumed(const struct end *e)
{
	(void)e;
	return false;
}

bool
end_pending(const struct end *e)
{
	(void)e;
	return false;
}

void
end_keep_session(struct end *e)
{
	(void)e;
}

#endif
