/* cxx.cc - tcpdiff's scenarios about C++ streams over a connection */
#include <ext/stdio_filebuf.h>
#include <ext/stdio_sync_filebuf.h>
#include <iostream>
#include <string>

extern "C" {
#include "tcpdiff.h"
}

using filebuf = __gnu_cxx::stdio_filebuf<char>;

static void
echo_server(int fd)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		put(fd, buf, (size_t)n);
	say("end: %s", n == 0 ? "EOF" : strerrorname_np(errno));
}

static void
state(const std::ios &s)
{
	say("eof %d fail %d bad %d", s.eof(), s.fail(), s.bad());
}

/* One buffer for each way: a filebuf turns round only where it can seek. */
static void
lines_client(int fd)
{
	filebuf from(fd, std::ios::in), to(dup(fd), std::ios::out);
	std::istream in(&from);
	std::ostream out(&to);
	std::string line;
	int a = 0, b = 0;

	out << "hello " << 12 << std::endl;
	DO(bool(std::getline(in, line)));
	say_text("line", line.data(), (ssize_t)line.size());
	out << "3 4\nrest\n" << std::flush;
	in >> a >> b;
	say("%d %d", a, b);
	DO(in.get());
	DO(in.peek());
	DO(in.putback('R').good());
	in.clear();
	std::getline(in, line);
	say_text("line", line.data(), (ssize_t)line.size());
	DO((long)in.tellg());
	state(in);
	in.clear();
	DO((long)from.pubseekoff(0, std::ios::cur));
	DO((long)to.pubseekoff(0, std::ios::cur));
	DO(from.fd() == fd);
	DO(to.close() != nullptr);
	DO(shutdown(fd, SHUT_WR));
	DO(in.get());
	state(in);
	DO(from.is_open());
	DO(from.close() != nullptr);
	DO(write(fd, "x", 1));
}

#define BULK (3 << 20)

static void
bulk_server(int fd)
{
	take(fd, BULK + 5);
	give(fd, BULK, 100000, 4);
	shutdown(fd, SHUT_WR);
	take(fd, ALL);
}

/* What is larger than the buffer goes by writev, with what is in it. */
static void
bulk_client(int fd)
{
	filebuf buf(fd, std::ios::in | std::ios::out);
	std::iostream io(&buf);
	std::string data(BULK, '\0');
	struct digest d = DIGEST;

	pattern(&data[0], BULK, 0, 6);
	io << "first";
	DO(io.write(data.data(), BULK).good());
	DO(io.flush().good());
	DO(io.read(&data[0], BULK).good());
	DO(io.gcount());
	digest_add(&d, data.data(), BULK);
	say_digest("read", &d, "");
	DO(io.get());
	state(io);
	DO(buf.in_avail());
}

static void
file_client(int fd)
{
	FILE *f = fdopen(fd, "r+");
	filebuf buf(f, std::ios::in | std::ios::out);
	std::iostream io(&buf);
	std::string word;

	io << "over a FILE\n" << std::flush;
	io >> word;
	say("%s", word.c_str());
	DO(buf.file() != nullptr);
	DO(buf.close() != nullptr);
	DO(fclose(f));
}

/* As std::cout is made: each character by way of the FILE. */
static void
synced_client(int fd)
{
	FILE *f = fdopen(fd, "r+");
	__gnu_cxx::stdio_sync_filebuf<char> buf(f);
	std::iostream io(&buf);
	std::string word;

	io << "synced " << 1.5 << std::endl;
	io >> word;
	say("%s", word.c_str());
	DO(io.get());
	DO(fgetc(f));
	DO(io.putback('1').good());
	DO(fgetc(f));
	DO(fclose(f));
}

static void
errors_server(int fd)
{
	take(fd, ALL);
}

static void
errors_client(int fd)
{
	filebuf buf(fd, std::ios::in | std::ios::out);
	std::iostream io(&buf);

	catch_signal(SIGPIPE, 0);
	DO(shutdown(fd, SHUT_WR));
	DO((io << "lost" << std::flush).good());
	state(io);
	say_caught(SIGPIPE);
	io.clear();
	io.exceptions(std::ios::badbit);
	try {
		io << "again" << std::flush;
		say("no exception");
	} catch (const std::ios::failure &) {
		say("failure");
	}
}

static void
destroyed_client(int fd)
{
	static filebuf buf(fd, std::ios::out);
	static std::ostream out(&buf);

	out << "flushed when it is destroyed";
	exit(0);
}

/* A wide stream has its own conversion and its own read and write. */
static void
wide_client(int fd)
{
	__gnu_cxx::stdio_filebuf<wchar_t> buf(fd,
	    std::ios::in | std::ios::out);
	std::wiostream io(&buf);
	std::wstring line;

	io << L"wide " << 7 << std::endl;
	DO(bool(std::getline(io, line)));
	DO(line == L"wide 7");
}

const struct scenario scenarios[] = {
	{"lines", TWO_PROCESSES, CONNECTED, echo_server, lines_client, ""},
	PROCESSES("bulk", CONNECTED, bulk, ""),
	{"file", TWO_PROCESSES, CONNECTED, echo_server, file_client, ""},
	{"synced", TWO_PROCESSES, CONNECTED, echo_server, synced_client, ""},
	PROCESSES("errors", CONNECTED, errors, ""),
	{"destroyed", TWO_PROCESSES, CONNECTED, errors_server,
	    destroyed_client, ""},
	{"wide", TWO_PROCESSES, CONNECTED, echo_server, wide_client, ""},
	{NULL, TWO_PROCESSES, NOTHING, NULL, NULL, NULL},
};
