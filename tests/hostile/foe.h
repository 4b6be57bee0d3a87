/*
 * foe.h - one connection of the attacker's to the victim, whoever has dialled
 */
#ifndef FOE_H
#define FOE_H

#include <gnutls/gnutls.h>

#include "../fixtures/wire.h"

struct foe {
	int fd;
	int server; /* the attacker is the server of it */
	gnutls_session_t session; /* NULL before foe_shake */
	long limit; /* bytes that may still go out; -1: all */
	int cut;    /* some did not */
	long sent;  /* steps */
	int step;   /* at most so many in one segment; 0: any */
	struct wire wire; /* what the victim sends */
};

/* How the attacker gets one more connection; exits where none comes. */
struct foe *foe_new(void);
void foe_free(struct foe *f); /* closes */
void foe_reset(struct foe *f); /* closes with RST */

/* Raw bytes; 0, or -1 where the victim has closed or takes no more for long. */
int foe_send(struct foe *f, const void *buf, size_t len);

/* 1: the victim has closed or answered within ms; drops what it says. */
int foe_hear(struct foe *f, int ms);

/* 1: the victim has ended it, before it was silent for ms. */
int foe_ended(struct foe *f, int ms);

/* A handshake; priority NULL: any.  0 or GnuTLS's error. */
int foe_shake(struct foe *f, const char *priority);

/* A byte there and back; 0 where the session is as it should be. */
int foe_echo(struct foe *f);

/* The certificates that it shows as a server. */
gnutls_certificate_credentials_t foe_credentials(void);

extern const char *foe_clear; /* what came from the victim and is no TLS */

#endif
