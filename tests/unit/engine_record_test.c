/*
 * engine_record_test.c - records that the engine seals and opens by itself,
 * in step with GnuTLS
 */
#include "traffic.h"

static const char *const suites[] = {
    "AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305"};

/* An open pair of which both ends have their own keys, both ways. */
static void
warm(struct traffic *t, const char *suite)
{
	char line[200];
	int i, k;

	snprintf(line, sizeof line,
	    TLS13 "priority = \"NONE:+%s:+ECDHE-ECDSA:+AEAD\";", suite);
	start(t, line, "");
	for (i = 0; i < 12; i++)
		for (k = 0; k < 2; k++)
			if (!carry(t, k, i == 0 ? 16384 : 10, MOST))
				memory_die("no bytes");
	for (k = 0; k < 2; k++)
		if (t->p.c[k]->record.rx.hd == NULL ||
		    t->p.c[k]->record.tx.hd == NULL)
			memory_die("GnuTLS still does it all");
}

static uint64_t
number(struct traffic *t, int side, bool reading)
{
	unsigned char b[8];
	uint64_t n = 0;
	int i;

	gnutls_record_get_state(
	    theirs(&t->p, side), reading, NULL, NULL, NULL, b);
	for (i = 0; i < 8; i++)
		n = n << 8 | b[i];
	return n;
}

static void
set_number(struct traffic *t, int side, bool reading, uint64_t n)
{
	unsigned char b[8];
	int i;

	for (i = 0; i < 8; i++)
		b[i] = (unsigned char)(n >> (56 - 8 * i));
	gnutls_record_set_state(theirs(&t->p, side), reading, b);
}

static void
test_sizes(void)
{
	static const size_t sizes[] = {
	    1, 15, 16, 1006, 1007, 1008, 1023, 1024, 1087, 1088,
	    16383, 16384, 16385, 65536, 100000};
	static const size_t pieces[] = {MOST, 16385, 16384, 16383, 4096, 100};
	struct traffic t;
	size_t i, j, s;

	memory_test = "every byte arrives";
	for (s = 0; s < 3; s++) {
		warm(&t, suites[s]);
		for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			bool good = true;

			memset(t.sent, 0, sizeof t.sent);
			memset(t.got, 0, sizeof t.got);
			for (j = 0; j < sizeof pieces / sizeof *pieces; j++)
				good &= carry(&t, CLIENT, sizes[i], pieces[j]);
			result(good && carry(&t, SERVER, sizes[i], MOST),
			    "%s, writes of %zu", suites[s], sizes[i]);
		}
		result(
		    number(&t, CLIENT, false) == number(&t, SERVER, true) &&
			number(&t, SERVER, false) == number(&t, CLIENT, true),
		    "both ends count alike");
		pair_close(&t.p);
	}
}

/* The record's type lies behind its content, and the program sees neither. */
static void
test_nothing_behind(void)
{
	static const size_t sizes[] = {10, 1007, 2000, 16384};
	struct traffic t;
	size_t i, at;
	ssize_t n;

	memory_test = "nothing is left behind the count";
	warm(&t, "AES-128-GCM");
	for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		memset(in, 0xaa, sizeof in);
		put(&t, CLIENT, sizes[i], 0);
		n = tls.recv(t.p.fd[SERVER], in, 40000, 0);
		for (at = sizes[i]; at < 40000 && in[at] == 0xaa;)
			at++;
		result(n == (ssize_t)sizes[i] && at == 40000 &&
			   came(&t, CLIENT, in, n),
		    "a record of %zu", sizes[i]);
	}
	pair_close(&t.p);
}

static void
test_key_update(void)
{
	unsigned char iv[RECORD_NONCE];
	struct traffic t;
	int a;

	memory_test = "KeyUpdate between records of ours";
	for (a = 0; a < 2; a++) {
		warm(&t, "AES-128-GCM");
		memcpy(iv, t.p.c[a]->record.tx.iv, sizeof iv);
		gnutls_session_key_update(theirs(&t.p, !a), GNUTLS_KU_PEER);
		result(carry(&t, !a, 40000, MOST), "the peer goes on");
		/* RFC 8446, 4.6.3: answered before the next data */
		result(put(&t, a, 100, 0) == 100 && number(&t, a, false) == 1,
		    "the answer comes first");
		result(get(&t, a, MOST, 0) == 100 &&
			   carry(&t, a, 40000, MOST) &&
			   carry(&t, !a, 40000, 333),
		    "and so do we");
		result(memcmp(iv, t.p.c[a]->record.tx.iv, sizeof iv) != 0,
		    "by another key");
		pair_close(&t.p);
	}
}

/* RFC 8446, 5.5: after 2^24 records there are new keys, here by GnuTLS. */
static void
test_rekey(void)
{
	struct traffic t;
	bool good = true;
	int i;

	memory_test = "the end of a key";
	warm(&t, "AES-256-GCM");
	set_number(&t, CLIENT, false, 0xffffe8);
	set_number(&t, SERVER, true, 0xffffe8);
	for (i = 0; i < 40; i++)
		good &= carry(&t, CLIENT, 20, MOST);
	result(good, "is passed");
	result(number(&t, CLIENT, false) < 40 &&
		   number(&t, SERVER, true) == number(&t, CLIENT, false),
	    "a new one counts from 0");
	pair_close(&t.p);
}

static void
test_padding(void)
{
	struct traffic t;
	size_t pad;

	memory_test = "padding is not data";
	warm(&t, "AES-128-GCM");
	for (pad = 1; pad < 16000; pad = 3 * pad + 7) {
		gnutls_record_send2(theirs(&t.p, CLIENT),
		    pattern[CLIENT] + t.sent[CLIENT], 300, pad, 0);
		t.sent[CLIENT] += 300;
		(void)ready(t.p.fd[CLIENT], POLLOUT);
		result(get(&t, CLIENT, MOST, 0) == 300, "%zu bytes", pad);
	}
	result(carry(&t, CLIENT, 1000, MOST) && carry(&t, SERVER, 1000, MOST),
	    "and what follows is");
	pair_close(&t.p);
}

/* A record that was changed on its way, and one that is said twice. */
static void
test_forged(void)
{
	static const size_t sizes[] = {10, 3000};
	struct traffic t;
	struct memory *m;
	size_t i, at;
	ssize_t n;

	memory_test = "a forged record";
	for (i = 0; i < 4; i++) {
		warm(&t, "AES-128-GCM");
		m = t.p.m[SERVER];
		put(&t, CLIENT, sizes[i % 2], 0);
		if (i < 2)
			m->in[m->end - 20] ^= 1;
		else
			set_number(
			    &t, SERVER, true, number(&t, SERVER, true) + 1);
		memset(in, 0, sizeof in);
		n = tls.recv(t.p.fd[SERVER], in, 5000, 0);
		for (at = 0; at < 5000 && in[at] == 0;)
			at++;
		result(n == -1 && errno == ECONNABORTED && at == 5000,
		    "%zu bytes are refused, and nothing of them given",
		    sizes[i % 2]);
		result(tls.send(t.p.fd[SERVER], "x", 1, MSG_NOSIGNAL) == -1,
		    "the session is over");
		pair_close(&t.p);
	}
}

/* No number is used twice, whoever forgets to say record_yield. */
static void
test_unasked(void)
{
	struct traffic t;
	size_t sent;

	memory_test = "GnuTLS sends by itself";
	warm(&t, "AES-128-GCM");
	(void)theirs(&t.p, CLIENT);
	gnutls_record_send(
	    t.p.c[CLIENT]->session, pattern[CLIENT] + t.sent[CLIENT], 100);
	t.sent[CLIENT] += 100;
	result(ready(t.p.fd[CLIENT], POLLOUT) && get(&t, CLIENT, MOST, 0) == 100 &&
		   carry(&t, CLIENT, 100, MOST),
	    "where it knows the number it may");
	sent = t.p.m[CLIENT]->sent;
	result(gnutls_record_send(t.p.c[CLIENT]->session, "x", 1) < 0 &&
		   tls.send(t.p.fd[CLIENT], "x", 1, MSG_NOSIGNAL) == -1 &&
		   t.p.m[CLIENT]->sent == sent,
	    "else nothing goes out any more");
	pair_close(&t.p);
}

/* Half a record is neither read nor ready. */
static void
test_half(void)
{
	struct traffic t;
	struct memory *m;
	int fd;

	memory_test = "half a record";
	warm(&t, "AES-128-GCM");
	m = t.p.m[CLIENT];
	fd = t.p.fd[SERVER];
	m->send_most = 3;
	t.p.m[SERVER]->room = 3;
	put(&t, CLIENT, 2000, 0);
	result(get(&t, CLIENT, MOST, 0) == -1 && errno == EAGAIN &&
		   ready(fd, POLLIN) == 0 && !conn_buffered(t.p.c[SERVER]),
	    "its head alone");
	m->send_most = 0;
	t.p.m[SERVER]->room = 1500;
	(void)ready(t.p.fd[CLIENT], POLLOUT);
	result(get(&t, CLIENT, MOST, 0) == -1 && errno == EAGAIN &&
		   ready(fd, POLLIN) == 0 && !conn_buffered(t.p.c[SERVER]),
	    "but for its end");
	t.p.m[SERVER]->room = 0;
	(void)ready(t.p.fd[CLIENT], POLLOUT);
	result(ready(fd, POLLIN) == POLLIN && get(&t, CLIENT, MOST, 0) > 0,
	    "the whole");
	pair_close(&t.p);
}

/* What is no data ends a session as if GnuTLS had seen all of it. */
static void
test_end(void)
{
	struct traffic t;

	memory_test = "close_notify behind records of ours";
	warm(&t, "AES-128-GCM");
	put(&t, CLIENT, 30000, 0);
	tls.shutdown(t.p.fd[CLIENT], SHUT_WR);
	result(
	    get(&t, CLIENT, MOST, 0) == 30000 && get(&t, CLIENT, MOST, 0) == 0,
	    "the bytes, then the end");
	result(carry(&t, SERVER, 30000, MOST), "the other way is open");
	pair_close(&t.p);
}

/* A record of the server's own making: content of one type, at most 100. */
static void
forge(struct traffic *t, const void *content, size_t len, unsigned char type)
{
	gnutls_session_t s = theirs(&t->p, SERVER);
	unsigned char h[130] = {23, 3, 3, 0, (unsigned char)(len + 17)};
	unsigned char plain[101], nonce[12], b[8];
	gnutls_datum_t iv, key;
	gnutls_aead_cipher_hd_t hd;
	size_t n = sizeof h - 5, i;

	memcpy(plain, content, len);
	plain[len] = type;
	gnutls_record_get_state(s, 0, NULL, &iv, &key, b);
	memcpy(nonce, iv.data, 12);
	for (i = 0; i < 8; i++)
		nonce[4 + i] ^= b[i];
	if (gnutls_aead_cipher_init(&hd, gnutls_cipher_get(s), &key) < 0 ||
	    gnutls_aead_cipher_encrypt(
		hd, nonce, 12, h, 5, 16, plain, len + 1, h + 5, &n) < 0)
		memory_die("no record");
	gnutls_aead_cipher_deinit(hd);
	set_number(t, SERVER, false, number(t, SERVER, false) + 1);
	memory_put(t->p.m[CLIENT], h, n + 5);
}

/* RFC 8446, 5.1: no data between the records of one handshake message. */
static void
test_between(void)
{
	static const unsigned char ticket[] = {
	    4, 0, 0, 17, 0, 0, 1, 0, 1, 2, 3, 4, 0, 0, 4, 9, 9, 9, 9, 0, 0};
	struct traffic t;
	int split;

	memory_test = "a ticket in two records";
	for (split = 0; split < 2; split++) {
		warm(&t, "AES-128-GCM");
		forge(&t, ticket, 9, 22);
		if (split)
			put(&t, SERVER, 10, 0);
		forge(&t, ticket + 9, sizeof ticket - 9, 22);
		if (split)
			result(get(&t, SERVER, MOST, 0) == -1 &&
				   errno == ECONNABORTED,
			    "refused with data between them");
		else
			result(carry(&t, SERVER, 10, MOST) &&
				   carry(&t, SERVER, 3000, MOST),
			    "taken with data behind them");
		pair_close(&t.p);
	}
}

/* TLS 1.2 is GnuTLS's as before. */
static void
test_older(void)
{
	struct traffic t;
	int i;
	bool good = true;

	memory_test = "TLS 1.2";
	start(&t, TLS12, "");
	for (i = 0; i < 20; i++)
		good &=
		    carry(&t, CLIENT, 20000, MOST) && carry(&t, SERVER, 20, 3);
	result(good && t.p.c[CLIENT]->record.tx.hd == NULL &&
		   t.p.c[SERVER]->record.rx.hd == NULL,
	    "is GnuTLS's");
	pair_close(&t.p);
}

/* What is encrypted at a time goes as one send; half as much cost more. */
static void
test_sends(void)
{
	struct traffic t;
	int i;

	memory_test = "a write of 500000 bytes";
	for (i = 0; i < 2; i++) {
		start(&t, versions[i], versions[i]);
		t.p.m[CLIENT]->sends = 0;
		result(put(&t, CLIENT, 500000, 0) == 500000 &&
			   t.p.m[CLIENT]->sends == 4,
		    "%u sends", t.p.m[CLIENT]->sends);
		result(get(&t, CLIENT, 500000, 0) == 500000, "all is there");
		pair_close(&t.p);
	}
}

int
main(void)
{
	pair_setup();
	test_sizes();
	test_nothing_behind();
	test_key_update();
	test_rekey();
	test_padding();
	test_forged();
	test_unasked();
	test_half();
	test_end();
	test_between();
	test_older();
	test_sends();
	return failures > 0;
}
