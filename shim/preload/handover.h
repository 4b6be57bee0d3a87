/*
 * handover.h - what a program knows of its relayed connections, as the text
 * that its next image reads
 *
 * The text comes from the environment, so anybody may have written it.  It
 * says nothing secret and is believed of no descriptor whose socket cookie it
 * does not name; who lies there lies to himself about names.
 */
#ifndef HANDOVER_H
#define HANDOVER_H

#include "../abi.h"

#define HANDOVER_ENTRY 128 /* no entry is longer, its comma included */

/*
 * Reads at most n entries of text; how many there were up to the first that
 * is no entry.  A pure function: no allocation, no errno, no locale.
 */
size_t handover_read(const char *text, struct shim_relayed *out, size_t n);

/* Writes one entry and a comma, no NUL; its length, at most HANDOVER_ENTRY. */
size_t handover_write(const struct shim_relayed *r, char *buf);

#endif
