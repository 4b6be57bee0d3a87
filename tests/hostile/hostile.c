/*
 * hostile.c - attacks a program under the shim and measures what it costs
 *
 *	hostile [-s PERCENT] [-a NAME] [-r ROLE] DIR VICTIM PRELOAD
 *
 * DIR holds good.pem, good.key and tls.cfg.  -s: of each attack's size; -a: only
 * that one; -r: what the victim is: server, client, or a server by a rule with
 * action detect or native, where the attacker's address is another.  Each goes on for 2 s at least (of full
 * size), over and over.  For each attack: seconds, CPU and memory of
 * the victim, and the p99 of the time that a byte takes there and back over a
 * second connection of it, before and meanwhile (worst: the longest).  Status 1
 * where the victim has ended, has sent what is no TLS, has grown by more than 64
 * MB, or where the second connection broke.  In how many that p99 grew by less
 * than 10 ms is said last.
 */
#include <gnutls/x509.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>

#include "../fixtures/fixture.h"
#include "attack.h"
#include "foe.h"

#define GROWTH (64 << 10) /* KB; 700 handshakes are open at once */

static gnutls_certificate_credentials_t creds[CHAINS];
static int victim_port, victim_in, own_port, own_listener, as_server;
static pid_t victim;
static in_addr_t from; /* host order; where the attacker's calls come from */
static int held, ran;  /* attacks: the p99 grew by less than 10 ms; all */

static const struct role {
	const char *name;
	enum side side;
	in_addr_t from; /* a peer of a rule in lib.sh */
} roles[] = {
    {"server", AT_SERVER, 0x7f000001},
    {"client", AT_CLIENT, 0x7f000001},
    {"detect", AT_DETECT, 0x7f000002},
    {"native", AT_NATIVE, 0x7f000003},
};
static const struct role *role;

static int
call_from(int port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sin.sin_addr.s_addr = htonl(from);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, sizeof sin) == -1)
		die("bind");
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)port);
	if (connect(fd, (struct sockaddr *)&sin, sizeof sin) == 0)
		return fd;
	close(fd);
	return -1;
}

gnutls_certificate_credentials_t
foe_credentials(void)
{
	return creds[attack_chain];
}

struct foe *
foe_new(void)
{
	struct pollfd p = {own_listener, POLLIN, 0};
	struct foe *f = calloc(1, sizeof *f);
	int one = 1;

	if (f == NULL)
		die("calloc");
	f->server = as_server;
	f->limit = -1;
	if (!as_server) {
		f->fd = call_from(victim_port);
	} else if (dprintf(victim_in, "%d\n", own_port) > 0 &&
	    poll(&p, 1, 10000) == 1) {
		f->fd = accept4(own_listener, NULL, NULL, SOCK_CLOEXEC);
	} else {
		f->fd = -1;
	}
	if (f->fd == -1) {
		printf("the victim takes no connection any more\n");
		exit(1);
	}
	setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return f;
}

/* The second connection: its times are measured by a thread. */
static struct {
	pthread_t thread;
	struct foe *foe;
	_Atomic int stop, broken;
	long n;
	double ms[200000];
} ping;

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void *
ping_main(void *arg)
{
	while (!ping.stop && !ping.broken && ping.n < 200000) {
		double start = now();

		if (foe_echo(ping.foe) != 0)
			ping.broken = 1;
		ping.ms[ping.n++] = now() - start;
		usleep(1000);
	}
	return NULL;
}

static void
ping_start(void)
{
	ping.stop = 0;
	ping.n = 0;
	if (pthread_create(&ping.thread, NULL, ping_main, NULL) != 0)
		die("pthread_create");
}

static int
longer(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Its p99, in ms. */
static double
ping_stop(double *worst)
{
	ping.stop = 1;
	pthread_join(ping.thread, NULL);
	qsort(ping.ms, (size_t)ping.n, sizeof ping.ms[0], longer);
	*worst = ping.n > 0 ? ping.ms[ping.n - 1] : 0;
	return ping.n > 0 ? ping.ms[ping.n * 99 / 100] : 0;
}

/* The victim's CPU, in ms, and its memory in KB. */
static void
measure(long *cpu, long *memory)
{
	char path[64], line[1024], *at;
	unsigned long user = 0, kernel = 0, pages = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", victim);
	f = fopen(path, "r");
	if (f != NULL && fgets(line, sizeof line, f) != NULL &&
	    (at = strrchr(line, ')')) != NULL)
		sscanf(at + 2,
		    "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu "
		    "%*d %*d %*d %*d %*d %*d %*u %*u %lu",
		    &user, &kernel, &pages);
	if (f != NULL)
		fclose(f);
	*cpu = (long)(user + kernel) * 1000 / sysconf(_SC_CLK_TCK);
	*memory = (long)pages * 4;
}

static int
attack(const struct attack *a)
{
	long cpu[2], memory[2];
	double base, p99, worst, start;
	int bad;

	ping_start();
	usleep((useconds_t)(5000 * attack_scale));
	base = ping_stop(&worst);
	measure(&cpu[0], &memory[0]);
	attack_wrong = 0;
	ping_start();
	start = now();
	do
		a->run(as_server);
	while (now() - start < 20 * attack_scale && !ping.broken);
	start = now() - start;
	p99 = ping_stop(&worst);
	measure(&cpu[1], &memory[1]);
	held += p99 - base < 10;
	bad = ping.broken || foe_clear != NULL || attack_wrong > 0 ||
	    memory[1] - memory[0] > GROWTH || waitpid(victim, NULL, WNOHANG) != 0;
	printf("%-6s %-26s %6.1f s  CPU %6.2f s  memory %+6ld KB  "
	       "p99 %5.2f -> %6.2f ms  worst %6.1f ms%s%s%s%s\n",
	    role->name, a->name, start / 1e3,
	    (double)(cpu[1] - cpu[0]) / 1e3, memory[1] - memory[0], base, p99,
	    worst, bad ? " FAILED" : "",
	    ping.broken ? ": the other connection broke" : "",
	    foe_clear != NULL ? ": not TLS" : "",
	    attack_wrong > 0 ? ": not as it should be" : "");
	fflush(stdout);
	return bad;
}

static void
start_victim(const char *dir, const char *path, const char *preload)
{
	static char env[2][4400], port[64];
	char *envp[] = {env[0], env[1], NULL};
	char *argv[] = {(char *)path, NULL};
	posix_spawn_file_actions_t files;
	int in[2], out[2];
	ssize_t n;

	snprintf(env[0], sizeof env[0], "LD_PRELOAD=%s", preload);
	snprintf(env[1], sizeof env[1], "TLSSHIM_POLICY=%s/tls.cfg", dir);
	if (pipe2(in, O_CLOEXEC) == -1 || pipe2(out, O_CLOEXEC) == -1)
		die("pipe2");
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in[0], 0);
	posix_spawn_file_actions_adddup2(&files, out[1], 1);
	errno = posix_spawn(&victim, path, &files, NULL, argv, envp);
	if (errno != 0)
		die(path);
	close(in[0]);
	close(out[1]);
	victim_in = in[1];
	n = read(out[0], port, sizeof port - 1);
	if (n <= 0 || sscanf(port, "port %d", &victim_port) != 1) {
		fprintf(stderr, "the victim does not start\n");
		exit(2);
	}
}

/*
 * So many certificates, each signed by the next, that hold more than they need:
 * one key for all of them.
 */
static void
make_chain(gnutls_certificate_credentials_t out, int count, size_t weight)
{
	static unsigned char ballast[16384];
	static gnutls_x509_crt_t crt[128];
	gnutls_x509_privkey_t key;
	int i;

	gnutls_x509_privkey_init(&key);
	gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
	    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	for (i = count - 1; i >= 0; i--) {
		char name[32];

		gnutls_x509_crt_init(&crt[i]);
		snprintf(name, sizeof name, "CN=link %d", i);
		gnutls_x509_crt_set_dn(crt[i], name, NULL);
		gnutls_x509_crt_set_version(crt[i], 3);
		gnutls_x509_crt_set_serial(crt[i], name, strlen(name));
		gnutls_x509_crt_set_activation_time(crt[i], time(NULL) - 60);
		gnutls_x509_crt_set_expiration_time(crt[i], time(NULL) + 9999);
		gnutls_x509_crt_set_key(crt[i], key);
		gnutls_x509_crt_set_basic_constraints(crt[i], i > 0, -1);
		if (weight > 0)
			gnutls_x509_crt_set_extension_by_oid(
			    crt[i], "1.3.6.1.4.1.99999.1", ballast, weight, 0);
		gnutls_x509_crt_sign2(crt[i],
		    i + 1 < count ? crt[i + 1] : crt[i], key,
		    GNUTLS_DIG_SHA256, 0);
	}
	i = gnutls_certificate_set_x509_key(out, crt, count, key);
	if (i < 0) {
		fprintf(stderr, "chain: %s\n", gnutls_strerror(i));
		exit(2);
	}
}

static void
prepare(const char *dir)
{
	char cert[4200], key[4200];
	int i;

	for (i = 0; i < CHAINS; i++)
		gnutls_certificate_allocate_credentials(&creds[i]);
	snprintf(cert, sizeof cert, "%s/good.pem", dir);
	snprintf(key, sizeof key, "%s/good.key", dir);
	if (gnutls_certificate_set_x509_key_file(
		creds[CHAIN_GOOD], cert, key, GNUTLS_X509_FMT_PEM) < 0)
		die(cert);
	make_chain(creds[CHAIN_LONG], 100, 0);
	make_chain(creds[CHAIN_FULL], 40, 0);
	make_chain(creds[CHAIN_BIG], 100, 10000);
}

/* Against a new victim, so that what one attack leaves counts for none other. */
static int
attack_new(const struct attack *a, char **argv)
{
	int bad;

	start_victim(argv[0], argv[1], argv[2]);
	ping.broken = 0;
	foe_clear = NULL;
	from = INADDR_LOOPBACK;
	ping.foe = foe_new();
	if (foe_shake(ping.foe, NULL) != 0 || foe_echo(ping.foe) != 0) {
		printf("the victim does not answer\n");
		exit(1);
	}
	from = role->from;
	bad = attack(a);
	foe_free(ping.foe);
	close(victim_in);
	waitpid(victim, NULL, 0);
	return bad;
}

int
main(int argc, char **argv)
{
	const char *only = NULL, *only_role = NULL;
	const struct attack *a;
	int opt, bad = 0;

	while ((opt = getopt(argc, argv, "s:a:r:")) != -1) {
		switch (opt) {
		case 's': attack_scale = atoi(optarg); break;
		case 'a': only = optarg; break;
		case 'r': only_role = optarg; break;
		default: return 2;
		}
	}
	if (argc - optind != 3)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	prepare(argv[optind]);
	own_listener = loopback_listen();
	own_port = 0;
	{
		struct sockaddr_in sin;
		socklen_t len = sizeof sin;

		getsockname(own_listener, (struct sockaddr *)&sin, &len);
		own_port = ntohs(sin.sin_port);
	}
	for (role = roles; role < roles + sizeof roles / sizeof *roles; role++)
		for (a = attacks; a->name != NULL; a++) {
			as_server = role->side == AT_CLIENT;
			/* who says nothing may be one without TLS */
			attack_least = role->side == AT_DETECT;
			if (!(a->sides & (int)role->side) ||
			    (only != NULL && strcmp(only, a->name) != 0) ||
			    (only_role != NULL &&
				strcmp(only_role, role->name) != 0))
				continue;
			bad |= attack_new(a, argv + optind);
			ran++;
		}
	printf("p99 grew by less than 10 ms in %d of %d\n", held, ran);
	return bad || ran == 0;
}
