/* dial.c - from HOST:PORT to a connected socket */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "host.h"
#include "tools.h"

int
dial_split(const char *text, char host[256], char port[8])
{
	const char *colon = strrchr(text, ':');
	size_t n = colon != NULL ? (size_t)(colon - text) : 0;
	char *end;
	long number = colon != NULL ? strtol(colon + 1, &end, 10) : 0;

	if (n > 1 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	} else if (n > 0 && memchr(text, ':', n) != NULL) {
		n = 0; /* an IPv6 address wants its brackets */
	}
	if (n == 0 || n >= 256 || number < 1 || number > 65535 ||
	    *end != '\0' || strlen(colon + 1) > 5) {
		complain("'%s' is not HOST:PORT or [ADDRESS]:PORT", text);
		return -1;
	}
	memcpy(host, text, n);
	host[n] = '\0';
	strcpy(port, colon + 1);
	return 0;
}

int
dial_resolve(const char *host, const char *port,
    struct sockaddr_storage to[DIAL_MOST], socklen_t len[DIAL_MOST], size_t *n)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
			    .ai_flags = AI_NUMERICSERV},
			*list, *a;
	int rv = getaddrinfo(host, port, &hints, &list);

	*n = 0;
	if (rv != 0) {
		complain("%s: %s", host, gai_strerror(rv));
		return -1;
	}
	for (a = list; a != NULL && *n < DIAL_MOST; a = a->ai_next) {
		memcpy(&to[*n], a->ai_addr, a->ai_addrlen);
		len[(*n)++] = a->ai_addrlen;
	}
	freeaddrinfo(list);
	return 0;
}

int
dial(const struct sockaddr_storage *to, socklen_t len, int timeout)
{
	const struct timeval tv = {.tv_sec = timeout};
	int fd = socket(to->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	if (fd == -1)
		return -errno;
	if (timeout > 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
	if (connect(fd, (const struct sockaddr *)to, len) == 0)
		return fd;
	err = errno == EINPROGRESS ? ETIMEDOUT : errno;
	close(fd);
	return -err;
}
