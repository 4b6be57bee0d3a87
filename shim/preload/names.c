/*
 * names.c - what this process has looked up, for the engine that comes later
 *
 * A ring of static storage, written without a lock: a writer takes an entry
 * by making its sequence odd and passes over one that is taken; a reader
 * copies and compares the sequence.  Each word is stored with release, so that
 * none shows before the odd sequence does, and loaded with acquire, so that
 * the sequence is compared after them: fences would say the same in a way
 * that ThreadSanitizer does not read.
 *
 * The ring is 106 KB, and to read all of it at each connect was a
 * twenty-fifth of a resumed one at the client.  So each entry has a word of 64
 * bits apart, in which each of its addresses has set one, and only what has the
 * bit is read.  It is written while the entry is taken: who sees an old one
 * finds an entry that is as good as gone.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "preload.h"

#define RING 256
#define HELD 8 /* addresses of an entry; more take further entries */

/* IPv4 as ::ffff:a.b.c.d, as java gives it to the kernel */
struct address {
	uint64_t half[2];
};

struct look_up {
	uint64_t serial; /* 0: never used */
	uint64_t tid;
	uint64_t n;
	struct address address[HELD];
	char name[256];
};

#define WORDS (sizeof(struct look_up) / sizeof(uint64_t))

APART static struct entry {
	unsigned sequence;
	uint64_t word[WORDS];
} ring[RING];

APART static uint64_t marks[RING]; /* of the entry at the same place */

static uint64_t next; /* the place after the last one that was ever taken */
static uint64_t last_serial;
static __thread uint64_t latest __attribute__((tls_model("initial-exec")));

/* How many places have ever been taken: most programs look up few names. */
static int
ring_used(void)
{
	uint64_t n = __atomic_load_n(&next, __ATOMIC_ACQUIRE);

	return n < RING ? (int)n : RING;
}

static int
address_read(const struct sockaddr *from, socklen_t len, struct address *to)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
	const struct sockaddr_in *in = (const void *)from;
	const struct sockaddr_in6 *in6 = (const void *)from;

	if (len >= sizeof *in && from->sa_family == AF_INET) {
		memcpy(to, mapped, sizeof mapped);
		memcpy((char *)to + sizeof mapped, &in->sin_addr, 4);
		return 0;
	}
	if (len >= sizeof *in6 && from->sa_family == AF_INET6) {
		memcpy(to, &in6->sin6_addr, sizeof *to);
		return 0;
	}
	return -1;
}

static int
address_is(const struct address *a, const struct address *b)
{
	return a->half[0] == b->half[0] && a->half[1] == b->half[1];
}

static uint64_t
mark_of(const struct address *a)
{
	uint64_t h = (a->half[0] * 31 ^ a->half[1]) * 0x9e3779b97f4a7c15;

	return (uint64_t)1 << (h >> 58);
}

static uint64_t
marks_of(const struct look_up *l)
{
	uint64_t all = 0, i;

	for (i = 0; i < l->n; i++)
		all |= mark_of(&l->address[i]);
	return all;
}

static void
entry_write(const struct look_up *from)
{
	uint64_t word[WORDS];
	struct entry *e;
	unsigned was, i, tries;
	uint64_t at = 0;

	memcpy(word, from, sizeof word);
	for (tries = 0; tries < RING; tries++) {
		at = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) % RING;
		e = &ring[at];
		was = __atomic_load_n(&e->sequence, __ATOMIC_RELAXED);
		if (was % 2 == 0 &&
		    __atomic_compare_exchange_n(&e->sequence, &was, was + 1, 0,
			__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			break;
	}
	if (tries == RING)
		return;
	__atomic_store_n(&marks[at], marks_of(from), __ATOMIC_RELEASE);
	for (i = 0; i < WORDS; i++)
		__atomic_store_n(&e->word[i], word[i], __ATOMIC_RELEASE);
	__atomic_store_n(&e->sequence, was + 2, __ATOMIC_RELEASE);
}

/* 0 if the entry is whole; one that is being written is as good as gone. */
static int
entry_read(const struct entry *e, struct look_up *to)
{
	uint64_t word[WORDS];
	unsigned i, was = __atomic_load_n(&e->sequence, __ATOMIC_ACQUIRE);

	if (was % 2 != 0)
		return -1;
	for (i = 0; i < WORDS; i++)
		word[i] = __atomic_load_n(&e->word[i], __ATOMIC_ACQUIRE);
	if (__atomic_load_n(&e->sequence, __ATOMIC_RELAXED) != was)
		return -1;
	memcpy(to, word, sizeof *to);
	return to->serial == 0 ? -1 : 0;
}

static int
look_up_has(const struct look_up *l, const struct address *a)
{
	uint64_t i;

	for (i = 0; i < l->n; i++)
		if (address_is(&l->address[i], a))
			return 1;
	return 0;
}

/* Is a, of which mark is mark_of, in the entry at that place?  Then *to is it. */
static int
entry_has(
    int at, const struct address *a, uint64_t mark, struct look_up *to)
{
	return (__atomic_load_n(&marks[at], __ATOMIC_ACQUIRE) & mark) &&
	       entry_read(&ring[at], to) == 0 && look_up_has(to, a);
}

/*
 * What sin_zero holds for a look-up: bound to the address and to this run of
 * the program, so that neither leftovers nor another address pass for one.
 */
static uint64_t
tag_of(uint64_t serial, const struct address *a)
{
	const unsigned char *random = (void *)getauxval(AT_RANDOM);
	uint64_t h[2] = {0x9e3779b97f4a7c15, 0};
	uint64_t part[3] = {serial, a->half[0], a->half[1]};
	int i;

	if (random != NULL)
		memcpy(h, random, sizeof h);
	for (i = 0; i < 3; i++) {
		h[0] = (h[0] ^ part[i]) * 0xff51afd7ed558ccd;
		h[0] ^= (h[0] >> 32) ^ h[1];
	}
	return h[0] != 0 ? h[0] : 1;
}

/* Is another name known for this address? */
static int
is_tied(const struct address *a, const char *name)
{
	uint64_t mark = mark_of(a);
	int i, used = ring_used();
	struct look_up l;

	for (i = 0; i < used; i++)
		if (entry_has(i, a, mark, &l) && strcmp(l.name, name) != 0)
			return 1;
	return 0;
}

/* A look-up that is being recorded. */
struct record {
	struct look_up entry;
};

static int
record_init(struct record *r, const char *name)
{
	if (strlen(name) >= sizeof r->entry.name)
		return -1;
	memset(r, 0, sizeof *r);
	strcpy(r->entry.name, name);
	r->entry.serial = __atomic_add_fetch(&last_serial, 1, __ATOMIC_RELAXED);
	r->entry.tid = (uint64_t)libc.syscall(SYS_gettid);
	return 0;
}

static void
record_add(struct record *r, const struct address *a)
{
	if (look_up_has(&r->entry, a))
		return;
	if (r->entry.n == HELD) {
		entry_write(&r->entry);
		r->entry.n = 0;
	}
	r->entry.address[r->entry.n++] = *a;
}

static void
record_end(struct record *r)
{
	if (r->entry.n == 0)
		return;
	entry_write(&r->entry);
	latest = r->entry.serial;
}

/* "10.1.2.3", "127.1", "fe80::1%eth0": nothing that was looked up. */
static int
is_literal(const char *name)
{
	const char *scope = strchrnul(name, '%');
	char plain[INET6_ADDRSTRLEN];
	struct in6_addr in6;
	struct in_addr in;

	if (inet_aton(name, &in) != 0)
		return 1;
	if ((size_t)(scope - name) >= sizeof plain)
		return 0;
	memcpy(plain, name, (size_t)(scope - name));
	plain[scope - name] = '\0';
	return inet_pton(AF_INET6, plain, &in6) == 1;
}

void
names_note(const char *name, struct addrinfo *list)
{
	struct addrinfo *ai;
	struct record r;
	struct address a;
	uint64_t tag;

	if (name == NULL || is_literal(name) || record_init(&r, name) == -1)
		return;
	for (ai = list; ai != NULL; ai = ai->ai_next) {
		if (address_read(ai->ai_addr, ai->ai_addrlen, &a) == -1)
			continue;
		record_add(&r, &a);
		if (ai->ai_family != AF_INET || !is_tied(&a, name))
			continue;
		tag = tag_of(r.entry.serial, &a);
		memcpy(((struct sockaddr_in *)ai->ai_addr)->sin_zero, &tag,
		    sizeof tag);
	}
	record_end(&r);
}

static void
hostent_note(const char *name, const struct hostent *h)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct record r;
	struct address a;
	char **at;

	if (h == NULL || name == NULL || is_literal(name) ||
	    record_init(&r, name) == -1)
		return;
	for (at = h->h_addr_list; *at != NULL; at++) {
		memcpy(&in.sin_addr, *at, 4);
		if (h->h_addrtype == AF_INET6)
			memcpy(&in6.sin6_addr, *at, 16);
		if (address_read(h->h_addrtype == AF_INET6
				     ? (struct sockaddr *)&in6
				     : (struct sockaddr *)&in,
			sizeof in6, &a) == 0)
			record_add(&r, &a);
	}
	record_end(&r);
}

/* Puts l among the n names of out, newest first, each once. */
static size_t
name_insert(struct shim_name *out, size_t have, size_t n,
    const struct look_up *l, int tagged)
{
	struct shim_name new = {.serial = l->serial,
	    .tid = (int)l->tid,
	    .latest = l->serial == latest,
	    .tagged = tagged};
	size_t at, i;

	strcpy(new.name, l->name);
	for (i = 0; i < have; i++)
		if (strcmp(out[i].name, new.name) == 0)
			break;
	if (i < have) {
		new.latest |= out[i].latest;
		new.tagged |= out[i].tagged;
		if (out[i].serial > new.serial) {
			new.serial = out[i].serial;
			new.tid = out[i].tid;
		}
		have--;
		memmove(out + i, out + i + 1, (have - i) * sizeof *out);
	}
	for (at = 0; at < have && out[at].serial > new.serial; at++)
		;
	if (at == n)
		return have;
	if (have == n)
		have--;
	memmove(out + at + 1, out + at, (have - at) * sizeof *out);
	out[at] = new;
	return have + 1;
}

size_t
names_find(
    const struct sockaddr *addr, socklen_t len, struct shim_name *out, size_t n)
{
	struct look_up l;
	struct address a;
	uint64_t tag = 0, mark;
	size_t have = 0;
	int i, used;

	if (address_read(addr, len, &a) == -1)
		return 0;
	mark = mark_of(&a);
	if (addr->sa_family == AF_INET)
		memcpy(&tag, ((const struct sockaddr_in *)addr)->sin_zero,
		    sizeof tag);
	used = ring_used();
	for (i = 0; i < used; i++)
		if (entry_has(i, &a, mark, &l))
			have = name_insert(out, have, n, &l,
			    tag != 0 && tag == tag_of(l.serial, &a));
	return have;
}

EXPORTS_BEGIN

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
    struct addrinfo **res)
{
	int rv;

	libc_need();
	rv = libc.getaddrinfo(node, service, hints, res);
	if (rv == 0)
		names_note(node, *res);
	return rv;
}

struct hostent *
gethostbyname(const char *name)
{
	struct hostent *h;

	libc_need();
	h = libc.gethostbyname(name);
	hostent_note(name, h);
	return h;
}

struct hostent *
gethostbyname2(const char *name, int af)
{
	struct hostent *h;

	libc_need();
	h = libc.gethostbyname2(name, af);
	hostent_note(name, h);
	return h;
}

int
gethostbyname_r(const char *name, struct hostent *ret, char *buf, size_t len,
    struct hostent **res, int *err)
{
	int rv;

	libc_need();
	rv = libc.gethostbyname_r(name, ret, buf, len, res, err);
	if (rv == 0)
		hostent_note(name, *res);
	return rv;
}

int
gethostbyname2_r(const char *name, int af, struct hostent *ret, char *buf,
    size_t len, struct hostent **res, int *err)
{
	int rv;

	libc_need();
	rv = libc.gethostbyname2_r(name, af, ret, buf, len, res, err);
	if (rv == 0)
		hostent_note(name, *res);
	return rv;
}

EXPORTS_END
