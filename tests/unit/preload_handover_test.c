/* preload_handover_test.c - relayed connections as text, and text that lies */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../shim/preload/handover.c"

static int failed;

#define CHECK(x)                                                       \
	do {                                                           \
		if (!(x)) {                                            \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #x); \
			failed = 1;                                    \
		}                                                      \
	} while (0)

static struct shim_relayed
relayed4(void)
{
	struct shim_relayed r = {.cookie = 0x1f2, .protocol = 6};

	r.local.in.sin_family = r.peer.in.sin_family = AF_INET;
	r.local.in.sin_port = htons(8080);
	r.local.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	r.peer.in.sin_port = htons(65535);
	r.peer.in.sin_addr.s_addr = htonl(0xc0000201);
	return r;
}

static struct shim_relayed
relayed6(void)
{
	struct shim_relayed r = {.cookie = UINT64_MAX, .protocol = 262};

	r.local.in6.sin6_family = r.peer.in6.sin6_family = AF_INET6;
	memset(&r.local.in6.sin6_addr, 0xfe, 16);
	r.local.in6.sin6_port = htons(1);
	r.local.in6.sin6_scope_id = 0xffffffff;
	r.peer.in6.sin6_addr = in6addr_loopback;
	return r;
}

static int
is_same(const struct shim_relayed *a, const struct shim_relayed *b)
{
	return a->cookie == b->cookie && a->refused == b->refused && a->protocol == b->protocol &&
	    memcmp(&a->local, &b->local, sizeof a->local) == 0 &&
	    memcmp(&a->peer, &b->peer, sizeof a->peer) == 0;
}

static void
test_what_is_written_reads_the_same(void)
{
	struct shim_relayed in[3] = {relayed4(), relayed6(), relayed4()};
	struct shim_relayed out[4] = {0};
	char text[4 * HANDOVER_ENTRY];
	size_t n = 0, i;

	memset(&in[2].peer, 0, sizeof in[2].peer);
	in[1].refused = in[2].refused = 1;
	for (i = 0; i < 3; i++) {
		size_t len = handover_write(&in[i], text + n);

		CHECK(len > 0 && len <= HANDOVER_ENTRY);
		n += len;
	}
	text[n] = '\0';
	CHECK(handover_read(text, out, 4) == 3);
	for (i = 0; i < 3; i++)
		CHECK(is_same(&in[i], &out[i]));
	CHECK(handover_read(text, out, 2) == 2);
}

static void
test_the_form_is_what_the_header_says(void)
{
	struct shim_relayed r = relayed4();
	char text[HANDOVER_ENTRY + 1];

	text[handover_write(&r, text)] = '\0';
	CHECK(strcmp(text, "1f2.6.4.7f0000011f90.c0000201ffff,") == 0);
}

static void
test_what_is_no_entry_ends_the_reading(void)
{
	static const char good[] = "1f2.6.4.7f0000011f90.c0000201ffff,";
	static const char *const bad[] = {"", ",", ".", "1f2", "1f2.", "1f2.6",
	    "1f2.6.4", "1f2.6.4.", "1f2.6.4.7f0000011f90",
	    "1f2.6.4.7f0000011f90.c0000201ffff",
	    "0.6.4.7f0000011f90.c0000201ffff,",
	    "1F2.6.4.7f0000011f90.c0000201ffff,",
	    "1f2.6.5.7f0000011f90.c0000201ffff,",
	    "1f2.6.6.7f0000011f90.c0000201ffff,",
	    "1f2.6.4.7f0000011f9.c0000201ffff,",
	    "1f2.6.4.7f0000011f900.c0000201ffff,",
	    "1f2.6.4.-.c0000201ffff,", "1f2.6666.4.7f0000011f90.-,",
	    "11112222333344445.6.4.7f0000011f90.-,",
	    "-1.6.4.7f0000011f90.-,", " 1f2.6.4.7f0000011f90.-,",
	    "1f2.6.4.7f0000011f90.--,", "\xff\xff\xff.6.4.-.-,"};
	struct shim_relayed out[4];
	char text[200];
	size_t i;

	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		CHECK(handover_read(bad[i], out, 4) == 0);
		snprintf(text, sizeof text, "%s%s;%s", good, bad[i], good);
		CHECK(handover_read(text, out, 4) == 1);
	}
}

/* Any text that is cut, or has one character changed, is read within it. */
static void
test_each_change_of_a_text_is_harmless(void)
{
	struct shim_relayed r = relayed6(), out[4];
	char text[HANDOVER_ENTRY + 1];
	size_t n = handover_write(&r, text), i;
	int c;

	text[n] = '\0';
	for (i = 0; i < n; i++) {
		char *copy = strndup(text, i); /* to the byte: for ASan */

		CHECK(handover_read(copy, out, 4) == 0);
		free(copy);
		for (c = 0; c < 256; c++) {
			copy = strdup(text);
			copy[i] = (char)c;
			CHECK(handover_read(copy, out, 4) <= 1);
			free(copy);
		}
	}
}

static void
run(const char *name, void (*function)(void))
{
	int before = failed;

	failed = 0;
	function();
	printf("%s %s\n", failed ? "not ok" : "ok", name);
	failed |= before;
}

#define RUN(name) run(#name, name)

int
main(void)
{
	RUN(test_what_is_written_reads_the_same);
	RUN(test_the_form_is_what_the_header_says);
	RUN(test_what_is_no_entry_ends_the_reading);
	RUN(test_each_change_of_a_text_is_harmless);
	return failed;
}
