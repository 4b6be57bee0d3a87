/* target.c - can this program be preloaded? */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "target.h"

/* fs/exec.c: a sixth interpreter in a row is ELOOP */
#define TARGET_DEPTH 5

#define TARGET_HEADERS 512 /* program or section headers that are looked at */

/* Our own header: what we can be loaded into has the same class and machine. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static const char *const texts[TARGET_KINDS] = {
    [TARGET_OK] = "can be protected",
    [TARGET_ABSENT] = "does not exist; check the name and PATH",
    [TARGET_DENIED] = "is not a file that you may execute; check its mode "
		      "and the directories above it",
    [TARGET_UNREADABLE] =
	"may be executed but not read, so it cannot be "
	"told whether a preload would work; make it readable (chmod a+r)",
    [TARGET_FORMAT] = "is neither an ELF program nor a script with a #! "
		      "line; run it by its interpreter",
    [TARGET_LOOP] =
	"is a script whose interpreters are scripts, more deeply "
	"than the kernel follows; name a real interpreter in its #! line",
    [TARGET_FOREIGN] = "is built for another kind of machine than tlsshim; "
		       "use a tlsshim built for that one",
    [TARGET_STATIC] = "is statically linked, so nothing can be preloaded; "
		      "use a dynamically linked build of it",
    [TARGET_GO] = "is a Go program, which calls the kernel without libc; "
		  "use the TLS of the program itself or a TLS proxy beside it",
    [TARGET_MUSL] = "is linked with musl, which a preload for glibc does not "
		    "fit; use a build of it for glibc",
    [TARGET_LOADER] = "asks for another loader than that of glibc; use a "
		      "build of it for glibc",
    [TARGET_SETID] =
	"is setuid or setgid, so the loader drops the preload; "
	"run a copy without those bits, or set tlsshim up system-wide",
    [TARGET_CAPS] =
	"has file capabilities, so the loader drops the preload; "
	"run a copy without them (setcap -r) and give it the capability "
	"another way",
};

int (*target_close)(int) = close;

const char *
target_text(enum target_kind kind)
{
	return (unsigned)kind < TARGET_KINDS ? texts[kind] : "is unknown";
}

static bool
bytes_read(int fd, void *buf, size_t len, uint64_t at)
{
	return at <= INT64_MAX &&
	       pread(fd, buf, len, (off_t)at) == (ssize_t)len;
}

/* The loader's base names of glibc's ABI list; musl's are ld-musl-ARCH. */
static enum target_kind
loader_kind(const char *loader)
{
	static const char *const ours[] = {"ld-linux", "ld64.so.", "ld.so.1"};
	const char *base = strrchr(loader, '/');
	size_t i;

	base = base != NULL ? base + 1 : loader;
	if (strncmp(base, "ld-musl", 7) == 0)
		return TARGET_MUSL;
	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strncmp(base, ours[i], strlen(ours[i])) == 0)
			return TARGET_OK;
	return TARGET_LOADER;
}

static bool
loader_read(int fd, const ElfW(Phdr) * ph, char *loader)
{
	if (ph->p_filesz == 0 || ph->p_filesz > TARGET_NAME ||
	    !bytes_read(fd, loader, ph->p_filesz, ph->p_offset))
		return false;
	loader[ph->p_filesz - 1] = '\0';
	return true;
}

/* The Go linker leaves its build id in a note of the owner "Go". */
static bool
note_is_go(int fd, const ElfW(Phdr) * ph)
{
	ElfW(Nhdr) note;
	char owner[4];
	uint64_t at = 0;
	int i;

	for (i = 0; i < 16 && at + sizeof(note) + 4 <= ph->p_filesz; i++) {
		if (!bytes_read(fd, &note, sizeof(note), ph->p_offset + at))
			return false;
		if (note.n_namesz == 4 &&
		    bytes_read(
			fd, owner, 4, ph->p_offset + at + sizeof(note)) &&
		    memcmp(owner, "Go\0", 4) == 0)
			return true;
		at += sizeof(note) + ((note.n_namesz + 3ul) & ~3ul) +
		      ((note.n_descsz + 3ul) & ~3ul);
	}
	return false;
}

/* The build id can be left out (-buildid=); .go.buildinfo stays. */
static bool
section_is_go(int fd, const ElfW(Ehdr) * eh)
{
	static const char wanted[] = ".go.buildinfo";
	ElfW(Shdr) names, sh;
	char name[sizeof(wanted)];
	unsigned i;

	if (eh->e_shentsize != sizeof(sh) || eh->e_shstrndx >= eh->e_shnum ||
	    !bytes_read(fd, &names, sizeof(names),
		eh->e_shoff + (uint64_t)eh->e_shstrndx * sizeof(sh)))
		return false;
	for (i = 0; i < eh->e_shnum && i < TARGET_HEADERS; i++) {
		if (!bytes_read(
			fd, &sh, sizeof(sh), eh->e_shoff + i * sizeof(sh)))
			return false;
		if (bytes_read(
			fd, name, sizeof(name), names.sh_offset + sh.sh_name) &&
		    memcmp(name, wanted, sizeof(wanted)) == 0)
			return true;
	}
	return false;
}

static bool
is_foreign(const ElfW(Ehdr) * eh)
{
	return memcmp(eh->e_ident, __ehdr_start.e_ident, EI_VERSION) != 0 ||
	       eh->e_machine != __ehdr_start.e_machine ||
	       eh->e_phentsize != sizeof(ElfW(Phdr));
}

static enum target_kind
elf_kind(int fd, const ElfW(Ehdr) * eh, struct target *out)
{
	bool go = section_is_go(fd, eh);
	ElfW(Phdr) ph;
	unsigned i;

	for (i = 0; i < eh->e_phnum && i < TARGET_HEADERS; i++) {
		if (!bytes_read(
			fd, &ph, sizeof(ph), eh->e_phoff + i * sizeof(ph)))
			return TARGET_FORMAT;
		if (ph.p_type == PT_INTERP &&
		    !loader_read(fd, &ph, out->loader))
			return TARGET_LOADER;
		if (ph.p_type == PT_NOTE && note_is_go(fd, &ph))
			go = true;
	}
	if (go)
		return TARGET_GO;
	if (out->loader[0] == '\0')
		return TARGET_STATIC;
	return loader_kind(out->loader);
}

/*
 * The loader drops a preload only where the caller's ids change by it, but
 * who calls is not asked here: the answer is about the file.
 */
static enum target_kind
privilege_kind(int fd, const struct stat *st)
{
	const mode_t setgid = S_ISGID | S_IXGRP; /* alone: mandatory locking */

	if ((st->st_mode & S_ISUID) != 0 || (st->st_mode & setgid) == setgid)
		return TARGET_SETID;
	if (fgetxattr(fd, "security.capability", NULL, 0) > 0)
		return TARGET_CAPS;
	return TARGET_OK;
}

/* As fs/binfmt_script.c reads it: up to 256 bytes, one optional argument. */
static enum target_kind
script_read(char *head, size_t len, char *interp)
{
	char *end = memchr(head, '\n', len), *name, *p;

	if (end == NULL && len < TARGET_NAME)
		end = head + len;
	p = end != NULL ? end : head + len;
	name = head + 2;
	while (name < p && (*name == ' ' || *name == '\t'))
		name++;
	len = 0;
	while (name + len < p && strchr(" \t", name[len]) == NULL)
		len++;
	if (len == 0 || (end == NULL && name + len == p))
		return TARGET_FORMAT; /* no name, or one that is cut off */
	memcpy(interp, name, len);
	interp[len] = '\0';
	return TARGET_OK;
}

/* One file of the chain; TARGET_OK with *script set: go on with interp. */
static enum target_kind
file_kind(int fd, const struct stat *st, struct target *out, bool *script)
{
	union {
		char text[TARGET_NAME];
		ElfW(Ehdr) elf;
	} head;
	ssize_t n = pread(fd, head.text, sizeof(head.text), 0);
	enum target_kind kind;

	*script = n > 2 && memcmp(head.text, "#!", 2) == 0;
	if (*script)
		return script_read(head.text, (size_t)n, out->interp);
	if (n < EI_NIDENT || memcmp(head.text, ELFMAG, SELFMAG) != 0)
		return TARGET_FORMAT;
	if (n < (ssize_t)sizeof(head.elf) || is_foreign(&head.elf))
		return TARGET_FOREIGN;
	kind = elf_kind(fd, &head.elf, out);
	/* the kernel takes no ids from a script, only from the end of it */
	return kind == TARGET_OK ? privilege_kind(fd, st) : kind;
}

static enum target_kind
open_kind(const char *path, struct target *out, bool *script)
{
	enum target_kind kind;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd == -1)
		return TARGET_UNREADABLE;
	if (fstat(fd, &st) == -1)
		kind = TARGET_UNREADABLE;
	else
		kind = file_kind(fd, &st, out, script);
	target_close(fd);
	return kind;
}

struct look {
	const char *path;
	struct target *out;
	bool *script;
	enum target_kind kind;
};

/* Its descriptors are a copy: closing one takes nothing from anybody. */
static int
look(void *arg)
{
	struct look *l = arg;

	target_close(0);
	l->kind = open_kind(l->path, l->out, l->script);
	return 0;
}

/*
 * Where the caller has used up its numbers, of which execve() needs none: a
 * process looks that shares our memory and not them.  Exit signal 0, so that
 * no wait() but ours sees it; no handler of the program's runs in it.
 */
static enum target_kind
kind_apart(const char *path, struct target *out, bool *script)
{
	char stack[16384] __attribute__((aligned(16)));
	struct look l = {path, out, script, TARGET_UNREADABLE};
	sigset_t all, old;
	pid_t pid;
	int state;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	pid = clone(look, stack + sizeof stack, CLONE_VM | CLONE_VFORK, &l);
	if (pid > 0)
		while (waitpid(pid, &state, __WCLONE) == -1 && errno == EINTR)
			;
	sigprocmask(SIG_SETMASK, &old, NULL);
	return l.kind;
}

static enum target_kind
path_kind(const char *path, struct target *out, bool *script)
{
	enum target_kind kind;
	struct stat st;

	*script = false;
	if (stat(path, &st) == -1)
		return errno == EACCES ? TARGET_DENIED : TARGET_ABSENT;
	if (!S_ISREG(st.st_mode) ||
	    faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == -1)
		return TARGET_DENIED;
	errno = 0;
	kind = open_kind(path, out, script);
	if (kind == TARGET_UNREADABLE && errno == EMFILE)
		kind = kind_apart(path, out, script);
	return kind;
}

enum target_kind
target_read(const char *path, struct target *out)
{
	int depth, keep = errno;
	bool script = true;

	out->interp[0] = out->loader[0] = '\0';
	out->kind = path_kind(path, out, &script);
	for (depth = 0; script && out->kind == TARGET_OK; depth++) {
		if (depth == TARGET_DEPTH) {
			out->kind = TARGET_LOOP;
			break;
		}
		out->kind = path_kind(out->interp, out, &script);
	}
	errno = keep;
	return out->kind;
}
