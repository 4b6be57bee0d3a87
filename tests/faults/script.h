/* script.h - the conversation that both ends know */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <string.h>

#define ROUNDS 3
#define LAST "marker-of-the-end"
#define CARELESS "marker-of-careless" /* after a failure, by a bad program */
#define SESSIONS 3 /* of one process */

/* Small, a record, and more than one send of the shim takes. */
static const size_t script_len[ROUNDS] = {64, 9000, 60000};
#define SCRIPT_MOST 60000

/* Message i of the client (or the server): begins with what the oracle seeks. */
static inline void
script_fill(char *buf, int i, int server)
{
	size_t k;

	for (k = 0; k < script_len[i]; k++)
		buf[k] = (char)('a' + (k * 7 + k / 251 + (size_t)i * 3) % 26);
	memcpy(buf, server ? "marker-of-server" : "marker-of-client", 16);
}

#endif
