/*
 * made.h - for unit tests: rules with the default values and no policy file,
 * and results as tests/run counts them
 */
#ifndef UNIT_MADE_H
#define UNIT_MADE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/keys.h"

static int failures;

static inline void
made_rule(struct rule *r, enum side side)
{
	size_t i;

	memset(r, 0, sizeof *r);
	r->file = "policy.cfg";
	r->line = 1;
	r->side = side;
	r->action = ACTION_TLS;
	r->enforce = true;
	r->values = key_defaults[side];
	/* every key on a line of its own: 100 + its place in keys.def */
	for (i = 0; i < KEY_COUNT; i++)
		r->origin[i] = (struct origin){r->file, 100 + (int)i};
}

__attribute__((format(printf, 2, 3))) static inline void
report(bool good, const char *fmt, ...)
{
	va_list ap;

	if (!good)
		failures++;
	printf("%s ", good ? "ok" : "not ok");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

#endif
