/*
 * utc.h - the calendar, without libc's
 *
 * timegm(), gmtime_r() and strftime() take the lock of libc's time zone, of
 * which they need nothing, and fork() does not give it back: a child whose
 * parent had a thread in any of them, a line of a log being written, would wait
 * for ever.  Gregorian, without leap seconds (POSIX, 4.16).  May be called
 * anywhere, in handlers too.
 */
#ifndef UTC_H
#define UTC_H

#include <time.h>

struct utc {
	long year;
	int month, day; /* from 1 */
	int hour, minute, second;
};

/* Years from 0; what is too many of the rest counts on, as for timegm(). */
time_t utc_seconds(const struct utc *at);

struct utc utc_of(time_t when);

#endif
