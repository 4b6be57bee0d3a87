/*
 * psk.h - pre-shared keys in a session
 *
 * All of it with conn->lock held, as the rest of the handshake.
 */
#ifndef ENGINE_PSK_H
#define ENGINE_PSK_H

#include "conn.h"

/*
 * Gives a new session what it needs for psk_file, if its rule has one; 0 or a
 * GnuTLS code.  psk_free takes it back once the session is gone.
 */
int psk_set(struct conn *c);
void psk_free(struct conn *c);

/*
 * GnuTLS ended the handshake with code.  Where a pre-shared key, or the want
 * of one, is the likely reason, writes a sentence to text and returns the
 * cause word; else NULL.
 */
const char *psk_reason(const struct conn *c, int code, char *text, size_t len);

/*
 * Writes what an open session by a pre-shared key is to text, its identity
 * too; false: it is none.  (gnutls_session_get_desc leaves the keys out.)
 */
bool psk_describe(const struct conn *c, char *text, size_t len);

#endif
