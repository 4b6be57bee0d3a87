/*
 * symbol.h - libc's functions without dlsym
 *
 * No allocation, no lock, no system call: for the start of a program, when
 * nothing is loaded or unloaded meanwhile, and for what then stays, as libc.
 */
#ifndef SYMBOL_H
#define SYMBOL_H

#include <link.h>
#include <stddef.h>
#include <stdint.h>

#define SYMBOL_OBJECTS 64

/* What ld.so has mapped; borrowed from it. */
struct symbol_object {
	ElfW(Addr) base;
	const uint32_t *hash;
	const ElfW(Sym) *symbols;
	const char *strings;
	const ElfW(Half) *versions;
	int is_libc;
};

/* What d points to: ld.so has relocated that in place, but in a vDSO. */
const void *symbol_pointer(const struct link_map *m, const ElfW(Dyn) *d);

/* 0, or -1 where it cannot be asked. */
int symbol_read(const struct link_map *m, struct symbol_object *o);

/*
 * The next symbol of that name (h: symbol_hash of it) from at on, 0 to begin
 * with; 0: none.  Undefined ones are no symbols of o's.
 */
uint32_t symbol_next(const struct symbol_object *o, const char *name,
    uint32_t h, uint32_t at);
uint32_t symbol_hash(const char *name);

/* The objects behind ours, up to libc. */
struct symbol_scope {
	struct symbol_object objects[SYMBOL_OBJECTS];
	size_t n;
	int complete; /* the last one is libc, and all can be asked */
};

/* The path of our object as ld.so has it, its own; set by symbol_begin. */
extern const char *symbol_own;

/* own: an address in the object whose followers these are. */
void symbol_begin(struct symbol_scope *s, const void *own);

/*
 * libc's function of that name in its default version, or NULL: o is another
 * object, or has no such.  Any thread; in signal handlers and vfork children.
 */
void *symbol_take(const struct symbol_object *o, const char *name);

/* The function that dlsym(RTLD_NEXT) finds; NULL: that one has to be asked. */
void *symbol_find(const struct symbol_scope *s, const char *name);

#endif
