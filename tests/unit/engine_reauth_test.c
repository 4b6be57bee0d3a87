/* engine_reauth_test.c - a question for a certificate after the handshake */
#include <gnutls/gnutls.h>
#include <stdbool.h>

#include "traffic.h"

#define PIECE 12 /* bytes of a record */

/* The server reads times times up to len bytes, each the next ones of its text. */
static bool
takes(struct pair *p, size_t *at, int times, size_t len)
{
	char buf[4 * PIECE];
	ssize_t n;
	int i;

	for (i = 0; i < times; i++) {
		n = tls.recv(p->fd[SERVER], buf, len, MSG_DONTWAIT);
		if (n <= 0 || memcmp(buf, pattern[CLIENT] + *at, (size_t)n) != 0)
			return false;
		*at += (size_t)n;
	}
	return true;
}

/* What GnuTLS keeps of a record is no answer.  k: reads of 5 before. */
static void
test_asked_within(void)
{
	struct pair p;
	size_t at;
	char byte;
	int i, k;

	memory_test = "a question within a record";
	for (k = 0; k < 8; k++) {
		pair_start(&p, ANSWERS, ASKS);
		for (i = 0; i < 4; i++)
			tls.send(p.fd[CLIENT], pattern[CLIENT] + i * PIECE,
			    PIECE, 0);
		at = 0;
		result(takes(&p, &at, k, 5) && asks(&p) == -EAGAIN,
		    "behind %d reads", k);
		while (takes(&p, &at, 1, 5))
			;
		(void)tls.recv(p.fd[CLIENT], &byte, 1, MSG_DONTWAIT);
		result(at == 4 * PIECE && asks(&p) == 0,
		    "nothing is lost, and it is answered, %d", k);
		pair_close(&p);
	}
}

int
main(void)
{
	pair_setup();
	test_asked_within();
	return failures > 0;
}
