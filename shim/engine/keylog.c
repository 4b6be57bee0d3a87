/* keylog.c - secrets of sessions for a protocol analyser */

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/file.h"
#include "keylog.h"
#include "log.h"
#include "ours.h"
#include "quiet.h"
#include "resume.h"

#define FILES_MOST 16
#define SECRET_MOST 64 /* of SHA-512 */
#define RANDOM_SIZE 32

/* Published by path; kept for ever, since a fork or a chroot may follow. */
static struct {
	char *_Atomic path;
	_Atomic int fd; /* ours.h; -1: it cannot be used */
} files[FILES_MOST] = {[0 ... FILES_MOST - 1] = {NULL, -1}};
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

void
keylog_after_fork(void)
{
	pthread_mutex_init(&opening, NULL);
}

/* The variable counts where the site says so, and never before a key. */
static const char *
path_of(const struct policy *p, const struct rule *r)
{
	const char *own = r->values.keylog_filename;

	if (own != NULL || p == NULL || !p->allow_keylog_env)
		return own;
	own = host->env->keylog;
	return own != NULL && own[0] != '\0' ? own : NULL;
}

/* Its number in files, or -1. */
static int
find(const char *path)
{
	const char *known;
	int i;

	for (i = 0; i < FILES_MOST; i++) {
		known = atomic_load(&files[i].path);
		if (known == NULL)
			break;
		if (strcmp(known, path) == 0)
			return i;
	}
	return -1;
}

static int
open_file(const char *path, struct fault *f)
{
	char *whole = file_absolute(path, NULL);
	int fd;

	if (whole == NULL)
		return fault_set(f, path, 1, "cannot be named");
	fd = ours_open_own(whole, true, f);
	free(whole);
	if (fd != -1 &&
	    host->libc->fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK) == -1) {
		host->libc->close(fd);
		return fault_set(f, path, 1, "cannot be appended to");
	}
	return fd;
}

/* Locked. */
static void
add(const char *path)
{
	struct fault f = {0};
	char text[2200], *copy = strdup(path);
	int i, fd;

	for (i = 0; i < FILES_MOST && atomic_load(&files[i].path) != NULL; i++)
		;
	if (copy == NULL || i == FILES_MOST) {
		free(copy);
		return;
	}
	fd = open_file(path, &f);
	if (fd != -1 && ours_take(fd, &files[i].fd) == -1) {
		host->libc->close(fd);
		fault_set(&f, path, 1, "there is no descriptor left");
		fd = -1;
	}
	if (fd == -1) {
		fault_text(&f, text, sizeof text);
		log_text(LOG_WARNING, "no key log is written: %s", text);
	}
	atomic_store(&files[i].path, copy);
}

static void
open_once(const char *path)
{
	if (find(path) != -1)
		return;
	pthread_mutex_lock(&opening);
	if (find(path) == -1)
		add(path);
	pthread_mutex_unlock(&opening);
}

void
keylog_open(const struct policy *p, const struct rule *r)
{
	const char *path = path_of(p, r);

	if (path != NULL)
		open_once(path);
}

static const char *
path_of_conn(const struct conn *c)
{
	return path_of(
	    c->snapshot != NULL ? snapshot_policy(c->snapshot) : NULL, c->rule);
}

static size_t
put_hex(char *out, const unsigned char *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	return 2 * n;
}

static void
put_line(const struct conn *c, const char *label, const gnutls_datum_t *secret)
{
	char line[80 + 2 * (RANDOM_SIZE + SECRET_MOST)];
	const char *path = path_of_conn(c);
	int i = path != NULL ? find(path) : -1, saved = errno;
	int fd = i != -1 ? atomic_load(&files[i].fd) : -1;
	gnutls_datum_t random, other;
	struct quiet q;
	size_t n;

	gnutls_session_get_random(c->session, &random, &other);
	if (fd == -1 || random.size != RANDOM_SIZE || strlen(label) > 60 ||
	    secret->size > SECRET_MOST)
		return;
	n = (size_t)snprintf(line, sizeof line, "%s ", label);
	n += put_hex(line + n, random.data, random.size);
	line[n++] = ' ';
	n += put_hex(line + n, secret->data, secret->size);
	line[n++] = '\n';
	quiet_begin(&q);
	(void)!host->libc->write(fd, line, n);
	quiet_end(&q);
	explicit_bzero(line, sizeof line);
	errno = saved;
}

/*
 * Secrets behind the handshake are those that a KeyUpdate has made of the
 * first: an analyser makes them of these itself.  Of early data, which nobody
 * here sends, GnuTLS tells whenever a session is resumed.
 */
static int
note(gnutls_session_t session, const char *label, const gnutls_datum_t *secret)
{
	const struct conn *c = gnutls_session_get_ptr(session);

	if (c->state != CONN_OPEN && strstr(label, "EARLY_") == NULL)
		put_line(c, label, secret);
	return 0;
}

/* GnuTLS writes to where SSLKEYLOGFILE says, unless this is set. */
static int
leave(gnutls_session_t session, const char *label, const gnutls_datum_t *secret)
{
	return 0;
}

void
keylog_set(struct conn *c)
{
	const char *path = path_of_conn(c);

	if (path != NULL)
		open_once(path);
	gnutls_session_set_keylog_function(
	    c->session, path != NULL ? note : leave);
}

/* GnuTLS gives the secret of TLS 1.2 where it makes it, which is once. */
void
keylog_settle(struct conn *c)
{
	gnutls_datum_t secret;

	if (path_of_conn(c) == NULL ||
	    gnutls_protocol_get_version(c->session) == GNUTLS_TLS1_3 ||
	    !resume_is_resumed(c))
		return;
	gnutls_session_get_master_secret(c->session, &secret);
	put_line(c, "CLIENT_RANDOM", &secret);
}
