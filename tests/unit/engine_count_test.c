/*
 * engine_count_test.c - FIONREAD: enough to go on with at first, all to who
 * asks again, never more than a read takes; and reads of less than a record
 */
#include <sys/ioctl.h>

#include "../../shim/engine/stream.h"
#include "traffic.h"

#define ALL 600000
#define BUFFERED (STREAM_FEW + 2 * BUFFER_SIZE) /* set aside at one time */

static int
count(struct traffic *t)
{
	int n = -1;

	return tls.ioctl(t->p.fd[SERVER], FIONREAD, &n) == 0 ? n : -1;
}

/* Reads of len until n bytes have come, and the right ones. */
static bool
gets_all(struct traffic *t, size_t n, size_t len)
{
	size_t want = t->got[CLIENT] + n;

	while (t->got[CLIENT] < want)
		if (get(t, CLIENT, len, 0) <= 0)
			return false;
	return t->got[CLIENT] == want;
}

static void
test_who_asks_again(void)
{
	struct traffic t;
	int i, first, read;

	memory_test = "the same question twice";
	for (i = 0; i < 2; i++) {
		start(&t, versions[i], versions[i]);
		put(&t, CLIENT, STREAM_FEW - 1, 0);
		result(count(&t) == STREAM_FEW - 1, "a little is all told");
		put(&t, CLIENT, ALL - STREAM_FEW - 4, 0);
		first = count(&t);
		result(first >= STREAM_FEW && first < BUFFERED,
		    "of much, the first answer is %d", first);
		result(count(&t) == ALL - 5 && count(&t) == ALL - 5,
		    "the second is all");
		put(&t, CLIENT, 5, 0);
		result(count(&t) == ALL, "the third too, and what has come");
		read = (int)get(&t, CLIENT, 5, 0);
		result(count(&t) == ALL - read, "what is set aside is all told");
		result(gets_all(&t, ALL - 5, MOST) && count(&t) == 0,
		    "and all of it is there");
		pair_close(&t.p);
	}
}

/* As wrk: 8 KB, and is there more? */
static void
test_who_asks_before_each_read(void)
{
	struct traffic t;
	int i, n, wrong;
	size_t most, cap;

	memory_test = "a question before each read";
	for (i = 0; i < 2; i++) {
		wrong = 0;
		most = cap = 0;
		start(&t, versions[i], versions[i]);
		put(&t, CLIENT, ALL, 0);
		t.p.m[SERVER]->recvs = 0;
		while ((n = count(&t)) > 0) {
			size_t left = ALL - t.got[CLIENT];

			wrong += (size_t)n > left ||
				 ((size_t)n < STREAM_FEW && (size_t)n < left);
			most = (size_t)n > most ? (size_t)n : most;
			if (t.p.c[SERVER]->plain.cap > cap)
				cap = t.p.c[SERVER]->plain.cap;
			if (get(&t, CLIENT, 8192, 0) <= 0)
				break;
		}
		result(t.got[CLIENT] == ALL && wrong == 0,
		    "%d wrong answers, %zu bytes", wrong, t.got[CLIENT]);
		result(most < BUFFERED && cap < 2 * BUFFERED,
		    "%zu are told of, in %zu bytes of memory", most, cap);
		result(t.p.m[SERVER]->recvs < ALL / (BUFFER_SIZE / 2),
		    "%u calls of recv", t.p.m[SERVER]->recvs);
		pair_close(&t.p);
	}
}

/* What comes between data counts for nothing; what is padded, for its data. */
static void
test_what_is_no_data(void)
{
	struct traffic t;
	gnutls_session_t s;
	int i, rv = 0, first, second;

	memory_test = "tickets, key updates, padding";
	start(&t, TLS13, TLS13);
	for (i = 0; i < 8; i++) {
		size_t n = (size_t)(i + 1) * 5000;

		s = theirs(&t.p, CLIENT);
		rv |= gnutls_session_key_update(s, 0);
		rv |= gnutls_record_send2(s, pattern[CLIENT] + t.sent[CLIENT],
			  1000, 300, 0) != 1000;
		t.sent[CLIENT] += 1000;
		rv |= bytes_settle(&t.p.c[CLIENT]->out);
		rv |= put(&t, CLIENT, n, 0) != (ssize_t)n;
	}
	first = count(&t);
	second = count(&t);
	result(rv == 0 && first >= STREAM_FEW && first < BUFFERED &&
		   second == 188000,
	    "are not counted: %d, %d", first, second);
	result(gets_all(&t, 188000, 7000) && count(&t) == 0, "all is there");
	pair_close(&t.p);
}

/* As its reads get it: never a question behind an end. */
static void
test_ends(void)
{
	struct traffic t;
	int first, second;

	memory_test = "an end behind data";
	start(&t, "", "");
	put(&t, CLIENT, 200000, 0);
	tls.shutdown(t.p.fd[CLIENT], SHUT_WR);
	first = count(&t);
	second = count(&t);
	result(first >= STREAM_FEW && first < BUFFERED && second == 200000,
	    "is no byte");
	result(gets_all(&t, 200000, 8192) && count(&t) == 0 &&
		   get(&t, CLIENT, 1, 0) == 0,
	    "and comes last");
	pair_close(&t.p);

	memory_test = "an alert behind data";
	start(&t, "", "");
	put(&t, CLIENT, 200000, 0);
	gnutls_alert_send(theirs(&t.p, CLIENT), GNUTLS_AL_FATAL,
	    GNUTLS_A_INTERNAL_ERROR);
	(void)bytes_settle(&t.p.c[CLIENT]->out);
	(void)ready(t.p.fd[CLIENT], POLLOUT);
	first = count(&t);
	second = count(&t);
	result(first >= STREAM_FEW && first < BUFFERED && second == 200000 &&
		   count(&t) == 200000,
	    "is no byte");
	result(gets_all(&t, 200000, 8192) && count(&t) == 0 &&
		   get(&t, CLIENT, 1, 0) == -1 && errno == ECONNABORTED,
	    "and comes last");
	pair_close(&t.p);
}

/* A record is decrypted once, and GnuTLS keeps no part of it. */
static void
test_small_reads(void)
{
	static const size_t sizes[] = {1, 30, 4096, 8192, 16383};
	struct traffic t;
	size_t i;
	int k, theirs_kept;

	memory_test = "reads of less than a record";
	for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		theirs_kept = 0;
		start(&t, TLS13, TLS13);
		for (k = 0; k < 20; k++) { /* until keys are learnt */
			put(&t, CLIENT, 1, 0);
			(void)get(&t, CLIENT, 1, 0);
		}
		put(&t, CLIENT, 60000, 0);
		for (k = 0; k < 400; k++)
			put(&t, CLIENT, 100, 0);
		while (t.got[CLIENT] < 100020 && get(&t, CLIENT, sizes[i], 0) > 0)
			theirs_kept += t.p.c[SERVER]->record.kept;
		result(t.got[CLIENT] == 100020 && theirs_kept == 0,
		    "of %zu: all %zu came, %d times by GnuTLS", sizes[i],
		    t.got[CLIENT], theirs_kept);
		result(t.p.c[SERVER]->plain.base == NULL, "no memory is kept");
		pair_close(&t.p);
	}
}

int
main(void)
{
	pair_setup();
	test_who_asks_again();
	test_who_asks_before_each_read();
	test_what_is_no_data();
	test_ends();
	test_small_reads();
	return failures > 0;
}
