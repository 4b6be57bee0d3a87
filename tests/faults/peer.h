/*
 * peer.h - the other end of the scripted program: GnuTLS over a socket whose
 * every byte is looked at
 */
#ifndef FAULTS_PEER_H
#define FAULTS_PEER_H

#include <stdint.h>

struct peer_result {
	int complete;      /* the whole script, both ends said */
	const char *clear; /* what was no TLS on the wire, or NULL */
	const char *bad;   /* what was decrypted and is not the script, or NULL */
};

/* Once; cert, key and ca are files.  Exits with a message if they are bad. */
void peer_init(const char *cert, const char *key, const char *ca,
    const char *priority);

/*
 * The script over fd, which is closed, until deadline (ms of CLOCK_MONOTONIC).
 */
void peer_talk(int fd, int server, int64_t deadline, struct peer_result *out);

int64_t peer_now(void);

#endif
