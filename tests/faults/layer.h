/*
 * layer.h - what the scripted program asks of the fault layer
 *
 * The layer is preloaded behind tlsshim.so, whose dlsym(RTLD_NEXT) finds it
 * where it looks for libc: the product has no code for this.  The program's
 * references are weak; without the layer they are NULL (strace injects then).
 */
#ifndef LAYER_H
#define LAYER_H

enum layer_kind {
	LAYER_NONE,
	LAYER_ERROR,  /* the call is not made; errno is value */
	LAYER_SHORT,  /* one byte is moved */
	LAYER_ZERO,   /* 0: end of file, or nothing was ready in time */
	LAYER_ALLOC,  /* an allocation gives NULL */
	LAYER_ALLOCS, /* and all that follow it too */
};

struct layer {
	enum layer_kind kind;
	int value;
	long at;     /* the at-th call from now on */
	long count;  /* calls so far; of allocations for LAYER_ALLOC* */
	const char *hit; /* the call that was made to fail; NULL: none */
	long live, bytes; /* allocations that have not been freed */
	int trace; /* descriptor to which each call's name is written, or -1 */
};

extern struct layer layer __attribute__((weak));

#endif
