/*
 * ends.h - for fuzzers: ends of the engine over sockets in memory, with rules
 * and credentials that are read once
 */
#ifndef FUZZ_ENDS_H
#define FUZZ_ENDS_H

#include "../unit/pair.h"
#include "fuzz.h"

/* What both sides may be told; the first byte of an input picks one. */
static const char *const ends_keys[][2] = {
    {"", ""},
    {"maximum_version = \"TLSv1.2\";", ""},
    {"minimum_version = \"TLSv1.3\";", ""},
    {"alpn_protocols = \"one\";",
	"alpn_protocols = ( \"two\", \"one\" ); alpn_mandatory = true;"},
    {"", "verify_mode = \"optional\"; cafile = \"trust.pem\";"},
    {"enforce = false; server_hostname = \"other.example\";", ""},
    {"", "action = \"detect\";"},
    {"suppress_ragged_eofs = true; verify_flags = ( \"crl_check_leaf\" );"
     " crlfile = \"crl.pem\";", ""},
};
#define ENDS_KEYS (sizeof ends_keys / sizeof ends_keys[0])

static struct policy *ends_policy[ENDS_KEYS];
static struct credentials *ends_cred[ENDS_KEYS][2];

static inline void
ends_init(void)
{
	struct fault f;
	size_t i;

	if (ends_policy[0] != NULL)
		return;
	memory_test = "fuzz";
	pair_setup();
	folder_copy("crl-revoked", "crl.pem", "crl.pem");
	for (i = 0; i < ENDS_KEYS; i++) {
		ends_policy[i] = pair_policy(ends_keys[i][0], ends_keys[i][1]);
		/* who is closed on has no thread of his own to end in */
		ends_policy[i]->client->values.close_timeout = 0;
		ends_policy[i]->server->values.close_timeout = 0;
		if (credentials_read(ends_policy[i]->client,
			&ends_cred[i][CLIENT], &f) == -1 ||
		    credentials_read(ends_policy[i]->server,
			&ends_cred[i][SERVER], &f) == -1)
			memory_die(f.text);
	}
}

/* Side i of p on p->fd[i], by the which-th keys. */
static inline void
ends_conn(struct pair *p, int i, size_t which)
{
	struct conn *c = conn_new(i == CLIENT ? SIDE_CLIENT : SIDE_SERVER,
	    i == CLIENT ? CONN_TCP : CONN_PRE);

	MUST(c != NULL);
	c->rule = i == CLIENT ? ends_policy[which]->client
			      : ends_policy[which]->server;
	c->cred = ends_cred[which][i];
	snprintf(c->peer, sizeof c->peer, "127.0.0.1:443");
	if (i == CLIENT)
		snprintf(c->name, sizeof c->name, "%s", NAME);
	c->connected_told = i == SERVER;
	table_set(p->fd[i], c);
	p->c[i] = c;
	conn_put(c);
}

/* TCP between two sockets in memory, without anything of ours on them. */
static inline void
ends_open(struct pair *p)
{
	int i;

	memset(p, 0, sizeof *p);
	memory_log[0] = '\0';
	memory_idle = NULL;
	memory_pair(p->fd);
	for (i = 0; i < 2; i++) {
		p->m[i] = memory_at[p->fd[i]];
		p->m[i]->nonblock = true;
	}
}

/* Closes what is open, so that nothing waits for the other side. */
static inline void
ends_close(struct pair *p)
{
	struct memory *m;
	int i;

	for (i = 0; i < 2; i++) {
		m = memory_find(p->fd[i]);
		if (m == NULL)
			continue;
		m->fin = true;
		m->first = m->end;
		m->room = m->send_most = m->recv_most = 0;
		m->recv_fails.at = m->send_fails.at = 0;
	}
	for (i = 0; i < 2; i++)
		if (memory_find(p->fd[i]) != NULL)
			tls.close(p->fd[i]);
	deferred_finish(now_ms() + 2000);
	deferred_drive(); /* what has failed is let go of by the next call */
	MUST(!deferred_any());
	for (i = 0; i < 2; i++)
		MUST(memory_find(p->fd[i]) == NULL);
}

/* All that m has sent is records of TLS, and none of `text`. */
static inline void
ends_wire(const struct memory *m, const void *text, size_t len)
{
	size_t at;

	MUST(m->sent < len || memmem(m->wire, m->sent, text, len) == NULL);
	for (at = 0; at < m->sent;) {
		MUST(m->wire[at] >= 20 && m->wire[at] <= 23);
		MUST(m->sent - at < 2 || m->wire[at + 1] == 3);
		if (m->sent - at < 5)
			return;
		at += 5 + ((size_t)m->wire[at + 3] << 8 | m->wire[at + 4]);
	}
}

#endif
