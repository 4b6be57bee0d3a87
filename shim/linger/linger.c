/* linger.c - ends a connection for a process that has gone on or away */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * Descriptor 0 is the socket, 1 a memory file with ciphertext that is still
 * to be sent (close_notify last); argv[1] is how many seconds the peer may
 * take.  Unread TLS 1.3 tickets would turn a close into a reset that destroys
 * data on its way: so what the peer sends is read and dropped until its end.
 * No session is needed for any of this, and no other descriptor is here.
 */
static long long
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* 0, or -1 when the time is up or the socket is broken. */
static int
wait_for(short events, long long until)
{
	struct pollfd p = {0, events, 0};
	long long left = until - now_ms();

	if (left <= 0)
		return -1;
	return poll(&p, 1, (int)left) == 1 ? 0 : -1;
}

/* The peer may be slow for as long as it takes something. */
static int
send_rest(long long patience)
{
	char buf[65536];
	ssize_t n, got, off;

	while ((got = read(1, buf, sizeof buf)) > 0) {
		for (off = 0; off < got; off += n) {
			if (wait_for(POLLOUT, now_ms() + patience) == -1)
				return -1;
			n = send(0, buf + off, (size_t)(got - off),
			    MSG_NOSIGNAL | MSG_DONTWAIT);
			if (n == -1 && errno == EAGAIN)
				n = 0;
			else if (n == -1)
				return -1;
		}
	}
	return 0;
}

int
main(int argc, char **argv)
{
	long long patience = argc > 1 ? atoi(argv[1]) * 1000LL : 5000;
	long long until;
	char buf[65536];

	prctl(PR_SET_DUMPABLE, 0);
	if (send_rest(patience) == -1)
		return 1;
	shutdown(0, SHUT_WR);
	until = now_ms() + patience;
	while (wait_for(POLLIN, until) == 0)
		if (recv(0, buf, sizeof buf, MSG_DONTWAIT) <= 0 &&
		    errno != EAGAIN)
			break;
	return 0;
}
