/* thread.c - a thread's buffers and its depth in the engine */

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conn.h"
#include "failure.h"
#include "thread.h"

#define DEPTHS 3

struct thread {
	unsigned char unused[4096 - INPUT_BEFORE % 4096]; /* see near() */
	unsigned char in[INPUT_BEFORE + INPUT_SIZE];
	unsigned char out[BUFFER_SIZE + 8192]; /* room for record overhead */
	unsigned char record[RECORD_MOST];
	unsigned char kept[2 * THREAD_KEEP]; /* see thread_keep */
	volatile size_t put_at, get_at; /* of the ring; they only grow */
	volatile sig_atomic_t taking;
	struct tlsshim_error failed; /* size 0: none */
};

#define LOCAL static __thread __attribute__((tls_model("initial-exec")))

LOCAL struct thread *own[DEPTHS];
LOCAL int depth;   /* calls under way on this thread */
LOCAL int waiting; /* of these, how many wait */
LOCAL unsigned id;

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/*
 * The first is no mapping of its own, which every fork would have to copy, and
 * lies just before what forks write, to have its page table in common with it
 * (RARE in engine.h); its thread, mostly main's, has it to the end.  A
 * ClientHello and what answers it take a page of it each, and not two.
 */
#define PAGE 4096
static unsigned char room[sizeof(struct thread) + PAGE];
static _Atomic bool near_taken;

static struct thread *
near(void)
{
	return (struct thread *)(((uintptr_t)room + PAGE - 1) &
	    ~(uintptr_t)(PAGE - 1));
}

static struct thread *
made(void)
{
	return atomic_exchange(&near_taken, true)
	    ? malloc(sizeof(struct thread))
	    : near();
}

static void
thread_free(void *arg)
{
	int i;

	for (i = 0; i < DEPTHS; i++) {
		if (own[i] == near())
			atomic_store(&near_taken, false);
		else
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
		own[d] = made();
		if (own[d] != NULL) {
			own[d]->put_at = own[d]->get_at = 0;
			own[d]->taking = 0;
			own[d]->failed.size = 0;
		}
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

struct tlsshim_error *
thread_failure(void)
{
	struct thread *t = thread_own();

	return t != NULL ? &t->failed : NULL;
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

unsigned
thread_id(void)
{
	if (id == 0)
		id = (unsigned)gettid();
	return id;
}

void
thread_forked(pid_t pid)
{
	id = (unsigned)pid;
}

bool
thread_at_work(void)
{
	return depth > waiting;
}

bool
thread_nested(void)
{
	return waiting > 0;
}

/* A kept write in the ring: this, and its bytes; or a kept close. */
struct kept {
	int fd;
	unsigned len;
};
#define CLOSES (~0U) /* no len */

static void
ring_put(struct thread *t, size_t at, const void *buf, size_t len)
{
	const unsigned char *b = buf;
	size_t i;

	for (i = 0; i < len; i++)
		t->kept[(at + i) % sizeof t->kept] = b[i];
}

static void
ring_get(const struct thread *t, size_t at, void *buf, size_t len)
{
	unsigned char *b = buf;
	size_t i;

	for (i = 0; i < len; i++)
		b[i] = t->kept[(at + i) % sizeof t->kept];
}

/*
 * Runs in a handler, to its end, while the thread it interrupted may be in
 * thread_kept: the entry counts once put_at has moved.
 */
long
thread_keep(int fd, const void *buf, size_t len)
{
	struct thread *t = own[0];
	struct kept k = {fd, (unsigned)len};

	if (t == NULL || len > THREAD_KEEP ||
	    sizeof t->kept - (t->put_at - t->get_at) < sizeof k + len)
		return -EAGAIN;
	ring_put(t, t->put_at, &k, sizeof k);
	ring_put(t, t->put_at + sizeof k, buf, len);
	t->put_at += sizeof k + len;
	return (long)len;
}

long
thread_keep_close(int fd)
{
	struct thread *t = own[0];
	struct kept k = {fd, CLOSES};

	if (t == NULL || sizeof t->kept - (t->put_at - t->get_at) < sizeof k)
		return -EIO;
	ring_put(t, t->put_at, &k, sizeof k);
	t->put_at += sizeof k;
	return 0;
}

bool
thread_has_kept(void)
{
	const struct thread *t = own[0];

	return t != NULL && t->put_at != t->get_at && depth == 0 && !t->taking;
}

/* Not from a handler that interrupts it: `taking` keeps that one out. */
size_t
thread_kept(int *fd, void *buf)
{
	struct thread *t = own[0];
	struct kept k;

	if (!thread_has_kept())
		return 0;
	t->taking = 1;
	ring_get(t, t->get_at, &k, sizeof k);
	*fd = k.fd;
	if (k.len == CLOSES) {
		t->get_at += sizeof k;
		return THREAD_CLOSE;
	}
	ring_get(t, t->get_at + sizeof k, buf, k.len);
	t->get_at += sizeof k + k.len;
	return k.len;
}

void
thread_kept_done(void)
{
	if (own[0] != NULL)
		own[0]->taking = 0;
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
