/* secret.c - memory for keys: in no core dump, wiped when it is given back */
#include <string.h>
#include <sys/mman.h>

#include "secret.h"

void *
secret_new(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* a kernel without it dumps them: no reason to refuse the policy */
	(void)madvise(p, n, MADV_DONTDUMP);
	return p;
}

void
secret_free(void *p, size_t n)
{
	if (p == NULL)
		return;
	explicit_bzero(p, n);
	munmap(p, n);
}
