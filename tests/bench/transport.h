/*
 * transport.h - one end of a connection, as a program would have it
 *
 * Each file in transport/ is one way, and a program of its own with load.c or
 * serve.c: plain TCP, OpenSSL by SSL_set_fd, GnuTLS by
 * gnutls_transport_set_int, so that none loads another's library.  TLS 1.3 with
 * AES-128-GCM and X25519 (P-256 for socat, which has no other), the server's
 * certificate verified for "localhost"; aead.c and look.c have no handshake.
 */
#ifndef BENCH_TRANSPORT_H
#define BENCH_TRANSPORT_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct end {
	int fd;
	void *session; /* the transport's own */
};

/*
 * Set before transport_init: how many tickets a server sends; with any a client
 * resumes its last session.
 */
extern int transport_tickets;

/* A server where cert is not NULL. */
void transport_init(const char *ca, const char *cert, const char *key);

/* Handshake on a blocking, connected socket. */
bool end_begin(struct end *e, int fd, bool server);
bool end_resumed(const struct end *e);

/* As read(2) and write(2); a write may be short. */
ssize_t end_read(struct end *e, void *buf, size_t len);
ssize_t end_write(struct end *e, const void *buf, size_t len);

/* Has the library decrypted, or read, what no poll will tell of? */
bool end_pending(const struct end *e);
void end_keep_session(struct end *e);
void end_finish(struct end *e);

__attribute__((noreturn)) static inline void
die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

static inline void
end_of(struct end *e, int fd)
{
	int one = 1;

	*e = (struct end){.fd = fd};
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

#endif
