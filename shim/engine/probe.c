/* probe.c - one connection of the engine's own, for the tools */

#include <stdio.h>
#include <string.h>

#include "conn.h"
#include "engine.h"
#include "log.h"
#include "probe.h"
#include "process.h"

static struct probe *probing;

static void
note(const struct log_line *l)
{
	if (probing == NULL || l->cause == NULL)
		return;
	probing->tolerated |= strcmp(l->verdict, "tolerated") == 0;
	snprintf(probing->cause, sizeof probing->cause, "%s", l->cause);
	snprintf(probing->text, sizeof probing->text, "%s", l->text);
}

int
probe_init(const struct shim_host *h)
{
	host = h;
	log_init(NULL);
	log_tap = note;
	engine_calls_init();
	return process_init();
}

const struct shim_calls *
probe_calls(void)
{
	return engine_calls();
}

void
probe_begin(struct probe *out, int fd, const struct rule *rule,
    const struct credentials *cred, const char *name, int timeout)
{
	struct patience p = {0};
	struct conn *c = conn_new(SIDE_CLIENT, CONN_TCP);

	*out = (struct probe){.peer = out->peer,
	    .resume = out->resume,
	    .fd = fd,
	    .err = ENOMEM};
	if (c == NULL)
		return;
	c->rule = rule;
	c->cred = cred;
	c->full_only = !out->resume;
	if (out->peer != NULL)
		snprintf(c->peer, sizeof c->peer, "%s", out->peer);
	snprintf(c->name, sizeof c->name, "%s", name);
	table_set(fd, c);
	out->c = c;
	probing = out;
	if (timeout > 0)
		c->deadline = now_ms() + (int64_t)timeout * 1000;
	conn_lock(c);
	out->err = -handshake_drive(c, fd, &p);
	pthread_mutex_unlock(&c->lock);
	out->session = c->session;
}

void
probe_end(struct probe *p)
{
	probing = NULL;
	if (p->c == NULL)
		return;
	conn_lock(p->c);
	if (p->err == 0 && !p->c->linger_set)
		conn_finish(p->c, p->fd);
	pthread_mutex_unlock(&p->c->lock);
	table_close_end(p->fd, table_close_begin(p->fd));
	p->c = NULL;
	p->session = NULL;
}
