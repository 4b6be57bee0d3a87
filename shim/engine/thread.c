/* thread.c - a thread's buffers and its depth in the engine */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "thread.h"

#define DEPTHS 3

struct thread {
	unsigned char in[BUFFER_SIZE];
	unsigned char out[BUFFER_SIZE + 8192]; /* room for record overhead */
	unsigned char record[RECORD_SIZE];
	unsigned char kept[2 * THREAD_KEEP]; /* see thread_keep */
	size_t nkept;
};

#define LOCAL static __thread __attribute__((tls_model("initial-exec")))

LOCAL struct thread *own[DEPTHS];
LOCAL int depth;   /* calls under way on this thread */
LOCAL int waiting; /* of these, how many wait */

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
thread_free(void *arg)
{
	int i;

	for (i = 0; i < DEPTHS; i++) {
		free(own[i]);
		own[i] = NULL;
	}
}

static void
make_key(void)
{
	pthread_key_create(&key, thread_free);
}

static struct thread *
thread_own(void)
{
	int d = depth > 0 ? depth - 1 : 0;

	if (d >= DEPTHS)
		return NULL;
	if (own[d] == NULL) {
		pthread_once(&once, make_key);
		own[d] = malloc(sizeof *own[d]);
		if (own[d] != NULL)
			own[d]->nkept = 0;
		pthread_setspecific(key, own);
	}
	return own[d];
}

unsigned char *
thread_input(void)
{
	struct thread *t = thread_own();

	return t != NULL ? t->in : NULL;
}

unsigned char *
thread_output(void)
{
	struct thread *t = thread_own();

	return t != NULL ? t->out : NULL;
}

unsigned char *
thread_record(void)
{
	struct thread *t = thread_own();

	return t != NULL ? t->record : NULL;
}

int
thread_enter(void)
{
	if (depth > waiting || depth >= DEPTHS)
		return -EAGAIN;
	depth++;
	if (depth == 1) /* a signal handler must not be the first to allocate */
		(void)thread_own();
	return 0;
}

void
thread_leave(void)
{
	depth--;
}

bool
thread_nested(void)
{
	return waiting > 0;
}

/* Kept writes, one behind the other: descriptor, length, bytes. */
struct kept {
	int fd;
	unsigned len;
};

long
thread_keep(int fd, const void *buf, size_t len)
{
	struct thread *t = own[0];
	struct kept k = {fd, (unsigned)len};

	if (t == NULL || len > THREAD_KEEP ||
	    sizeof t->kept - t->nkept < sizeof k + len)
		return -EAGAIN;
	memcpy(t->kept + t->nkept, &k, sizeof k);
	memcpy(t->kept + t->nkept + sizeof k, buf, len);
	t->nkept += sizeof k + len;
	return (long)len;
}

size_t
thread_kept(int *fd, void *buf)
{
	struct thread *t = own[0];
	struct kept k;

	if (t == NULL || depth > 0 || t->nkept == 0)
		return 0;
	memcpy(&k, t->kept, sizeof k);
	memcpy(buf, t->kept + sizeof k, k.len);
	t->nkept -= sizeof k + k.len;
	memmove(t->kept, t->kept + sizeof k + k.len, t->nkept);
	*fd = k.fd;
	return k.len;
}

void
thread_wait_begin(void)
{
	waiting++;
}

void
thread_wait_end(void)
{
	waiting--;
}
