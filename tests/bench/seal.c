/*
 * seal.c - AES-128-GCM alone, by GnuTLS, as bulk needs it twice
 *
 *	seal SECONDS
 *
 * Encrypts 16 KB and decrypts them, again and again, by GnuTLS.  Prints
 * `cost N`, the CPU seconds of a GB that is encrypted once and decrypted once.
 */
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RECORD 16384
#define TAG 16

static double
cpu_own(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	static unsigned char plain[RECORD], sealed[RECORD + TAG], back[RECORD];
	unsigned char secret[16] = {1}, nonce[12] = {0}, data[5] = {0};
	gnutls_datum_t key = {secret, sizeof secret};
	gnutls_aead_cipher_hd_t h;
	double began, bytes = 0, until;

	if (argc != 2 ||
	    gnutls_aead_cipher_init(&h, GNUTLS_CIPHER_AES_128_GCM, &key) < 0)
		return 2;
	began = cpu_own();
	for (until = began + atof(argv[1]); cpu_own() < until;) {
		size_t len = sizeof sealed, got = sizeof back;

		plain[0]++;
		if (gnutls_aead_cipher_encrypt(h, nonce, sizeof nonce, data,
			sizeof data, TAG, plain, sizeof plain, sealed,
			&len) < 0 ||
		    gnutls_aead_cipher_decrypt(h, nonce, sizeof nonce, data,
			sizeof data, TAG, sealed, len, back, &got) < 0 ||
		    back[0] != plain[0])
			return 2;
		bytes += RECORD;
	}
	printf("cost %.4f\n", (cpu_own() - began) / bytes * 1e9);
	gnutls_aead_cipher_deinit(h);
	return 0;
}
