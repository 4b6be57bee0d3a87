/*
 * unwrap.h - the end of TLS on a connection that goes on in plaintext
 *
 * Only under allow_unwrap, and only behind the close_notify of both ends
 * (RFC 8446, 6.1): who cuts a connection, or forges its end, gets no plaintext.
 *
 * The conn stays where it is in the table, WATCHED with nothing to watch for:
 * its descriptors, their copies and their registrations in epoll sets pass
 * through the hooks as before, which pass the bytes on as they are.  What had
 * been decrypted and what came behind the peer's close_notify in the same
 * segment is c->plain, and the next reads begin with it.
 *
 * The change is made under conn->lock with both turns held, so that no other
 * thread sends or receives meanwhile.  One that waited for its turn to send
 * gets EPIPE, since it was about to write to the session; one that was in a
 * read gets the end of file.
 */
#ifndef ENGINE_UNWRAP_H
#define ENGINE_UNWRAP_H

#include "conn.h"

/*
 * Locked; unlocks while it waits.  0 when c is plaintext; -EAGAIN where p does
 * not allow to wait (to be called again), -EACCES without allow_unwrap,
 * -ENOBUFS where the peer sends on and more than STREAM_AHEAD is unread, or
 * another negative errno.
 */
int unwrap_conn(struct conn *c, int fd, struct patience *p);

/*
 * Locked.  Copies what reads begin with to iov, or as MSG_PEEK and MSG_TRUNC
 * say; how much.
 */
size_t unwrap_left(struct conn *c, const struct iovec *iov, int n, int flags);

#endif
