/*
 * engine_unwrap_test.c - TLS ends and plaintext goes on, over memory: nothing
 * is lost, and nothing leaves in clear before both ends have said so
 */
#include <sys/ioctl.h>

#include "../../shim/engine/api.h"
#include "traffic.h"

#define ALLOW "allow_unwrap = true;"

static char text[256];

static int
unwrap(struct traffic *t, int i)
{
	return api_table.tlsshim_unwrap(t->p.fd[i]);
}

/* An open pair whose rules allow it, behind `records` of application data. */
static void
begin(struct traffic *t, const char *version, size_t records)
{
	char keys[200];

	snprintf(keys, sizeof keys, "%s " ALLOW, version);
	start(t, keys, keys);
	carry(t, CLIENT, 10 * records, 10);
	carry(t, SERVER, 10 * records, 10);
}

static ssize_t
say_plain(struct traffic *t, int i, const char *s)
{
	return tls.send(t->p.fd[i], s, strlen(s), MSG_NOSIGNAL);
}

/* What a read of at most len bytes gives, in text. */
static ssize_t
hear(struct traffic *t, int i, size_t len, int flags)
{
	ssize_t n = tls.recv(t->p.fd[i], text, len, flags);

	text[n > 0 ? n : 0] = '\0';
	return n;
}

/* Does side i get just these bytes, in reads of at most len? */
static bool
hears(struct traffic *t, int i, const char *want, size_t len)
{
	char got[256] = "";

	while (hear(t, i, len, 0) > 0)
		strcat(got, text);
	return strcmp(got, want) == 0;
}

/* Has side i sent s in clear? */
static bool
in_clear(struct traffic *t, int i, const char *s)
{
	struct memory *m = t->p.m[i];

	return memmem(m->wire, m->sent, s, strlen(s)) != NULL;
}

static void
test_nothing_is_lost(void)
{
	struct traffic t;
	size_t most;
	int v, a;

	memory_test = "unwrap";
	for (v = 0; v < 4; v++) {
		a = v / 2;
		for (most = 0; most < 80; most += 1 + most / 3) {
			/* few are GnuTLS's, with more record.c takes part */
			begin(&t, versions[v % 2], most % 2 ? 1 : 40);
			t.p.m[a]->recv_most = most;
			say_plain(&t, !a, "first ");
			result(unwrap(&t, a) == -1 && errno == EAGAIN,
			    "side %d begins, %zu bytes a read, %s", a, most,
			    versions[v % 2]);
			result(say_plain(&t, a, "no") == -1 && errno == EPIPE,
			    "and writes nothing meanwhile");
			say_plain(&t, !a, "before ");
			result(unwrap(&t, !a) == 0, "the other side ends too");
			say_plain(&t, !a, "behind ");
			result(unwrap(&t, a) == 0, "both have ended");
			say_plain(&t, !a, "later");
			result(
			    hears(&t, a, "first before behind later", 1 + most),
			    "all is there, in order");
			say_plain(&t, a, "answer");
			result(hears(&t, !a, "answer", 100), "and back");
			result(!in_clear(&t, !a, "before") &&
				   in_clear(&t, !a, "behind") &&
				   in_clear(&t, a, "answer"),
			    "in clear is what came behind");
			pair_close(&t.p);
		}
	}
}

static void
test_both_at_once(void)
{
	struct traffic t;

	memory_test = "unwrap at once";
	begin(&t, "", 40);
	result(unwrap(&t, CLIENT) == -1 && unwrap(&t, SERVER) == 0 &&
		   unwrap(&t, CLIENT) == 0,
	    "each has the other's close_notify");
	result(unwrap(&t, CLIENT) == -1 && errno == EOPNOTSUPP,
	    "there is no TLS to end any more");
	result(say_plain(&t, CLIENT, "x") == 1 && hears(&t, SERVER, "x", 9),
	    "plaintext");
	pair_close(&t.p);
}

static void
test_readiness(void)
{
	struct traffic t;
	struct pollfd p;
	int n = 0;

	memory_test = "unwrap, ready";
	begin(&t, "", 40);
	(void)unwrap(&t, CLIENT);
	say_plain(&t, SERVER, "before");
	(void)unwrap(&t, SERVER);
	say_plain(&t, SERVER, "behind");
	result(unwrap(&t, CLIENT) == 0 && memory_left(t.p.m[CLIENT]) == 0,
	    "the kernel has nothing left");
	p = (struct pollfd){t.p.fd[CLIENT], POLLIN | POLLOUT, 0};
	result(tls.poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT),
	    "poll says that there is something to read");
	tls.ioctl(p.fd, FIONREAD, &n);
	result(n == 12, "FIONREAD says how much: %d", n);
	result(hear(&t, CLIENT, 9, MSG_PEEK) == 9 &&
		   strcmp(text, "beforebeh") == 0 &&
		   hear(&t, CLIENT, 6, 0) == 6 && strcmp(text, "before") == 0,
	    "MSG_PEEK takes nothing");
	say_plain(&t, SERVER, " more");
	result(
	    hear(&t, CLIENT, 100, 0) == 11 && strcmp(text, "behind more") == 0,
	    "a read goes on with what the kernel has: \"%s\"", text);
	result(tls.poll(&p, 1, 0) == 1 && p.revents == POLLOUT,
	    "then there is nothing");
	pair_close(&t.p);
	begin(&t, "", 40);
	(void)unwrap(&t, CLIENT);
	(void)unwrap(&t, SERVER);
	say_plain(&t, SERVER, "unread");
	(void)unwrap(&t, CLIENT);
	tls.close(t.p.fd[CLIENT]);
	result(t.p.m[SERVER]->reset, "unread bytes make the close a reset");
	pair_close(&t.p);
}

/* Whoever is on the way ends the connection, or TLS by an alert of his own. */
static void
test_forged_ends(void)
{
	static const char plain_bye[] = "\x15\x03\x03\x00\x02\x01";
	static const char *const keys[] = {
	    ALLOW, ALLOW " suppress_ragged_eofs = true;"};
	struct traffic t;
	int i;

	for (i = 0; i < 2; i++) {
		memory_test = "unwrap, cut";
		start(&t, keys[i], keys[i]);
		carry(&t, SERVER, 10, 10);
		(void)unwrap(&t, CLIENT);
		t.p.m[CLIENT]->fin = true;
		result(unwrap(&t, CLIENT) == -1 && errno == ECONNRESET,
		    "an end of file alone is none of TLS: %s", keys[i]);
		result(say_plain(&t, CLIENT, "secret") == -1 &&
			   !in_clear(&t, CLIENT, "secret"),
		    "and nothing is said in clear");
		pair_close(&t.p);
		memory_test = "unwrap, forged";
		start(&t, keys[i], keys[i]);
		carry(&t, SERVER, 10, 10);
		(void)unwrap(&t, CLIENT);
		memory_put(t.p.m[CLIENT], plain_bye, 7);
		result(unwrap(&t, CLIENT) == -1 && errno == ECONNABORTED,
		    "a close_notify in clear is none");
		result(say_plain(&t, CLIENT, "secret") == -1 &&
			   !in_clear(&t, CLIENT, "secret"),
		    "and nothing is said in clear");
		pair_close(&t.p);
	}
}

static void
test_refusals(void)
{
	struct traffic t;
	size_t sent;

	memory_test = "unwrap, refused";
	start(&t, "", ALLOW);
	carry(&t, SERVER, 10, 10);
	sent = t.p.m[CLIENT]->sent;
	result(unwrap(&t, CLIENT) == -1 && errno == EACCES &&
		   t.p.m[CLIENT]->sent == sent,
	    "without allow_unwrap nothing is sent");
	result(strstr(memory_log, "allow_unwrap = true") != NULL &&
		   strstr(memory_log, "refused client") != NULL,
	    "and the log says which key");
	result(carry(&t, CLIENT, 100, 100), "TLS goes on");
	pair_close(&t.p);
	begin(&t, "", 40);
	tls.shutdown(t.p.fd[CLIENT], SHUT_WR);
	result(unwrap(&t, CLIENT) == -1 && errno == EPIPE,
	    "behind shutdown() it is too late");
	pair_close(&t.p);
	result(api_table.tlsshim_unwrap(3) == -1 && errno == EBADF,
	    "a number that is no connection");
}

/* An answer to it would come behind our close_notify, to be read as text. */
static void
test_key_update_is_not_answered(void)
{
	struct traffic t;
	size_t sent;

	memory_test = "unwrap, KeyUpdate";
	begin(&t, TLS13, 40);
	(void)unwrap(&t, CLIENT);
	sent = t.p.m[CLIENT]->sent;
	gnutls_session_key_update(theirs(&t.p, SERVER), GNUTLS_KU_PEER);
	say_plain(&t, SERVER, "under new keys");
	result(unwrap(&t, SERVER) == 0 && unwrap(&t, CLIENT) == 0 &&
		   t.p.m[CLIENT]->sent == sent,
	    "nothing follows our close_notify");
	result(hears(&t, CLIENT, "under new keys", 100), "and it is heeded");
	pair_close(&t.p);
}

int
main(void)
{
	pair_setup();
	test_nothing_is_lost();
	test_both_at_once();
	test_readiness();
	test_forged_ends();
	test_refusals();
	test_key_update_is_not_answered();
	return failures > 0;
}
