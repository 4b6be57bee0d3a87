/* thread.c - a thread's buffers and its depth in the engine */

#include <pthread.h>
#include <stdlib.h>

#include "conn.h"
#include "thread.h"

#define DEPTHS 3

struct thread {
	unsigned char in[BUFFER_SIZE];
	unsigned char out[BUFFER_SIZE + 8192]; /* room for record overhead */
	unsigned char record[RECORD_SIZE];
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
	return 0;
}

void
thread_leave(void)
{
	depth--;
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
