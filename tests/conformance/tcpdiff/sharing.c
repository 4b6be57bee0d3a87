/* sharing.c - much at once, and several at one connection; scenarios.def has them all */
#define _GNU_SOURCE
#include "tcpdiff.h"

/* ================ a full pipe ================ */

void
backpressure_poll_server(int fd)
{
	static unsigned char block[50000];
	struct digest d = DIGEST;
	ssize_t n;
	int full = 0;

	set_nonblocking(fd, 1);
	while (d.n < 30000000) {
		pattern(block, sizeof(block), d.n, 8);
		n = write(fd, block, sizeof(block));
		if (n > 0) {
			digest_add(&d, block, n);
			continue;
		}
		if (errno != EAGAIN)
			break;
		if (!full) {
			show_poll(fd, POLLOUT, 0);
			tell();
			full = 1;
		}
		await(fd, POLLOUT);
	}
	say("was full: %d", full);
	shared->note[0] = d.hash;
	shared->note[1] = d.n;
	DO(close(fd));
}

void
backpressure_poll_client(int fd)
{
	static unsigned char buf[65536];
	struct digest d = DIGEST;
	ssize_t n;

	hear();
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		digest_add(&d, buf, n);
	say("end %zd same %d", n, (long)d.hash == shared->note[0] &&
	    (long)d.n == shared->note[1]);
}

static int
pattern_file(size_t n)
{
	int file = memfd_create("data", 0);
	char *bytes = malloc(n);

	pattern(bytes, n, 0, 9);
	put(file, bytes, n);
	free(bytes);
	lseek(file, 0, SEEK_SET);
	return file;
}

void
sendfile_offset_server(int fd)
{
	int file = pattern_file(200000);
	off_t from = 1000;
	size_t sent = 0;

	while (sent < 150000)
		sent += MUST(sendfile(fd, file, &from, 150000 - sent));
	say("offset %ld, file position %ld", (long)from,
	    (long)lseek(file, 0, SEEK_CUR));
	from = 200000;
	DO(sendfile(fd, file, &from, 100));
	from = 199990;
	DO(sendfile(fd, file, &from, 100));
	from = 5;
	DO(sendfile(fd, file, &from, 0));
	from = -1;
	DO(sendfile(fd, file, &from, 10));
	DO(sendfile(fd, -1, NULL, 10));
}

void
sendfile_offset_client(int fd)
{
	take(fd, ALL);
}

/* ================ stdio ================ */

void
stdio_lines_server(int fd)
{
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	char line[100];

	while (fgets(line, sizeof(line), in) != NULL) {
		say_text("line", line, strlen(line));
		fprintf(out, "%zu: %s", strlen(line), line);
		fflush(out);
	}
	say("feof %d ferror %d fileno %d", feof(in) != 0, ferror(in) != 0,
	    fileno(in) == fd);
	DO(fclose(out));
	DO(fclose(in));
	DO(fcntl(fd, F_GETFD));
}

void
stdio_lines_client(int fd)
{
	puts_to(fd, "first line\nsecond");
	take_text(fd, 15);
	puts_to(fd, " line\nno newline");
	DO(shutdown(fd, SHUT_WR));
	take(fd, ALL);
}

void
stdio_update_server(int fd)
{
	FILE *f = fdopen(fd, "r+");
	char word[20] = "";
	int c;

	DO(fseek(f, 0, SEEK_SET));
	DO(fprintf(f, "hello %d\n", 42));
	DO(fflush(f));
	c = fgetc(f);
	say("char %c, pushed back %c", c, ungetc(c, f));
	DO(fscanf(f, "%19s", word));
	say_text("word", word, strlen(word));
	DO(fseek(f, 3, SEEK_CUR));
	DO(fclose(f));
}

void
stdio_update_client(int fd)
{
	take_text(fd, 9);
	puts_to(fd, "answer ");
	take(fd, ALL);
}

/* ================ threads ================ */

enum { DUPLEX = 20000000 };

static void *
duplex_writer(void *arg)
{
	give(*(int *)arg, DUPLEX, 40000, 11);
	DO(shutdown(*(int *)arg, SHUT_WR));
	return NULL;
}

void
duplex_server(int fd)
{
	pthread_t writer;

	lane(THIRD);
	writer = thread(duplex_writer, &fd);
	lane(SERVER);
	take(fd, ALL);
	join(writer);
}

void
duplex_client(int fd)
{
	pthread_t writer;

	lane(FOURTH);
	writer = thread(duplex_writer, &fd);
	lane(CLIENT);
	take(fd, ALL);
	join(writer);
}

static void *
close_it(void *arg)
{
	hear();
	DO(close(*(int *)arg));
	tell();
	return NULL;
}

void
close_during_poll_server(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	pthread_t closer;

	lane(THIRD);
	closer = thread(close_it, &fd);
	lane(SERVER);
	tell();
	DO(poll(&p, 1, 300));
	say("%s", events_name(p.revents));
	join(closer);
	DO(poll(&p, 1, 0));
	say("%s", events_name(p.revents));
	tell();
}

void
close_during_poll_client(int fd)
{
	struct timespec while_polling = { 0, 100000000 };

	hear();
	nanosleep(&while_polling, NULL);
	tell();
	hear();
	hear();
	take(fd, ALL);
}

static void *
shut_it(void *arg)
{
	struct timespec while_reading = { 0, 80000000 };

	nanosleep(&while_reading, NULL);
	DO(shutdown(*(int *)arg, SHUT_RDWR));
	return NULL;
}

void
shutdown_wakes_server(int fd)
{
	pthread_t other;
	char c;

	lane(THIRD);
	other = thread(shut_it, &fd);
	lane(SERVER);
	DO(read(fd, &c, 1));
	join(other);
	DO(read(fd, &c, 1));
}

void
shutdown_wakes_client(int fd)
{
	take(fd, ALL);
	show_poll(fd, POLLIN | POLLRDHUP, 0);
}
