/*
 * aead.h - TLS 1.3's records and nothing else: what GnuTLS's AEAD alone costs
 *
 * The bytes on the wire are TLS's (a header, AES-128-GCM, a type: RFC 8446,
 * 5.2), each record is one send and one recv.  There is no handshake: key and
 * IV are known to both ends, and nothing that a real program must look at is
 * looked at.  Who calls the cipher and its tag apart, as shim/engine/record.c
 * does, pays a little less than for gnutls_aead_cipher_decrypt.
 *
 * LOOKS: each recv comes behind a look at one byte, as where one of a program's
 * threads may be cancelled while bytes arrive (shim/engine/wait.c).
 */
#ifndef BENCH_AEAD_H
#define BENCH_AEAD_H

#include <endian.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "bare.h"

#define HEADER 5
#define TAG 16
#define RECORD 16384
#define NONCE 12

struct direction {
	gnutls_aead_cipher_hd_t key;
	uint64_t number;
};

struct session {
	struct direction in, out;
	size_t have; /* of the record that is coming */
	unsigned char wire[HEADER + RECORD + 1 + TAG], plain[RECORD + 1 + TAG];
};

bool
end_begin(struct end *e, int fd, bool server)
{
	unsigned char secret[16] = {1};
	gnutls_datum_t key = {secret, sizeof secret};
	struct session *s = calloc(1, sizeof *s);

	(void)server;
	end_of(e, fd);
	e->session = s;
	return s != NULL &&
	       gnutls_aead_cipher_init(
		   &s->in.key, GNUTLS_CIPHER_AES_128_GCM, &key) == 0 &&
	       gnutls_aead_cipher_init(
		   &s->out.key, GNUTLS_CIPHER_AES_128_GCM, &key) == 0;
}

static void
next_nonce(struct direction *d, unsigned char nonce[NONCE])
{
	uint64_t number = htobe64(d->number++);

	memset(nonce, 0, NONCE - sizeof number);
	memcpy(nonce + NONCE - sizeof number, &number, sizeof number);
}

/* The record that has come, whole. */
static ssize_t
opened(struct session *s, void *buf, size_t len)
{
	unsigned char nonce[NONCE];
	size_t n = sizeof s->plain;

	next_nonce(&s->in, nonce);
	if (gnutls_aead_cipher_decrypt(s->in.key, nonce, NONCE, s->wire, HEADER,
		TAG, s->wire + HEADER, s->have - HEADER, s->plain, &n) < 0 ||
	    n - 1 > len) {
		errno = EIO;
		return -1;
	}
	s->have = 0;
	memcpy(buf, s->plain, n - 1);
	return (ssize_t)n - 1;
}

/* A look, where one is wanted. */
static bool
waited(int fd)
{
#ifdef LOOKS
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_TRUNC) >= 0;
#else
	(void)fd;
	return true;
#endif
}

/* What is in the socket is at most one record: who speaks waits for an answer. */
ssize_t
end_read(struct end *e, void *buf, size_t len)
{
	struct session *s = e->session;

	for (;;) {
		ssize_t n = -1;

		if (waited(e->fd))
			n = recv(e->fd, s->wire + s->have,
			    sizeof s->wire - s->have, 0);

		if (n <= 0)
			return n;
		s->have += (size_t)n;
		if (s->have > HEADER &&
		    s->have == HEADER + (size_t)(s->wire[3] << 8 | s->wire[4]))
			return opened(s, buf, len);
	}
}

ssize_t
end_write(struct end *e, const void *buf, size_t len)
{
	struct session *s = e->session;
	size_t size = sizeof s->wire - HEADER;
	unsigned char nonce[NONCE], wire[HEADER + RECORD + 1 + TAG];

	if (len > RECORD)
		len = RECORD;
	next_nonce(&s->out, nonce);
	memcpy(s->plain, buf, len);
	s->plain[len] = 23;
	memcpy(wire, (unsigned char[]){23, 3, 3}, 3);
	wire[3] = (unsigned char)((len + 1 + TAG) >> 8);
	wire[4] = (unsigned char)(len + 1 + TAG);
	if (gnutls_aead_cipher_encrypt(s->out.key, nonce, NONCE, wire, HEADER,
		TAG, s->plain, len + 1, wire + HEADER, &size) < 0 ||
	    send(e->fd, wire, HEADER + size, 0) != (ssize_t)(HEADER + size)) {
		errno = EIO;
		return -1;
	}
	return (ssize_t)len;
}

void
end_finish(struct end *e)
{
	struct session *s = e->session;

	gnutls_aead_cipher_deinit(s->in.key);
	gnutls_aead_cipher_deinit(s->out.key);
	free(s);
	close(e->fd);
}

#endif
