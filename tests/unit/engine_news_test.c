/* engine_news_test.c - which input is worth a call of GnuTLS in a handshake */

#include "../../shim/engine/handshake.c"
#include "pair.h"

#define CCS "\x14\x03\x03\x00\x01\x01"
#define FINISHED "\x17\x03\x03\x00\x04wxyz"

static const struct {
	const char *what;
	const char *bytes;
	size_t len;
	bool news;
	size_t input;
} table[] = {
    {"nothing", "", 0, false, 0},
    {"a header that is not whole", "\x16\x03\x03\x00", 4, false, 0},
    {"a header alone", "\x16\x03\x03\x00\x04", 5, false, 0},
    {"all of a record but its last byte", FINISHED, 8, false, 0},
    {"a record", FINISHED, 9, true, 9},
    {"a record and a piece of the next", FINISHED "\x17", 10, true, 9},
    {"an empty record", "\x17\x03\x03\x00\x00", 5, true, 5},
    {"a ChangeCipherSpec and a piece", CCS FINISHED, 14, true, 6},
    {"a record too long to come", "\x16\x03\x03\xff\xff", 5, true, 5},
};

static const struct {
	const char *what;
	const char *bytes;
	size_t len;
	bool newest; /* TLS 1.3 */
	bool dropped;
} alone[] = {
    {"in TLS 1.2", CCS, 6, false, false},
    {"with another value", "\x14\x03\x03\x00\x01\x02", 6, true, false},
    {"with more in it", "\x14\x03\x03\x00\x02\x01\x01", 7, true, false},
    {"with a record behind it", CCS FINISHED, 15, true, false},
    {"that is a piece", CCS, 5, true, false},
    {"in TLS 1.3", CCS, 6, true, true},
    {"for the second time", CCS, 6, true, true},
    {"for the third time", CCS, 6, true, false},
};

/* A ChangeCipherSpec, where one has come. */
static void
check_alone(unsigned char *copy, size_t cap)
{
	struct conn c = {.state = CONN_HANDSHAKE, .peer_version = 0x0304};
	size_t i, left;
	bool dropped;

	for (i = 0; i < sizeof alone / sizeof *alone; i++) {
		memcpy(copy, alone[i].bytes, alone[i].len);
		bytes_borrow(&c.in, copy, alone[i].len, cap);
		dropped = drops(&c, alone[i].newest);
		left = bytes_left(&c.in);
		result(dropped == alone[i].dropped &&
			left == (dropped ? 0 : alone[i].len),
		    "a ChangeCipherSpec %s %s", alone[i].what,
		    alone[i].dropped ? "is dropped" : "is GnuTLS's to judge");
		c.in = (struct bytes){0};
	}
}

int
main(void)
{
	static unsigned char copy[64];
	struct conn c = {.state = CONN_HANDSHAKE, .peer_version = 0x0304};
	size_t i, n;

	memory_test = "news";
	for (i = 0; i < sizeof table / sizeof *table; i++) {
		memcpy(copy, table[i].bytes, table[i].len);
		bytes_borrow(&c.in, copy, table[i].len, sizeof copy);
		c.record_left = 0;
		n = handshake_input(&c);
		result(has_news(&c) == table[i].news && n == table[i].input,
		    "%s: %s, and GnuTLS may have %zu bytes", table[i].what,
		    table[i].news ? "is tried" : "waits for more", n);
		c.in = (struct bytes){0};
	}
	memcpy(copy, "\x16\x03\x09", 3);
	bytes_borrow(&c.in, copy, 3, sizeof copy);
	c.peer_version = 0;
	result(has_news(&c) && handshake_input(&c) == 3,
	    "before a hello everything is tried");
	c.in = (struct bytes){0};
	check_alone(copy, sizeof copy);
	return failures > 0;
}
