/*
 * call.h - the frame of an interposed call: conn and errno in, conn and
 * errno out
 */
#ifndef ENGINE_CALL_H
#define ENGINE_CALL_H

#include "conn.h"

struct call {
	struct conn *c;
	int saved;  /* errno is untouched on success */
	int cancel; /* the thread's cancellation state, disabled meanwhile */
};

/* 0 or a negative errno; call_end follows in either case. */
int call_begin(struct call *k, int fd);

/* For calls that concern no one conn. */
int call_enter(struct call *k);

/* rv in libc's way: errno is set for a negative one, else as it was. */
ssize_t call_end(struct call *k, ssize_t rv);

/*
 * A call on a conn that is in an epoll set may have left plaintext behind,
 * queued output or ended a handshake: the kernel tells nobody of these.
 * call_end does it for its conn.
 */
void call_note(struct conn *c);

#endif
