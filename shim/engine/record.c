/* record.c - TLS 1.3 application data between a program's memory and the wire
 */

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "conn.h"
#include "record.h"

#define HEADER RECORD_HEADER
#define TAG 16
#define DATA 23       /* application_data, RFC 8446, 5.1 */
#define BEFORE 8      /* an idle connection keeps no second key */
#define STRAIGHT 1024 /* shorter ones are copied: that costs less than care */
#define PAGE 4096
#define REKEY 0xfffff0 /* of 2^24: GnuTLS is about to change its key */

/* All with a tag of 16 bytes and a nonce of 12. */
static bool
suits(gnutls_session_t s)
{
	if (gnutls_protocol_get_version(s) != GNUTLS_TLS1_3)
		return false;
	switch (gnutls_cipher_get(s)) {
	case GNUTLS_CIPHER_AES_128_GCM:
	case GNUTLS_CIPHER_AES_256_GCM:
	case GNUTLS_CIPHER_CHACHA20_POLY1305:
		return true;
	default:
		return false;
	}
}

static bool
is_ours(struct conn *c)
{
	if (c->record.whose == RECORD_UNKNOWN) {
		c->record.whose =
		    suits(c->session) ? RECORD_OURS : RECORD_THEIRS;
		c->record.kept = true;
	}
	return c->record.whose == RECORD_OURS;
}

static void
drop(struct record_key *k)
{
	if (k->hd != NULL)
		gnutls_cipher_deinit(k->hd);
	k->hd = NULL;
	k->state = NULL;
}

/*
 * gnutls_cipher_hd_t begins with a pointer to what the cipher has of its own
 * (GnuTLS 3.7.9, lib/cipher_int.h).  Where it does not, it is some address, and
 * nothing is done with it but to ask for memory ahead of time.
 */
static void
note_state(struct record_key *k)
{
	memcpy(&k->state, k->hd, sizeof k->state);
}

static bool
renew(struct conn *c, struct record_key *k, const gnutls_datum_t *secret,
    const gnutls_datum_t *iv)
{
	drop(k);
	if (gnutls_cipher_init(
		&k->hd, gnutls_cipher_get(c->session), secret, iv) < 0) {
		k->hd = NULL;
		return false;
	}
	note_state(k);
	memcpy(k->iv, iv->data, RECORD_NONCE);
	return true;
}

/* What GnuTLS has for the next record of one direction. */
static bool
learn(struct conn *c, struct record_key *k, bool reading)
{
	gnutls_datum_t iv, secret;
	uint64_t number;

	if (gnutls_record_get_state(c->session, reading, NULL, &iv, &secret,
		(unsigned char *)&number) < 0 ||
	    iv.size != RECORD_NONCE)
		return false;
	if ((k->hd == NULL || memcmp(k->iv, iv.data, RECORD_NONCE) != 0) &&
	    !renew(c, k, &secret, &iv))
		return false;
	k->number = be64toh(number);
	k->ahead = false;
	k->known = true;
	return true;
}

/* Is k ready for a record?  nonce: what that one has, RFC 8446, 5.3. */
static inline bool
next(struct conn *c, struct record_key *k, bool reading,
    unsigned char nonce[RECORD_NONCE])
{
	uint64_t low, number;

	if (!k->known) {
		if (k->before < BEFORE) {
			k->before++;
			return false;
		}
		if (!learn(c, k, reading))
			return false;
	}
	memcpy(nonce, k->iv, RECORD_NONCE);
	memcpy(&low, nonce + RECORD_NONCE - 8, 8);
	number = htobe64(k->number);
	low ^= number;
	memcpy(nonce + RECORD_NONCE - 8, &low, 8);
	return true;
}

/* This record's number is used up. */
static inline void
count(struct record_key *k)
{
	k->number++;
	k->ahead = true;
}

/* GnuTLS goes on with the number that is next; false: it was not told. */
static bool
give_back(struct conn *c, struct record_key *k, bool reading)
{
	uint64_t number = htobe64(k->number);

	if (k->ahead &&
	    gnutls_record_set_state(
		c->session, reading, (unsigned char *)&number) < 0)
		return false;
	k->known = k->ahead = false;
	return true;
}

void
record_yield(struct conn *c)
{
	(void)give_back(c, &c->record.rx, true);
	(void)give_back(c, &c->record.tx, false);
	conn_touched(c);
	c->record.kept = true;
}

bool
record_idle(struct conn *c, bool reading)
{
	struct record_key *k = reading ? &c->record.rx : &c->record.tx;

	k->known = false;
	conn_touched(c);
	return !k->ahead;
}

/* The content's length, behind which are its type and padding; 0: no data. */
static size_t
content(const unsigned char *plain, size_t n)
{
	while (n > 0 && plain[n - 1] == 0)
		n--;
	return n > 0 && plain[n - 1] == DATA ? n - 1 : 0;
}

/* As gnutls_memcmp, in a time that says nothing, and in six instructions. */
static inline bool
is_same(const unsigned char a[TAG], const unsigned char b[TAG])
{
	uint64_t x[2], y[2];

	memcpy(x, a, TAG);
	memcpy(y, b, TAG);
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

/* h: a whole record; into at, where there is room for all of it. */
OFTEN static size_t
open_at(struct record_key *key, unsigned char *nonce, const unsigned char *h,
    size_t size, unsigned char *at)
{
	const unsigned char *sealed = h + HEADER;
	gnutls_cipher_hd_t hd = key->hd;
	unsigned char tag[TAG];
	size_t n = size - TAG, k = 0;

	gnutls_cipher_set_iv(hd, nonce, RECORD_NONCE);
	if (gnutls_cipher_add_auth(hd, h, HEADER) == 0 &&
	    gnutls_cipher_decrypt2(hd, sealed, n, at, n) == 0 &&
	    gnutls_cipher_tag(hd, tag, TAG) == 0 && is_same(tag, sealed + n))
		k = content(at, n);
	if (likely(k > 0)) {
		count(key);
		return k;
	}
	gnutls_memset(at, 0, n); /* nobody's, or not data */
	return 0;
}

/*
 * The type behind the content goes to a byte that the program gave us and is
 * not told of; it may hold something there all the same, if it has claimed
 * more room than it has.  So that byte stays as it is, and no page is touched
 * for its sake alone.
 */
static size_t
open_straight(struct record_key *key, unsigned char *nonce,
    const unsigned char *h, size_t size, unsigned char *buf)
{
	unsigned char *behind = buf + size - TAG - 1, kept = *behind;
	size_t k = open_at(key, nonce, h, size, buf);

	*behind = kept;
	return k;
}

static bool
may_go_straight(const unsigned char *buf, size_t len, size_t size)
{
	uintptr_t end = (uintptr_t)buf + size - TAG;

	return size >= STRAIGHT && len >= size - TAG &&
	       (end - 1) / PAGE == (end - 2) / PAGE;
}

static size_t
open_copied(struct record_key *key, unsigned char *nonce,
    const unsigned char *h, size_t size, unsigned char *buf)
{
	unsigned char *aside = thread_record();
	size_t k = aside != NULL ? open_at(key, nonce, h, size, aside) : 0;

	if (k > 0)
		memmove(buf, aside, k); /* it may be the same */
	return k;
}

/* h: a whole record, whose nonce that is, into buf, where its content fits. */
static inline size_t
open_into(struct record_key *key, unsigned char *nonce,
    const unsigned char *h, size_t size, unsigned char *buf, size_t len)
{
	return may_go_straight(buf, len, size)
		   ? open_straight(key, nonce, h, size, buf)
		   : open_copied(key, nonce, h, size, buf);
}

OFTEN size_t
record_open_one(
    struct conn *c, const unsigned char *h, size_t n, void *buf, size_t len)
{
	unsigned char nonce[RECORD_NONCE];
	size_t size;

	if (n < HEADER)
		return 0;
	size = (size_t)h[3] << 8 | h[4];
	if (n != HEADER + size || h[0] != DATA || n > RECORD_MOST ||
	    size <= TAG + 1 || len < size - TAG - 1)
		return 0;
	(void)next(c, &c->record.rx, true, nonce);
	return open_into(&c->record.rx, nonce, h, size, buf, len);
}

bool
record_keeps(const struct conn *c)
{
	return (c->record.whose != RECORD_OURS || c->record.kept) &&
	       gnutls_record_check_pending(c->session) > 0;
}

/* What GnuTLS has decrypted comes before what it has not seen. */
static bool
theirs_first(struct conn *c)
{
	c->record.kept = record_keeps(c);
	return c->record.kept;
}

ssize_t
record_open(struct conn *c, void *buf, size_t len)
{
	const unsigned char *h = bytes_at(&c->in);
	size_t n = bytes_left(&c->in), size, k;
	struct record_key *key = &c->record.rx;
	unsigned char nonce[RECORD_NONCE];

	if (!is_ours(c) || c->record.lent > 0 || theirs_first(c))
		return 0;
	if (n < HEADER)
		return -EAGAIN;
	size = (size_t)h[3] << 8 | h[4];
	if (n < HEADER + size && HEADER + size <= RECORD_MOST)
		return -EAGAIN;
	c->record.lent = HEADER + size < n ? HEADER + size : n;
	/* what will not fit is kept by GnuTLS, which has to have it first */
	if (c->record.within || h[0] != DATA || HEADER + size > RECORD_MOST ||
	    size <= TAG + 1 || len < size - TAG - 1 ||
	    !next(c, key, true, nonce))
		return 0;
	k = open_into(key, nonce, h, size, buf, len);
	if (k > 0) {
		bytes_take(&c->in, HEADER + size);
		c->record.lent = 0;
	}
	return (ssize_t)k;
}

/*
 * The part of a record that goes from the program's memory without a copy: the
 * type that follows the content (RFC 8446, 5.2) is not there.  Whole blocks,
 * which ChaCha20 has of 64 bytes.  gnutls_aead_cipher_encryptv would copy.
 */
static inline size_t
straight(size_t len)
{
	return len < STRAIGHT ? 0 : len & ~(size_t)63;
}

OFTEN static size_t
seal_at(struct record_key *key, unsigned char *nonce, unsigned char *h,
    const void *data, size_t len)
{
	size_t size = len + 1 + TAG, first = straight(len);
	size_t rest = len + 1 - first;
	unsigned char *at = h + HEADER, *last = at + first;
	gnutls_cipher_hd_t hd = key->hd;

	memcpy(h, (unsigned char[]){DATA, 3, 3}, 3);
	h[3] = (unsigned char)(size >> 8);
	h[4] = (unsigned char)size;
	memcpy(last, (const unsigned char *)data + first, rest - 1);
	at[len] = DATA;
	/* before it is used: whoever comes in between must not have it too */
	count(key);
	gnutls_cipher_set_iv(hd, nonce, RECORD_NONCE);
	if (gnutls_cipher_add_auth(hd, h, HEADER) < 0 ||
	    (first > 0 &&
		gnutls_cipher_encrypt2(hd, data, first, at, first) < 0) ||
	    gnutls_cipher_encrypt2(hd, last, rest, last, rest) < 0 ||
	    gnutls_cipher_tag(hd, last + rest, TAG) < 0) {
		explicit_bzero(at, len);
		key->number--;
		return 0;
	}
	return HEADER + size;
}

/* Has GnuTLS nothing to say before, and sent records of that size? */
static inline bool
may_seal(const struct conn *c, size_t len)
{
	return !c->record.asks && len <= c->record.taken;
}

static inline bool
lasts(const struct record_key *key)
{
	return (key->number & 0xffffff) < REKEY;
}

size_t
record_seal(struct conn *c, const void *data, size_t len)
{
	struct record_key *key = &c->record.tx;
	unsigned char *h, nonce[RECORD_NONCE];
	size_t n;

	if (!is_ours(c) || !may_seal(c, len) || !next(c, key, false, nonce) ||
	    !lasts(key))
		return 0;
	session_out(c);
	h = bytes_room(&c->out, HEADER + len + 1 + TAG);
	n = h != NULL ? seal_at(key, nonce, h, data, len) : 0;
	c->out.len += n;
	return n > 0 ? len : 0;
}

OFTEN size_t
record_seal_one(
    struct conn *c, unsigned char *at, const void *data, size_t len)
{
	struct record_key *key = &c->record.tx;
	unsigned char nonce[RECORD_NONCE];

	if (len > c->record.taken || !lasts(key))
		return 0;
	(void)next(c, key, false, nonce);
	return seal_at(key, nonce, at, data, len);
}

void
record_received(struct conn *c, ssize_t result)
{
	c->record.asks |= result <= 0;
	c->record.within = result <= 0;
}

void
record_sent(struct conn *c, size_t len)
{
	c->record.asks = false;
	if (len > c->record.taken)
		c->record.taken = len;
}

bool
record_waits(const struct conn *c)
{
	const unsigned char *h = bytes_at(&c->in);
	size_t n = bytes_left(&c->in), size;

	if (c->record.whose != RECORD_OURS || c->record.lent > 0)
		return n > 0;
	if (n < HEADER)
		return false;
	size = HEADER + ((size_t)h[3] << 8 | h[4]);
	return n >= size || size > RECORD_MOST;
}

void
record_free(struct conn *c)
{
	drop(&c->record.rx);
	drop(&c->record.tx);
	memset(&c->record, 0, sizeof c->record);
}
