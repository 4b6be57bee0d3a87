/*
 * engine_rekey_test.c - new keys in a session that is open: KeyUpdate of
 * TLS 1.3, asked for or by the number of records, and renegotiation of TLS
 * 1.2, which is refused
 */
#include "../../shim/engine/stream.h"
#include "pair.h"

#define LINE "marker"

/* Side i sends LINE and the other one reads it. */
static bool
moves(struct pair *p, int i)
{
	char buf[64] = "";

	return tls.send(p->fd[i], LINE, sizeof LINE, MSG_NOSIGNAL) ==
		   sizeof LINE &&
	       tls.recv(p->fd[!i], buf, sizeof buf, 0) == sizeof LINE &&
	       strcmp(buf, LINE) == 0;
}

static bool
moves_both_ways(struct pair *p)
{
	return moves(p, CLIENT) && moves(p, SERVER) && moves(p, CLIENT) &&
	       moves(p, SERVER);
}

/* Records under the present keys, of side i's reading or writing. */
static uint64_t
records(struct pair *p, int i, bool reads)
{
	unsigned char seq[8] = {0};
	uint64_t n = 0;
	size_t k;

	if (gnutls_record_get_state(
		theirs(p, i), reads, NULL, NULL, NULL, seq) < 0)
		memory_die("no state");
	for (k = 0; k < sizeof seq; k++)
		n = n << 8 | seq[k];
	return n;
}

static void
records_set(struct pair *p, int i, bool reads, uint64_t n)
{
	unsigned char seq[8];
	size_t k;

	for (k = 8; k-- > 0; n >>= 8)
		seq[k] = (unsigned char)n;
	if (gnutls_record_set_state(theirs(p, i), reads, seq) < 0)
		memory_die("no state to set");
}

/* What side i has made leaves the thread's buffer, as at a call's end. */
static int
made(struct pair *p, int i, int rv)
{
	if (bytes_settle(&p->c[i]->out) < 0)
		memory_die("out of memory");
	return rv;
}

static void
update_check(int i, unsigned flags)
{
	struct pair p;
	bool good = true;
	int n;

	pair_start(&p, "", "");
	for (n = 0; n < 5 && good; n++) {
		good = moves_both_ways(&p) &&
		       made(&p, i,
			   gnutls_session_key_update(theirs(&p, i), flags)) ==
			   0 &&
		       moves_both_ways(&p);
		good &=
		    records(&p, !i, true) == 2 && records(&p, i, false) == 2;
		if (flags == GNUTLS_KU_PEER)
			good &= records(&p, i, true) <= 2; /* or on its way */
	}
	result(good, "side %d updates its keys%s", i,
	    flags ? " and asks the other to" : "");
	pair_close(&p);
}

/* RFC 8446, 5.5: 2^24.5 records of AES-GCM are too many under one key. */
static void
limit_check(int i)
{
	struct pair p;
	bool good = true;
	int n;

	pair_start(&p, "", "");
	good = moves_both_ways(&p);
	records_set(&p, i, false, 0xfffff0);
	records_set(&p, !i, true, 0xfffff0);
	for (n = 0; n < 40 && good; n++)
		good = moves(&p, i);
	result(good && records(&p, i, false) < 40 &&
		   records(&p, !i, true) == records(&p, i, false),
	    "side %d changes its keys before 2^24 records", i);
	result(moves_both_ways(&p), "and goes on");
	pair_close(&p);
}

static void
flood_check(int i)
{
	struct pair p;
	char byte;
	int n;

	pair_start(&p, "", "");
	for (n = 0; n < 20; n++)
		(void)made(
		    &p, i, gnutls_session_key_update(theirs(&p, i), 0));
	(void)tls.send(p.fd[i], LINE, sizeof LINE, MSG_NOSIGNAL);
	result(tls.recv(p.fd[!i], &byte, 1, 0) == -1 && errno == ECONNABORTED &&
		   strstr(memory_log, "changes its keys too often") != NULL,
	    "20 updates at once by side %d are too many", i);
	pair_close(&p);
}

#define OLD "maximum_version = \"TLSv1.2\";"

/* A HelloRequest; what the client answers is a warning. */
static void
test_a_client_that_shall_renegotiate(void)
{
	struct pair p;
	char byte;
	int n;

	pair_start(&p, OLD, OLD);
	result(
	    made(&p, SERVER, gnutls_rehandshake(theirs(&p, SERVER))) == 0 &&
		moves_both_ways(&p) && wire_records(p.m[CLIENT], 21) == 1,
	    "a client that shall renegotiate warns and goes on");
	for (n = 0; n < 20; n++)
		(void)made(
		    &p, SERVER, gnutls_rehandshake(theirs(&p, SERVER)));
	(void)tls.send(p.fd[SERVER], LINE, sizeof LINE, MSG_NOSIGNAL);
	result(tls.recv(p.fd[CLIENT], &byte, 1, 0) == -1 &&
		   errno == ECONNABORTED &&
		   strstr(memory_log, "renegotiates, which is refused") != NULL,
	    "but not for ever");
	pair_close(&p);
}

/* A ClientHello in an open session: an alert, and no handshake message. */
static void
test_a_client_that_renegotiates(void)
{
	struct pair p;
	unsigned shown;
	char byte;

	pair_start(&p, OLD, OLD);
	shown = wire_records(p.m[SERVER], 22);
	(void)made(&p, CLIENT, gnutls_handshake(p.c[CLIENT]->session));
	pthread_mutex_lock(&p.c[CLIENT]->lock);
	stream_flush(p.c[CLIENT], p.fd[CLIENT]);
	pthread_mutex_unlock(&p.c[CLIENT]->lock);
	result(
	    memory_left(p.m[SERVER]) > 0 &&
		tls.recv(p.fd[SERVER], &byte, 1, 0) == -1 &&
		errno == ECONNABORTED &&
		strstr(memory_log, "renegotiates, which is refused") != NULL &&
		wire_records(p.m[SERVER], 21) == 1 &&
		wire_records(p.m[SERVER], 22) == shown,
	    "a client that renegotiates is refused");
	pair_close(&p);
}

int
main(void)
{
	int i;

	memory_test = "rekey";
	pair_setup();
	for (i = 0; i < 2; i++) {
		update_check(i, 0);
		update_check(i, GNUTLS_KU_PEER);
		limit_check(i);
		flood_check(i);
	}
	test_a_client_that_shall_renegotiate();
	test_a_client_that_renegotiates();
	return failures > 0;
}
