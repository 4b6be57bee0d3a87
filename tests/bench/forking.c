/*
 * forking.c - a server with a process for each connection, and its clients,
 * for tests/bench/forking.sh
 *
 *	forking plain
 *	forking gnutls CERT KEY
 *	forking visit PORT COUNT CLIENTS
 *
 * The servers echo one byte and close; both print `port N`.  plain speaks
 * TCP (under tlsshim: TLS); gnutls does its handshake in the child by bare
 * calls of GnuTLS, over its own transport.  visit prints connections a second
 * of so many clients at once, who speak TLS and trust anybody.
 */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static gnutls_certificate_credentials_t creds;
static gnutls_priority_t priority;

__attribute__((noreturn)) static void
die(const char *what)
{
	perror(what);
	exit(2);
}

static int
listen_here(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof sin;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&sin, sizeof sin) == -1 ||
	    listen(fd, 128) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		die("listen");
	printf("port %d\n", ntohs(sin.sin_port));
	fflush(stdout);
	return fd;
}

static void
nodelay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void
echo_plain(int fd)
{
	char byte;

	if (read(fd, &byte, 1) == 1)
		(void)!write(fd, &byte, 1);
	close(fd);
}

static gnutls_session_t
shake(int fd, unsigned flags)
{
	gnutls_session_t s;
	int rv;

	if (gnutls_init(&s, flags) < 0)
		exit(2);
	gnutls_priority_set(s, priority);
	gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, creds);
	gnutls_transport_set_int(s, fd);
	do
		rv = gnutls_handshake(s);
	while (rv < 0 && !gnutls_error_is_fatal(rv));
	if (rv < 0) {
		fprintf(stderr, "%s\n", gnutls_strerror(rv));
		_exit(1);
	}
	return s;
}

static void
echo_gnutls(int fd)
{
	gnutls_session_t s = shake(fd, GNUTLS_SERVER | GNUTLS_NO_TICKETS);
	char byte;

	if (gnutls_record_recv(s, &byte, 1) == 1)
		gnutls_record_send(s, &byte, 1);
	gnutls_bye(s, GNUTLS_SHUT_WR);
	close(fd);
	gnutls_deinit(s);
}

static int
serve(void (*echo)(int fd))
{
	int listener = listen_here(), fd;

	while ((fd = accept(listener, NULL, NULL)) != -1) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		switch (fork()) {
		case -1: die("fork");
		case 0:
			nodelay(fd);
			echo(fd);
			_exit(0);
		}
		close(fd);
	}
	die("accept");
}

static void
visit(int port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	gnutls_session_t s;
	char byte = 'x';

	if (connect(fd, (struct sockaddr *)&sin, sizeof sin) == -1)
		die("connect");
	nodelay(fd);
	s = shake(fd, GNUTLS_CLIENT);
	gnutls_record_send(s, &byte, 1);
	if (gnutls_record_recv(s, &byte, 1) != 1 ||
	    gnutls_record_recv(s, &byte, 1) != 0) {
		fprintf(stderr, "no answer or no close_notify\n");
		_exit(1);
	}
	gnutls_deinit(s);
	close(fd);
}

static int
visits(int port, int count, int clients)
{
	struct timespec from, to;
	int i, status, bad = 0;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (i = 0; i < clients; i++)
		if (fork() == 0) {
			for (i = 0; i < count / clients; i++)
				visit(port);
			_exit(0);
		}
	while (wait(&status) > 0)
		bad |= status;
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%.1f\n", count / ((double)(to.tv_sec - from.tv_sec) +
		(double)(to.tv_nsec - from.tv_nsec) / 1e9));
	return bad != 0;
}

int
main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	signal(SIGPIPE, SIG_IGN);
	if (strcmp(how, "plain") == 0)
		return serve(echo_plain);
	gnutls_certificate_allocate_credentials(&creds);
	/* what the policy's defaults come to */
	gnutls_priority_init(&priority,
	    "NONE:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:+ECDHE-ECDSA:"
	    "+ECDHE-RSA:+AEAD:+VERS-TLS1.3:+VERS-TLS1.2:+GROUP-X25519:"
	    "+GROUP-SECP256R1:+SIGN-ECDSA-SECP256R1-SHA256:"
	    "+SIGN-RSA-PSS-RSAE-SHA256:%PROFILE_MEDIUM:%SERVER_PRECEDENCE",
	    NULL);
	if (strcmp(how, "visit") == 0 && argc == 5)
		return visits(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	if (strcmp(how, "gnutls") != 0 || argc != 4 ||
	    gnutls_certificate_set_x509_key_file(
		creds, argv[2], argv[3], GNUTLS_X509_FMT_PEM) < 0)
		return 2;
	return serve(echo_gnutls);
}
