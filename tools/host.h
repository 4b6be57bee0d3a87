/* host.h - connections that the tools make themselves */
#ifndef HOST_H
#define HOST_H

#include <sys/socket.h>

/* Once, before any probe: the engine runs over libc.  0, or -1 and said. */
int host_init(void);

/*
 * dial.c: HOST:PORT, [ADDRESS]:PORT or ADDRESS:PORT, cut in two; 0, or -1 and
 * said.
 */
int dial_split(const char *text, char host[256], char port[8]);

#define DIAL_MOST 16

/* The addresses of host; 0, or -1 and said. */
int dial_resolve(const char *host, const char *port,
    struct sockaddr_storage to[DIAL_MOST], socklen_t len[DIAL_MOST], size_t *n);

/* A connected socket, or a negative errno.  timeout in seconds, 0: none. */
int dial(const struct sockaddr_storage *to, socklen_t len, int timeout);

#endif
