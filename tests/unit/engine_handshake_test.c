/*
 * engine_handshake_test.c - handshakes that must fail, and every call that
 * may: state, errno, what the log says, and never a byte of the program's
 */
#include <signal.h>

#include "traffic.h"

#define SECRET 4000 /* bytes that each side tries to send */

static int
so_error(struct pair *p, int i)
{
	int err = -1;
	socklen_t len = sizeof err;

	tls.getsockopt(p->fd[i], SOL_SOCKET, SO_ERROR, &err, &len);
	return err;
}

/* The errno that a write of side i ends with, 0 if it succeeds. */
static int
write_error(struct pair *p, int i)
{
	if (tls.send(p->fd[i], pattern[i], SECRET, MSG_NOSIGNAL) >= 0)
		return 0;
	return errno;
}

/* Has side i sent any eight bytes of what its program wrote? */
static bool
leaked(const struct pair *p, int i)
{
	size_t at;

	for (at = 0; at + 8 <= SECRET; at += 8)
		if (p->m[i]->sent >= 8 &&
		    memmem(p->m[i]->wire, p->m[i]->sent, pattern[i] + at, 8))
			return true;
	return false;
}

/*
 * Side i has failed with err, says so as TCP would, and the log has all the
 * words of want (each from a "|" to the next).
 */
static void
refused(struct pair *p, int i, int err, const char *want)
{
	char words[300], *word, *rest = words;
	/* connect() has said it, or SO_ERROR does: never both */
	int told = i == CLIENT ? p->told : so_error(p, i);
	int wrote = write_error(p, i);

	result(p->c[i]->state == CONN_FAILED && told == err &&
		   so_error(p, i) == 0 && wrote == err && !leaked(p, i),
	    "side %d: %s, says %s once; a write %s", i,
	    conn_state_name(p->c[i]->state), strerror(told), strerror(wrote));
	snprintf(words, sizeof words, "%s", want);
	while ((word = strsep(&rest, "|")) != NULL)
		result(strstr(memory_log, word) != NULL,
		    "side %d: \"%s\" in: %s", i, word,
		    strstr(memory_log, word) != NULL ? "its line" : memory_log);
}

struct bad {
	const char *name, *chain;    /* a case of tests/badcerts, NULL: good */
	const char *client, *server; /* further keys */
	const char *client_says, *server_says;
};

static const struct bad bads[] = {
    {"a wrong name", NULL, "server_hostname = \"other.tls.test\";", "",
	"cause=name_mismatch|name=other.tls.test|good.tls.test|policy.cfg:2",
	"alert"},
    {"an expired certificate", "expired", "", "", "cause=expired", "alert"},
    {"an unknown issuer", "self-signed", "", "", "cause=unknown_issuer",
	"alert"},
    {"a certificate for clients", "eku-client-only", "", "", "cause=purpose",
	"alert"},
    {"a client that is too new", NULL, TLS13, TLS12, "refused with alert",
	"cause=handshake"},
    {"a client that is too old", NULL, TLS12, TLS13, "refused with alert",
	"cause=version_too_old|at most TLSv1.2"},
    {"no certificate where one is wanted, TLS 1.2", NULL, TLS12,
	"verify_mode = \"required\"; cafile = \"trust.pem\";", NULL,
	"cause=peer_not_allowed"},
    {"no certificate where one is wanted", NULL, "",
	"verify_mode = \"required\"; cafile = \"trust.pem\";", NULL,
	"cause=peer_not_allowed"},
};

static void
identity_of(const char *name)
{
	folder_copy(name, "chain.pem", "chain.pem");
	folder_copy(name, "key.pem", "key.pem");
}

static void
test_refusals(void)
{
	struct pair p;
	size_t i;

	for (i = 0; i < sizeof bads / sizeof bads[0]; i++) {
		const struct bad *b = &bads[i];

		memory_test = b->name;
		identity_of(b->chain != NULL ? b->chain : "ok-ec");
		pair_open(&p, b->client, b->server);
		result(!pair_shake(&p), "no session");
		if (b->client_says != NULL)
			refused(&p, CLIENT, ECONNABORTED, b->client_says);
		refused(&p, SERVER, ECONNABORTED, b->server_says);
		result(strstr(memory_log, "cause=") != NULL &&
			   !leaked(&p, CLIENT) && !leaked(&p, SERVER),
		    "nothing in clear");
		pair_close(&p);
	}
	identity_of("ok-ec");
}

/* The peer of side i is no TLS: it sends text and maybe ends. */
static void
foreign(int i, const char *name, const void *text, size_t len, bool ends,
    int err, const char *want)
{
	struct pair p;
	int n;

	memory_test = name;
	pair_open(&p, "", "");
	memory_put(p.m[i], text, len);
	p.m[i]->fin = ends;
	for (n = 0; n < 10; n++)
		pair_drive(&p, i);
	refused(&p, i, err, want);
	pair_close(&p);
}

static void
test_foreign(void)
{
	static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	static const char get[] = "GET /secret HTTP/1.1\r\n\r\n";
	static const char alert[] = {0x15, 3, 3, 0, 2, 2, 40};
	static const char huge[] = {0x16, 3, 3, 0x7f, 0x7f, 1, 2, 3, 4, 5};
	static const char data[] = {0x17, 3, 3, 0, 4, 1, 2, 3, 4};
	unsigned char noise[3000];
	size_t i;
	int side;

	foreign(CLIENT, "a plaintext server", http, sizeof http - 1, false,
	    ECONNABORTED, "cause=handshake|does not speak TLS|HTTP/1.1 400");
	foreign(SERVER, "a plaintext client", get, sizeof get - 1, false,
	    ECONNABORTED, "cause=handshake|does not speak TLS");
	result(strstr(memory_log, "secret") == NULL,
	    "what a client wrote in clear is not shown");
	for (side = 0; side < 2; side++) {
		memcpy(noise, pattern[side], sizeof noise);
		foreign(side, "noise", noise, sizeof noise, false, ECONNABORTED,
		    "cause=handshake");
		noise[0] = 0x16;
		noise[1] = noise[2] = 3;
		noise[3] = 1;
		foreign(side, "noise that begins as TLS", noise, sizeof noise,
		    false, ECONNABORTED, "cause=");
		foreign(side, "a record that is too long", huge, sizeof huge,
		    false, ECONNABORTED, "cause=handshake");
		foreign(side, "data before the handshake", data, sizeof data,
		    false, ECONNABORTED, "cause=handshake");
		foreign(side, "an alert", alert, sizeof alert, false,
		    ECONNABORTED, "refused with alert 40");
		foreign(side, "a peer that closes at once", "", 0, true,
		    ECONNRESET, "closed the connection during the handshake");
		foreign(side, "a peer that closes in a record", huge, 3, true,
		    ECONNRESET, "closed the connection during the handshake");
		for (i = 0; i < 5; i++)
			noise[i] = (unsigned char)alert[i];
	}
}

/* The last flight never comes, and time is up. */
static void
test_deadline(void)
{
	struct pair p;
	int64_t t;
	int side;

	memory_test = "the deadline";
	for (side = 0; side < 2; side++) {
		pair_open(
		    &p, "handshake_timeout = 7;", "handshake_timeout = 7;");
		pair_drive(&p, side);
		result(p.c[side]->state == CONN_HANDSHAKE &&
			   p.c[side]->deadline > now_ms() + 6000 &&
			   p.c[side]->deadline <= now_ms() + 7000,
		    "side %d: is handshake_timeout from the first drive", side);
		t = p.c[side]->deadline;
		memory_put(p.m[side], "\x16\x03\x03\x00\x40", 5);
		(void)poll(NULL, 0, 2);
		pair_drive(&p, side);
		result(p.c[side]->state == CONN_HANDSHAKE &&
			   p.c[side]->deadline == t,
		    "side %d: bytes that come do not put it off", side);
		p.c[side]->deadline = now_ms();
		pair_drive(&p, side);
		refused(&p, side, ETIMEDOUT, "handshake_timeout = 7 s");
		pair_close(&p);
	}
}

/* A client that is not connected yet has neither a peer nor readiness. */
static void
test_in_progress(void)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof sin;
	struct pollfd f;
	struct pair p;
	char byte;
	int err;

	memory_test = "a handshake under way";
	pair_open(&p, "", "");
	f = (struct pollfd){p.fd[CLIENT], POLLIN | POLLOUT, 0};
	result(pair_connect(&p) == -1 && errno == EALREADY &&
		   p.c[CLIENT]->state == CONN_HANDSHAKE,
	    "a second connect is EALREADY");
	result(tls.poll(&f, 1, 0) == 0, "neither readable nor writable");
	result(tls.getpeername(f.fd, (struct sockaddr *)&sin, &len) == -1 &&
		   errno == ENOTCONN,
	    "no peer");
	result(tls.send(f.fd, pattern[CLIENT], SECRET, MSG_NOSIGNAL) == -1 &&
		   errno == EAGAIN && !leaked(&p, CLIENT),
	    "nothing is taken");
	result(tls.recv(f.fd, &byte, 1, 0) == -1 && errno == EAGAIN,
	    "nothing is read");
	result(so_error(&p, CLIENT) == 0 && pair_shake(&p), "it goes on");
	result(tls.poll(&f, 1, 0) == 1 && f.revents == POLLOUT, "writable");
	result(so_error(&p, CLIENT) == 0 && pair_connect(&p) == -1 &&
		   errno == EISCONN,
	    "a further connect is EISCONN");
	result(tls.getpeername(f.fd, (struct sockaddr *)&sin, &len) == 0,
	    "a peer");
	pair_close(&p);

	memory_test = "TCP does not connect";
	pair_open(&p, "", "");
	p.m[CLIENT]->so_error = ECONNREFUSED;
	err = pair_connect(&p) == -1 ? errno : 0;
	result(err == ECONNREFUSED && p.c[CLIENT]->tcp_failed,
	    "its own errno is given, %d", err);
	pair_close(&p);
}

/*
 * A whole life: handshake, bytes each way, half-close, the other half.  Each
 * call is repeated while it says EAGAIN or EINTR; the first other errno is
 * kept in err[] and ends what that side does.
 */
struct life {
	struct traffic t;
	int err[2];
	bool wrong; /* bytes that were not sent */
};

#define LENGTH 40000

static void
note_error(struct life *l, int i, ssize_t rv)
{
	if (rv == -2)
		l->wrong = true;
	else if (rv == -1 && errno != EAGAIN && errno != EINTR &&
		 errno != EALREADY && l->err[i] == 0)
		l->err[i] = errno;
}

static void
live(struct life *l, int i)
{
	struct traffic *t = &l->t;
	bool first = i == CLIENT; /* who ends first */

	if (t->p.c[i]->state != CONN_OPEN) {
		if (i == CLIENT)
			note_error(l, i, pair_connect(&t->p));
		else
			note_error(l, i, get(t, !i, 100, 0));
		return;
	}
	if (t->sent[i] < LENGTH)
		note_error(l, i, put(t, i, LENGTH - t->sent[i], MSG_NOSIGNAL));
	else if (!t->p.c[i]->wr_shut && (first || t->got[!i] == LENGTH))
		note_error(l, i, tls.shutdown(t->p.fd[i], SHUT_WR));
	note_error(l, i, get(t, !i, 7777, 0));
}

static bool
life_done(const struct life *l, int i)
{
	const struct traffic *t = &l->t;

	return l->err[i] != 0 ||
	       (t->got[!i] == LENGTH && t->p.c[i]->rd_eof &&
		   t->p.c[i]->wr_shut && bytes_left(&t->p.c[i]->out) == 0);
}

/* One life with trouble at call n; true while there is an nth call. */
static bool
troubled(struct life *l, const char *version, int side, bool sending,
    unsigned n, int err)
{
	struct memory *m;
	int round, i;
	bool met;

	memset(l, 0, sizeof *l);
	pair_open(&l->t.p, version, "");
	m = l->t.p.m[side];
	l->t.p.m[CLIENT]->room = 9000;
	l->t.p.m[SERVER]->nodelay = 1;
	l->t.p.m[SERVER]->room = 9000;
	if (sending)
		m->send_fails = (struct trouble){n, err};
	else
		m->recv_fails = (struct trouble){n, err};
	for (round = 0; round < 400; round++) {
		for (i = 0; i < 2; i++)
			if (!life_done(l, i))
				live(l, i);
		if (life_done(l, CLIENT) && life_done(l, SERVER))
			break;
		/* who has failed closes, and the other one notices */
		for (i = 0; i < 2; i++)
			if (l->err[i] != 0 && l->t.p.c[!i]->fds > 0 &&
			    !l->t.p.m[!i]->fin)
				l->t.p.m[!i]->fin = true;
	}
	met = (sending ? m->sends : m->recvs) >= n;
	l->wrong |= round == 400;
	pair_close(&l->t.p);
	return met;
}

/* A TLS 1.3 server's hello goes ahead, if nothing holds back what follows. */
static void
test_hello_goes_ahead(void)
{
	struct pair p;
	int v, nodelay;

	for (v = 0; v < 2; v++)
		for (nodelay = 0; nodelay < 2; nodelay++) {
			memory_test = versions[v];
			pair_open(&p, versions[v], "");
			p.m[SERVER]->nodelay = nodelay;
			pair_drive(&p, CLIENT);
			pair_drive(&p, SERVER);
			result(p.m[SERVER]->sends == (v == 1 && nodelay ? 2U : 1U) &&
				   pair_shake(&p),
			    "TCP_NODELAY %d: %u sends", nodelay,
			    p.m[SERVER]->sends);
			pair_close(&p);
		}
}

/*
 * A TLS 1.3 client's ChangeCipherSpec goes with its Finished, also where the
 * server's hello has come alone.
 */
static void
test_client_says_one_thing(void)
{
	struct pair p;
	unsigned first, all;

	memory_test = TLS13;
	pair_open(&p, TLS13, "");
	p.m[SERVER]->nodelay = 1;
	pair_drive(&p, CLIENT);
	/* the hello is shorter, what follows it does not fit */
	p.m[CLIENT]->room = 200;
	pair_drive(&p, SERVER);
	pair_drive(&p, CLIENT);
	first = p.m[CLIENT]->sends;
	p.m[CLIENT]->room = 0;
	result(p.c[CLIENT]->ccs_held && first == 1, "%u sends", first);
	(void)pair_shake(&p);
	all = p.m[CLIENT]->sends;
	result(!p.c[CLIENT]->ccs_held && all == 2 &&
		   p.c[SERVER]->state == CONN_OPEN,
	    "%u sends: %s", all, conn_state_name(p.c[SERVER]->state));
	pair_close(&p);
}

/*
 * A TLS 1.3 server's GnuTLS stands behind its Finished, and not before the
 * client's, while the answer is on its way.
 */
static void
test_flight(void)
{
	static const char bad[] = {0x17, 3, 3, 0, 4, 1, 2, 3, 4};
	struct pair p;
	size_t sent;
	int v;

	for (v = 0; v < 2; v++) {
		memory_test = versions[v];
		pair_open(&p, versions[v], "");
		pair_drive(&p, CLIENT);
		pair_drive(&p, SERVER);
		result(p.m[SERVER]->sent > 0 &&
			   (p.c[SERVER]->ahead > 0) == (v == 1),
		    "a flight of %zu bytes, %zu to come again",
		    p.m[SERVER]->sent, p.c[SERVER]->ahead);
		result(pair_shake(&p) && p.c[SERVER]->ahead == 0, "it opens");
		pair_close(&p);
	}
	memory_test = "a bad answer to a flight";
	pair_open(&p, TLS13, "");
	pair_drive(&p, CLIENT);
	pair_drive(&p, SERVER);
	sent = p.m[SERVER]->sent;
	memory_put(p.m[SERVER], bad, sizeof bad);
	pair_drive(&p, SERVER);
	result(p.c[SERVER]->state == CONN_FAILED &&
		   p.m[SERVER]->sent > sent && p.m[SERVER]->sent < sent + 64,
	    "%zu bytes, and %zu that say why", sent,
	    p.m[SERVER]->sent - sent);
	pair_close(&p);
}

/*
 * A pipe that holds three bytes: each end has to read in the middle of what
 * it sends.
 */
static void
test_narrow_pipe(void)
{
	struct traffic t;
	char byte;
	int v, round;

	memory_test = "narrow pipe";
	for (v = 0; v < 2; v++) {
		memset(&t, 0, sizeof t);
		pair_open(&t.p, versions[v], "");
		t.p.m[CLIENT]->room = t.p.m[SERVER]->room = 3;
		for (round = 0; round < 5000 &&
		     (t.p.c[CLIENT]->state != CONN_OPEN ||
			 t.p.c[SERVER]->state != CONN_OPEN);
		     round++) {
			if (t.p.c[CLIENT]->state == CONN_OPEN)
				(void)tls.recv(t.p.fd[CLIENT], &byte, 1, 0);
			else
				(void)pair_connect(&t.p);
			(void)tls.recv(t.p.fd[SERVER], &byte, 1, 0);
		}
		result(round > 100 && round < 5000, "%s: %d rounds: %s, %s",
		    versions[v], round, conn_state_name(t.p.c[CLIENT]->state),
		    conn_state_name(t.p.c[SERVER]->state));
		pair_close(&t.p);
	}
}

static bool
clean(int err)
{
	return err == 0 || err == ECONNRESET || err == EPIPE ||
	       err == ECONNABORTED;
}

static bool
transient(int err)
{
	return err == EINTR || err == EAGAIN || err == ENOBUFS;
}

static void
test_every_call(void)
{
	static const int errs[] = {ECONNRESET, EPIPE, EINTR, EAGAIN};
	struct life l;
	unsigned n, bad, k;
	int v, side, sending;

	for (k = 0; k < 32; k++) {
		int err = errs[k / 8];

		v = k % 2, side = k / 2 % 2, sending = k / 4 % 2;
		if (err == EPIPE && !sending)
			continue;
		memory_test = strerrorname_np(err);
		bad = 0;
		for (n = 1; n < 2000; n++) {
			bool met =
			    troubled(&l, versions[v], side, sending, n, err);
			bool whole = l.t.got[CLIENT] == LENGTH &&
				     l.t.got[SERVER] == LENGTH &&
				     l.err[CLIENT] == 0 && l.err[SERVER] == 0;

			if (!met)
				break;
			if (l.wrong || !clean(l.err[CLIENT]) ||
			    !clean(l.err[SERVER]) ||
			    (transient(err) && !whole)) {
				bad++;
				printf("call %u: %s, %s, %zu and %zu bytes%s\n",
				    n, strerror(l.err[CLIENT]),
				    strerror(l.err[SERVER]), l.t.got[CLIENT],
				    l.t.got[SERVER], l.wrong ? ", wrong" : "");
			}
		}
		result(bad == 0 && n > 5 && n < 2000,
		    "at each of %u %s of side %d, %s", n - 1,
		    sending ? "sends" : "recvs", side, versions[v]);
	}
}

/*
 * The end of a handshake takes what was verified within it only where it is
 * about these certificates and this rule.  The name is made wrong meanwhile,
 * so that whatever is verified anew is refused.
 */
static void
test_confirm(void)
{
	static const char *const what[] = {"the same", "another chain",
	    "another byte of it", "another rule", "a refusal", "nothing"};
	struct verdict v, *kept;
	struct conn *c;
	struct pair p;
	int i;

	memory_test = "what was verified is not verified again";
	pair_start(&p, TLS13, "");
	c = p.c[CLIENT];
	snprintf(c->name, sizeof c->name, "other.tls.test");
	for (i = 0; i < 6; i++) {
		kept = c->verdict = i < 5 ? calloc(1, sizeof *kept) : NULL;
		if (kept != NULL &&
		    !verify_judged(c->cred, c->session, &kept->of))
			memory_die("no certificates");
		if (i == 1)
			kept->of.chain++;
		if (i == 2)
			kept->of.digest[31] ^= 1;
		if (i == 3)
			kept->of.by = p.cred[SERVER];
		if (i == 4)
			kept->cause = "expired";
		result((session_confirm(c, &v) == 0) == (i == 0), "%s",
		    what[i]);
		free(c->verdict);
		c->verdict = NULL;
	}
	pair_close(&p);
}

int
main(void)
{
	pair_setup();
	signal(SIGPIPE, SIG_IGN);
	test_refusals();
	test_foreign();
	test_deadline();
	test_in_progress();
	test_hello_goes_ahead();
	test_client_says_one_thing();
	test_flight();
	test_narrow_pipe();
	test_confirm();
	test_every_call();
	return failures > 0;
}
