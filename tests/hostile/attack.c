/* attack.c - the attacks, each over as many connections as it wants */
#include <gnutls/crypto.h>
#include <netinet/tcp.h>
#include <poll.h>

#include "../fixtures/fixture.h"
#include "attack.h"
#include "foe.h"

#define V12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define V13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

int attack_scale = 100;
enum chain attack_chain;
long attack_least, attack_wrong;

static int
scaled(int n)
{
	return n * attack_scale / 100 > 0 ? n * attack_scale / 100 : 1;
}

/* Every prefix of the attacker's flights, then close, reset or silence. */
static void
prefixes(int server, const char *priority, void (*after)(struct foe *f))
{
	struct foe *held[64];
	long most = server ? 2400 : 700, i;
	int n = 0, step = scaled(100) < 100 ? 100 / scaled(100) : 1;

	for (i = attack_least; i < most; i += step) {
		held[n] = foe_new();
		held[n]->limit = i;
		if (foe_shake(held[n], priority) == 0) { /* that was all */
			foe_free(held[n]);
			most = i;
		} else {
			n++;
		}
		if (n == 64 || i + step >= most)
			while (n > 0)
				after(held[--n]);
	}
}

static void
close_at_each_byte(int server)
{
	prefixes(server, V13, foe_free);
	prefixes(server, V12, foe_free);
}

static void
reset_at_each_byte(int server)
{
	prefixes(server, V13, foe_reset);
}

static struct foe *silent[4096];
static int nsilent;

static void
keep(struct foe *f)
{
	silent[nsilent++] = f;
}

/* handshake_timeout of the victim's policy ends them. */
static void
stop_at_each_byte(int server)
{
	int i, open = 0;

	nsilent = 0;
	prefixes(server, V13, keep);
	for (i = 0; i < nsilent; i++) {
		open += !foe_ended(silent[i], i == 0 ? 8000 : 1000);
		foe_free(silent[i]);
	}
	attack_wrong += open;
}

/* A handshake and a byte that have to work. */
static void
shake_well(struct foe *f, const char *priority)
{
	int rv = foe_shake(f, priority);

	if (rv == 0 && foe_echo(f) == 0)
		return;
	printf("no session: %s\n", gnutls_strerror(rv));
	attack_wrong++;
}

static void
trickle(int server)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct foe *f = foe_new();

		f->step = 1;
		shake_well(f, i == 0 ? V13 : V12);
		foe_free(f);
	}
}

/* The beginning of a handshake, in which handshake_timeout has to end it. */
static void
byte_a_second(int server)
{
	static const char bytes[] = "\x16\x03\x03\x02\x00\x01\x00";
	struct foe *f = foe_new();
	size_t i = 0;

	do
		if (foe_send(f, bytes + i, 1) == -1)
			break;
	while (++i < sizeof bytes - 1 && !foe_ended(f, 1000));
	/* 2 s (lib.sh), and what a busy machine takes */
	attack_wrong += i < 2 || i > 5;
	foe_free(f);
}

/* The same bytes over and over, before any session. */
static void
flood_raw(const void *bytes, size_t len, long times)
{
	static unsigned char buf[60000];
	struct foe *f = foe_new();
	size_t n = 0;

	while (n + len <= sizeof buf && (long)(n / len) < times) {
		memcpy(buf + n, bytes, len);
		n += len;
	}
	for (times -= (long)(n / len); foe_send(f, buf, n) == 0 && times > 0;
	     times -= (long)(n / len))
		;
	(void)foe_hear(f, 100);
	foe_free(f);
}

#define FLOOD_RAW(name, bytes) \
	static void name(int server) \
	{ \
		flood_raw(bytes, sizeof bytes - 1, scaled(1000000)); \
	}

FLOOD_RAW(plaintext, "GET / HTTP/1.0\r\nHost: marker-of-nobody\r\n\r\n")
FLOOD_RAW(empty_handshake_records, "\x16\x03\x03\x00\x00")
FLOOD_RAW(empty_data_records, "\x17\x03\x03\x00\x00")
FLOOD_RAW(change_cipher_specs, "\x14\x03\x03\x00\x01\x01")
FLOOD_RAW(plain_warnings, "\x15\x03\x03\x00\x02\x01\x5a")
FLOOD_RAW(hello_requests, "\x16\x03\x03\x00\x04\x00\x00\x00\x00")

static void
garbage(int server)
{
	unsigned char buf[2048];
	int i;

	for (i = 0; i < scaled(500); i++) {
		struct foe *f = foe_new();

		gnutls_rnd(GNUTLS_RND_NONCE, buf, sizeof buf);
		if (i % 3 > 0) { /* so that it goes deeper */
			memcpy(buf, "\x16\x03\x03\x02\x00", 5);
			buf[5] = (unsigned char)(server ? 2 : 1);
		}
		if (i % 3 > 1)
			memcpy(buf + 6, "\x00\x01\xfc\x03\x03", 5);
		(void)foe_send(f, buf, sizeof buf);
		(void)foe_hear(f, 20);
		foe_free(f);
	}
}

/* Records that are longer than any may be, and a message of 16 MB. */
static void
oversized(int server)
{
	static unsigned char buf[70000];
	struct foe *f;
	int i;

	for (i = 0; i < 3; i++) {
		static const unsigned char heads[3][5] = {
		    {22, 3, 1, 0xff, 0xff}, {23, 3, 3, 0x48, 0x01},
		    {22, 3, 3, 0x41, 0x00}};

		f = foe_new();
		memcpy(buf, heads[i], 5);
		(void)foe_send(f, buf, sizeof buf);
		(void)foe_hear(f, 100);
		foe_free(f);
	}
	f = foe_new();
	memset(buf, 0, sizeof buf);
	memcpy(buf, "\x16\x03\x03\x40\x00", 5);
	for (i = 0; i < 64 + scaled(960); i++) { /* 512 KB are refused */
		if (i == 0)
			memcpy(buf + 5, server ? "\x02\xff\xff\xff"
					       : "\x01\xff\xff\xff", 4);
		else
			memset(buf + 5, 0, 4);
		if (foe_send(f, buf, 5 + 16384) == -1)
			break;
	}
	attack_wrong += !foe_ended(f, 1000);
	foe_free(f);
}

/* The same act over and over in a session that is open. */
static void
flood(int server, const char *priority, int times,
    int (*act)(gnutls_session_t s))
{
	struct foe *f = foe_new();
	int i;

	shake_well(f, priority);
	for (i = 0; i < scaled(times); i++) {
		if (act(f->session) < 0)
			break;
		if (i % 64 == 0) /* what it answers is not to stop it */
			(void)foe_hear(f, 0);
	}
	(void)foe_hear(f, 100);
	foe_free(f);
}

static int
update_keys(gnutls_session_t s)
{
	return gnutls_session_key_update(s, GNUTLS_KU_PEER);
}

static void
key_updates(int server)
{
	flood(server, V13, 50000, update_keys);
}

static int
send_ticket(gnutls_session_t s)
{
	return gnutls_session_ticket_send(s, 1, 0);
}

static void
tickets(int server)
{
	flood(server, V13, 20000, send_ticket);
}

static int
send_warning(gnutls_session_t s)
{
	return gnutls_alert_send(
	    s, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
}

static void
warnings(int server)
{
	flood(server, V13, 200000, send_warning);
	flood(server, V12, 200000, send_warning);
}

static int
send_nothing(gnutls_session_t s)
{
	int rv = (int)gnutls_record_send(s, "", 0);

	return rv == 0 ? 0 : rv;
}

static void
empty_records(int server)
{
	flood(server, V13, 200000, send_nothing);
	flood(server, V12, 200000, send_nothing);
}

static int
ask_again(gnutls_session_t s)
{
	return gnutls_rehandshake(s);
}

/* A client's new hello in a session that is open; it is not answered. */
static int
shake_again(gnutls_session_t s)
{
	int rv = gnutls_handshake(s);

	return gnutls_error_is_fatal(rv) ? rv : 0;
}

static void
renegotiations(int server)
{
	flood(server, V12, 50000, server ? ask_again : shake_again);
}

/* It sends and reads nothing of what comes back. */
static int
send_much(gnutls_session_t s)
{
	static char buf[16384];

	return (int)gnutls_record_send(s, buf, sizeof buf);
}

static void
deaf(int server)
{
	struct foe *f = foe_new();
	int i;

	shake_well(f, V13);
	for (i = 0; i < scaled(8000) && send_much(f->session) > 0; i++)
		;
	foe_free(f);
}

/* Nobody that the victim could trust. */
static void
with_chain(enum chain chain)
{
	struct foe *f;
	int i;

	attack_chain = chain;
	for (i = 0; i < scaled(20); i++) {
		f = foe_new();
		attack_wrong +=
		    foe_shake(f, i % 2 ? V13 : V12) == 0 && foe_echo(f) == 0;
		foe_free(f);
	}
	attack_chain = CHAIN_GOOD;
}

static void
long_chain(int server)
{
	with_chain(CHAIN_LONG);
}

/* As many as are looked at (CHAIN_SENT). */
static void
full_chain(int server)
{
	with_chain(CHAIN_FULL);
}

static void
big_chain(int server)
{
	with_chain(CHAIN_BIG);
}

#define BOTH (AT_SERVER | AT_CLIENT)
/* detect: what begins with a handshake record; native: before any session */
const struct attack attacks[] = {
    {"closes at each byte", BOTH | AT_DETECT | AT_NATIVE, close_at_each_byte},
    {"resets at each byte", BOTH | AT_DETECT | AT_NATIVE, reset_at_each_byte},
    {"stops at each byte", BOTH | AT_DETECT, stop_at_each_byte},
    {"one byte at a time", BOTH | AT_DETECT, trickle},
    {"a byte a second", BOTH | AT_DETECT, byte_a_second},
    {"plaintext", BOTH | AT_NATIVE, plaintext},
    {"garbage", BOTH | AT_NATIVE, garbage},
    {"oversized", BOTH | AT_NATIVE, oversized},
    {"empty handshake records", BOTH | AT_DETECT | AT_NATIVE,
	empty_handshake_records},
    {"empty data records, plain", BOTH | AT_NATIVE, empty_data_records},
    {"change_cipher_spec", BOTH | AT_NATIVE, change_cipher_specs},
    {"plain warnings", BOTH | AT_NATIVE, plain_warnings},
    {"plain hello requests", BOTH | AT_DETECT | AT_NATIVE, hello_requests},
    {"key updates", BOTH | AT_DETECT, key_updates},
    {"tickets", AT_CLIENT, tickets},
    {"warnings", BOTH | AT_DETECT, warnings},
    {"empty records", BOTH | AT_DETECT, empty_records},
    {"renegotiation", BOTH | AT_DETECT, renegotiations},
    {"sends and never reads", BOTH | AT_DETECT, deaf},
    {"100 certificates", AT_CLIENT, long_chain},
    {"40 certificates", AT_CLIENT, full_chain},
    {"1 MB of certificates", AT_CLIENT, big_chain},
    {NULL, 0, NULL},
};
