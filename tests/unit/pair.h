/*
 * pair.h - for unit tests: a client's and a server's conn over two sockets in
 * memory, with rules and credentials as a policy file gives them
 *
 * tls holds the engine's rows: tls.send(fd, ...) is what a program's send()
 * becomes on a governed descriptor.
 */
#ifndef UNIT_PAIR_H
#define UNIT_PAIR_H

#include <sys/stat.h>

#include "../../policy/credentials.h"
#include "../../shim/engine/deferred.h"
#include "../../shim/engine/log.h"
#include "../../shim/engine/process.h"
#include "memory_host.h"

#define NAME "good.tls.test"
enum { CLIENT, SERVER };

struct pair {
	struct policy *policy;       /* owned */
	struct credentials *cred[2]; /* owned */
	int fd[2];
	struct conn *c[2];   /* borrowed from the table */
	struct memory *m[2]; /* borrowed from memory_at */
	int told;            /* errno that connect() has given, but EALREADY */
};

static struct shim_calls tls;
static char folder[64] = "/tmp/engine_test.XXXXXX";
static int failures;

/* What each side sends: no two stretches look alike. */
#define PATTERN_MOST 1000000
static unsigned char pattern[2][PATTERN_MOST];

static inline void
pattern_init(void)
{
	uint32_t x = 2463534242u;
	int i, k;

	for (k = 0; k < 2; k++)
		for (i = 0; i < PATTERN_MOST; i++) {
			x ^= x << 13; /* Marsaglia, Xorshift RNGs, 2003 */
			x ^= x >> 17;
			x ^= x << 5;
			pattern[k][i] = (unsigned char)x;
		}
}

static inline void result(bool good, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* One line of what tests/run counts. */
static inline void
result(bool good, const char *fmt, ...)
{
	va_list ap;

	failures += !good;
	printf("%s %s: ", good ? "ok" : "not ok", memory_test);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static inline void
folder_remove(void)
{
	char command[100];

	snprintf(command, sizeof command, "rm -rf %s", folder);
	(void)!system(command);
}

/* A file of a case of tests/badcerts, in the folder as a key has to lie. */
static inline void
folder_copy(const char *from, const char *name, const char *as)
{
	char command[300];

	snprintf(command, sizeof command,
	    "cp tests/badcerts/%s/%s %s/%s && chmod 600 %s/%s", from, name,
	    folder, as, folder, as);
	if (system(command) != 0)
		memory_die(command);
}

static inline void
pair_setup(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	umask(077);
	if (mkdtemp(folder) == NULL)
		memory_die("no folder");
	atexit(folder_remove);
	pattern_init();
	memory_host();
	log_init(&(struct log_values){"stderr", LOG_NOTICE, LOG_TEXT});
	if (slot_init() < 0 || process_init() < 0)
		memory_die("no engine");
	calls_stream(&tls);
	calls_socket(&tls);
	calls_descriptor(&tls);
	calls_ready(&tls);
	folder_copy("ok-ec", "trust.pem", "trust.pem");
	folder_copy("ok-ec", "chain.pem", "chain.pem");
	folder_copy("ok-ec", "key.pem", "key.pem");
}

static inline struct policy *
pair_policy(const char *client, const char *server)
{
	struct policy_source src = {.site = "/nonexistent/policy.cfg"};
	struct policy *p;
	struct fault f;
	char path[100];
	FILE *out;

	snprintf(path, sizeof path, "%s/policy.cfg", folder);
	out = fopen(path, "w");
	if (out == NULL)
		memory_die(path);
	fprintf(out,
	    "version = 1; unmatched = \"reject\";\n"
	    "client = ( { port = 443; cafile = \"trust.pem\"; %s } );\n"
	    "server = ( { port = 443; certfile = \"chain.pem\";\n"
	    "    keyfile = \"key.pem\"; %s } );\n",
	    client, server);
	if (fclose(out) != 0)
		memory_die(path);
	src.user = path;
	if (policy_read(&src, &p, &f) == -1)
		memory_die(f.text);
	return p;
}

static inline void
pair_conn(struct pair *p, int i)
{
	const struct rule *r =
	    i == CLIENT ? p->policy->client : p->policy->server;
	struct conn *c = conn_new(i == CLIENT ? SIDE_CLIENT : SIDE_SERVER,
	    i == CLIENT ? CONN_TCP : CONN_PRE);
	struct fault f;

	if (c == NULL || credentials_read(r, &p->cred[i], &f) == -1)
		memory_die(c == NULL ? "no conn" : f.text);
	c->rule = r;
	c->cred = p->cred[i];
	snprintf(c->peer, sizeof c->peer, "127.0.0.1:443");
	if (i == CLIENT)
		snprintf(c->name, sizeof c->name, "%s",
		    r->values.server_hostname != NULL
			? r->values.server_hostname
			: NAME);
	c->connected_told = i == SERVER;
	table_set(p->fd[i], c);
	p->c[i] = c;
	conn_put(c);
}

/* Connected as TCP is; client and server are further keys of their rules. */
static inline void
pair_open(struct pair *p, const char *client, const char *server)
{
	int i;

	memset(p, 0, sizeof *p);
	memory_log[0] = '\0';
	p->policy = pair_policy(client, server);
	memory_pair(p->fd);
	for (i = 0; i < 2; i++) {
		p->m[i] = memory_at[p->fd[i]];
		p->m[i]->nonblock = true;
		pair_conn(p, i);
	}
}

/* The session of side i, for calls of GnuTLS's that no conn makes. */
static inline gnutls_session_t
theirs(struct pair *p, int i)
{
	record_yield(p->c[i]);
	return p->c[i]->session;
}

/* Both sides are gone for each other, so that no close waits. */
static inline void
pair_close(struct pair *p)
{
	struct memory *m;
	int i;

	memory_idle = NULL;
	for (i = 0; i < 2; i++) {
		m = memory_find(p->fd[i]);
		if (m == NULL)
			continue;
		m->fin = true;
		m->first = m->end;
		m->room = m->send_most = 0;
		m->recv_fails.at = m->send_fails.at = 0;
	}
	for (i = 0; i < 2; i++)
		if (memory_find(p->fd[i]) != NULL)
			tls.close(p->fd[i]);
	deferred_finish(now_ms() + 2000);
	if (deferred_any())
		memory_die("what was closed lives on");
	credentials_free(p->cred[CLIENT]);
	credentials_free(p->cred[SERVER]);
	policy_free(p->policy);
}

/* As connect() on the client's socket. */
static inline int
pair_connect(struct pair *p)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = 443};

	int rv = tls.connect(p->fd[CLIENT],
	    (__CONST_SOCKADDR_ARG){.__sockaddr_in__ = &sin}, sizeof sin);

	if (rv == -1 && errno != EALREADY && p->told == 0)
		p->told = errno;
	return rv;
}

/* Moves side i on as far as it goes, by the calls a program makes. */
static inline void
pair_drive(struct pair *p, int i)
{
	struct pollfd f = {p->fd[i], POLLIN | POLLOUT, 0};
	char byte;

	if (p->c[i]->state == CONN_OPEN)
		(void)tls.poll(&f, 1, 0);
	else if (i == CLIENT)
		(void)pair_connect(p);
	else
		(void)tls.recv(p->fd[i], &byte, 1, MSG_PEEK);
}

static inline bool
conn_decided(const struct conn *c)
{
	return c->state == CONN_OPEN || c->state == CONN_FAILED;
}

static inline size_t
pair_moved(const struct pair *p)
{
	return 2 * (p->m[CLIENT]->sent + p->m[SERVER]->sent) -
	       memory_left(p->m[CLIENT]) - memory_left(p->m[SERVER]);
}

/*
 * Both sides in turn until both are open or have failed, or nothing moves any
 * more.  True if both are open.
 */
static inline bool
pair_shake(struct pair *p)
{
	int quiet = 0;

	while (quiet < 20 &&
	       !(conn_decided(p->c[CLIENT]) && conn_decided(p->c[SERVER]))) {
		size_t before = pair_moved(p);

		pair_drive(p, CLIENT);
		pair_drive(p, SERVER);
		quiet = pair_moved(p) == before ? quiet + 1 : 0;
	}
	return p->c[CLIENT]->state == CONN_OPEN &&
	       p->c[SERVER]->state == CONN_OPEN;
}

/* An open pair, or the end of the test. */
static inline void
pair_start(struct pair *p, const char *client, const char *server)
{
	pair_open(p, client, server);
	if (pair_shake(p))
		return;
	printf("%s", memory_log);
	memory_die("the handshake does not complete");
}

/* Records of a type that m has sent in whole. */
static inline unsigned
wire_records(const struct memory *m, unsigned char type)
{
	unsigned n = 0;
	size_t at = 0;

	while (at + 5 <= m->sent) {
		size_t len =
		    5 + ((size_t)m->wire[at + 3] << 8 | m->wire[at + 4]);

		if (at + len > m->sent)
			break;
		n += m->wire[at] == type;
		at += len;
	}
	return n;
}

#endif
