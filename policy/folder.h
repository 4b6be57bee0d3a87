/* folder.h - every file of a folder whose name fits */
#ifndef POLICY_FOLDER_H
#define POLICY_FOLDER_H

#include "policy.h"

/*
 * Calls add(to, path, at, f) for each entry of path whose name ends in one of
 * ends (up to NULL) or is one that openssl rehash makes, xxxxxxxx.N with
 * letter (0: nothing) between the dot and the number.  The folder is judged
 * as file_open_directory does.  0, or the first -1 and its fault; at blames
 * what names the folder.
 */
int folder_each(const char *path, const char *const *ends, char letter,
    int (*add)(void *to, const char *path, const struct origin *at,
	struct fault *f),
    void *to, const struct origin *at, struct fault *f);

#endif
