/* messages.c - tcpdiff's scenarios about headers, names and control data */
#define _GNU_SOURCE
#include "tcpdiff.h"

static void *volatile nowhere = (void *)8;

/* The other end of most: says so much, then reads to the end. */
static void
ten_server(int fd)
{
	puts_to(fd, "0123456789");
	take(fd, ALL);
}

static void
quiet_server(int fd)
{
	take(fd, ALL);
}

static void
messages_server(int fd)
{
	take(fd, 9);
	puts_to(fd, "abcdefg");
	hear();
	puts_to(fd, "hij");
	shutdown(fd, SHUT_WR);
	take(fd, ALL);
}

static void
clear(struct mmsghdr *m, struct iovec *iov, char (*buf)[4], int n)
{
	int i;

	for (i = 0; i < n; i++) {
		memset(buf[i], 0, 4);
		iov[i] = (struct iovec){buf[i], 3};
		m[i] = (struct mmsghdr){
		    .msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1},
		    .msg_len = 99};
	}
}

static void
say_messages(struct mmsghdr *m, char (*buf)[4], int n)
{
	int i;

	for (i = 0; i < n; i++)
		say("%d: %u \"%.3s\" flags %x", i, m[i].msg_len, buf[i],
		    (unsigned)m[i].msg_hdr.msg_flags);
}

static void
messages_client(int fd)
{
	char buf[5][4];
	struct iovec iov[5];
	struct mmsghdr m[5];
	struct timespec half = {0, 50000000}, zero = {0, 0}, bad = {0, -1};
	int i;

	clear(m, iov, buf, 5);
	for (i = 0; i < 3; i++)
		memcpy(buf[i], "xyz", 3);
	DO(sendmmsg(fd, m, 0, 0));
	DO(sendmmsg(fd, m, 3, 0));
	say("%u %u %u %u", m[0].msg_len, m[1].msg_len, m[2].msg_len,
	    m[3].msg_len);
	await_bytes(fd, 7);
	clear(m, iov, buf, 5);
	DO(recvmmsg(fd, m, 0, 0, NULL));
	DO(recvmmsg(fd, m, 1, 0, &bad));
	DO(recvmmsg(fd, m, 1, MSG_PEEK, NULL));
	say_messages(m, buf, 2);
	DO(recvmmsg(fd, m, 2, 0, &zero));
	say_messages(m, buf, 2);
	DO(recvmmsg(fd, m, 5, MSG_WAITFORONE, NULL));
	say_messages(m, buf, 3);
	DO(recvmmsg(fd, m, 5, MSG_DONTWAIT, NULL));
	set_timeout(fd, SO_RCVTIMEO, 60);
	DO(recvmmsg(fd, m, 5, 0, NULL));
	DO(recvmmsg(fd, m, 5, 0, &half));
	set_timeout(fd, SO_RCVTIMEO, 0);
	clear(m, iov, buf, 5);
	tell();
	await(fd, POLLRDHUP);
	DO(recvmmsg(fd, m, 4, 0, NULL));
	say_messages(m, buf, 4);
	DO(recvmmsg(fd, m, 5, MSG_WAITFORONE, NULL));
	iov[1].iov_base = nowhere;
	DO(sendmmsg(fd, m, 2, 0));
	DO(sendmmsg(fd, m, 1, 0));
}

static void
say_header(const struct msghdr *m)
{
	say("name %s %u control %s %zu flags %x", m->msg_name ? "yes" : "no",
	    m->msg_namelen, m->msg_control ? "yes" : "no", m->msg_controllen,
	    (unsigned)m->msg_flags);
}

/* What recvmsg leaves in a msghdr, what names and control data are worth. */
static void
header_client(int fd)
{
	struct sockaddr_storage a = {0};
	char b[4], control[64];
	struct iovec iov = {b, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1,
	    .msg_flags = 0x1234};
	socklen_t len;

	await_bytes(fd, 10);
	m.msg_namelen = 17;
	DO(recvmsg(fd, &m, 0));
	say_header(&m);
	m.msg_name = &a;
	m.msg_namelen = sizeof(a);
	m.msg_control = control;
	m.msg_controllen = sizeof(control);
	DO(recvmsg(fd, &m, MSG_CMSG_CLOEXEC));
	say_header(&m);
	say("family %d", a.ss_family);
	m.msg_namelen = (socklen_t)-1;
	DO(recvmsg(fd, &m, 0));
	say_header(&m);
	m.msg_namelen = 9999;
	m.msg_controllen = 0;
	DO(recvmsg(fd, &m, MSG_PEEK | MSG_WAITALL | MSG_NOSIGNAL));
	say_header(&m);
	m.msg_name = NULL;
	m.msg_control = NULL;
	m.msg_controllen = 55;
	DO(recvmsg(fd, &m, MSG_DONTWAIT));
	say_header(&m);
	DO(recvmsg(fd, &m, MSG_ERRQUEUE));
	DO(recv(fd, b, 1, MSG_ERRQUEUE));
	len = sizeof(a);
	DO(recvfrom(fd, b, 1, 0, SA(&a), &len));
	say("length %u", len);
	len = 5;
	DO(recvfrom(fd, b, 1, 0, NULL, &len));
	say("length %u", len);
	DO(recvfrom(fd, b, 1, MSG_PEEK, SA(&a), NULL));
	DO(recvfrom(fd, b, 1, MSG_PEEK, SA(&a), nowhere));
	len = (socklen_t)-1;
	DO(recvfrom(fd, b, 1, MSG_PEEK, SA(&a), &len));
	m = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
	iov.iov_len = 2;
	DO(recvmsg(fd, &m, MSG_DONTWAIT));
	DO(recv(fd, b, 1, MSG_PROXY | MSG_RST | MSG_CONFIRM | MSG_DONTWAIT));
	DO(recv(fd, b, 1, MSG_EOR | MSG_SYN | MSG_DONTROUTE | MSG_DONTWAIT));
}

static struct msghdr *
with_control(struct msghdr *m, int level, int type, size_t len)
{
	static union {
		char room[256];
		struct cmsghdr align;
	} u;
	struct cmsghdr *c = (struct cmsghdr *)u.room;

	memset(&u, 0, sizeof(u));
	m->msg_control = &u;
	m->msg_controllen = CMSG_SPACE(len);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	return m;
}

static void
control_client(int fd)
{
	struct sockaddr_storage a;
	socklen_t n = address(AF_INET, &a);
	struct iovec iov = {"abc", 3};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct msghdr long_name;
	struct cmsghdr *c;

	DO(sendmsg(fd, with_control(&m, SOL_SOCKET, SCM_RIGHTS, 4), 0));
	DO(sendmsg(fd, with_control(&m, SOL_SOCKET, SCM_CREDENTIALS, 12), 0));
	DO(sendmsg(fd, with_control(&m, SOL_SOCKET, 9999, 4), 0));
	DO(sendmsg(fd, with_control(&m, SOL_SOCKET, SO_TIMESTAMPING, 3), 0));
	DO(sendmsg(fd, with_control(&m, IPPROTO_IP, IP_TTL, 4), 0));
	DO(sendmsg(fd, with_control(&m, IPPROTO_TCP, 9999, 4), 0));
	DO(sendmsg(fd, with_control(&m, 9999, 1, 4), 0));
	c = with_control(&m, SOL_SOCKET, SCM_RIGHTS, 4)->msg_control;
	c->cmsg_len = 3;
	DO(sendmsg(fd, &m, 0));
	c->cmsg_len = 3000;
	DO(sendmsg(fd, &m, 0));
	m.msg_controllen = 7;
	DO(sendmsg(fd, &m, 0));
	m.msg_controllen = (size_t)1 << 31;
	DO(sendmsg(fd, &m, 0));
	m.msg_control = nowhere;
	m.msg_controllen = 64;
	DO(sendmsg(fd, &m, 0));
	m.msg_controllen = 0;
	DO(sendmsg(fd, &m, 0));
	m.msg_control = NULL;
	m.msg_controllen = 64;
	DO(sendmsg(fd, &m, 0));
	m.msg_controllen = 0;
	m.msg_flags = MSG_OOB; /* not the call's flags */
	DO(sendmsg(fd, &m, 0));
	long_name = m;
	long_name.msg_name = &a;
	long_name.msg_namelen = n;
	DO(sendmsg(fd, &long_name, 0));
	long_name.msg_namelen = 9999;
	DO(sendmsg(fd, &long_name, 0));
	long_name.msg_namelen = (socklen_t)-1;
	DO(sendmsg(fd, &long_name, 0));
	long_name.msg_name = nowhere;
	long_name.msg_namelen = 16;
	DO(sendmsg(fd, &long_name, 0));
	DO(sendto(fd, "x", 1, 0, SA(&a), n));
	DO(sendto(fd, "x", 1, 0, SA(&a), 1));
	DO(sendto(fd, "x", 1, 0, SA(&a), 9999));
	DO(sendto(fd, "x", 1, 0, SA(&a), (socklen_t)-1));
	DO(sendto(fd, "x", 1, 0, nowhere, 16));
	DO(sendto(fd, "x", 1, 0, NULL, 16));
	DO(send(fd, "y", 1, MSG_CONFIRM | MSG_DONTROUTE | MSG_EOR));
	DO(send(fd, "y", 1, MSG_PEEK | MSG_TRUNC | MSG_WAITALL));
	DO(send(fd, "y", 1, MSG_ZEROCOPY));
}

const struct scenario scenarios[] = {
	PROCESSES("messages", CONNECTED, messages, ""),
	{"header", TWO_PROCESSES, CONNECTED, ten_server, header_client, ""},
	{"control", TWO_PROCESSES, CONNECTED, quiet_server, control_client,
	    ""},
	{.name = NULL},
};
