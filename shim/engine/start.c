/* start.c - the engine's one entry, and the table it hands to the preload */

#include <gnutls/gnutls.h>

#include "api.h"
#include "cache.h"
#include "conn.h"
#include "deferred.h"
#include "linger.h"
#include "epoll.h"
#include "log.h"
#include "ours.h"
#include "process.h"
#include "thread.h"

const struct shim_host *host;

RARE static struct shim_calls calls;

const struct shim_calls *
engine_calls(void)
{
	return &calls;
}

void
engine_calls_init(void)
{
	calls_stream(&calls);
	calls_socket(&calls);
	calls_descriptor(&calls);
	calls_ready(&calls);
	calls_stdio(&calls);
	calls_epoll(&calls);
	calls_exec(&calls);
	calls_spawn(&calls);
}

static void
leave(void)
{
	judge_leave();
}

/* Its filter was made for what the program calls, not for what we do. */
static void
sealing(void)
{
	cache_seal();
	if (table_top() > 0) /* it has had connections, or its parent */
		log_text(LOG_WARNING,
		    "this program filters its own system calls from here on: "
		    "what it has open goes on, but a connection that it opens "
		    "or is passed later may be its end (SIGSYS); then switch "
		    "its sandbox off (vsftpd: seccomp_sandbox=NO)");
}

/* Has its end anything to say?  A listener's has not. */
static bool
has_end(int fd)
{
	struct conn *c = table_get(fd);
	bool has = c != NULL && !c->listens;

	if (c != NULL)
		conn_put(c);
	return has;
}

/*
 * A process that ends closes what it holds, the last of it properly; not from
 * a handler that came in between, whose thread may hold any lock: the kernel
 * closes then, and the peer sees data that was cut short.
 */
static void
ending(void)
{
	int fd, top = table_top();

	if (thread_at_work())
		return;
	conn_end_all();
	for (fd = 0; fd < top; fd++)
		if (host->class_of[fd] == FD_GOVERNED && has_end(fd))
			descriptor_close(fd);
	deferred_finish(now_ms() + 5000);
}

static const struct shim_engine engine = {
    .abi = SHIM_ABI,
    .calls = &calls,
    .api = &api_table,
    .adopt = connection_adopt,
    .events = epoll_translate,
    .leave = leave,
    .sealing = sealing,
    .unprotected = judge_unprotected,
    .ending = ending,
    .forking = process_forking,
    .forked = process_forked,
    .vacate = descriptor_vacate,
    .lost = descriptor_lost,
    .sweep = descriptor_sweep,
};

/*
 * GNUTLS_DEBUG_LEVEL=9 makes GnuTLS print traffic keys, whatever the policy
 * says of key logs.
 */
static void
silence_gnutls(void)
{
	gnutls_global_set_log_level(0);
}

__attribute__((visibility("default"))) const struct shim_engine *
shim_engine_start(const struct shim_host *h)
{
	if (h->abi != SHIM_ABI)
		return NULL;
	host = h;
	if (process_init() < 0)
		return NULL;
	log_init(NULL);
	if (slot_init() < 0)
		log_text(LOG_WARNING,
		    "no shared memory: sessions end with this process alone");
	silence_gnutls();
	linger_init();
	engine_calls_init();
	ours_reclaim(OURS_SPARE);
	judge_init();
	return &engine;
}
