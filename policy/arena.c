/* arena.c - the memory of one policy: taken in pieces, given back at once */
#include <stdlib.h>
#include <string.h>

#include "arena.h"

struct piece {
	struct piece *next;
	_Alignas(max_align_t) char data[];
};

struct arena {
	struct piece *first;
};

struct arena *
arena_new(void)
{
	return calloc(1, sizeof(struct arena));
}

void
arena_free(struct arena *a)
{
	struct piece *p, *next;

	if (a == NULL)
		return;
	for (p = a->first; p != NULL; p = next) {
		next = p->next;
		free(p);
	}
	free(a);
}

void *
arena_alloc(struct arena *a, size_t n, size_t size)
{
	struct piece *p;
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) ||
	    __builtin_add_overflow(bytes, sizeof *p, &bytes))
		return NULL;
	p = calloc(1, bytes);
	if (p == NULL)
		return NULL;
	p->next = a->first;
	a->first = p;
	return p->data;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = arena_alloc(a, n, 1);

	return copy != NULL ? memcpy(copy, s, n) : NULL;
}
