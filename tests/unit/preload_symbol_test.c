/*
 * preload_symbol_test.c - libc's functions are those that dlsym finds
 */
#include <dlfcn.h>
#include <stdio.h>

#include "../../shim/abi.h"
#include "../../shim/preload/symbol.c"
#include "result.h"

static const char *const names[] = {
#define CALL(gate, ret, name, params, args) #name,
#define CALL_BY_HAND(ret, name, params) #name,
#include "../../shim/calls.def"
};
#define NAMES (sizeof names / sizeof names[0])

/* How many are libc's own; the others have a runtime in front of it. */
static int
of_libc(void)
{
	Dl_info libc, d;
	void *at;
	size_t i;
	int n = 0;

	if (dladdr(dlsym(RTLD_NEXT, "gnu_get_libc_version"), &libc) == 0)
		return -1;
	for (i = 0; i < NAMES; i++) {
		at = dlsym(RTLD_NEXT, names[i]);
		n += at != NULL && dladdr(at, &d) != 0 &&
		    d.dli_fbase == libc.dli_fbase;
	}
	return n;
}

static void
compare(const struct symbol_scope *s, int *found, int *wrong)
{
	size_t i;

	*found = *wrong = 0;
	for (i = 0; i < NAMES; i++) {
		void *at = symbol_find(s, names[i]);

		*found += at != NULL;
		if (at == NULL || at == dlsym(RTLD_NEXT, names[i]))
			continue;
		printf("# %s is another\n", names[i]);
		++*wrong;
	}
}

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

int
main(void)
{
	struct symbol_scope s;
	int found, wrong;
	void *chosen;
	size_t i;

	symbol_begin(&s, names);
	compare(&s, &found, &wrong);
	result(s.complete && wrong == 0, "every function is dlsym's");
	result(found > of_libc() * 9 / 10 && of_libc() > (int)NAMES / 2,
	    "nearly all are found");
	result(symbol_find(&s, "no_such_function") == NULL,
	    "what nobody has is not");
	result(symbol_find(&s, "environ") == NULL, "a variable is not");
	chosen = symbol_find(&s, "memcpy");
	result(chosen == dlsym(RTLD_NEXT, "memcpy") ||
		(SANITIZED && chosen == NULL), /* whose library has it too */
	    "of several for different processors it is dlsym's");
	/* libc once more, in front of itself: another who has the names */
	for (i = s.n; i > 0 && s.n < SYMBOL_OBJECTS; i--)
		s.objects[i] = s.objects[i - 1];
	s.objects[0] = s.objects[s.n++];
	compare(&s, &found, &wrong);
	result(found == 0, "whose name stands in front is left to dlsym");
	return failures > 0;
}
