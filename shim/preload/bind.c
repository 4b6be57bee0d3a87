/*
 * bind.c - the program's calls of our hooks, bound before it forks
 *
 * A program that was not linked with -z now has ld.so look up each function at
 * its first call.  In a server that forks for each connection the children make
 * these first calls, each of them anew: read, write, close, _exit.  A look-up
 * comes by nine pages of ld.so, the program and us, which each child then maps
 * or copies.  Here the parent writes what ld.so would: a function that the
 * program does not define and that nobody between it and us has is ours.
 *
 * Only slots are written that still ask ld.so, as it leaves them, and none
 * where a library audits (rtld-audit(7)): that one is to hear of each look-up.
 */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>

#include "preload.h"
#include "symbol.h"

#define BETWEEN 4 /* the vDSO, and other preloads before us */

struct range {
	ElfW(Addr) at;
	size_t len;
};

struct program {
	ElfW(Addr) base;
	struct range code, data, relro;
	const ElfW(Rela) *slots;
	size_t nslots;
};

static int
lies_in(ElfW(Addr) at, const struct range *r)
{
	return at - r->at < r->len;
}

static int
note_program(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct program *p = arg;
	size_t i;

	p->base = info->dlpi_addr;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		struct range r = {p->base + h->p_vaddr, h->p_memsz};

		if (h->p_type == PT_GNU_RELRO)
			p->relro = r;
		else if (h->p_type == PT_LOAD && h->p_flags & PF_X)
			p->code = r;
		else if (h->p_type == PT_LOAD && h->p_flags & PF_W)
			p->data = r;
	}
	return 1; /* the first one is the program */
}

/*
 * Does the i-th slot lead to where its PLT entry asks ld.so for the i-th
 * function: push $i, behind an endbr64 or not?  A program that has put a
 * function of its own there keeps it.
 */
static int
is_unbound(const struct program *p, ElfW(Addr) slot, uint32_t i)
{
	static const unsigned char endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
	ElfW(Addr) to = *(ElfW(Addr) *)slot;
	const unsigned char *code = (const unsigned char *)to;

	if (!lies_in(to, &p->code) || !lies_in(to + 8, &p->code))
		return 0;
	if (memcmp(code, endbr64, sizeof endbr64) == 0)
		code += sizeof endbr64;
	return code[0] == 0x68 && memcmp(code + 1, &i, sizeof i) == 0;
}

/* 0, or -1 where there is nothing to be written, or not by us. */
static int
read_slots(const struct link_map *m, struct program *p)
{
	const ElfW(Dyn) *d = m->l_ld;
	const struct r_debug *debug = NULL;

	for (; d != NULL && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_JMPREL)
			p->slots = symbol_pointer(m, d);
		else if (d->d_tag == DT_PLTRELSZ)
			p->nslots = d->d_un.d_val / sizeof *p->slots;
		else if (d->d_tag == DT_PLTREL && d->d_un.d_val != DT_RELA)
			return -1;
		else if (d->d_tag == DT_DEBUG)
			debug = (const struct r_debug *)d->d_un.d_ptr;
	}
	/* 2: there are other namespaces, as that of an auditing library */
	return p->slots == NULL || debug == NULL || debug->r_version != 1 ? -1
									  : 0;
}

/* Nobody's between the program and us, and ours; or NULL. */
static void *
find(const struct symbol_object *objects, size_t n, const char *name)
{
	uint32_t h = symbol_hash(name), at = symbol_next(objects, name, h, 0);
	size_t i;

	if (at == 0)
		return NULL;
	for (i = 1; i < n; i++)
		if (symbol_next(&objects[i], name, h, 0) != 0)
			return NULL;
	return (void *)(objects->base + objects->symbols[at].st_value);
}

static void
bind_slots(const struct program *p, const struct symbol_object *program,
    const struct symbol_object *objects, size_t n)
{
	size_t i;

	for (i = 0; i < p->nslots; i++) {
		const ElfW(Rela) *r = &p->slots[i];
		const ElfW(Sym) *s = &program->symbols[ELF64_R_SYM(r->r_info)];
		ElfW(Addr) at = p->base + r->r_offset;
		void *hook;

		if (ELF64_R_TYPE(r->r_info) != R_X86_64_JUMP_SLOT ||
		    s->st_shndx != SHN_UNDEF || !lies_in(at, &p->data) ||
		    lies_in(at, &p->relro) || !is_unbound(p, at, (uint32_t)i))
			continue;
		hook = find(objects, n, program->strings + s->st_name);
		if (hook != NULL)
			__atomic_store_n((void **)at, hook, __ATOMIC_RELEASE);
	}
}

void
bind_hooks(void)
{
	struct symbol_object program, objects[1 + BETWEEN];
	struct program p = {0};
	struct link_map *m = NULL;
	Dl_info info;
	size_t n = 0;

	if (dladdr1(&libc, &info, (void **)&m, RTLD_DL_LINKMAP) == 0)
		return;
	for (; m != NULL && m->l_prev != NULL; m = m->l_prev)
		if (n > BETWEEN || symbol_read(m, &objects[n++]) == -1)
			return;
	if (m == NULL || n == 0 || symbol_read(m, &program) == -1 ||
	    dl_iterate_phdr(note_program, &p) != 1 || p.base != m->l_addr ||
	    read_slots(m, &p) == -1)
		return;
	bind_slots(&p, &program, objects, n);
}
