/*
 * number.h - what every call does with its number and its conn, inline (part of
 * conn.h, which says what these are)
 */
#ifndef ENGINE_NUMBER_H
#define ENGINE_NUMBER_H

#include "bell.h"

static inline void
conn_put(struct conn *c)
{
	if (count_take(&c->refs) == 1)
		conn_unused(c);
}

static inline struct conn *
table_get(int fd)
{
	struct conn *c;

	if (unlikely(fd < 0 || fd >= FD_MAX))
		return NULL;
	while ((c = atomic_load(&fd_rows[fd].conn)) != NULL) {
		if (!refs_take(&c->refs))
			continue;
		if (likely(atomic_load(&fd_rows[fd].conn) == c))
			return c;
		conn_put(c);
	}
	return NULL;
}

static inline const struct conn *
table_peek(int fd)
{
	if (fd < 0 || fd >= FD_MAX)
		return NULL;
	return atomic_load_explicit(&fd_rows[fd].conn, memory_order_relaxed);
}

static inline int
table_number(int fd, const struct conn *c)
{
	if (likely(fd >= 0 && fd < FD_MAX &&
		   atomic_load(&fd_rows[fd].conn) == c))
		return fd;
	return table_number_left(fd, c);
}

static inline int
table_use(int fd, struct conn *c)
{
	count_add(&c->using, 1);
	return table_number(fd, c);
}

static inline void
table_used(struct conn *c)
{
	count_take(&c->using);
}

/*
 * Locked.  What c has to say to who waits for it has changed, or may have, and
 * the kernel does not know: threads in poll and select look again.
 */
static inline void
conn_tell(struct conn *c)
{
	if (unlikely(atomic_load_explicit(&c->polled, memory_order_relaxed) > 0))
		bell_ring();
}

#endif
