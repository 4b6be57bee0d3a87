/* interpose.c - the rows of calls.def and api.def as exported functions */
#include <errno.h>

#include "owned.h"

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

/* The engine is asked; 0: errno says why not. */
static int
asks(int fd)
{
	static const int no[] = {
	    [FD_UNKNOWN] = EBADF,
	    [FD_PASS] = EOPNOTSUPP,
	    [FD_STREAM] = ENOTCONN,
	    [FD_SET] = EOPNOTSUPP,
	    [FD_OURS] = EBADF,
	    [FD_REFUSED] = EACCES,
	    [FD_RELAYED] = EREMOTE,
	};
	int class = owned_settle(fd);

	if (class == FD_GOVERNED && engine_get() != NULL)
		return 1;
	errno = class < 0 ? -class : class == FD_GOVERNED ? EACCES : no[class];
	return 0;
}

#define ASKS_ANY (engine_get() != NULL)
#define ASKS_FD asks(fd)
#define ASKS_ERROR (fd == -1 ? engine_get() != NULL : asks(fd))

#define API(gate, ret, name, params, args, without)            \
	ret name params                                        \
	{                                                      \
		return ASKS_##gate ? engine_get()->api->name args \
				   : (ret)(without);           \
	}
#include "../api.def"

EXPORTS_END
