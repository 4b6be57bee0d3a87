/*
 * log.h - one line a person can act on, where the policy wants it
 *
 * Never waits, never allocates, never writes to the program's stdout.  Any
 * thread; not from a signal handler that interrupted the engine.
 */
#ifndef ENGINE_LOG_H
#define ENGINE_LOG_H

#include "../../policy/policy.h"

struct log_line {
	enum log_level level;
	const char *verdict; /* "accepted", "refused", "plain", ... */
	enum side side;
	const char *peer;  /* or NULL */
	const char *program; /* that is started: then no side and no peer */
	const char *cause; /* or NULL */
	const char *name;  /* or NULL */
	const struct rule *rule; /* or NULL */
	const char *text;
};

/* values NULL: the defaults (stderr, notice, text). */
void log_init(const struct log_values *values);
void log_write(const struct log_line *l);

/* Of a connection: its side, peer, name and rule, and these.  cause or NULL */
struct conn;
void log_conn(const struct conn *c, enum log_level level, const char *verdict,
    const char *cause, const char *text);

/* Where set, lines of log_write go there and nowhere else (probe.c). */
extern void (*log_tap)(const struct log_line *l);

/* A line that concerns no connection: the policy's fault, a warning. */
void log_text(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Our descriptor of the log's file, or -1. */
int log_fd(void);

/* True if a line of this level would be written. */
bool log_wants(enum log_level level);

#endif
