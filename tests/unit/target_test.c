/* target_test.c - what can be preloaded, over changed copies of this program */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../shim/target.h"
#include "made.h"

static char *image; /* this very program */
static size_t image_len;

static void
die(const char *what)
{
	perror(what);
	exit(2);
}

static void
file_write(const char *name, const void *data, size_t len, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd == -1 || write(fd, data, len) != (ssize_t)len ||
	    fchmod(fd, mode) == -1)
		die(name);
	close(fd);
}

static void
text_write(const char *name, const char *text)
{
	file_write(name, text, strlen(text), 0755);
}

static void
image_read(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		die("/proc/self/exe");
	image_len = (size_t)st.st_size;
	image = malloc(image_len);
	if (image == NULL || read(fd, image, image_len) != st.st_size)
		die("/proc/self/exe");
	close(fd);
}

static ElfW(Phdr) * header_find(char *elf, unsigned type)
{
	ElfW(Ehdr) *eh = (ElfW(Ehdr) *)elf;
	ElfW(Phdr) *ph = (ElfW(Phdr) *)(elf + eh->e_phoff);

	while (ph->p_type != type)
		ph++;
	return ph;
}

/* What a row does to a copy of this program. */

static void
change_nothing(char *elf)
{
}

static void
change_machine(char *elf)
{
	((ElfW(Ehdr) *)elf)->e_machine ^= 0x55;
}

static void
change_class(char *elf)
{
	elf[EI_CLASS] ^= ELFCLASS32 ^ ELFCLASS64;
}

static void
change_order(char *elf)
{
	elf[EI_DATA] ^= ELFDATA2LSB ^ ELFDATA2MSB;
}

static void
change_static(char *elf)
{
	header_find(elf, PT_INTERP)->p_type = PT_NULL;
}

static void
loader_write(char *elf, const char *name)
{
	ElfW(Phdr) *ph = header_find(elf, PT_INTERP);

	strcpy(elf + ph->p_offset, name);
	ph->p_filesz = strlen(name) + 1;
}

static void
change_musl(char *elf)
{
	loader_write(elf, "/lib/ld-musl-x86_64.so.1");
}

static void
change_loader(char *elf)
{
	loader_write(elf, "/system/linker64");
}

static void
change_loader_empty(char *elf)
{
	header_find(elf, PT_INTERP)->p_filesz = 0;
}

static void
change_loader_long(char *elf)
{
	header_find(elf, PT_INTERP)->p_filesz = 100000;
}

static void
change_loader_outside(char *elf)
{
	header_find(elf, PT_INTERP)->p_offset = (ElfW(Off)) - 8;
}

static void
change_go(char *elf)
{
	memcpy(elf + header_find(elf, PT_NOTE)->p_offset + sizeof(ElfW(Nhdr)),
	    "Go\0", 4);
}

static void
change_go_static(char *elf)
{
	change_go(elf);
	change_static(elf);
}

/* A section name is enough: the Go linker's build id can be left out. */
static void
change_go_section(char *elf)
{
	ElfW(Ehdr) *eh = (ElfW(Ehdr) *)elf;
	ElfW(Shdr) *sh = (ElfW(Shdr) *)(elf + eh->e_shoff);
	char *names = elf + sh[eh->e_shstrndx].sh_offset;
	unsigned i;

	for (i = 0; i < eh->e_shnum; i++)
		if (strcmp(names + sh[i].sh_name, ".note.gnu.build-id") == 0)
			strcpy(names + sh[i].sh_name, ".go.buildinfo");
}

/* Sizes that overflow, and no end: must neither crash nor take long. */
static void
change_note_sizes(char *elf)
{
	ElfW(Phdr) *ph = header_find(elf, PT_NOTE);
	ElfW(Nhdr) *note = (ElfW(Nhdr) *)(elf + ph->p_offset);

	note->n_namesz = note->n_descsz = 0xfffffffd;
	ph->p_filesz = ~(ElfW(Xword))0;
}

static void
change_headers_outside(char *elf)
{
	((ElfW(Ehdr) *)elf)->e_phoff = ~(ElfW(Off))0 - 16;
}

static void
change_sections_outside(char *elf)
{
	((ElfW(Ehdr) *)elf)->e_shoff = ~(ElfW(Off))0 - 16;
}

static const struct {
	const char *name;
	void (*change)(char *elf);
	mode_t mode;
	enum target_kind want;
} elf_rows[] = {
    {"usual program", change_nothing, 0755, TARGET_OK},
    {"not executable", change_nothing, 0644, TARGET_DENIED},
    {"setuid", change_nothing, 04755, TARGET_SETID},
    {"setgid", change_nothing, 02755, TARGET_SETID},
    {"setgid for mandatory locking", change_nothing, 02745, TARGET_OK},
    {"other machine", change_machine, 0755, TARGET_FOREIGN},
    {"other class", change_class, 0755, TARGET_FOREIGN},
    {"other byte order", change_order, 0755, TARGET_FOREIGN},
    {"static", change_static, 0755, TARGET_STATIC},
    {"setuid and static", change_static, 04755, TARGET_STATIC},
    {"musl", change_musl, 0755, TARGET_MUSL},
    {"other loader", change_loader, 0755, TARGET_LOADER},
    {"empty loader", change_loader_empty, 0755, TARGET_LOADER},
    {"long loader", change_loader_long, 0755, TARGET_LOADER},
    {"loader outside", change_loader_outside, 0755, TARGET_LOADER},
    {"dynamic Go", change_go, 0755, TARGET_GO},
    {"static Go", change_go_static, 0755, TARGET_GO},
    {"Go without build id", change_go_section, 0755, TARGET_GO},
    {"endless notes", change_note_sizes, 0755, TARGET_OK},
    {"headers outside", change_headers_outside, 0755, TARGET_FORMAT},
    {"sections outside", change_sections_outside, 0755, TARGET_OK},
};

#define BLANKS "                                                              "

static const struct {
	const char *name, *text;
	enum target_kind want;
	const char *interp;
} text_rows[] = {
    {"no #!", "echo\n", TARGET_FORMAT, ""},
    {"empty file", "", TARGET_FORMAT, ""},
    {"half a magic", "\177EL", TARGET_FORMAT, ""},
    {"cut off ELF", "\177ELF\2\1\1           ", TARGET_FOREIGN, ""},
    {"script", "#!./ok\n", TARGET_OK, "./ok"},
    {"blanks", "#! \t./ok \t\n", TARGET_OK, "./ok"},
    {"argument", "#!./ok -x ./static\n", TARGET_OK, "./ok"},
    {"no newline", "#!./ok", TARGET_OK, "./ok"},
    {"no interpreter", "#! \n./ok\n", TARGET_FORMAT, ""},
    {"script for static", "#!./static\n", TARGET_STATIC, "./static"},
    {"missing interpreter", "#!./no\n", TARGET_ABSENT, "./no"},
    {"cut off name", "#!" BLANKS BLANKS BLANKS BLANKS "./ok.and.more\n",
	TARGET_FORMAT, ""},
    {"cut off argument", "#!./ok " BLANKS BLANKS BLANKS BLANKS "x\n", TARGET_OK,
	"./ok"},
};

static void
expect(const char *name, const char *path, enum target_kind want,
    const char *interp)
{
	struct target t;

	errno = EXDEV;
	target_read(path, &t);
	if (interp == NULL)
		interp = t.interp;
	report(
	    t.kind == want && strcmp(t.interp, interp) == 0 && errno == EXDEV,
	    "%s: kind %d, want %d; #! %s", name, t.kind, want, t.interp);
}

static void
elf_rows_check(void)
{
	char *copy = malloc(image_len);
	size_t i;

	if (copy == NULL)
		die("malloc");
	for (i = 0; i < sizeof elf_rows / sizeof elf_rows[0]; i++) {
		memcpy(copy, image, image_len);
		elf_rows[i].change(copy);
		file_write("elf", copy, image_len, elf_rows[i].mode);
		expect(elf_rows[i].name, "./elf", elf_rows[i].want, "");
	}
	memcpy(copy, image, image_len);
	change_static(copy);
	file_write("static", copy, image_len, 0755);
	free(copy);
}

static void
text_rows_check(void)
{
	size_t i;

	file_write("ok", image, image_len, 0755);
	for (i = 0; i < sizeof text_rows / sizeof text_rows[0]; i++) {
		text_write("text", text_rows[i].text);
		expect(text_rows[i].name, "./text", text_rows[i].want,
		    text_rows[i].interp);
	}
	chmod("text", 04755); /* the kernel ignores it on scripts */
	expect("setuid script", "./text", TARGET_OK, "./ok");
}

/* Asks the kernel as well how many #! lines it follows. */
static void
depth_check(void)
{
	char name[32], line[64];
	int i, status;
	pid_t pid;

	text_write("s0", "#!/bin/sh\n");
	for (i = 1; i < 8; i++) {
		snprintf(name, sizeof name, "s%d", i);
		snprintf(line, sizeof line, "#!./s%d\n", i - 1);
		text_write(name, line);
		pid = fork();
		if (pid == 0) {
			execl(name, name, (char *)NULL);
			_exit(errno == ELOOP ? 1 : 2);
		}
		waitpid(pid, &status, 0);
		expect(name, name, status == 0 ? TARGET_OK : TARGET_LOOP, NULL);
	}
}

static void
places_check(void)
{
	expect("absent", "./nothing", TARGET_ABSENT, "");
	expect("empty name", "", TARGET_ABSENT, "");
	expect("below a file", "./ok/x", TARGET_ABSENT, "");
	expect("directory", ".", TARGET_DENIED, "");
	if (mkfifo("fifo", 0755) == -1)
		die("mkfifo");
	expect("FIFO", "./fifo", TARGET_DENIED, "");
	expect("device", "/dev/null", TARGET_DENIED, "");
}

static void
unreadable_check(void)
{
	int status;
	pid_t pid;

	file_write("unreadable", image, image_len, 0111);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 &&
		    (chmod(".", 0711) == -1 || setgid(65534) == -1 ||
			setuid(65534) == -1))
			_exit(2);
		expect("unreadable", "./unreadable", TARGET_UNREADABLE, "");
		fflush(stdout);
		_exit(failures);
	}
	waitpid(pid, &status, 0);
	if (status != 0)
		failures++;
}

static void
capability_check(void)
{
	/* VFS_CAP_REVISION_2 and CAP_NET_RAW permitted, in little endian */
	static const unsigned char caps[20] = {1, 0, 0, 2, 0, 0x20};

	file_write("caps", image, image_len, 0755);
	if (setxattr("caps", "security.capability", caps, sizeof caps, 0) == -1)
		printf("skip capabilities: may not be set here\n");
	else
		expect("capabilities", "./caps", TARGET_CAPS, "");
}

static void
texts_check(void)
{
	int i;

	for (i = 0; i < TARGET_KINDS; i++)
		report(target_text(i) != NULL && target_text(i)[0] != '\0',
		    "text of kind %d", i);
}

int
main(void)
{
	char dir[] = "/tmp/tlsshim-target.XXXXXX";
	char command[64];

	image_read();
	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		die(dir);
	elf_rows_check();
	text_rows_check();
	depth_check();
	places_check();
	unreadable_check();
	capability_check();
	texts_check();
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command) != 0 || failures > 0;
}
