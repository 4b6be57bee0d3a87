/* preload_owned_test.c - the class table and its gates, over real sockets */
#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

#include "../../shim/preload/owned.c"

/* What the other files of the preload would be. */
struct shim_calls libc;
char libc_ready = 1;
char process_sealed;
const struct shim_engine *engine_value;
__thread char engine_loading __attribute__((tls_model("initial-exec")));

static int vforked, adopted, loads, relayed;
static enum fd_class adopt_gives;
static const struct shim_calls calls;

static int
adopt(int fd)
{
	adopted++;
	owned_set(fd, adopt_gives);
	return 0;
}

static const struct shim_engine engine = {.calls = &calls, .adopt = adopt};
static const struct shim_engine *to_load;

void
libc_init(void)
{
}

int
process_vforked(void)
{
	return vforked;
}

void
process_leave(void)
{
}

int
relayed_has(int fd)
{
	return relayed;
}

int
relayed_refused(int fd)
{
	return relayed == 2;
}

const struct shim_engine *
engine_need(void)
{
	if (engine_value == NULL)
		loads++;
	engine_value = to_load;
	return engine_value;
}

static int failed;

#define CHECK(x)                                                       \
	do {                                                           \
		if (!(x)) {                                            \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #x); \
			failed = 1;                                    \
		}                                                      \
	} while (0)

static int listener, client, server;

static int
stream_new(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static void
dissolve(int fd)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	CHECK(connect(fd, &none, sizeof none) == 0);
}

static void
test_what_is_no_tcp_socket_passes(void)
{
	int p[2], u = socket(AF_INET, SOCK_DGRAM, 0);
	int l = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK(pipe(p) == 0);
	CHECK(owned_settle(p[0]) == FD_PASS && owned_class(p[0]) == FD_PASS);
	CHECK(owned_settle(u) == FD_PASS);
	CHECK(owned_settle(l) == FD_PASS);
	CHECK(gate_owned(p[1]) == WAY_LIBC && gate_setup(u) == WAY_LIBC);
	CHECK(owned_way_connect(l) == WAY_LIBC);
	CHECK(loads == 0 && adopted == 0);
}

static void
test_what_is_not_open_stays_unknown(void)
{
	CHECK(owned_settle(1000) == FD_UNKNOWN);
	CHECK(owned_class(1000) == FD_UNKNOWN);
	CHECK(owned_settle(-1) == FD_UNKNOWN);
	CHECK(gate_owned(-1) == WAY_LIBC);
	CHECK(gate_owned(FD_MAX + 1) == WAY_LIBC);
}

static void
test_a_fresh_socket_loads_an_engine_only_to_connect(void)
{
	struct pollfd p = {.fd = stream_new()};
	int fd = p.fd;

	CHECK(gate_owned(fd) == WAY_LIBC);
	CHECK(owned_class(fd) == FD_STREAM);
	CHECK(gate_setup(fd) == WAY_LIBC);
	CHECK(gate_send(fd, MSG_NOSIGNAL) == WAY_LIBC);
	CHECK(gate_poll(&p, 1) == WAY_LIBC);
	CHECK(loads == 0);
	CHECK(gate_send(fd, MSG_FASTOPEN) == WAY_ENGINE);
	CHECK(loads == 1);
	CHECK(gate_setup(fd) == WAY_ENGINE);
	CHECK(owned_way_connect(fd) == WAY_ENGINE);
}

static void
test_an_inherited_connection_or_listener_is_judged(void)
{
	adopt_gives = FD_GOVERNED;
	CHECK(gate_owned(server) == WAY_ENGINE);
	CHECK(gate_owned(listener) == WAY_ENGINE);
	CHECK(adopted == 2);
	CHECK(gate_owned(server) == WAY_ENGINE);
	CHECK(adopted == 2);
	adopt_gives = FD_PASS;
	CHECK(gate_owned(client) == WAY_LIBC);
	CHECK(adopted == 3 && owned_class(client) == FD_PASS);
}

static void
test_without_an_engine_what_is_connected_is_refused(void)
{
	int fd = stream_new();

	to_load = NULL;
	CHECK(owned_way_connect(fd) == WAY_REFUSED && errno == EACCES);
	errno = 0;
	CHECK(gate_owned(server) == WAY_REFUSED && errno == EACCES);
	CHECK(owned_class(server) == FD_REFUSED);
	errno = 0;
	CHECK(gate_either(client, server) == WAY_REFUSED && errno == EACCES);
}

static void
test_a_socket_connected_elsewhere_is_noticed(void)
{
	struct sockaddr_in in;
	socklen_t len = sizeof in;
	int fd = stream_new(), copy = dup(fd);

	adopt_gives = FD_GOVERNED;
	CHECK(gate_owned(copy) == WAY_LIBC && owned_class(copy) == FD_STREAM);
	CHECK(getsockname(listener, (struct sockaddr *)&in, &len) == 0);
	CHECK(connect(fd, (struct sockaddr *)&in, len) == 0);
	CHECK(gate_owned(copy) == WAY_ENGINE);
	CHECK(adopted == 1);
}

static void
test_one_that_is_still_connecting_is_refused(void)
{
	struct sockaddr_in in;
	socklen_t len = sizeof in;
	int fd = stream_new();

	adopt_gives = FD_STREAM;
	CHECK(getsockname(listener, (struct sockaddr *)&in, &len) == 0);
	CHECK(connect(fd, (struct sockaddr *)&in, len) == 0);
	CHECK(gate_owned(fd) == WAY_REFUSED && errno == EACCES);
}

static void
test_a_plain_connection_that_was_dissolved_is_judged_anew(void)
{
	struct sockaddr_in in;
	socklen_t len = sizeof in;
	int fd = stream_new();

	CHECK(getsockname(listener, (struct sockaddr *)&in, &len) == 0);
	CHECK(connect(fd, (struct sockaddr *)&in, len) == 0);
	owned_set(fd, FD_PASS);
	CHECK(owned_way_connect(fd) == WAY_LIBC);
	dissolve(fd);
	CHECK(owned_way_connect(fd) == WAY_ENGINE);
	CHECK(owned_class(fd) == FD_STREAM);
}

static void
test_poll_and_select_open_for_one_governed_among_many(void)
{
	struct pollfd p[3] = {{.fd = 0}, {.fd = -1}, {.fd = server}};
	fd_set r, w;

	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(0, &r);
	FD_SET(server, &w);
	to_load = engine_value = &engine;
	owned_set(server, FD_PASS);
	CHECK(gate_poll(p, 3) == WAY_LIBC);
	CHECK(owned_way_select(server + 1, &r, &w, NULL) == WAY_LIBC);
	owned_set(server, FD_GOVERNED);
	CHECK(gate_poll(p, 3) == WAY_ENGINE);
	CHECK(gate_poll(p, 2) == WAY_LIBC);
	CHECK(owned_way_select(server + 1, &r, &w, NULL) == WAY_ENGINE);
	CHECK(owned_way_select(server, &r, &w, NULL) == WAY_LIBC);
	CHECK(owned_way_select(server + 1, &r, NULL, NULL) == WAY_LIBC);
}

static void
test_a_vfork_child_leaves_the_table_alone(void)
{
	int p[2];

	CHECK(pipe(p) == 0);
	vforked = 1;
	owned_set(client, FD_PASS);
	owned_forget(client);
	CHECK(owned_class(client) == FD_PASS);
	CHECK(gate_owned(p[0]) == WAY_LIBC && owned_class(p[0]) == FD_UNKNOWN);
	CHECK(gate_owned(server) == WAY_REFUSED && adopted == 0);
	CHECK(owned_class(server) == FD_UNKNOWN);
}

static void
test_under_seccomp_nothing_is_asked(void)
{
	process_sealed = 1;
	CHECK(owned_settle(1001) == FD_PASS);
	process_sealed = 0;
	owned_settle_all();
	CHECK(owned_class(client) == FD_GOVERNED && adopted == 3);
}

static void
test_errno_is_untouched_where_the_call_goes_on(void)
{
	int p[2];

	CHECK(pipe(p) == 0);
	errno = ERANGE;
	CHECK(gate_owned(p[0]) == WAY_LIBC && errno == ERANGE);
	CHECK(gate_owned(server) == WAY_ENGINE && errno == ERANGE);
	CHECK(owned_way_connect(stream_new()) == WAY_ENGINE);
	CHECK(errno == ERANGE);
}

static void
test_while_the_engine_loads_everything_passes(void)
{
	engine_loading = 1;
	CHECK(gate_owned(server) == WAY_LIBC);
	CHECK(owned_class(server) == FD_UNKNOWN && adopted == 0);
	CHECK(owned_settle(server) == FD_PASS);
}

static void
pair_new(void)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof in;

	listener = stream_new();
	client = stream_new();
	if (bind(listener, (struct sockaddr *)&in, len) == -1 ||
	    listen(listener, 8) == -1 ||
	    getsockname(listener, (struct sockaddr *)&in, &len) == -1 ||
	    connect(client, (struct sockaddr *)&in, len) == -1)
		exit(2);
	server = accept(listener, NULL, NULL);
}

static void
test_the_end_of_a_relay_s_pair_is_libc_s_to_serve(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1)
		exit(2);
	relayed = 1;
	CHECK(gate_owned(pair[0]) == WAY_LIBC);
	CHECK(owned_class(pair[0]) == FD_RELAYED);
	CHECK(gate_owned(pair[0]) == WAY_LIBC);
	CHECK(gate_owned(client) == WAY_ENGINE); /* no TCP socket is one */
	relayed = 0;
	CHECK(gate_owned(pair[1]) == WAY_LIBC);
	CHECK(owned_class(pair[1]) == FD_PASS);
	CHECK(loads == 1);
}

/* Each test begins with fresh sockets, an empty table and no engine. */
static void
run(const char *name, void (*function)(void))
{
	int fd, before = failed;

	for (fd = 3; fd < 1024; fd++)
		close(fd);
	memset(owned_table, FD_UNKNOWN, sizeof owned_table);
	engine_value = NULL;
	to_load = &engine;
	vforked = adopted = loads = relayed = engine_loading = failed = 0;
	adopt_gives = FD_GOVERNED;
	pair_new();
	function();
	printf("%s %s\n", failed ? "not ok" : "ok", name);
	failed |= before;
}

#define RUN(name) run(#name, name)

int
main(void)
{
	libc.getsockopt = getsockopt;
	libc.getpeername = getpeername;
	RUN(test_what_is_no_tcp_socket_passes);
	RUN(test_what_is_not_open_stays_unknown);
	RUN(test_the_end_of_a_relay_s_pair_is_libc_s_to_serve);
	RUN(test_a_fresh_socket_loads_an_engine_only_to_connect);
	RUN(test_an_inherited_connection_or_listener_is_judged);
	RUN(test_without_an_engine_what_is_connected_is_refused);
	RUN(test_a_socket_connected_elsewhere_is_noticed);
	RUN(test_one_that_is_still_connecting_is_refused);
	RUN(test_a_plain_connection_that_was_dissolved_is_judged_anew);
	RUN(test_poll_and_select_open_for_one_governed_among_many);
	RUN(test_a_vfork_child_leaves_the_table_alone);
	RUN(test_under_seccomp_nothing_is_asked);
	RUN(test_errno_is_untouched_where_the_call_goes_on);
	RUN(test_while_the_engine_loads_everything_passes);
	return failed;
}
