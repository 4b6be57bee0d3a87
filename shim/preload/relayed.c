/* relayed.c - one end of a socket pair that answers as its connection would */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>

#include "handover.h"
#include "owned.h"

#ifndef TCP_ZEROCOPY_RECEIVE
#define TCP_ZEROCOPY_RECEIVE 35
#endif

#define ENTRIES 64
#define REFUSED 4 /* the last of them: one for each image of a chain */
#define RELAY_ANSWERS_MS 500
#define OPTIONS 48 /* TCP_* are small numbers */

/*
 * Written under busy, read without a lock: a reader that meets an entry which
 * is just being replaced finds a cookie that is not its own.  The oldest goes
 * when there is no room: its names are then those of a socket pair.
 */
APART static struct entry {
	_Atomic uint64_t cookie; /* 0: none, or being written */
	struct shim_relayed is;
	int cut_told;
	int option[OPTIONS]; /* what the program has set, level IPPROTO_TCP */
} entries[ENTRIES];
static _Atomic unsigned count; /* ever added */
static unsigned relays, refusals;
static int busy;

static struct entry *
find(int fd)
{
	uint64_t cookie = count > 0 ? shim_cookie(&libc, fd) : 0;
	int i;

	for (i = 0; cookie != 0 && i < ENTRIES; i++)
		if (entries[i].cookie == cookie)
			return &entries[i];
	return NULL;
}

/* Held: where r is to go, or where it is. */
static struct entry *
place(const struct shim_relayed *r)
{
	int i, relay_n = ENTRIES - REFUSED;

	for (i = relay_n; r->refused && i < ENTRIES; i++)
		if (entries[i].cookie == r->cookie)
			return &entries[i];
	return &entries[r->refused ? relay_n + refusals++ % REFUSED
				   : relays++ % (unsigned)relay_n];
}

void
relayed_add(const struct shim_relayed *r)
{
	struct entry *e;

	while (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE))
		;
	e = place(r);
	if (e->cookie != r->cookie || !r->refused) {
		e->cookie = 0;
		e->is = *r;
		e->cut_told = 0;
		memset(e->option, 0, sizeof e->option);
		e->cookie = r->cookie;
		count++;
	}
	__atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
}

void
relayed_read(const char *text)
{
	struct shim_relayed found[ENTRIES];
	size_t n = handover_read(text, found, ENTRIES), i;

	for (i = 0; i < n; i++)
		relayed_add(&found[i]);
}

size_t
relayed_tell(char *buf, size_t len)
{
	static const char name[] = SHIM_RELAYED_NAME "=";
	size_t n = sizeof name - 1;
	int i;

	if (count == 0 || len < sizeof name)
		return 0;
	memcpy(buf, name, n);
	for (i = 0; i < ENTRIES && len - n > HANDOVER_ENTRY; i++)
		if (entries[i].cookie != 0)
			n += handover_write(&entries[i].is, buf + n);
	buf[n] = '\0';
	return n;
}

int
relayed_has(int fd)
{
	return find(fd) != NULL;
}

int
relayed_refused(int fd)
{
	const struct entry *e = find(fd);

	return e != NULL && e->is.refused;
}

/* The other end was closed, or both ends are shut both ways. */
static int
hung_up(int fd)
{
	struct pollfd ask = {fd, 0, 0};

	return libc.poll(&ask, 1, 0) == 1 && (ask.revents & POLLHUP);
}

/*
 * A relay that lives says so at once, when another process has shut this end;
 * one that is killed never does, and neither the peer nor the kernel can tell
 * the program that bytes are missing.
 */
static int
is_cut(const struct entry *e, int fd)
{
	const struct timespec moment = {0, 1000000};
	struct sockaddr_un name;
	int i;

	if (e->cut_told || !hung_up(fd))
		return 0;
	for (i = 0; i < RELAY_ANSWERS_MS; i++) {
		socklen_t len = sizeof name;

		if (libc.getpeername(
			fd, (struct sockaddr *)&name, &len) == -1)
			return 0;
		if (len > offsetof(struct sockaddr_un, sun_path))
			return len > SHIM_ORDERLY_NAME;
		nanosleep(&moment, NULL);
	}
	return 1;
}

ssize_t
relayed_end(int fd, ssize_t answer)
{
	int saved = errno;
	struct entry *e = answer == 0 ? find(fd) : NULL;

	if (e != NULL && is_cut(e, fd)) {
		e->cut_told = 1;
		errno = ECONNRESET;
		return -1;
	}
	errno = saved;
	return answer;
}

/* As the kernel copies a name: what fits, and its whole length. */
static int
copy(const void *from, socklen_t size, void *to, socklen_t *len)
{
	if (to == NULL || len == NULL) {
		errno = EFAULT;
		return -1;
	}
	if ((int)*len < 0) {
		errno = EINVAL;
		return -1;
	}
	memcpy(to, from, *len < size ? *len : size);
	*len = size;
	return 0;
}

static int
name_copy(const union shim_address *a, void *to, socklen_t *len)
{
	if (a->sa.sa_family == 0) {
		errno = ENOTCONN;
		return -1;
	}
	return copy(a,
	    a->sa.sa_family == AF_INET ? sizeof a->in : sizeof a->in6, to, len);
}

/* getsockopt says how much it gave, not how much there was. */
static int
option_copy(const void *from, socklen_t size, void *to, socklen_t *len)
{
	socklen_t room = len != NULL ? *len : 0;
	int rv = copy(from, size, to, len);

	if (rv == 0 && room < size)
		*len = room;
	return rv;
}

static int
int_copy(int value, void *to, socklen_t *len)
{
	return option_copy(&value, sizeof value, to, len);
}

static int
refuse(int why)
{
	errno = why;
	return -1;
}

static int
tcp_get(const struct entry *e, int name, void *val, socklen_t *len)
{
	static const char congestion[16] = "cubic";
	struct tcp_info info = {.tcpi_state = TCP_ESTABLISHED};

	if (name == TCP_INFO)
		return option_copy(&info, sizeof info, val, len);
	if (name == TCP_CONGESTION)
		return option_copy(congestion, sizeof congestion, val, len);
	if (name <= 0 || name >= OPTIONS)
		return refuse(ENOPROTOOPT);
	return int_copy(e->option[name], val, len);
}

static int
option_get(struct entry *e, int fd, int level, int name, void *val,
    socklen_t *len)
{
	static const struct {
		int pid, uid, gid;
	} nobody = {0, -1, -1};

	if (shim_goes_behind(level, name))
		return refuse(ENOPROTOOPT);
	if (level == IPPROTO_TCP)
		return tcp_get(e, name, val, len);
	if (level == IPPROTO_IP ||
	    (level == IPPROTO_IPV6 && e->is.local.sa.sa_family == AF_INET6))
		return int_copy(0, val, len);
	if (level != SOL_SOCKET)
		return refuse(ENOPROTOOPT);
	if (name == SO_DOMAIN)
		return int_copy(e->is.local.sa.sa_family, val, len);
	if (name == SO_PROTOCOL)
		return int_copy(e->is.protocol, val, len);
	if (name == SO_ERROR && is_cut(e, fd)) {
		e->cut_told = 1;
		return int_copy(ECONNRESET, val, len);
	}
	if (name == SO_PEERCRED)
		return option_copy(&nobody, sizeof nobody, val, len);
	return libc.getsockopt(fd, level, name, val, len);
}

/* The relay's own socket has what matters; the rest is remembered. */
static int
option_set(struct entry *e, int fd, int level, int name, const void *val,
    socklen_t len)
{
	if (shim_goes_behind(level, name))
		return refuse(ENOPROTOOPT);
	if (level == SOL_SOCKET)
		return libc.setsockopt(fd, level, name, val, len);
	if (level != IPPROTO_TCP)
		return level == IPPROTO_IP || level == IPPROTO_IPV6
			   ? 0
			   : refuse(ENOPROTOOPT);
	if (val == NULL)
		return refuse(EFAULT);
	if (name == TCP_CONGESTION)
		return 0;
	if (name <= 0 || name >= OPTIONS)
		return refuse(ENOPROTOOPT);
	if (len < sizeof(int))
		return refuse(EINVAL);
	memcpy(&e->option[name], val, sizeof(int));
	return 0;
}

/* The entry that answers for fd in place of libc, or NULL. */
static struct entry *
answers(int fd)
{
	int saved = errno;
	struct entry *e = NULL;

	libc_need();
	if (unlikely(count > 0) && owned_settle(fd) == FD_RELAYED)
		e = find(fd);
	errno = saved;
	return e;
}

EXPORTS_BEGIN

int
getpeername(int fd, __SOCKADDR_ARG addr, socklen_t *alen)
{
	const struct entry *e = answers(fd);
	enum way way = e == NULL ? gate_owned(fd) : WAY_LIBC;

	if (e != NULL)
		return name_copy(&e->is.peer, addr.__sockaddr__, alen);
	if (way == WAY_ENGINE && ENGINE_SLOT(getpeername) != NULL)
		return engine_get()->calls->getpeername(fd, addr, alen);
	return way == WAY_REFUSED ? -1 : libc.getpeername(fd, addr, alen);
}

int
getsockname(int fd, __SOCKADDR_ARG addr, socklen_t *alen)
{
	const struct entry *e = answers(fd);
	enum way way = e == NULL ? gate_owned(fd) : WAY_LIBC;

	if (e != NULL)
		return name_copy(&e->is.local, addr.__sockaddr__, alen);
	if (way == WAY_ENGINE && ENGINE_SLOT(getsockname) != NULL)
		return engine_get()->calls->getsockname(fd, addr, alen);
	return way == WAY_REFUSED ? -1 : libc.getsockname(fd, addr, alen);
}

int
getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	struct entry *e = answers(fd);
	enum way way = e == NULL ? gate_owned(fd) : WAY_LIBC;

	if (e != NULL)
		return option_get(e, fd, level, name, val, len);
	if (way == WAY_ENGINE && ENGINE_SLOT(getsockopt) != NULL)
		return engine_get()->calls->getsockopt(
		    fd, level, name, val, len);
	return way == WAY_REFUSED ? -1
				  : libc.getsockopt(fd, level, name, val, len);
}

int
setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
	struct entry *e = answers(fd);
	enum way way = WAY_LIBC;

	if (e == NULL)
		way = shim_goes_behind(level, name) ? gate_owned(fd)
						    : gate_setup(fd);
	if (e != NULL)
		return option_set(e, fd, level, name, val, len);
	if (way == WAY_ENGINE && ENGINE_SLOT(setsockopt) != NULL)
		return engine_get()->calls->setsockopt(
		    fd, level, name, val, len);
	return way == WAY_REFUSED ? -1
				  : libc.setsockopt(fd, level, name, val, len);
}

EXPORTS_END
