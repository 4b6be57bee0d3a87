/*
 * replace.h - a file changes whole or not at all, whatever fails
 */
#ifndef REPLACE_H
#define REPLACE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Writes data beside name in the folder dir (as .NAME.new, with this mode)
 * and to the disk.  0 or -1 and errno.
 */
int replace_begin(
    int dir, const char *name, const void *data, size_t len, mode_t mode);

/* Puts it in name's place.  0 or -1 and errno; name is as it was then. */
int replace_end(int dir, const char *name);

/* Removes what replace_begin has written, if anything. */
void replace_drop(int dir, const char *name);

#endif
