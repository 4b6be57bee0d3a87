/* thread.c - a thread's buffers and its depth in the engine */

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "argument.h"
#include "conn.h"
#include "failure.h"
#include "thread.h"

struct thread {
	unsigned char unused[4096 - INPUT_BEFORE % 4096]; /* see near() */
	unsigned char in[INPUT_BEFORE + INPUT_SIZE];
	unsigned char out[OUTPUT_SIZE];
	unsigned char record[RECORD_MOST];
	unsigned char kept[2 * THREAD_KEEP]; /* see thread_keep */
	struct tlsshim_error failed; /* size 0: none */
	struct argument_more more;
	struct thread *next;         /* spare */
};

__thread struct thread_now thread_now
    __attribute__((tls_model("initial-exec"), aligned(64)));

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

/*
 * What ended threads have left.  Not malloc's: GnuTLS keeps a block of every
 * thread that there ever was (lib/random.c), and in a heap with these all over
 * it is ever less room for what is as large as this.  A server with 400
 * threads at a time had 115 MB behind 40,000 connections, and has 50.
 *
 * spare and nspare are whose who has set spare_busy.  Nobody waits for it: in a
 * signal handler that could be for ever.
 */
#define SPARE_MOST 64
static atomic_flag spare_busy = ATOMIC_FLAG_INIT;
static struct thread *spare;
static int nspare;

static struct thread *
spare_take(void)
{
	struct thread *t;

	if (atomic_flag_test_and_set(&spare_busy))
		return NULL;
	t = spare;
	if (t != NULL) {
		spare = t->next;
		nspare--;
	}
	atomic_flag_clear(&spare_busy);
	return t;
}

/* False: there are enough, or another thread is at it. */
static bool
spare_give(struct thread *t)
{
	bool fits;

	if (atomic_flag_test_and_set(&spare_busy))
		return false;
	fits = nspare < SPARE_MOST;
	if (fits) {
		t->next = spare;
		spare = t;
		nspare++;
	}
	atomic_flag_clear(&spare_busy);
	return fits;
}

static struct thread *
made(void)
{
	struct thread *t;

	if (!atomic_exchange(&near_taken, true))
		return near();
	t = spare_take();
	if (t != NULL)
		return t;
	t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t == MAP_FAILED)
		return NULL;
	(void)madvise(t, sizeof *t, MADV_DONTDUMP); /* it holds plaintext */
	return t;
}

/* Its stack may be unmapped now, say. */
static void
forget(struct thread *t)
{
	if (t != NULL && t->more.any)
		memset(&t->more, 0, sizeof t->more);
}

static void
thread_free(void *arg)
{
	struct thread **own = thread_now.own;
	int i;

	/* what was kept in it went with the call that it came in */
	thread_now.get_at = thread_now.put_at;
	thread_now.taking = 0;
	for (i = 0; i < THREAD_DEPTHS; i++) {
		forget(own[i]);
		if (own[i] == near())
			atomic_store(&near_taken, false);
		else if (own[i] != NULL && !spare_give(own[i]))
			munmap(own[i], sizeof *own[i]);
		own[i] = NULL;
	}
}

static void
make_key(void)
{
	pthread_key_create(&key, thread_free);
}

/* Apart from what every call comes by, which then saves no registers. */
__attribute__((cold, noinline)) static struct thread *
own_new(struct thread **own)
{
	pthread_once(&once, make_key);
	*own = made();
	if (*own != NULL)
		(*own)->failed.size = 0;
	pthread_setspecific(key, thread_now.own);
	return *own;
}

static inline struct thread *
thread_own(void)
{
	int d = thread_now.depth > 0 ? thread_now.depth - 1 : 0;
	struct thread **own = &thread_now.own[d];

	if (unlikely(d >= THREAD_DEPTHS))
		return NULL;
	return likely(*own != NULL) ? *own : own_new(own);
}

void
thread_prepare(void)
{
	(void)thread_own();
}

OFTEN unsigned char *
thread_input(void)
{
	struct thread *t = thread_own();

	return t != NULL ? t->in : NULL;
}

OFTEN unsigned char *
thread_output(void)
{
	struct thread *t = thread_own();

	return t != NULL ? t->out : NULL;
}

OFTEN unsigned char *
thread_record(void)
{
	struct thread *t = thread_own();

	return t != NULL ? t->record : NULL;
}

struct argument_more *
thread_more(void)
{
	struct thread *t = thread_own();

	return t != NULL ? &t->more : NULL;
}

struct tlsshim_error *
thread_failure(void)
{
	struct thread *t = thread_own();

	return t != NULL ? &t->failed : NULL;
}

unsigned
thread_ask_id(void)
{
	thread_now.id = (unsigned)gettid();
	return thread_now.id;
}

void
thread_forked(pid_t pid)
{
	thread_now.id = (unsigned)pid;
	if (atomic_flag_test_and_set(&spare_busy)) { /* a thread that is no more */
		spare = NULL;
		nspare = 0;
	}
	atomic_flag_clear(&spare_busy);
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
	struct thread_now *n = &thread_now;
	struct thread *t = n->own[0];
	struct kept k = {fd, (unsigned)len};

	if (t == NULL || len > THREAD_KEEP ||
	    sizeof t->kept - (n->put_at - n->get_at) < sizeof k + len)
		return -EAGAIN;
	ring_put(t, n->put_at, &k, sizeof k);
	ring_put(t, n->put_at + sizeof k, buf, len);
	n->put_at += sizeof k + len;
	return (long)len;
}

long
thread_keep_close(int fd)
{
	struct thread_now *n = &thread_now;
	struct thread *t = n->own[0];
	struct kept k = {fd, CLOSES};

	if (t == NULL || sizeof t->kept - (n->put_at - n->get_at) < sizeof k)
		return -EIO;
	ring_put(t, n->put_at, &k, sizeof k);
	n->put_at += sizeof k;
	return 0;
}

/* Not from a handler that interrupts it: `taking` keeps that one out. */
size_t
thread_kept(int *fd, void *buf)
{
	struct thread_now *n = &thread_now;
	const struct thread *t = n->own[0];
	struct kept k;

	if (!thread_has_kept())
		return 0;
	n->taking = 1;
	ring_get(t, n->get_at, &k, sizeof k);
	*fd = k.fd;
	if (k.len == CLOSES) {
		n->get_at += sizeof k;
		return THREAD_CLOSE;
	}
	ring_get(t, n->get_at + sizeof k, buf, k.len);
	n->get_at += sizeof k + k.len;
	return k.len;
}

void
thread_kept_done(void)
{
	thread_now.taking = 0;
}
