/* interpose.c - the rows of calls.def and api.def as exported functions */
#include <errno.h>

#include "owned.h"
#include "../tlsshim.h"

/* What a refused call returns: NULL for streams, -1 for the rest. */
#define REFUSAL(ret) ((ret) _Generic((ret *)0, FILE * * : 0, default : -1))

EXPORTS_BEGIN

#define CALL(gate, ret, name, params, args)                          \
	ret name params                                              \
	{                                                            \
		enum way way = GATE_##gate;                          \
                                                                     \
		if (likely(way == WAY_LIBC))                         \
			return libc.name args;                       \
		if (way == WAY_RELAYED)                              \
			return (ret)RELAYED_##gate(libc.name args);  \
		if (way == WAY_ENGINE && ENGINE_SLOT(name) != NULL)  \
			return engine_get()->calls->name args;       \
		if (way == WAY_ENGINE && NO_SLOT_##gate == WAY_LIBC) \
			return libc.name args;                       \
		if (way == WAY_ENGINE)                               \
			errno = EACCES;                              \
		return REFUSAL(ret);                                 \
	}
#define CALL_BY_HAND(ret, name, params)
#include "../calls.def"

int
tlsshim_active(void)
{
	return engine_get() != NULL && engine_get()->active();
}

EXPORTS_END
