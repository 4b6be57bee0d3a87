/* gnutls.c - as a program uses GnuTLS: gnutls_transport_set_int */
#include <gnutls/gnutls.h>

#include "../transport.h"

int transport_tickets;
static gnutls_certificate_credentials_t creds;
static gnutls_priority_t priority;
static gnutls_datum_t ticket_key, kept;

void
transport_init(const char *ca, const char *cert, const char *key)
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

static void
prepare_client(gnutls_session_t tls)
{
	gnutls_server_name_set(
	    tls, GNUTLS_NAME_DNS, "localhost", strlen("localhost"));
	gnutls_session_set_verify_cert(tls, "localhost", 0);
	if (kept.size > 0)
		gnutls_session_set_data(tls, kept.data, kept.size);
}

bool
end_begin(struct end *e, int fd, bool server)
{
	unsigned flags = transport_tickets > 0 ? 0 : GNUTLS_NO_TICKETS;
	gnutls_session_t tls;
	int rv;

	flags |= server ? GNUTLS_SERVER : GNUTLS_CLIENT;
	if (gnutls_init(&tls, flags) < 0)
		die("gnutls_init");
	end_of(e, fd);
	e->session = tls;
	gnutls_priority_set(tls, priority);
	gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, creds);
	gnutls_transport_set_int(tls, fd);
	if (!server)
		prepare_client(tls);
	else if (transport_tickets > 0)
		gnutls_session_ticket_enable_server(tls, &ticket_key);
	do
		rv = gnutls_handshake(tls);
	while (rv < 0 && !gnutls_error_is_fatal(rv));
	return rv == 0;
}

bool
end_resumed(const struct end *e)
{
	return gnutls_session_is_resumed(e->session);
}

static ssize_t
result(ssize_t rv)
{
	if (rv >= 0)
		return rv;
	errno = rv == GNUTLS_E_AGAIN ? EAGAIN : EIO;
	return -1;
}

ssize_t
end_read(struct end *e, void *buf, size_t len)
{
	return result(gnutls_record_recv(e->session, buf, len));
}

ssize_t
end_write(struct end *e, const void *buf, size_t len)
{
	return result(gnutls_record_send(e->session, buf, len));
}

bool
end_pending(const struct end *e)
{
	return gnutls_record_check_pending(e->session) > 0;
}

void
end_keep_session(struct end *e)
{
	if (transport_tickets == 0)
		return;
	gnutls_free(kept.data);
	kept = (gnutls_datum_t){NULL, 0};
	if (gnutls_session_get_flags(e->session) & GNUTLS_SFLAGS_SESSION_TICKET)
		gnutls_session_get_data2(e->session, &kept);
}

void
end_finish(struct end *e)
{
	gnutls_bye(e->session, GNUTLS_SHUT_WR);
	gnutls_deinit(e->session);
	close(e->fd);
}
