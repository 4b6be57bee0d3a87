/*
 * rnd.c - what GnuTLS keeps of each thread that has used it, in bytes
 *
 * Its random generator has a state for each thread and a list of all these
 * states, which is freed when the process ends (lib/random.c); a handshake
 * needs it.  Nothing of tlsshim is here.
 */
#include <gnutls/crypto.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>

enum { WARM = 100, THREADS = 1000 };

static void *
use(void *arg)
{
	char byte;

	return gnutls_rnd(GNUTLS_RND_NONCE, &byte, 1) == 0 ? arg : NULL;
}

int
main(void)
{
	size_t had = 0;
	pthread_t t;
	int i;

	for (i = 0; i < WARM + THREADS; i++) {
		if (i == WARM)
			had = mallinfo2().uordblks;
		if (pthread_create(&t, NULL, use, NULL) != 0)
			return 1;
		pthread_join(t, NULL);
	}
	printf("%zu\n", (mallinfo2().uordblks - had) / THREADS);
	return 0;
}
