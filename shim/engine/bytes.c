/* bytes.c - a queue of bytes that may begin in a buffer it has borrowed */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

void
bytes_borrow(struct bytes *b, unsigned char *buf, size_t len, size_t cap)
{
	bytes_free(b);
	b->base = buf;
	b->len = len;
	b->cap = cap;
	b->borrowed = true;
}

/* To the front, over what has been taken: that was no less. */
static void
move(struct bytes *b)
{
	size_t left = bytes_left(b);

	memcpy(b->base, bytes_at(b), left);
	if (b->secret)
		explicit_bzero(b->base + left, b->len - left);
	b->off = 0;
	b->len = left;
}

static int
grow(struct bytes *b, size_t need)
{
	size_t left = bytes_left(b);
	size_t cap = left + need < 256 ? 256 : left + need; /* a message's */
	unsigned char *base;

	if (!b->borrowed && b->off >= left && left + need <= b->cap) {
		move(b);
		return 0;
	}
	/* more and more, and not as much taken */
	if (!b->borrowed && b->off < left && cap < 2 * b->cap)
		cap = 2 * b->cap;
	base = malloc(cap);
	if (base == NULL)
		return -ENOMEM;
	if (left > 0)
		memcpy(base, bytes_at(b), left);
	bytes_free(b);
	b->base = base;
	b->len = left;
	b->cap = cap;
	return 0;
}

unsigned char *
bytes_room(struct bytes *b, size_t n)
{
	if (b->cap - b->len < n && grow(b, n) < 0)
		return NULL;
	return b->base + b->len;
}

int
bytes_put(struct bytes *b, const void *data, size_t len)
{
	unsigned char *at = len > 0 ? bytes_room(b, len) : NULL;

	if (len > 0 && at == NULL)
		return -ENOMEM;
	if (len > 0)
		memcpy(at, data, len);
	b->len += len;
	return 0;
}

void
bytes_take(struct bytes *b, size_t n)
{
	b->off += n;
	if (b->off < b->len)
		return;
	if (b->borrowed)
		b->off = b->len = 0;
	else
		bytes_free(b);
}

int
bytes_settle(struct bytes *b)
{
	if (!b->borrowed)
		return 0;
	if (bytes_left(b) == 0) {
		bytes_free(b);
		return 0;
	}
	if (grow(b, 0) == 0)
		return 0;
	bytes_free(b);
	return -ENOMEM;
}

void
bytes_free(struct bytes *b)
{
	bool secret = b->secret;

	if (!b->borrowed && secret && b->base != NULL)
		explicit_bzero(b->base, b->len); /* no byte is behind len */
	if (!b->borrowed)
		free(b->base);
	memset(b, 0, sizeof *b);
	b->secret = secret;
}
