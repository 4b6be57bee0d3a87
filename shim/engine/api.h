/*
 * api.h - the functions of tlsshim.h as the engine answers them
 *
 * Each is a call like the interposed ones (call.h): it takes conn->lock, is
 * not to be made by a handler that has interrupted the engine, and answers in
 * libc's way.
 */
#ifndef ENGINE_API_H
#define ENGINE_API_H

#include "conn.h"

extern const struct shim_api api_table;

/* What one call asks for, and where the answer goes. */
struct question {
	void *buf;
	size_t len;
	unsigned n;       /* of a list */
	int form;         /* of a certificate */
	const char *type; /* of a channel binding */
};

/*
 * One answer about conn c, whose session is there: a length or a negative
 * errno.  Locked.
 */
typedef ssize_t api_answer(struct conn *c, const struct question *q);

/* Asks about fd; the answer in libc's way. */
ssize_t api_ask(int fd, api_answer *answer, const struct question *q);

/* Hands n bytes, or a text, to who asks; as tlsshim.h says. */
ssize_t api_put(const struct question *q, const void *data, size_t n);
ssize_t api_put_text(const struct question *q, const char *text);

/*
 * Fills the caller's struct *out, whose first member is its size, from ours of
 * len bytes.  0 or a negative errno.
 */
int api_fill(void *out, const void *ours, size_t len);

/* api_peer.c */
api_answer api_getpeercert, api_verified_chain, api_unverified_chain,
    api_channel_binding;

#endif
