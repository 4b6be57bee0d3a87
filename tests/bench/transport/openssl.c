/* openssl.c - as a program uses OpenSSL: SSL_set_fd */
#include <openssl/ssl.h>

#include "../transport.h"

int transport_tickets;
static SSL_CTX *ctx;
static SSL_SESSION *kept;

static int
keep_session(SSL *ssl, SSL_SESSION *s)
{
	SSL_SESSION_free(kept);
	kept = s;
	return 1;
}

void
transport_init(const char *ca, const char *cert, const char *key)
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

bool
end_begin(struct end *e, int fd, bool server)
{
	SSL *ssl = SSL_new(ctx);

	end_of(e, fd);
	e->session = ssl;
	if (ssl == NULL || !SSL_set_fd(ssl, fd))
		die("SSL_new");
	if (server)
		return SSL_accept(ssl) == 1;
	SSL_set_tlsext_host_name(ssl, "localhost");
	SSL_set1_host(ssl, "localhost");
	if (kept != NULL)
		SSL_set_session(ssl, kept);
	return SSL_connect(ssl) == 1;
}

bool
end_resumed(const struct end *e)
{
	return SSL_session_reused(e->session);
}

static ssize_t
result(struct end *e, int rv)
{
	if (rv > 0)
		return rv;
	switch (SSL_get_error(e->session, rv)) {
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

ssize_t
end_read(struct end *e, void *buf, size_t len)
{
	return result(e, SSL_read(e->session, buf, (int)len));
}

ssize_t
end_write(struct end *e, const void *buf, size_t len)
{
	return result(e, SSL_write(e->session, buf, (int)len));
}

bool
end_pending(const struct end *e)
{
	return SSL_pending(e->session) > 0;
}

/* keep_session() has it. */
void
end_keep_session(struct end *e)
{
	(void)e;
}

void
end_finish(struct end *e)
{
	SSL_shutdown(e->session);
	SSL_free(e->session);
	close(e->fd);
}
