/*
 * wire_fuzz.c - two ends of the engine and an attacker between them: the
 * input is what the three do, one after the other
 *
 * Whatever comes of it: who reads gets a beginning of what the other wrote,
 * and nothing of that stands on the wire.
 */
#include "ends.h"

enum { MOST = PATTERN_MOST };

struct wire {
	struct pair p;
	struct feed f;
	size_t sent[2], got[2];
	bool closed[2];
};

static unsigned char in[1 << 16];

static void
op_drive(struct wire *w, int i)
{
	pair_drive(&w->p, i);
}

static void
op_shake(struct wire *w, int i)
{
	if (!w->closed[!i])
		(void)pair_shake(&w->p);
}

static void
op_write(struct wire *w, int i)
{
	size_t len = feed_pair(&w->f);
	ssize_t n;

	if (w->sent[i] + len > MOST)
		return;
	n = tls.send(
	    w->p.fd[i], pattern[i] + w->sent[i], len, MSG_NOSIGNAL);
	MUST(n <= (ssize_t)len);
	if (n > 0)
		w->sent[i] += (size_t)n;
}

static void
take(struct wire *w, int i, int flags)
{
	size_t len = feed_pair(&w->f);
	ssize_t n = tls.recv(w->p.fd[i], in, len, flags);

	if (n <= 0)
		return;
	MUST(n <= (ssize_t)len && w->got[i] + (size_t)n <= w->sent[!i]);
	MUST(memcmp(in, pattern[!i] + w->got[i], (size_t)n) == 0);
	if (!(flags & MSG_PEEK))
		w->got[i] += (size_t)n;
}

static void
op_read(struct wire *w, int i)
{
	take(w, i, 0);
}

static void
op_peek(struct wire *w, int i)
{
	take(w, i, MSG_PEEK);
}

static void
op_count(struct wire *w, int i)
{
	int left = 0;

	if (tls.ioctl(w->p.fd[i], FIONREAD, &left) == 0)
		MUST(left >= 0 &&
		     w->got[i] + (size_t)left <= w->sent[!i]);
}

static void
op_poll(struct wire *w, int i)
{
	struct pollfd f = {w->p.fd[i], POLLIN | POLLOUT | POLLRDHUP, 0};

	MUST(tls.poll(&f, 1, 0) >= 0);
}

static void
op_shutdown(struct wire *w, int i)
{
	(void)tls.shutdown(w->p.fd[i], feed_byte(&w->f) % 3);
}

static void
op_close(struct wire *w, int i)
{
	/* a close with data to send waits for nobody here */
	if (!w->closed[!i])
		w->p.m[!i]->room = 0;
	ends_wire(w->p.m[i], pattern[i], 16);
	tls.close(w->p.fd[i]);
	w->closed[i] = true;
}

/* What is on its way to i: a byte of it, or NULL. */
static unsigned char *
way(struct wire *w, int i)
{
	struct memory *m = w->p.m[i];
	size_t at = feed_pair(&w->f);

	return memory_left(m) == 0 ? NULL
				   : m->in + m->first + at % memory_left(m);
}

static void
op_flip(struct wire *w, int i)
{
	unsigned char *b = way(w, i);

	if (b != NULL)
		*b ^= (unsigned char)(1 << feed_byte(&w->f) % 8);
}

static void
op_cut(struct wire *w, int i)
{
	unsigned char *b = way(w, i);

	if (b != NULL)
		w->p.m[i]->end = (size_t)(b - w->p.m[i]->in);
}

static void
op_put(struct wire *w, int i)
{
	size_t n;
	const uint8_t *p = feed_bytes(&w->f, feed_byte(&w->f), &n);

	memory_put(w->p.m[i], p, n);
}

/* What the other side has sent comes once more, from some byte on. */
static void
op_again(struct wire *w, int i)
{
	struct memory *from = w->p.m[!i];
	size_t at = feed_pair(&w->f);

	if (!w->closed[!i] && at < from->sent)
		memory_put(w->p.m[i], from->wire + at, from->sent - at);
}

static void
op_fin(struct wire *w, int i)
{
	w->p.m[i]->fin = true;
	w->p.m[i]->reset = feed_byte(&w->f) & 1;
}

static void
op_narrow(struct wire *w, int i)
{
	struct memory *m = w->p.m[i];

	m->room = feed_pair(&w->f);
	m->recv_most = feed_pair(&w->f);
	m->send_most = feed_pair(&w->f);
}

static void
op_fail(struct wire *w, int i)
{
	static const int errs[] = {EINTR, EAGAIN, ECONNRESET, EPIPE, ENOMEM,
	    ENOBUFS, ETIMEDOUT, EHOSTUNREACH};
	struct memory *m = w->p.m[i];
	struct trouble *t =
	    feed_byte(&w->f) & 1 ? &m->recv_fails : &m->send_fails;

	t->at = 1 + feed_byte(&w->f) % 8 +
		(t == &m->recv_fails ? m->recvs : m->sends);
	t->err = errs[feed_byte(&w->f) % (sizeof errs / sizeof errs[0])];
}

static void (*const ops[])(struct wire *, int) = {op_drive, op_shake, op_write,
    op_read, op_peek, op_count, op_poll, op_shutdown, op_close, op_flip, op_cut,
    op_put, op_again, op_fin, op_narrow, op_fail};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire w = {.f = {data, size}};
	unsigned which, op;
	int i;

	ends_init();
	ends_open(&w.p);
	which = feed_byte(&w.f) % ENDS_KEYS;
	if (strstr(ends_keys[which][SERVER], "detect") != NULL)
		which = 0;
	ends_conn(&w.p, CLIENT, which);
	ends_conn(&w.p, SERVER, which);
	if (feed_byte(&w.f) & 1)
		(void)pair_shake(&w.p);
	while (w.f.left > 0) {
		op = feed_byte(&w.f);
		i = op >> 7;
		if (!w.closed[i])
			ops[op % 16](&w, i);
		memory_log[0] = '\0';
	}
	for (i = 0; i < 2; i++)
		if (!w.closed[i])
			ends_wire(w.p.m[i], pattern[i], 16);
	ends_close(&w.p);
	return 0;
}
