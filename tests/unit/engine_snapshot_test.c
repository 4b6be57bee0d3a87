/*
 * engine_snapshot_test.c - threads that take snapshots while files change: each
 * sees one policy whole, with credentials that are its own, and none that is
 * freed (which the sanitizers would tell)
 */
#include <pthread.h>
#include <sys/stat.h>

#include "../../shim/engine/process.h"
#include "../../shim/engine/snapshot.c"
#include "memory_host.h"

#define THREADS 4
#define RELOADS 40

static char folder[] = "/tmp/engine_snapshot_test.XXXXXX";
static char path[100];
static _Atomic bool over;
static _Atomic long taken, wrong;

static void
policy_write(int n)
{
	char new[120];
	FILE *f;

	snprintf(new, sizeof new, "%s.new", path);
	f = fopen(new, "w");
	fprintf(f,
	    "version = 1; unmatched = \"reject\"; reload_interval = 1;\n"
	    "log = { level = \"error\"; };\n"
	    "client = ( { port = %d; cafile = \"ca.pem\";\n"
	    "  server_hostname = \"h%d.example\"; verify_depth = %d; } );\n",
	    n + 1, n, n % 10);
	fclose(f);
	rename(new, path);
}

/* Name and depth were written together. */
static bool
is_whole(const struct rule *r)
{
	int n = -1;

	return sscanf(r->values.server_hostname, "h%d.example", &n) == 1 &&
	    r->values.verify_depth == n % 10;
}

static void *
take(void *arg)
{
	while (!over) {
		struct snapshot *s = snapshot_get();
		const struct rule *r = &snapshot_policy(s)->client[0];
		struct fault f = {0};
		const struct credentials *c = snapshot_credentials(s, r, &f);

		if (c == NULL || c->rule != r || !is_whole(r))
			wrong++;
		taken++;
		snapshot_put(s);
	}
	return NULL;
}

static void
run(void)
{
	pthread_t t[THREADS];
	struct snapshot *first = snapshot_get(), *s;
	int i, n;

	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, take, NULL);
	for (n = 1; n <= RELOADS; n++) {
		policy_write(n);
		do { /* until somebody has read it */
			atomic_store(&due, 1);
			s = snapshot_get();
			i = atoi(snapshot_policy(s)
				     ->client[0]
				     .values.server_hostname +
			    1);
			snapshot_put(s);
		} while (i != n);
	}
	over = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	printf("%s threads: %ld snapshots taken, %ld wrong\n",
	    taken > 0 && wrong == 0 ? "ok" : "not ok", taken, wrong);
	printf("%s held: the first is as it was\n",
	    strcmp(snapshot_policy(first)->client[0].values.server_hostname,
		"h0.example") == 0
		? "ok"
		: "not ok");
	snapshot_put(first);
	for (n = 0, s = emptied; s != NULL; s = s->next)
		n++;
	/* each thread may hold one while the next is read */
	printf("%s %d reloads leave %d behind\n",
	    n <= THREADS + 3 ? "ok" : "not ok", RELOADS, n);
}

int
main(void)
{
	static struct shim_env env;
	static struct shim_host own;
	char command[200];

	memory_host();
	own = *host;
	own.env = &env;
	env.policy = path;
	host = &own;
	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(command, sizeof command,
	    "cp tests/badcerts/ok-ec/trust.pem %s/ca.pem", folder);
	if (system(command) != 0)
		return 1;
	snprintf(path, sizeof path, "%s/policy.cfg", folder);
	policy_write(0);
	process_init();
	snapshot_init("/usr/bin/true", NULL);
	if (!snapshot_ready()) {
		printf("not ok ready: %s\n", snapshot_fault()->text);
		return 1;
	}
	run();
	snprintf(command, sizeof command, "rm -rf %s", folder);
	(void)!system(command);
	return wrong > 0;
}
