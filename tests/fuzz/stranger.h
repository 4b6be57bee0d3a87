/*
 * stranger.h - for fuzzers: one end of the engine, and whoever sends it the
 * bytes of the input
 *
 * The first byte picks the keys, the second how many bytes come at a time and
 * how it ends.  None of what the program writes or reads gets through, and no
 * session ever opens: the input does not know the server's key.
 */
#ifndef FUZZ_STRANGER_H
#define FUZZ_STRANGER_H

#include "ends.h"

static const char stranger_secret[] = "a secret of the program's";

/* All that a program does on a connection, whatever state it is in. */
static inline void
stranger_use(struct pair *p, int i)
{
	struct pollfd f = {p->fd[i], POLLIN | POLLOUT | POLLRDHUP, 0};
	char buf[64];
	int left;

	if (i == CLIENT)
		(void)pair_connect(p);
	MUST(tls.poll(&f, 1, 0) >= 0);
	MUST(tls.recv(p->fd[i], buf, sizeof buf, MSG_PEEK) <= 0);
	MUST(tls.recv(p->fd[i], buf, sizeof buf, 0) <= 0);
	/* a server may write before its client has spoken: it is kept */
	MUST(tls.send(p->fd[i], stranger_secret, sizeof stranger_secret,
		 MSG_NOSIGNAL) == -1 ||
	     i == SERVER);
	MUST(p->c[i]->state != CONN_OPEN);
	MUST(tls.ioctl(p->fd[i], FIONREAD, &left) == -1 || left == 0);
}

static inline void
stranger_run(const uint8_t *data, size_t size, int i)
{
	struct feed f = {data, size};
	struct pair p;
	unsigned which, step;
	const uint8_t *chunk;
	size_t n;

	ends_init();
	ends_open(&p);
	which = feed_byte(&f) % ENDS_KEYS;
	if (strstr(ends_keys[which][SERVER], "detect") != NULL)
		which = 0; /* plaintext is meant there */
	step = feed_byte(&f);
	ends_conn(&p, i, which);
	stranger_use(&p, i);
	while (f.left > 0) {
		chunk = feed_bytes(&f,
		    step < 2 ? f.left : (size_t)step * step, &n);
		memory_put(p.m[i], chunk, n);
		stranger_use(&p, i);
	}
	p.m[i]->fin = true;
	p.m[i]->reset = step & 1;
	stranger_use(&p, i);
	stranger_use(&p, i);
	MUST(p.c[i]->state == CONN_FAILED);
	ends_wire(p.m[i], stranger_secret, 8);
	ends_close(&p);
}

#endif
