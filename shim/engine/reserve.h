/*
 * reserve.h - memory for what cannot do without
 *
 * GnuTLS 3.7.9, libtasn1 and GMP end the process, or lose memory, at most of
 * the allocations that fail them (of the 1,150 of a client's handshake more than
 * half; `make faults` without this file).  So where the host's allocator has
 * nothing left, alloc.c takes from here, and who calls GnuTLS asks first
 * whether there is enough for it: else the call fails with ENOMEM.
 */
#ifndef ENGINE_RESERVE_H
#define ENGINE_RESERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Aligned for any type, or NULL.  Any thread. */
void *reserve_get(size_t n);

#define RESERVE_SIZE ((size_t)2 << 20)
__attribute__((visibility("hidden"))) extern unsigned char
    reserve_pool[RESERVE_SIZE];

/* Is p of the reserve?  (NULL is not.)  Each free() of GnuTLS's asks. */
static inline bool
reserve_has(const void *p)
{
	return (uintptr_t)p - (uintptr_t)reserve_pool < RESERVE_SIZE;
}

/* How much can be written to p, which is of the reserve. */
size_t reserve_size(const void *p);

/* Wipes and gives back.  Any thread. */
void reserve_put(void *p);

/* Is there memory for a step of a handshake, or a record?  Any thread. */
bool reserve_enough(void);

#endif
