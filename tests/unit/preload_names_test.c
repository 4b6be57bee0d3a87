/* preload_names_test.c - the ring of look-ups, without a resolver */
#include <pthread.h>
#include <stdatomic.h>

#include "../../shim/preload/names.c"

struct shim_calls libc;
char libc_ready = 1;

void
libc_init(void)
{
}

static int failed;
static const char *test;

#define CHECK(x)                                                       \
	do {                                                           \
		if (!(x)) {                                            \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #x); \
			failed = 1;                                    \
		}                                                      \
	} while (0)

/* A resolver that gives n addresses from first on, in 10.0.0.0/8. */
static struct sockaddr_in gives[64];
static struct addrinfo list[64];

static struct sockaddr_in
ipv4(unsigned number)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(0x0a000000u + number),
	};

	return in;
}

static struct sockaddr_in *
look_up_n(const char *name, unsigned first, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		gives[i] = ipv4(first + (unsigned)i);
		list[i] = (struct addrinfo){
		    .ai_family = AF_INET,
		    .ai_addr = (struct sockaddr *)&gives[i],
		    .ai_addrlen = sizeof gives[i],
		    .ai_next = i + 1 < n ? &list[i + 1] : NULL,
		};
	}
	names_note(name, list);
	return gives;
}

static struct sockaddr_in
look_up(const char *name, unsigned number)
{
	return *look_up_n(name, number, 1);
}

static size_t
find(struct sockaddr_in in, struct shim_name *out, size_t n)
{
	return names_find((struct sockaddr *)&in, sizeof in, out, n);
}

static void
test_a_look_up_is_found_by_its_address(void)
{
	struct shim_name n[4];

	look_up("one.example", 1);
	CHECK(find(ipv4(1), n, 4) == 1);
	CHECK(strcmp(n[0].name, "one.example") == 0);
	CHECK(n[0].latest == 1 && n[0].tagged == 0);
	CHECK(find(ipv4(2), n, 4) == 0);
}

static void
test_the_latest_look_up_is_the_threads_own(void)
{
	struct shim_name n[4];

	look_up("first.example", 11);
	look_up("second.example", 12);
	CHECK(find(ipv4(11), n, 4) == 1 && n[0].latest == 0);
	CHECK(find(ipv4(12), n, 4) == 1 && n[0].latest == 1);
	CHECK(n[0].tid == (int)syscall(SYS_gettid));
}

static void
test_more_addresses_than_an_entry_holds_are_all_kept(void)
{
	struct shim_name n[4];
	unsigned i;

	look_up_n("many.example", 1000, 50);
	for (i = 0; i < 50; i++)
		CHECK(find(ipv4(1000 + i), n, 4) == 1 && n[0].latest);
}

static void
test_a_tag_is_written_only_where_a_tie_is(void)
{
	struct sockaddr_in a, b, none = {0};
	struct shim_name n[4];

	a = look_up("a.tie.example", 20);
	CHECK(memcmp(a.sin_zero, none.sin_zero, 8) == 0);
	b = look_up("b.tie.example", 20);
	CHECK(memcmp(b.sin_zero, none.sin_zero, 8) != 0);
	a = look_up("a.tie.example", 20);
	look_up("other.example", 21);
	CHECK(find(b, n, 4) == 2);
	CHECK(strcmp(n[0].name, "a.tie.example") == 0 && !n[0].tagged);
	CHECK(strcmp(n[1].name, "b.tie.example") == 0 && n[1].tagged);
	CHECK(find(a, n, 4) == 2 && n[0].tagged && !n[1].tagged);
	CHECK(!n[0].latest && !n[1].latest);
}

static void
test_a_tag_is_worth_nothing_with_another_address(void)
{
	struct sockaddr_in a, b;
	struct shim_name n[4];
	size_t i, have;

	look_up("c.tie.example", 30);
	look_up("c.tie.example", 31);
	a = look_up("d.tie.example", 30);
	b = look_up("d.tie.example", 31);
	memcpy(b.sin_zero, a.sin_zero, sizeof b.sin_zero);
	have = find(b, n, 4);
	CHECK(have == 2);
	for (i = 0; i < have; i++)
		CHECK(!n[i].tagged);
}

static void
test_a_mapped_address_is_the_ipv4_one(void)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct shim_name n[2];

	look_up("mapped.example", 40);
	CHECK(inet_pton(AF_INET6, "::ffff:10.0.0.40", &in6.sin6_addr) == 1);
	CHECK(names_find((struct sockaddr *)&in6, sizeof in6, n, 2) == 1);
	CHECK(strcmp(n[0].name, "mapped.example") == 0);
}

static void
test_a_literal_is_not_a_name(void)
{
	static const char *const literal[] = {"10.0.0.50", "127.1", "0x7f.1",
	    "::1", "fe80::1%eth0", "::ffff:1.2.3.4"};
	static const char *const name[] = {"a", "1.2.3.4.example", "ab:cd",
	    "face.example", "10.0.0.50.", "%eth0"};
	struct shim_name n[2];
	size_t i;

	for (i = 0; i < sizeof literal / sizeof *literal; i++)
		CHECK(is_literal(literal[i]));
	for (i = 0; i < sizeof name / sizeof *name; i++)
		CHECK(!is_literal(name[i]));
	look_up("10.0.0.50", 50);
	CHECK(find(ipv4(50), n, 2) == 0);
}

static void
test_the_newest_names_are_given_first_and_each_once(void)
{
	struct shim_name n[3];
	char name[32];
	int i, round;

	for (round = 0; round < 2; round++)
		for (i = 0; i < 5; i++) {
			snprintf(name, sizeof name, "n%d.example", i);
			look_up(name, 60);
		}
	CHECK(find(ipv4(60), n, 3) == 3);
	CHECK(strcmp(n[0].name, "n4.example") == 0);
	CHECK(strcmp(n[1].name, "n3.example") == 0);
	CHECK(strcmp(n[2].name, "n2.example") == 0);
}

static void
test_what_was_overwritten_is_unknown(void)
{
	struct shim_name n[2];
	char name[32];
	unsigned i;

	look_up("old.example", 70);
	for (i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "n%u.example", i);
		look_up(name, 2000 + i);
	}
	CHECK(find(ipv4(70), n, 2) == 0);
	CHECK(find(ipv4(2000 + 9999 - 255), n, 2) == 1);
	CHECK(find(ipv4(2000 + 9999 - 256), n, 2) == 0);
}

static void
test_a_hosts_entry_is_recorded_for_both_families(void)
{
	char a4[4] = {10, 0, 0, 80}, a6[16] = {0x20, 1, [15] = 80};
	char *v4[] = {a4, NULL}, *v6[] = {a6, NULL};
	struct hostent h4 = {
	    .h_addrtype = AF_INET, .h_length = 4, .h_addr_list = v4};
	struct hostent h6 = {
	    .h_addrtype = AF_INET6, .h_length = 16, .h_addr_list = v6};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct shim_name n[2];

	hostent_note("h4.example", &h4);
	hostent_note("h6.example", &h6);
	hostent_note("none.example", NULL);
	CHECK(find(ipv4(80), n, 2) == 1);
	memcpy(&in6.sin6_addr, a6, 16);
	CHECK(names_find((struct sockaddr *)&in6, sizeof in6, n, 2) == 1);
	CHECK(strcmp(n[0].name, "h6.example") == 0);
}

/* Names are made of their address's number: a torn entry shows. */
static atomic_int stop;

static void *
write_many(void *base)
{
	unsigned i, number = *(unsigned *)base;
	struct sockaddr_in in;
	struct addrinfo ai = {.ai_family = AF_INET,
	    .ai_addr = (struct sockaddr *)&in,
	    .ai_addrlen = sizeof in};
	char name[32];

	for (i = 0; i < 3000; i++) {
		in = ipv4(number + i);
		snprintf(name, sizeof name, "n%u.example", number + i);
		names_note(name, &ai);
	}
	atomic_fetch_add(&stop, 1);
	return NULL;
}

static void
test_readers_see_whole_entries_while_others_write(void)
{
	unsigned base[2] = {100000, 200000}, at = 0, want;
	struct shim_name n[2];
	char name[32];
	pthread_t t[2];
	int i;

	for (i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, write_many, &base[i]) == 0);
	while (atomic_load(&stop) < 2) {
		want = base[at % 2] + at % 3000;
		at++;
		if (find(ipv4(want), n, 2) == 0)
			continue;
		snprintf(name, sizeof name, "n%u.example", want);
		CHECK(strcmp(n[0].name, name) == 0);
	}
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	/* The one that ended first may have been overwritten since. */
	CHECK(find(ipv4(base[0] + 2999), n, 2) == 1 ||
	      find(ipv4(base[1] + 2999), n, 2) == 1);
}

static void
run(const char *name, void (*function)(void))
{
	int before = failed;

	test = name;
	failed = 0;
	function();
	printf("%s %s\n", failed ? "not ok" : "ok", test);
	failed |= before;
}

#define RUN(name) run(#name, name)

int
main(void)
{
	libc.syscall = syscall;
	RUN(test_a_look_up_is_found_by_its_address);
	RUN(test_the_latest_look_up_is_the_threads_own);
	RUN(test_more_addresses_than_an_entry_holds_are_all_kept);
	RUN(test_a_tag_is_written_only_where_a_tie_is);
	RUN(test_a_tag_is_worth_nothing_with_another_address);
	RUN(test_a_mapped_address_is_the_ipv4_one);
	RUN(test_a_literal_is_not_a_name);
	RUN(test_the_newest_names_are_given_first_and_each_once);
	RUN(test_what_was_overwritten_is_unknown);
	RUN(test_a_hosts_entry_is_recorded_for_both_families);
	RUN(test_readers_see_whole_entries_while_others_write);
	return failed;
}
