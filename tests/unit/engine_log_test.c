/*
 * engine_log_test.c - lines of the log: text, JSON, levels, what is escaped,
 * and where they go
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "../../shim/engine/log.h"
#include "../../shim/engine/process.h"
#include "memory_host.h"

static int failures;
static char folder[] = "/tmp/engine_log_test.XXXXXX";
static struct rule rule = {.file = "/etc/tlsshim/policy.cfg", .line = 12};

static void
result(bool good, const char *what, const char *got)
{
	failures += !good;
	printf("%s %s: %s%s", good ? "ok" : "not ok", what, got,
	    strchr(got, '\n') == NULL ? "\n" : "");
}

static void
to(const char *where, enum log_level level, enum log_format format)
{
	log_init(&(struct log_values){where, level, format});
	memory_log[0] = '\0';
}

/* want with every @ as our pid is what was logged. */
static void
logged(const char *what, const char *want)
{
	char full[8192], *out = full;

	for (; *want != '\0'; want++)
		if (*want == '@')
			out += sprintf(out, "%d", (int)getpid());
		else
			*out++ = *want;
	*out = '\0';
	result(strcmp(memory_log, full) == 0, what, memory_log);
}

static struct log_line
line_of(const char *name, const char *text)
{
	return (struct log_line){.level = LOG_ERROR,
	    .verdict = "refused",
	    .side = SIDE_CLIENT,
	    .peer = "127.0.0.1:443",
	    .cause = "expired",
	    .name = name,
	    .rule = &rule,
	    .text = text};
}

static void
write_line(const char *name, const char *text)
{
	struct log_line l = line_of(name, text);

	memory_log[0] = '\0';
	log_write(&l);
}

static void
test_text(void)
{
	to("stderr", LOG_NOTICE, LOG_TEXT);
	write_line("a.example", "it is over");
	logged("a line of text",
	    "tlsshim[@]: refused client 127.0.0.1:443 cause=expired "
	    "name=a.example rule=/etc/tlsshim/policy.cfg:12: it is over\n");
	memory_log[0] = '\0';
	log_write(&(struct log_line){.level = LOG_ERROR,
	    .verdict = "plain",
	    .side = SIDE_SERVER,
	    .name = "",
	    .text = "so it is"});
	logged("what is not known is left out",
	    "tlsshim[@]: plain server -: so it is\n");
	write_line("a\nb", "one\r\n\ttwo\x1b[2J\x7f \"quoted\\\" \xc3\xbc");
	logged("a line stays one line",
	    "tlsshim[@]: refused client 127.0.0.1:443 cause=expired "
	    "name=a\\x0ab rule=/etc/tlsshim/policy.cfg:12: "
	    "one\\x0d\\x0a\\x09two\\x1b[2J\\x7f \"quoted\\\" \xc3\xbc\n");
	memory_log[0] = '\0';
	log_text(LOG_WARNING, "%s:%d: %s", "f", 3, "100 %\n");
	logged("a line of no connection", "tlsshim[@]: f:3: 100 %\\x0a\n");
}

static void
test_json(void)
{
	to("stderr", LOG_NOTICE, LOG_JSON);
	write_line("a.example", "it is over");
	logged("a line of JSON",
	    "{\"pid\":@,\"level\":\"error\",\"verdict\":\"refused\","
	    "\"side\":\"client\",\"peer\":\"127.0.0.1:443\","
	    "\"cause\":\"expired\",\"name\":\"a.example\","
	    "\"rule\":\"/etc/tlsshim/policy.cfg:12\","
	    "\"text\":\"it is over\"}\n");
	write_line("", "a \"b\\c\"\n\x01\x7f \xc3\xbc");
	logged("strings of JSON",
	    "{\"pid\":@,\"level\":\"error\",\"verdict\":\"refused\","
	    "\"side\":\"client\",\"peer\":\"127.0.0.1:443\","
	    "\"cause\":\"expired\","
	    "\"rule\":\"/etc/tlsshim/policy.cfg:12\","
	    "\"text\":\"a \\\"b\\\\c\\\"\\u000a\\u0001\\u007f \xc3\xbc\"}\n");
	write_line("", "\x9b[2J \xc2\x9b \xff \xe2\x82\xac \xe2\x82");
	logged("what is no UTF-8, or a control beyond ASCII",
	    "{\"pid\":@,\"level\":\"error\",\"verdict\":\"refused\","
	    "\"side\":\"client\",\"peer\":\"127.0.0.1:443\","
	    "\"cause\":\"expired\","
	    "\"rule\":\"/etc/tlsshim/policy.cfg:12\","
	    "\"text\":\"\\u009b[2J \\u00c2\\u009b \\u00ff \xe2\x82\xac "
	    "\\u00e2\\u0082\"}\n");
	memory_log[0] = '\0';
	log_text(LOG_WARNING, "say \"%d\"", 1);
	logged("JSON of no connection",
	    "{\"pid\":@,\"level\":\"warning\",\"text\":\"say \\\"1\\\"\"}\n");
}

/* However long its parts are, a line has its end. */
static void
test_long(void)
{
	static char name[5000], text[5000];
	int format, ch;
	size_t n;

	for (format = LOG_TEXT; format <= LOG_JSON; format++)
		for (ch = 0; ch < 3; ch++) {
			memset(name, "x\"\n"[ch], sizeof name - 1);
			memset(text, "y\\\t"[ch], sizeof text - 1);
			to("stderr", LOG_NOTICE, (enum log_format)format);
			write_line(name, text);
			n = strlen(memory_log);
			result(n > 1000 && n < 2500 &&
				   strchr(memory_log, '\n') ==
				       memory_log + n - 1 &&
				   (format == LOG_TEXT ||
				       memcmp(memory_log + n - 3, "\"}\n", 3) ==
					   0),
			    "a long line ends as any other",
			    memory_log + n - 4);
			memory_log[0] = '\0';
			log_text(LOG_ERROR, "%s", text);
			n = strlen(memory_log);
			result(n > 100 && n < 1500 &&
				   memory_log[n - 1] == '\n' &&
				   (format == LOG_TEXT ||
				       memcmp(memory_log + n - 3, "\"}\n", 3) ==
					   0),
			    "so does one of no connection", memory_log + n - 4);
		}
}

static void
test_levels(void)
{
	static const enum log_level all[] = {
	    LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG_};
	int set, of, wrong = 0;

	for (set = 0; set < 5; set++)
		for (of = 0; of < 5; of++) {
			to("stderr", all[set], LOG_TEXT);
			log_text(all[of], "x");
			wrong += (memory_log[0] != '\0') != (of <= set) ||
				 log_wants(all[of]) != (of <= set);
			memory_log[0] = '\0';
			log_write(&(struct log_line){
			    .level = all[of], .verdict = "x", .text = "x"});
			wrong += (memory_log[0] != '\0') != (of <= set);
		}
	result(wrong == 0, "what is below the level is not written", "");
}

static void
test_syslog(void)
{
	static const enum log_level all[] = {
	    LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG_};
	char want[40];
	int i, keep = fcntl(2, F_DUPFD_CLOEXEC, 10L), other;

	for (i = 0; i < 5; i++) {
		to("syslog", LOG_DEBUG_, LOG_TEXT);
		log_text(all[i], "x");
		snprintf(want, sizeof want, "<%d>tlsshim[@]: x\n", 11 + i);
		logged("facility user, and the severity", want);
	}
	to("stderr", LOG_NOTICE, LOG_TEXT);
	other = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(other, 2);
	errno = 4711;
	log_text(LOG_ERROR, "x");
	i = errno;
	dup2(keep, 2);
	logged("a descriptor 2 that is another file by now is not written to",
	    "<11>tlsshim[@]: x\n");
	result(i == 4711, "errno is left alone", "");
	memory_log[0] = '\0';
	log_text(LOG_ERROR, "x");
	logged("the one of the start is", "tlsshim[@]: x\n");
	close(other);
	close(keep);
}

/* What the file of that name in the folder holds. */
static const char *
content(const char *name)
{
	static char buf[4096];
	char path[200];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd != -1) {
		n = read(fd, buf, sizeof buf - 1);
		close(fd);
	}
	buf[n > 0 ? n : 0] = '\0';
	return n < 0 ? "no such file" : buf;
}

static void
test_file(void)
{
	char path[100], name[60], want[80];
	struct stat st;

	snprintf(name, sizeof name, "a%%b-%d-%u.log", (int)getpid(),
	    (unsigned)geteuid());
	snprintf(path, sizeof path, "%s/a%%%%b-%%p-%%u.log", folder);
	to(path, LOG_NOTICE, LOG_TEXT);
	log_text(LOG_ERROR, "first");
	to(path, LOG_NOTICE, LOG_TEXT);
	log_text(LOG_ERROR, "second");
	snprintf(want, sizeof want, "tlsshim[%d]: first\ntlsshim[%d]: second\n",
	    (int)getpid(), (int)getpid());
	result(strcmp(content(name), want) == 0 && memory_log[0] == '\0',
	    "a file by pid and user is appended to", name);
	snprintf(path, sizeof path, "%s/%s", folder, name);
	result(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600,
	    "and is for its owner alone", "0600");
}

/* A log that cannot be written costs nothing but the log. */
static void
test_no_file(void)
{
	char path[100], target[100];

	snprintf(path, sizeof path, "%s/link", folder);
	snprintf(target, sizeof target, "%s/target", folder);
	if (symlink(target, path) == -1)
		memory_die("symlink");
	to("stderr", LOG_NOTICE, LOG_TEXT);
	to(path, LOG_NOTICE, LOG_TEXT);
	log_text(LOG_ERROR, "x");
	result(strcmp(content("target"), "no such file") == 0,
	    "a symbolic link is not followed", memory_log);
	to("/nonexistent/log", LOG_NOTICE, LOG_TEXT);
	log_text(LOG_ERROR, "x");
	result(true, "a folder that is not there", memory_log);
}

int
main(void)
{
	char command[64];

	setvbuf(stdout, NULL, _IOLBF, 0);
	memory_test = "log";
	memory_host();
	if (mkdtemp(folder) == NULL || process_init() < 0)
		return 2;
	test_text();
	test_json();
	test_long();
	test_levels();
	test_syslog();
	test_no_file();
	test_file();
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command) != 0 || failures > 0;
}
