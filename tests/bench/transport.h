/*
 * transport.h - one end of a connection: plain TCP, OpenSSL or GnuTLS
 *
 * As a program would use each: OpenSSL by SSL_set_fd, GnuTLS by
 * gnutls_transport_set_int.  TLS 1.3 with AES-128-GCM and X25519 (P-256 for
 * socat, which has no other), the server's certificate verified for
 * "localhost".  transport_tickets, set before
 * transport_init, is how many tickets a server sends; with any a client
 * resumes its last session.
 */
#ifndef BENCH_TRANSPORT_H
#define BENCH_TRANSPORT_H

#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum transport { PLAIN, OPENSSL, GNUTLS };

struct end {
	int fd;
	SSL *ssl;
	gnutls_session_t tls;
};

static enum transport transport;
static int transport_tickets;
static SSL_CTX *ctx;
static SSL_SESSION *kept_ssl;
static gnutls_certificate_credentials_t creds;
static gnutls_priority_t priority;
static gnutls_datum_t ticket_key, kept_tls;

__attribute__((noreturn)) static void
die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

static int
keep_session(SSL *ssl, SSL_SESSION *s)
{
	SSL_SESSION_free(kept_ssl);
	kept_ssl = s;
	return 1;
}

static void
init_openssl(const char *ca, const char *cert, const char *key)
{
	ctx = SSL_CTX_new(
	    cert != NULL ? TLS_server_method() : TLS_client_method());
	if (ctx == NULL ||
	    !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
	    !SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") ||
	    !SSL_CTX_set1_groups_list(ctx, "X25519:P-256"))
		die("SSL_CTX");
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (cert == NULL) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		if (!SSL_CTX_load_verify_locations(ctx, ca, NULL))
			die(ca);
		if (transport_tickets > 0) {
			SSL_CTX_set_session_cache_mode(
			    ctx, SSL_SESS_CACHE_CLIENT);
			SSL_CTX_sess_set_new_cb(ctx, keep_session);
		}
		return;
	}
	SSL_CTX_set_num_tickets(ctx, (size_t)transport_tickets);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		die(cert);
}

static void
init_gnutls(const char *ca, const char *cert, const char *key)
{
	if (gnutls_certificate_allocate_credentials(&creds) < 0 ||
	    gnutls_priority_init(&priority,
		"NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:"
		"-GROUP-ALL:+GROUP-X25519",
		NULL) < 0)
		die("gnutls");
	if (cert == NULL) {
		if (gnutls_certificate_set_x509_trust_file(
			creds, ca, GNUTLS_X509_FMT_PEM) <= 0)
			die(ca);
		return;
	}
	if (gnutls_certificate_set_x509_key_file(
		creds, cert, key, GNUTLS_X509_FMT_PEM) < 0 ||
	    gnutls_session_ticket_key_generate(&ticket_key) < 0)
		die(cert);
}

/* A server where cert is not NULL; 0, or -1 if there is no such transport. */
static int
transport_init(
    const char *name, const char *ca, const char *cert, const char *key)
{
	if (strcmp(name, "plain") == 0)
		return 0;
	if (strcmp(name, "openssl") == 0) {
		transport = OPENSSL;
		init_openssl(ca, cert, key);
		return 0;
	}
	if (strcmp(name, "gnutls") != 0)
		return -1;
	transport = GNUTLS;
	init_gnutls(ca, cert, key);
	return 0;
}

static bool
begin_openssl(struct end *e, bool server)
{
	e->ssl = SSL_new(ctx);
	if (e->ssl == NULL || !SSL_set_fd(e->ssl, e->fd))
		die("SSL_new");
	if (server)
		return SSL_accept(e->ssl) == 1;
	SSL_set_tlsext_host_name(e->ssl, "localhost");
	SSL_set1_host(e->ssl, "localhost");
	if (kept_ssl != NULL)
		SSL_set_session(e->ssl, kept_ssl);
	return SSL_connect(e->ssl) == 1;
}

static void
prepare_gnutls_client(struct end *e)
{
	gnutls_server_name_set(
	    e->tls, GNUTLS_NAME_DNS, "localhost", strlen("localhost"));
	gnutls_session_set_verify_cert(e->tls, "localhost", 0);
	if (kept_tls.size > 0)
		gnutls_session_set_data(e->tls, kept_tls.data, kept_tls.size);
}

static bool
begin_gnutls(struct end *e, bool server)
{
	unsigned flags = transport_tickets > 0 ? 0 : GNUTLS_NO_TICKETS;
	int rv;

	flags |= server ? GNUTLS_SERVER : GNUTLS_CLIENT;
	if (gnutls_init(&e->tls, flags) < 0)
		die("gnutls_init");
	gnutls_priority_set(e->tls, priority);
	gnutls_credentials_set(e->tls, GNUTLS_CRD_CERTIFICATE, creds);
	gnutls_transport_set_int(e->tls, e->fd);
	if (!server)
		prepare_gnutls_client(e);
	else if (transport_tickets > 0)
		gnutls_session_ticket_enable_server(e->tls, &ticket_key);
	do
		rv = gnutls_handshake(e->tls);
	while (rv < 0 && !gnutls_error_is_fatal(rv));
	return rv == 0;
}

/* Handshake on a blocking, connected socket. */
static bool
end_begin(struct end *e, int fd, bool server)
{
	int one = 1;

	*e = (struct end){.fd = fd};
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return transport == PLAIN     ? true
	       : transport == OPENSSL ? begin_openssl(e, server)
				      : begin_gnutls(e, server);
}

static inline bool
end_resumed(const struct end *e)
{
	return transport == OPENSSL
		   ? SSL_session_reused(e->ssl)
		   : transport == GNUTLS && gnutls_session_is_resumed(e->tls);
}

static ssize_t
openssl_result(struct end *e, int rv)
{
	if (rv > 0)
		return rv;
	switch (SSL_get_error(e->ssl, rv)) {
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		return -1;
	default:
		errno = EIO;
		return -1;
	}
}

static ssize_t
gnutls_result(ssize_t rv)
{
	if (rv >= 0)
		return rv;
	errno = rv == GNUTLS_E_AGAIN ? EAGAIN : EIO;
	return -1;
}

/* As read(2) and write(2); a write may be short. */
static ssize_t
end_read(struct end *e, void *buf, size_t len)
{
	if (transport == PLAIN)
		return read(e->fd, buf, len);
	if (transport == OPENSSL)
		return openssl_result(e, SSL_read(e->ssl, buf, (int)len));
	return gnutls_result(gnutls_record_recv(e->tls, buf, len));
}

static ssize_t
end_write(struct end *e, const void *buf, size_t len)
{
	if (transport == PLAIN)
		return write(e->fd, buf, len);
	if (transport == OPENSSL)
		return openssl_result(e, SSL_write(e->ssl, buf, (int)len));
	return gnutls_result(gnutls_record_send(e->tls, buf, len));
}

/* Has the library decrypted, or read, what no poll will tell of? */
static inline bool
end_pending(const struct end *e)
{
	return transport == OPENSSL
		   ? SSL_pending(e->ssl) > 0
		   : transport == GNUTLS &&
			 gnutls_record_check_pending(e->tls) > 0;
}

static inline void
end_keep_session(struct end *e)
{
	if (transport != GNUTLS || transport_tickets == 0)
		return;
	gnutls_free(kept_tls.data);
	kept_tls = (gnutls_datum_t){NULL, 0};
	if (gnutls_session_get_flags(e->tls) & GNUTLS_SFLAGS_SESSION_TICKET)
		gnutls_session_get_data2(e->tls, &kept_tls);
}

static void
end_finish(struct end *e)
{
	if (transport == OPENSSL) {
		SSL_shutdown(e->ssl);
		SSL_free(e->ssl);
	} else if (transport == GNUTLS) {
		gnutls_bye(e->tls, GNUTLS_SHUT_WR);
		gnutls_deinit(e->tls);
	}
	close(e->fd);
}

#endif
