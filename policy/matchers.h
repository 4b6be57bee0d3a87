/* matchers.h - which connections a rule is for: matchers.c fills, match.c asks
 */
#ifndef POLICY_MATCHERS_H
#define POLICY_MATCHERS_H

#include "policy.h"

struct host {
	const char *name; /* canonical; of "*.corp.example": corp.example */
	bool suffix;
};

struct network {
	int family;
	unsigned bits;
	unsigned char addr[16];
};

struct ports {
	int low, high;
};

/* No entries: any. */
struct matchers {
	struct list program;
	size_t nhosts;
	struct host *hosts;
	size_t naddresses;
	struct network *addresses;
	size_t npeers;
	struct network *peers;
	size_t nports;
	struct ports *ports;
	const char *host_text; /* the hosts as the policy has them */
};

/* Does canonical name fall under h? */
bool host_has(const struct host *h, const char *name);

/*
 * Reads "10.0.0.0/8" or one address.  Returns NULL, or what is wrong with
 * text, worded to follow it.
 */
const char *network_parse(const char *text, struct network *out);

/* sa must be of AF_INET or AF_INET6; v4-mapped counts as v4. */
bool network_has(const struct network *n, const struct sockaddr *sa);

int sockaddr_port(const struct sockaddr *sa);   /* 0: none */
bool sockaddr_is_v4(const struct sockaddr *sa); /* v4-mapped counts */
bool sockaddr_is_wildcard(const struct sockaddr *sa);

/* The address in its shortest form, with the port. */
void sockaddr_text(const struct sockaddr *sa, char *buf, size_t len);

#endif
