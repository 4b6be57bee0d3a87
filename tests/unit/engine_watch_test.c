/* engine_watch_test.c - first messages, whole and in every part */
#include <stdio.h>
#include <string.h>

#include "../../shim/engine/watch.h"
#include "result.h"

/* A ServerHello of RFC 8446, 4.1.3, that chooses 0x0304; returns its length. */
static size_t
server_hello(unsigned char *msg, unsigned legacy, unsigned chosen)
{
	size_t n = 4;

	msg[n++] = (unsigned char)(legacy >> 8);
	msg[n++] = (unsigned char)legacy;
	memset(msg + n, 0x5a, 32);
	n += 32;
	msg[n++] = 0;    /* session id */
	msg[n++] = 0x13; /* suite */
	msg[n++] = 0x01;
	msg[n++] = 0; /* compression */
	if (chosen != 0) {
		const unsigned char ext[] = {0, 6, 0, 43, 0, 2,
		    (unsigned char)(chosen >> 8), (unsigned char)chosen};

		memcpy(msg + n, ext, sizeof ext);
		n += sizeof ext;
	}
	msg[0] = 2;
	msg[1] = msg[2] = 0;
	msg[3] = (unsigned char)(n - 4);
	return n;
}

/* In records of at most `most` bytes each, then a record of another type. */
static size_t
records(unsigned char *out, const unsigned char *msg, size_t len, size_t most)
{
	static const unsigned char after[] = {20, 3, 3, 0, 1, 1, 23, 3, 3, 0};
	size_t n = 0, k;

	for (; len > 0; msg += k, len -= k) {
		k = len < most ? len : most;
		out[n++] = 22;
		out[n++] = 3;
		out[n++] = 3;
		out[n++] = (unsigned char)(k >> 8);
		out[n++] = (unsigned char)k;
		memcpy(out + n, msg, k);
		n += k;
	}
	memcpy(out + n, after, sizeof after);
	return n + sizeof after;
}

/* Every prefix may be one, up to the one that is; and it stays one. */
static bool
grows_to_hello(const unsigned char *p, size_t len, size_t hello, int minimum)
{
	unsigned version;
	size_t i;

	for (i = 0; i <= len; i++)
		if (watch_hear(p, i, false, minimum, &version) !=
		    (i < hello ? HEARD_PART : HEARD_HELLO))
			return false;
	return true;
}

static void
test_server_hello(void)
{
	unsigned char msg[128], wire[1024];
	size_t n = server_hello(msg, 0x0303, 0x0304), len, most;
	unsigned version;
	bool good = true;

	for (most = 1; most <= n; most++) {
		len = records(wire, msg, n, most);
		good &= grows_to_hello(wire, len, len - 10, TLS_V1_3);
	}
	result(good, "a ServerHello in records of any length, in every part");
	len = records(wire, msg, n, n);
	watch_hear(wire, len, false, TLS_V1_2, &version);
	result(version == 0x0304, "the extension says which version");
	n = server_hello(msg, 0x0303, 0);
	len = records(wire, msg, n, n);
	result(
	    watch_hear(wire, len, false, TLS_V1_2, &version) == HEARD_HELLO &&
		version == 0x0303,
	    "without it the old field does");
	result(watch_hear(wire, len, false, TLS_V1_3, &version) == HEARD_ELSE,
	    "an older version than the least is none");
	result(watch_hear(wire, len, true, TLS_V1_2, &version) == HEARD_ELSE,
	    "a ServerHello is no ClientHello");
}

static void
test_others(void)
{
	static const unsigned char client[] = {22, 3, 1, 0, 5, 1, 0, 0, 1, 0};
	static const unsigned char alert[] = {21, 3, 3, 0, 2, 2, 70};
	static const unsigned char long_[] = {22, 3, 3, 0, 4, 2, 255, 255, 255};
	unsigned version;

	result(watch_hear(client, sizeof client, true, 0, &version) ==
		       HEARD_HELLO &&
		   watch_hear(client, 5, true, 0, &version) == HEARD_PART,
	    "a ClientHello is known by its first six bytes");
	result(
	    watch_hear(client, sizeof client, false, 0, &version) == HEARD_ELSE,
	    "a ClientHello is no ServerHello");
	result(watch_hear((const unsigned char *)"GET /", 5, true, 0,
		   &version) == HEARD_ELSE &&
		   watch_hear((const unsigned char *)"\x80\x2e\x01", 3, true, 0,
		       &version) == HEARD_ELSE,
	    "plaintext and SSLv2 are none");
	result(
	    watch_hear(alert, sizeof alert, false, 0, &version) == HEARD_PART,
	    "an alert says nothing yet");
	result(
	    watch_hear(long_, sizeof long_, false, 0, &version) == HEARD_ELSE,
	    "a message that claims megabytes is none");
	result(watch_hear(NULL, 0, true, 0, &version) == HEARD_PART,
	    "nothing may become anything");
}

/* A plaintext program's bytes may begin as a record does. */
static void
test_no_records(void)
{
	static const unsigned char none[][5] = {{21, 3, 3, 0, 1},
	    {21, 3, 3, 0, 3}, {21, 3, 3, 7, 0}, {22, 3, 3, 0, 0},
	    {22, 3, 3, 64, 1}, {22, 3, 5, 0, 9}, {21, 3, 9, 0, 2}};
	static const unsigned char most[] = {22, 3, 3, 64, 0};
	bool good = true;
	unsigned version;
	size_t i;

	for (i = 0; i < sizeof none / sizeof none[0]; i++)
		good &= watch_hear(none[i], 5, i % 2, 0, &version) == HEARD_ELSE;
	result(good, "no length and no version but a record's");
	result(watch_hear(most, 5, false, 0, &version) == HEARD_PART,
	    "the longest may be one");
}

int
main(void)
{
	test_server_hello();
	test_others();
	test_no_records();
	return failures > 0;
}
