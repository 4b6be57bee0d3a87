/*
 * utc_test.c - days and seconds as libc counts them
 */
#include <stdbool.h>
#include <stdio.h>

#include "../../policy/utc.h"

#define FIRST (-62167219200L) /* 0000-01-01 */
#define LAST 253402300799L    /* 9999-12-31, 23:59:59 */
#define STEP 80021L /* less than a day, and another second each time */

static int failures;

static void
told(bool ok, const char *what, long at)
{
	failures += !ok;
	printf("%sok %s %ld\n", ok ? "" : "not ", what, at);
}

static bool
same(time_t when)
{
	struct utc got = utc_of(when);
	struct tm want;

	return gmtime_r(&when, &want) != NULL &&
	       got.year == want.tm_year + 1900L &&
	       got.month == want.tm_mon + 1 && got.day == want.tm_mday &&
	       got.hour == want.tm_hour && got.minute == want.tm_min &&
	       got.second == want.tm_sec && utc_seconds(&got) == when;
}

static void
all_days(void)
{
	time_t when;

	for (when = FIRST; when <= LAST && same(when); when += STEP)
		;
	told(when > LAST, "ten thousand years, up to", when);
	told(same(FIRST) && same(LAST), "and both ends, to", LAST);
}

/* As timegm(): certificates of others say 31 February and second 60. */
static void
too_many(void)
{
	struct utc at = {2024, 2, 31, 23, 59, 60};
	struct tm tm = {.tm_year = 124,
	    .tm_mon = 1,
	    .tm_mday = 31,
	    .tm_hour = 23,
	    .tm_min = 59,
	    .tm_sec = 60};

	told(utc_seconds(&at) == timegm(&tm), "31 February is 3 March,",
	    utc_seconds(&at));
}

int
main(void)
{
	all_days();
	too_many();
	told(same(-1) && same(0) && same(1), "around", 0);
	return failures > 0;
}
