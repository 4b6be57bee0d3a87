/*
 * ticket_keys.h - the keys of tickets that several servers have in common
 *
 * A file of lines of 128 hexadecimal digits each (openssl rand -hex 64), and
 * of comments behind '#'.  The first key makes tickets, all of them open
 * tickets: to change keys a new line goes to the front on all hosts, and old
 * ones go when their tickets have run out.
 */
#ifndef POLICY_TICKET_KEYS_H
#define POLICY_TICKET_KEYS_H

#include "policy.h"

enum {
	TICKET_KEY = 64,       /* bytes */
	TICKET_KEYS_MOST = 16, /* in a file */
};

struct ticket_keys {
	size_t n;
	unsigned char key[TICKET_KEYS_MOST][TICKET_KEY];
};

/*
 * Pure.  Takes text (len bytes) apart; 0, or -1 with *line and *why, a
 * constant that completes a sentence about the file.
 */
int ticket_keys_parse(const char *text, size_t len, struct ticket_keys *out,
    int *line, const char **why);

/*
 * Those of r's session.ticket_key_file; *out is the caller's, NULL where r
 * names none.
 */
int ticket_keys_read(
    const struct rule *r, struct ticket_keys **out, struct fault *f);
void ticket_keys_free(struct ticket_keys *k); /* NULL accepted; wipes */

#endif
