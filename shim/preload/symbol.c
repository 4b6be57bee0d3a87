/*
 * symbol.c - libc's functions by its own hash table
 *
 * 151 times dlsym(RTLD_NEXT) cost a start 1 to 9 us more: each looks for its
 * caller, takes ld.so's lock and sets up for an error.  Here the objects
 * behind ours are asked in their order, as dlsym asks them, and only what is
 * clear is taken: an ordinary function that libc has in its default version
 * and nobody before it has at all.  Everything else (another preload behind
 * us, a library that has the name, an object without DT_GNU_HASH) is dlsym's
 * to say.  Where nothing is before libc, a name needs neither dlsym nor to be
 * looked for before it is called (libc.c).
 */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

#include "place.h"
#include "symbol.h"

#define HIDDEN 0x8000 /* of a version: not the default one */
#define VERSIONED 2   /* 0 and 1: local, global */

/* strcmp() == 0, without the page of libc's that it is on. */
FIRST static int
same(const char *a, const char *b)
{
	for (; *a == *b; a++, b++)
		if (*a == '\0')
			return 1;
	return 0;
}

FIRST_DATA static const char libc_name[] = "libc.so.6";

FIRST const void *
symbol_pointer(const struct link_map *m, const ElfW(Dyn) *d)
{
	return (const void *)(d->d_un.d_ptr < m->l_addr
		? d->d_un.d_ptr + m->l_addr
		: d->d_un.d_ptr);
}

FIRST int
symbol_read(const struct link_map *m, struct symbol_object *o)
{
	const ElfW(Dyn) *d = m->l_ld, *soname = NULL;

	memset(o, 0, sizeof *o);
	o->base = m->l_addr;
	for (; d != NULL && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_GNU_HASH)
			o->hash = symbol_pointer(m, d);
		else if (d->d_tag == DT_SYMTAB)
			o->symbols = symbol_pointer(m, d);
		else if (d->d_tag == DT_STRTAB)
			o->strings = symbol_pointer(m, d);
		else if (d->d_tag == DT_VERSYM)
			o->versions = symbol_pointer(m, d);
		else if (d->d_tag == DT_SONAME)
			soname = d;
	}
	if (o->hash == NULL || o->symbols == NULL || o->strings == NULL)
		return -1;
	o->is_libc = soname != NULL && o->versions != NULL &&
	    same(o->strings + soname->d_un.d_val, libc_name);
	return 0;
}

const char *symbol_own;

/*
 * ld.so's list of objects, where it shows it to debuggers: dladdr1 goes by all
 * our symbols to tell which object is ours.  NULL where the program has no
 * place for it.
 */
FIRST static struct link_map *
objects_shown(void)
{
	const ElfW(Phdr) *h = (const ElfW(Phdr) *)getauxval(AT_PHDR), *end;
	const struct r_debug *shown = NULL;
	const ElfW(Dyn) *d = NULL;
	ElfW(Addr) base = 0;

	if (h == NULL)
		return NULL;
	for (end = h + getauxval(AT_PHNUM); h < end; h++)
		if (h->p_type == PT_PHDR)
			base = getauxval(AT_PHDR) - h->p_vaddr;
		else if (h->p_type == PT_DYNAMIC && base != 0)
			d = (const ElfW(Dyn) *)(base + h->p_vaddr);
	for (; d != NULL && d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_DEBUG)
			shown = (const struct r_debug *)d->d_un.d_ptr;
	return shown != NULL ? shown->r_map : NULL;
}

FIRST void
symbol_begin(struct symbol_scope *s, const void *own)
{
	struct link_map *m = objects_shown();
	Dl_info info;

	s->n = 0;
	s->complete = 0;
	while (m != NULL && m->l_ld != _DYNAMIC)
		m = m->l_next;
	if (m == NULL &&
	    (dladdr1(own, &info, (void **)&m, RTLD_DL_LINKMAP) == 0 ||
		m == NULL))
		return;
	symbol_own = m->l_name;
	for (m = m->l_next; m != NULL; m = m->l_next) {
		if (s->n == SYMBOL_OBJECTS ||
		    symbol_read(m, &s->objects[s->n]) == -1)
			return;
		s->complete = s->objects[s->n++].is_libc;
		if (s->complete)
			return;
	}
}

FIRST uint32_t
symbol_hash(const char *name)
{
	uint32_t h = 5381;

	for (; *name != '\0'; name++)
		h = h * 33 + (unsigned char)*name;
	return h;
}

FIRST uint32_t
symbol_next(const struct symbol_object *o, const char *name, uint32_t h,
    uint32_t at)
{
	const uint32_t bits = 8 * sizeof(ElfW(Addr));
	const uint32_t buckets = o->hash[0], first = o->hash[1],
		       words = o->hash[2], shift = o->hash[3];
	const ElfW(Addr) *bloom = (const ElfW(Addr) *)(o->hash + 4);
	const uint32_t *bucket = (const uint32_t *)(bloom + words);
	const uint32_t *chain = bucket + buckets;
	ElfW(Addr) word;

	if (at == 0) {
		if (buckets == 0 || words == 0)
			return 0;
		word = bloom[h / bits & (words - 1)]; /* a power of 2 */
		if (!(word >> h % bits & word >> (h >> shift) % bits & 1))
			return 0;
		at = bucket[h % buckets];
		if (at < first)
			return 0;
	} else if (chain[at++ - first] & 1) {
		return 0;
	}
	for (;; at++) {
		if ((chain[at - first] | 1) == (h | 1) &&
		    same(o->strings + o->symbols[at].st_name, name))
			return at;
		if (chain[at - first] & 1)
			return 0;
	}
}

/*
 * What the symbol stands for: of several for different processors the one
 * that its function chooses, which asks nothing but what ld.so has found out.
 */
FIRST static void *
value(const struct symbol_object *o, const ElfW(Sym) *s)
{
	void *at = (void *)(o->base + s->st_value);

	if (s->st_shndx == SHN_UNDEF || s->st_value == 0)
		return NULL;
	switch (ELF64_ST_TYPE(s->st_info)) {
	case STT_FUNC:
		return at;
	case STT_GNU_IFUNC:
		return ((void *(*)(void))at)();
	default:
		return NULL;
	}
}

FIRST static void *
take(const struct symbol_object *o, const char *name, uint32_t h)
{
	uint32_t at = symbol_next(o, name, h, 0);

	for (; at != 0; at = symbol_next(o, name, h, at)) {
		if (o->versions[at] >= VERSIONED &&
		    !(o->versions[at] & HIDDEN))
			return value(o, &o->symbols[at]);
	}
	return NULL;
}

FIRST void *
symbol_take(const struct symbol_object *o, const char *name)
{
	return o->is_libc ? take(o, name, symbol_hash(name)) : NULL;
}

FIRST void *
symbol_find(const struct symbol_scope *s, const char *name)
{
	uint32_t h = symbol_hash(name);
	size_t i;

	if (!s->complete)
		return NULL;
	for (i = 0; i < s->n - 1; i++)
		if (symbol_next(&s->objects[i], name, h, 0) != 0)
			return NULL;
	return take(&s->objects[i], name, h);
}
