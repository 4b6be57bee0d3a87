/*
 * engine_stream_test.c - the record path over memory: every byte, in order
 */
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "traffic.h"

/* Whose other side memory_idle plays. */
static struct traffic *idle;

static void
test_byte_by_byte(void)
{
	struct traffic t;
	int v, i;

	memory_test = "the handshake completes byte by byte";
	for (v = 0; v < 2; v++) {
		memset(&t, 0, sizeof t);
		pair_open(&t.p, versions[v], "");
		for (i = 0; i < 2; i++) {
			t.p.m[i]->recv_most = 1;
			t.p.m[i]->send_most = 1;
			t.p.m[i]->room = 8;
		}
		result(pair_shake(&t.p), "%s", versions[v]);
		result(carry(&t, CLIENT, 3000, 7) && carry(&t, SERVER, 3000, 7),
		    "%s, 3000 bytes each way", versions[v]);
		pair_close(&t.p);
	}
}

static void
test_sizes(void)
{
	static const size_t sizes[] = {0, 1, 16384, 16385, 100000};
	struct traffic t;
	size_t i;
	int v, from;

	memory_test = "every byte arrives";
	for (v = 0; v < 2; v++) {
		start(&t, versions[v], "");
		for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
			for (from = 0; from < 2; from++)
				result(carry(&t, from, sizes[i], MOST),
				    "%zu from side %d, %s", sizes[i], from,
				    versions[v]);
		result(carry(&t, CLIENT, 20000, 1), "one byte a read");
		errno = 4711;
		result(tls.write(t.p.fd[CLIENT], NULL, 0) == 0 &&
			   tls.read(t.p.fd[SERVER], in, 0) == 0 &&
			   errno == 4711,
		    "nothing is written and read, errno untouched");
		pair_close(&t.p);
	}
}

/* No room, short sends and short receives, both ways at once. */
static void
test_order(void)
{
	static const struct {
		size_t room, send_most, recv_most;
		bool no_meminfo;
	} rows[] = {{9000, 0, 0, false}, {9000, 0, 0, true}, {700, 7, 0, true},
	    {30000, 1000, 3, false}, {64, 1, 1, true}, {1, 0, 0, false}};
	struct traffic t;
	size_t i, len;
	int k;

	memory_test = "short sends keep order";
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int quiet = 0;

		start(&t, "", "");
		for (k = 0; k < 2; k++) {
			t.p.m[k]->room = rows[i].room;
			t.p.m[k]->send_most = rows[i].send_most;
			t.p.m[k]->recv_most = rows[i].recv_most;
			t.p.m[k]->no_meminfo = rows[i].no_meminfo;
		}
		len = rows[i].room < 9000 ? 20000 : 200000;
		while (quiet < 20 &&
		       (t.got[CLIENT] < len || t.got[SERVER] < len)) {
			size_t moved = pair_moved(&t.p);

			for (k = 0; k < 2; k++)
				if (t.sent[k] < len)
					(void)put(&t, k, len - t.sent[k], 0);
			for (k = 0; k < 2; k++)
				if (get(&t, k, MOST, 0) == -2)
					memory_die("wrong bytes");
			quiet = pair_moved(&t.p) == moved ? quiet + 1 : 0;
		}
		result(t.got[CLIENT] == len && t.got[SERVER] == len,
		    "room %zu, %zu a send, %zu a recv%s: %zu and %zu of %zu",
		    rows[i].room, rows[i].send_most, rows[i].recv_most,
		    rows[i].no_meminfo ? ", no SO_MEMINFO" : "", t.got[CLIENT],
		    t.got[SERVER], len);
		pair_close(&t.p);
	}
}

static void
test_scatter_gather(void)
{
	static const size_t lens[] = {0, 1, 300, 0, 16384, 5, 20000, 0};
	struct iovec v[8], few[3];
	struct traffic t;
	size_t i, at = 0, total = 36690;
	unsigned records;
	ssize_t n;

	memory_test = "scatter and gather";
	start(&t, "", "");
	for (i = 0; i < 8; at += lens[i++])
		v[i] = (struct iovec){pattern[CLIENT] + at, lens[i]};
	n = tls.writev(t.p.fd[CLIENT], v, 8);
	result(n == (ssize_t)total, "writev of 8 segments gives %zd", n);
	memset(in, 0, sizeof in);
	for (i = 0, at = 0; i < 8; at += lens[i++])
		v[i].iov_base = in + at;
	n = tls.readv(t.p.fd[SERVER], v, 8);
	result(n == (ssize_t)total && memcmp(in, pattern[CLIENT], total) == 0,
	    "readv of 8 segments gives %zd", n);
	v[0].iov_len = v[2].iov_len = 0;
	result(tls.readv(t.p.fd[SERVER], v, 1) == 0 &&
		   tls.writev(t.p.fd[SERVER], v, 1) == 0,
	    "empty segments are nothing");
	records = wire_records(t.p.m[SERVER], 23);
	for (i = 0; i < 3; i++)
		few[i] = (struct iovec){pattern[CLIENT] + 10 * i, 10};
	n = tls.sendmsg(t.p.fd[SERVER],
	    &(struct msghdr){.msg_iov = few, .msg_iovlen = 3}, 0);
	result(n == 30 && wire_records(t.p.m[SERVER], 23) == records + 1,
	    "three small segments are one record");
	memset(in, 0, 40);
	for (i = 0; i < 3; i++)
		few[i] = (struct iovec){in + 15 * i, i == 2 ? 10 : 15};
	n = tls.recvmsg(t.p.fd[CLIENT],
	    &(struct msghdr){.msg_iov = few, .msg_iovlen = 3}, 0);
	result(n == 30 && memcmp(in, pattern[CLIENT], 30) == 0,
	    "recvmsg with room to spare gives %zd", n);
	pair_close(&t.p);
}

/* Room for less than there is: records end inside of segments. */
static void
test_scatter_narrow(void)
{
	struct iovec v[5];
	struct traffic t;
	size_t i, got = 0, wrong = 0;
	unsigned records;
	ssize_t n = 0, r;

	memory_test = "scatter into little room";
	start(&t, "", "");
	records = wire_records(t.p.m[CLIENT], 23);
	for (i = 0; i < 5; i++)
		v[i] = (struct iovec){pattern[CLIENT] + 3000 * i, 3000};
	t.p.m[SERVER]->room = 14000;
	n = tls.writev(t.p.fd[CLIENT], v, 5);
	records = wire_records(t.p.m[CLIENT], 23) - records;
	t.p.m[SERVER]->room = 0;
	(void)ready(t.p.fd[CLIENT], POLLOUT);
	while ((r = tls.recv(t.p.fd[SERVER], in, 1000, 0)) > 0) {
		wrong += memcmp(in, pattern[CLIENT] + got, (size_t)r) != 0;
		got += (size_t)r;
	}
	result(n > 3000 && n < 15000 && records > 1 && got == (size_t)n &&
		   wrong == 0,
	    "%zd bytes in %u records, %zu come", n, records, got);
	pair_close(&t.p);
}

static void
test_peek(void)
{
	struct iovec v[2] = {{in, 100}, {in + 100, 50000}};
	struct traffic t;
	int fd;

	memory_test = "MSG_PEEK";
	start(&t, "", "");
	fd = t.p.fd[SERVER];
	result(tls.recv(fd, in, 1, MSG_PEEK) == -1 && errno == EAGAIN,
	    "nothing to peek at");
	put(&t, CLIENT, 40000, 0);
	result(tls.recv(fd, in, 10, MSG_PEEK) == 10 &&
		   memcmp(in, pattern[CLIENT], 10) == 0,
	    "ten bytes of a record");
	result(tls.recv(fd, in, 50000, MSG_PEEK) == 40000 &&
		   memcmp(in, pattern[CLIENT], 40000) == 0,
	    "everything that is there, over records");
	result(get(&t, CLIENT, 15000, 0) == 15000, "a read after a peek");
	memset(in, 0, sizeof in);
	result(tls.recvmsg(fd, &(struct msghdr){.msg_iov = v, .msg_iovlen = 2},
		   MSG_PEEK) == 25000 &&
		   memcmp(in, pattern[CLIENT] + 15000, 25000) == 0,
	    "the rest, into two segments");
	result(get(&t, CLIENT, 50000, 0) == 25000, "and it is still there");
	put(&t, CLIENT, 10, 0);
	tls.shutdown(t.p.fd[CLIENT], SHUT_WR);
	result(tls.recv(fd, in, 20, MSG_PEEK) == 10 &&
		   tls.recv(fd, in, 20, MSG_PEEK | MSG_WAITALL) == 10,
	    "an end cuts a peek short");
	result(get(&t, CLIENT, 20, 0) == 10 &&
		   tls.recv(fd, in, 20, MSG_PEEK) == 0 &&
		   tls.recv(fd, in, 20, MSG_PEEK) == 0,
	    "a peek at the end is 0");
	pair_close(&t.p);
}

static size_t idle_step;
static int idle_left;

static bool
write_some(void)
{
	return idle_left-- > 0 && put(idle, CLIENT, idle_step, 0) > 0;
}

static void
test_waitall(void)
{
	struct traffic t;

	memory_test = "MSG_WAITALL";
	start(&t, "", "");
	idle = &t;
	memory_idle = write_some;
	idle_step = 700;
	idle_left = 50;
	t.p.m[SERVER]->nonblock = false;
	result(get(&t, CLIENT, 300, 0) == 300 && get(&t, CLIENT, 600, 0) == 400,
	    "without it what is there is enough");
	result(get(&t, CLIENT, 7000, MSG_WAITALL) == 7000,
	    "all of it is waited for");
	result(tls.recv(t.p.fd[SERVER], in, 2100, MSG_PEEK | MSG_WAITALL) ==
		       2100 &&
		   memcmp(in, pattern[CLIENT] + t.got[CLIENT], 2100) == 0,
	    "a peek waits too");
	result(get(&t, CLIENT, 9000, MSG_WAITALL | MSG_DONTWAIT) == 2100,
	    "MSG_DONTWAIT is stronger");
	put(&t, CLIENT, 10, 0);
	tls.shutdown(t.p.fd[CLIENT], SHUT_WR);
	result(get(&t, CLIENT, 100, MSG_WAITALL) == 10, "an end cuts it short");
	result(get(&t, CLIENT, 100, MSG_WAITALL) == 0, "and then is the end");
	pair_close(&t.p);
}

static void
test_trunc(void)
{
	struct traffic t;
	int fd;

	memory_test = "MSG_TRUNC";
	start(&t, "", "");
	fd = t.p.fd[SERVER];
	put(&t, CLIENT, 40000, 0);
	memset(in, 0x77, 40000);
	result(tls.recv(fd, in, 20000, MSG_TRUNC) == 20000 && in[0] == 0x77 &&
		   memcmp(in, in + 1, 39999) == 0,
	    "drops bytes and leaves the buffer alone");
	t.got[CLIENT] = 20000;
	result(get(&t, CLIENT, 5, 0) == 5, "the next byte is the next byte");
	result(tls.recv(fd, NULL, 50000, MSG_TRUNC) == 19995,
	    "needs no buffer, drops what is there");
	result(tls.recv(fd, NULL, 1, MSG_TRUNC) == -1 && errno == EAGAIN,
	    "nothing is left");
	pair_close(&t.p);
}

/* The peer wants new keys while our output is stuck. */
static void
test_key_update(void)
{
	struct traffic t;
	int round, a;
	bool good = true;

	memory_test = "KeyUpdate with a full pipe";
	for (a = 0; a < 2; a++) {
		start(&t, TLS13, "");
		t.p.m[!a]->room = 5000;
		t.p.m[a]->no_meminfo = true;
		for (round = 0; round < 4; round++) {
			while (put(&t, a, 16000, 0) > 0)
				;
			good &= bytes_left(&t.p.c[a]->out) > 0;
			gnutls_session_key_update(
			    theirs(&t.p, !a), GNUTLS_KU_PEER);
			good &= put(&t, !a, 500, 0) == 500;
			good &= get(&t, !a, 1000, 0) == 500;
			t.p.m[!a]->room += 3000;
			good &= carry(&t, a, 20000, 777);
			good &= carry(&t, !a, 20000, 777);
		}
		result(good && t.got[a] == t.sent[a],
		    "asked of side %d, %zu bytes one way, %zu the other", a,
		    t.got[a], t.got[!a]);
		pair_close(&t.p);
	}
}

/* The server reads; true if it got anything, be it half a record. */
static bool
read_some(void)
{
	size_t before = memory_left(idle->p.m[SERVER]);
	ssize_t n = get(idle, CLIENT, 4000, MSG_DONTWAIT);

	if (n == -2)
		memory_die("wrong bytes");
	return n > 0 || memory_left(idle->p.m[SERVER]) < before;
}

/*
 * The client's write waits; meanwhile the server wants new keys (TLS 1.3) or
 * a new handshake (1.2), and another call of the client meets that.
 */
static bool
ask_peer(void)
{
	gnutls_session_t server = theirs(&idle->p, SERVER);
	static int turn;
	char byte;

	if (turn++ % 8 != 0 || idle_left-- <= 0)
		return read_some();
	if (gnutls_protocol_get_version(server) == GNUTLS_TLS1_3)
		gnutls_session_key_update(server, GNUTLS_KU_PEER);
	else
		gnutls_rehandshake(server);
	(void)ready(idle->p.fd[SERVER], POLLOUT);
	if (tls.recv(idle->p.fd[CLIENT], &byte, 1, MSG_DONTWAIT) >= 0)
		memory_die("a byte from nowhere");
	return true;
}

static void
test_ask_in_write(void)
{
	struct traffic t;
	ssize_t n;
	int v;

	memory_test = "KeyUpdate or HelloRequest while a write waits";
	for (v = 0; v < 2; v++) {
		start(&t, versions[v], "");
		idle = &t;
		idle_left = 4;
		memory_idle = ask_peer;
		t.p.m[CLIENT]->nonblock = false;
		t.p.m[CLIENT]->no_meminfo = true;
		t.p.m[SERVER]->room = 3000;
		n = put(&t, CLIENT, 300000, 0);
		result(n == 300000 && idle_left <= 0, "%s takes all, %zd",
		    versions[v], n);
		memory_idle = NULL;
		t.p.m[CLIENT]->nonblock = true;
		result(carry(&t, CLIENT, 100, 100) &&
			   carry(&t, SERVER, 100, 100) &&
			   t.got[CLIENT] == 300100,
		    "in order, and so is what follows");
		pair_close(&t.p);
	}
}

/* The writer waits in send and poll while the reader, called from within,
 * makes room. */
static void
test_blocking(void)
{
	static const size_t rooms[] = {9000, 100, 300000};
	struct traffic t;
	ssize_t n;
	size_t i;

	memory_test = "a blocking write";
	for (i = 0; i < 3; i++) {
		start(&t, "", "");
		idle = &t;
		memory_idle = read_some;
		t.p.m[CLIENT]->nonblock = false;
		t.p.m[SERVER]->room = rooms[i];
		n = put(&t, CLIENT, 200000, 0);
		result(n == 200000, "room %zu: takes all, %zd", rooms[i], n);
		while (get(&t, CLIENT, MOST, 0) > 0)
			;
		result(t.got[CLIENT] == 200000, "and all arrives");
		pair_close(&t.p);
	}
}

static void
test_timeouts(void)
{
	const struct timeval tv = {0, 20000};
	struct traffic t;
	int64_t since = now_ms();
	ssize_t n;

	memory_test = "SO_RCVTIMEO and SO_SNDTIMEO";
	start(&t, "", "");
	t.p.m[CLIENT]->nonblock = false;
	t.p.m[SERVER]->room = 6000;
	tls.setsockopt(t.p.fd[CLIENT], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	tls.setsockopt(t.p.fd[CLIENT], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
	result(get(&t, SERVER, 1, 0) == -1 && errno == EAGAIN &&
		   now_ms() - since >= 20,
	    "a read ends in time with EAGAIN");
	put(&t, SERVER, 5, 0);
	result(get(&t, SERVER, 10, MSG_WAITALL) == 5,
	    "MSG_WAITALL gives what has come");
	n = put(&t, CLIENT, 50000, 0);
	result(n > 0 && n < 50000, "a write ends in time with %zd", n);
	result(put(&t, CLIENT, 50000, 0) == -1 && errno == EAGAIN,
	    "then with EAGAIN");
	while (get(&t, CLIENT, MOST, 0) > 0)
		;
	result(carry(&t, CLIENT, 3000, 3000), "no byte is lost");
	pair_close(&t.p);
}

static void
test_readiness(void)
{
	struct traffic t;
	unsigned recvs;
	int n = -1, fd;

	memory_test = "readiness";
	start(&t, "", "");
	fd = t.p.fd[SERVER];
	result(ready(fd, POLLIN | POLLOUT) == POLLOUT, "an idle pair");
	put(&t, CLIENT, 20000, 0);
	result(ready(fd, POLLIN) == POLLIN, "plaintext is there");
	result(tls.ioctl(fd, FIONREAD, &n) == 0 && n == 20000,
	    "FIONREAD counts every record: %d", n);
	recvs = t.p.m[SERVER]->recvs;
	result(tls.ioctl(fd, FIONREAD, &n) == 0 && n == 20000 &&
		   t.p.m[SERVER]->recvs == recvs,
	    "and asks no socket again that has nothing: %d", n);
	put(&t, CLIENT, 5, 0);
	result(tls.ioctl(fd, FIONREAD, &n) == 0 && n == 20005 &&
		   get(&t, CLIENT, 5, 0) == 5,
	    "what has come since is counted: %d", n);
	result(get(&t, CLIENT, 19999, 0) == 19999 &&
		   ready(fd, POLLIN) == POLLIN && get(&t, CLIENT, 5, 0) == 1 &&
		   ready(fd, POLLIN) == 0,
	    "until the last byte is read");
	t.p.m[SERVER]->send_most = 0;
	/* full, and no short send alone: that is tried again (wait.c) */
	t.p.m[SERVER]->room = 10;
	put(&t, CLIENT, 100, 0);
	result(ready(fd, POLLIN) == 0, "half a record is nothing to read");
	t.p.m[SERVER]->room = 0;
	result(ready(t.p.fd[CLIENT], POLLOUT) == POLLOUT &&
		   ready(fd, POLLIN) == POLLIN,
	    "a poll of the sender sends the other half");
	get(&t, CLIENT, 100, 0);
	tls.shutdown(t.p.fd[CLIENT], SHUT_WR);
	result(ready(fd, POLLIN | POLLRDHUP) == (POLLIN | POLLRDHUP),
	    "the end is there");
	pair_close(&t.p);
}

/* select(2): on Linux the timeout says what is left of it. */
static void
test_select(void)
{
	struct timeval left = {100, 0}, none = {0, 0};
	struct traffic t;
	fd_set r, w;
	int fd;

	memory_test = "select";
	start(&t, "", "");
	fd = t.p.fd[SERVER];
	put(&t, CLIENT, 5, 0);
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(fd, &r);
	FD_SET(fd, &w);
	result(tls.select(fd + 1, &r, &w, NULL, &left) == 2 &&
		   FD_ISSET(fd, &r) && FD_ISSET(fd, &w),
	    "both sets are told");
	result(left.tv_sec > 0 && left.tv_sec <= 100,
	    "%ld s are left of 100", (long)left.tv_sec);
	get(&t, CLIENT, 5, 0);
	result(tls.select(fd + 1, &r, NULL, NULL, &none) == 0 &&
		   !FD_ISSET(fd, &r) && none.tv_sec == 0 && none.tv_usec == 0,
	    "nothing more");
	pair_close(&t.p);
}

/* There is no urgent byte in TLS: none is sent, and none has come. */
static void
test_urgent(void)
{
	struct traffic t;
	char byte;

	memory_test = "MSG_OOB";
	start(&t, "", "");
	put(&t, CLIENT, 5, 0);
	result(tls.send(t.p.fd[CLIENT], "!", 1, MSG_OOB) == -1 &&
		   errno == EOPNOTSUPP,
	    "cannot be sent");
	result(tls.recv(t.p.fd[SERVER], &byte, 1, MSG_OOB) == -1 &&
		   errno == EINVAL,
	    "has not come");
	result(get(&t, CLIENT, 5, 0) == 5 && get(&t, CLIENT, 5, 0) == -1,
	    "and all else is there once");
	pair_close(&t.p);
}

/* The peer says nothing: what is written meanwhile is kept, and not all of it. */
static void
test_early(void)
{
	struct pair p;
	size_t total = 0;
	ssize_t n;

	memory_test = "written before the handshake";
	pair_open(&p, "do_handshake_on_connect = false;", "");
	p.c[CLIENT]->deferred = true;
	(void)pair_connect(&p);
	while (total < 4 << 20 &&
	       (n = tls.send(p.fd[CLIENT], pattern[0], 65536, 0)) > 0)
		total += (size_t)n;
	result(total > 0 && total < 1 << 20 && errno == EAGAIN,
	    "%zu bytes are taken, and then it says that it is full", total);
	pair_close(&p);
}

/* A program's filter may forbid to ask (F_GETFL): it is known who has set it. */
static void
test_nonblocking(void)
{
	struct traffic t;
	int fd, on = 1, off = 0;

	memory_test = "O_NONBLOCK";
	start(&t, "", "");
	fd = t.p.fd[CLIENT];
	tls.fcntl(fd, F_SETFL, (long)O_NONBLOCK);
	result(t.p.c[CLIENT]->nonblock, "set by fcntl");
	tls.fcntl(fd, F_SETFL, 0L);
	result(!t.p.c[CLIENT]->nonblock, "and taken away");
	tls.ioctl(fd, FIONBIO, &on);
	result(t.p.c[CLIENT]->nonblock, "set by ioctl");
	tls.ioctl(fd, FIONBIO, &off);
	result(!t.p.c[CLIENT]->nonblock, "and taken away");
	pair_close(&t.p);
}

int
main(void)
{
	pair_setup();
	test_nonblocking();
	test_byte_by_byte();
	test_sizes();
	test_order();
	test_scatter_gather();
	test_scatter_narrow();
	test_peek();
	test_waitall();
	test_trunc();
	test_key_update();
	test_ask_in_write();
	test_blocking();
	test_timeouts();
	test_readiness();
	test_select();
	test_urgent();
	test_early();
	return failures > 0;
}
