/*
 * seal.c - AES-128-GCM alone, by GnuTLS, as each end of bulk needs it
 *
 *	seal SECONDS
 *
 * Encrypts 16 KB again and again, then decrypts them.  Prints `seal N` and
 * `open N`, the CPU seconds of a GB each.
 */
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RECORD 16384
#define TAG 16

static unsigned char plain[RECORD], sealed[RECORD + TAG], back[RECORD];
static const unsigned char nonce[12], data[5];

static double
cpu_own(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool
seal(gnutls_aead_cipher_hd_t h)
{
	size_t len = sizeof sealed;

	plain[0]++;
	return gnutls_aead_cipher_encrypt(h, nonce, sizeof nonce, data,
		   sizeof data, TAG, plain, sizeof plain, sealed, &len) == 0;
}

static bool
open_again(gnutls_aead_cipher_hd_t h)
{
	size_t len = sizeof back;

	return gnutls_aead_cipher_decrypt(h, nonce, sizeof nonce, data,
		   sizeof data, TAG, sealed, sizeof sealed, back,
		   &len) == 0 &&
	       back[0] == plain[0];
}

/* false: the cipher has failed */
static bool
measure(gnutls_aead_cipher_hd_t h, const char *name,
    bool (*work)(gnutls_aead_cipher_hd_t), double seconds)
{
	double began = cpu_own(), bytes = 0;

	for (; cpu_own() < began + seconds; bytes += RECORD)
		if (!work(h))
			return false;
	printf("%s %.4f\n", name, (cpu_own() - began) / bytes * 1e9);
	return true;
}

int
main(int argc, char **argv)
{
	unsigned char secret[16] = {1};
	gnutls_datum_t key = {secret, sizeof secret};
	gnutls_aead_cipher_hd_t h;
	double each;
	bool good;

	if (argc != 2 ||
	    gnutls_aead_cipher_init(&h, GNUTLS_CIPHER_AES_128_GCM, &key) < 0)
		return 2;
	each = atof(argv[1]) / 2;
	good = measure(h, "seal", seal, each) &&
	       measure(h, "open", open_again, each);
	gnutls_aead_cipher_deinit(h);
	return good ? 0 : 2;
}
