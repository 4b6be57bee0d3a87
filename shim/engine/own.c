/* own.c - is the other end of a connection in this process? */

#include <netinet/in.h>
#include <string.h>

#include "own.h"

/* An address without its family: v4-mapped is v4. */
struct place {
	unsigned char addr[16];
	uint16_t port;
	bool any;
};

static bool
place_of(const struct sockaddr *sa, struct place *p)
{
	static const unsigned char mapped[12] = {
	    [10] = 0xff, [11] = 0xff};
	static const unsigned char none[16];
	const struct sockaddr_in6 *s6 = (const void *)sa;
	const struct sockaddr_in *s4 = (const void *)sa;

	if (sa->sa_family == AF_INET) {
		memcpy(p->addr, mapped, sizeof mapped);
		memcpy(p->addr + 12, &s4->sin_addr, 4);
		p->port = s4->sin_port;
		p->any = s4->sin_addr.s_addr == 0;
	} else if (sa->sa_family == AF_INET6) {
		memcpy(p->addr, &s6->sin6_addr, 16);
		p->port = s6->sin6_port;
		p->any = memcmp(p->addr, none, 16) == 0;
	} else {
		return false;
	}
	return true;
}

struct search {
	struct place want;
	bool found;
};

static void
compare(struct conn *c, void *arg)
{
	struct search *s = arg;
	struct sockaddr_storage local;
	socklen_t len = sizeof local;
	struct place p;
	int fd;

	if (s->found || !c->listens)
		return;
	fd = table_fd(c);
	if (fd == -1 ||
	    host->libc->getsockname(fd, (struct sockaddr *)&local, &len) ==
		-1 ||
	    !place_of((struct sockaddr *)&local, &p))
		return;
	s->found = p.port == s->want.port &&
	    (p.any || s->want.any ||
		memcmp(p.addr, s->want.addr, sizeof p.addr) == 0);
}

bool
own_listener(const struct sockaddr *addr)
{
	struct search s = {.found = false};

	if (atomic_load(&conn_listeners) == 0 || !place_of(addr, &s.want))
		return false;
	table_each(compare, &s);
	return s.found;
}
