/*
 * visit.h - a host and port visited as the policy would have a program do it:
 * rule, credentials, name, handshake and verification are the engine's
 *
 * For probe and pipe.  One thread, one visit.
 */
#ifndef VISIT_H
#define VISIT_H

#include <limits.h>

#include "../policy/credentials.h"
#include "../policy/policy.h"
#include "../shim/engine/probe.h"
#include "tools.h"

struct visit {
	const char *file, *timeout_text; /* -p, --timeout; or NULL */
	const char *program;             /* whose rules count, or NULL */
	char host[256], port[8];
	int timeout;
	bool resume; /* a session of before will do */
	struct policy *policy; /* owned */
	char **search;         /* owned */
	size_t nsearch;
	char real[PATH_MAX]; /* of program */
};

/* What came of it; verdict is a word of the policy's or the engine's. */
struct outcome {
	const char *verdict, *cause;
	char address[128], text[2200], name[256];
	const struct rule *rule;
	struct probe probe;       /* where verdict is of a handshake */
	struct credentials *cred; /* owned */
	bool good;
};

/* Rows of a command's options that fill v. */
#define VISIT_OPTIONS(v)                                                 \
	{'p', "policy", OPTION_TEXT, &(v).file, "FILE",                  \
	    "Use this policy instead of the one in force."},             \
	    {0, "program", OPTION_TEXT, &(v).program, "FILE",            \
		"Connect as this program would."},                       \
	{                                                                \
		0, "timeout", OPTION_TEXT, &(v).timeout_text, "SECONDS", \
		    "Give up connecting after so long (30)."             \
	}

/*
 * Makes v ready for where, HOST:PORT: reads the policy and starts the engine.
 * EXIT_GOOD, or what the command ends with, and said.  visit_free in any case.
 */
int visit_open(struct visit *v, const char *where);
void visit_free(struct visit *v);

/*
 * Visits the addresses of the host until one answers; *o begins with its
 * verdict at "error".  -1 where the host has none, and said.  outcome_free in
 * any case: it says goodbye to the peer and closes.
 */
int visit_any(const struct visit *v, struct outcome *o);
void outcome_free(struct outcome *o);

#endif
