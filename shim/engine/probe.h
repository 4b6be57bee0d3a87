/*
 * probe.h - one connection of the engine's own, for the tools: the same
 * session, handshake and verification that a program would get
 *
 * Needs `host` set and process_init() called.  One thread.
 */
#ifndef ENGINE_PROBE_H
#define ENGINE_PROBE_H

#include <gnutls/gnutls.h>

#include "../../policy/credentials.h"
#include "../abi.h"

struct probe {
	/* the caller's, before probe_begin */
	const char *peer; /* "192.0.2.1:443"; sessions are kept by the port */
	bool resume;      /* else its handshake is a full one */

	int err;         /* 0: the session is open; else an errno */
	char cause[32];  /* of a refusal or a break, or of what was tolerated */
	char text[1200]; /* and its sentence; "" where nothing is wrong */
	bool tolerated;
	/* As far as it came; NULL where it never began.  Until probe_end. */
	gnutls_session_t session;
	struct conn *c;
	int fd;
};

/* Makes h the host of this process.  0 or a negative errno. */
int probe_init(const struct shim_host *h);

/*
 * Shakes hands over fd, a connected TCP socket, as a client that rule, with
 * its credentials, governs; name: what to verify.  timeout in seconds, 0: the
 * rule's handshake_timeout alone.  What log lines would say is in *out, until
 * probe_end; it may not move till then.
 */
void probe_begin(struct probe *out, int fd, const struct rule *rule,
    const struct credentials *cred, const char *name, int timeout);

/*
 * The calls of a program as the engine answers them for fd, and libc for what
 * is no fd of a probe: read, send, poll, shutdown ...
 */
const struct shim_calls *probe_calls(void);

/*
 * Says goodbye, unless SO_LINGER was set to abort; fd is the caller's to
 * close.
 */
void probe_end(struct probe *p);

#endif
