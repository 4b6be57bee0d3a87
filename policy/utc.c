/*
 * utc.c - the calendar, without libc's
 *
 * Years begin with March here, so that a leap day is the last one.  All that
 * repeats does so every 400 of them.
 */
#include <stdint.h>

#include "utc.h"

#define DAY 86400
#define CYCLE 146097 /* days of 400 years */
#define EPOCH 719468 /* 1970-01-01, from March of the year 0 */

time_t
utc_seconds(const struct utc *at)
{
	int64_t y = (at->month > 2 ? at->year : at->year - 1) + 400;
	int64_t m = (at->month + 9) % 12;
	int64_t days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 +
		       at->day - 1 - CYCLE - EPOCH;

	return (time_t)(((days * 24 + at->hour) * 60 + at->minute) * 60 +
			at->second);
}

struct utc
utc_of(time_t when)
{
	int64_t second = when % DAY + (when % DAY < 0 ? DAY : 0);
	int64_t days = (when - second) / DAY + EPOCH;
	int64_t day = days % CYCLE + (days % CYCLE < 0 ? CYCLE : 0);
	int64_t cycle = (days - day) / CYCLE;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t month;

	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	return (struct utc){.year = (long)(cycle * 400 + year + (month > 9)),
	    .month = (int)(month > 9 ? month - 9 : month + 3),
	    .day = (int)day + 1,
	    .hour = (int)(second / 3600),
	    .minute = (int)(second / 60 % 60),
	    .second = (int)(second % 60)};
}
