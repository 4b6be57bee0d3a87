/* spawn.c - posix_spawn: connections that its file actions put somewhere */

#include <spawn.h>
#include <stdlib.h>
#include <string.h>

#include "handover.h"
#include "process.h"

/*
 * glibc's child makes its system calls itself, past every hook.  So what it
 * is told to do is rewritten: where it would copy a connection it copies the
 * end of a relay's pair.  The form of an action is that of all glibc since
 * 2.2 (posix/spawn_int.h); it is looked at before it is believed.
 */
enum step_tag { DO_CLOSE, DO_DUP2, DO_OPEN };

struct step {
	int tag;
	int pad;
	int fd; /* of an open, a close; what a dup2 copies */
	int to; /* where a dup2 puts it */
	char rest[16];
};

#define RAW 32

/* Numbers that are not what the table says, as far as the actions went. */
struct plan {
	struct handover h;
	struct step *todo; /* owned */
	int n;
	int done[64]; /* numbers that no connection is on any more */
	int ndone;
	struct {
		struct conn *c; /* referenced */
		int expected;   /* slot_expect's */
	} raw[RAW]; /* that pass as they are */
	int nraw;
};

static bool
form_is_known(void)
{
	static _Atomic int known;
	posix_spawn_file_actions_t a;
	const struct step *first;

	if (known != 0)
		return known > 0;
	if (posix_spawn_file_actions_init(&a) != 0)
		return false;
	if (posix_spawn_file_actions_adddup2(&a, 111, 222) != 0 ||
	    posix_spawn_file_actions_addclose(&a, 333) != 0) {
		posix_spawn_file_actions_destroy(&a);
		return false;
	}
	first = (const struct step *)a.__actions;
	known = a.__used == 2 && first[0].tag == DO_DUP2 &&
		first[0].fd == 111 && first[0].to == 222 &&
		first[1].tag == DO_CLOSE && first[1].fd == 333
	    ? 1
	    : -1;
	posix_spawn_file_actions_destroy(&a);
	return known > 0;
}

static void
set_done(struct plan *p, int fd)
{
	if (p->ndone < 64)
		p->done[p->ndone++] = fd;
}

/* The connection that the child has on fd by now, referenced; or NULL. */
static struct conn *
conn_on(const struct plan *p, int fd)
{
	struct conn *c;
	int i;

	for (i = 0; i < p->ndone; i++)
		if (p->done[i] == fd)
			return NULL;
	c = table_get(fd);
	if (c != NULL && c->listens) {
		conn_put(c);
		return NULL;
	}
	return c;
}

/* Out of the way of numbers that the actions name. */
static int
end_of(struct plan *p, struct conn *c, int fd)
{
	int i = handover_to(&p->h, c, fd), up;
	struct relay *r;

	if (i == -1)
		return -1;
	r = &p->h.to[i].relay;
	if (r->end < 64) {
		up = host->libc->fcntl(r->end, F_DUPFD_CLOEXEC, 64L);
		if (up != -1) {
			host->libc->close(r->end);
			r->end = up;
		}
	}
	return r->end;
}

static void
put(struct plan *p, const struct step *a)
{
	struct step *to = &p->todo[p->n++];
	struct conn *c;

	*to = *a;
	if (a->tag == DO_DUP2) {
		c = conn_on(p, a->fd);
		if (c != NULL) {
			to->fd = end_of(p, c, a->fd);
			conn_put(c);
		}
		set_done(p, a->to);
	} else if (a->tag == DO_CLOSE || a->tag == DO_OPEN) {
		set_done(p, a->fd);
	}
}

/* The standard numbers outlive an exec unless the program says otherwise. */
static void
put_standard(struct plan *p, int fd)
{
	struct conn *c = conn_on(p, fd);

	if (c != NULL && descriptor_kept(fd))
		put(p, &(struct step){.tag = DO_DUP2, .fd = fd, .to = fd});
	if (c != NULL)
		conn_put(c);
}

/* The child holds it from here on too; under which number is told later. */
static bool
pass(struct plan *p, struct conn *c)
{
	int i;

	for (i = 0; i < p->nraw; i++)
		if (p->raw[i].c == c)
			return true;
	if (p->nraw == RAW)
		return false;
	atomic_fetch_add(&c->refs, 1);
	p->raw[i].c = c;
	p->raw[i].expected = slot_expect(c->slot);
	p->nraw++;
	return true;
}

/* A copy of a number onto itself outlives the exec (posix_spawn(3)). */
static void
put_other(struct plan *p, int fd)
{
	struct conn *c = table_get(fd);
	int from = -1;

	if (c != NULL && !c->listens && descriptor_kept(fd)) {
		if (handover_raw(&p->h, c) && pass(p, c))
			from = fd;
		else
			from = handover_dead_end(&p->h);
	}
	if (from != -1)
		p->todo[p->n++] =
		    (struct step){.tag = DO_DUP2, .fd = from, .to = fd};
	if (c != NULL)
		conn_put(c);
}

static int
others(int top)
{
	int fd, n = 0;

	for (fd = 3; fd < top; fd++)
		n += table_has(fd) && descriptor_kept(fd);
	return n;
}

static int
make(struct plan *p, const char *path, const posix_spawn_file_actions_t *actions)
{
	const struct step *a =
	    actions != NULL ? (const struct step *)actions->__actions : NULL;
	int n = a != NULL ? actions->__used : 0, i;

	int top = table_top(), room = n + 3 + others(top);

	handover_init(&p->h, path);
	p->n = p->ndone = p->nraw = 0;
	p->todo = calloc((size_t)room, sizeof *p->todo);
	if (p->todo == NULL)
		return -ENOMEM;
	for (i = 0; i <= 2; i++)
		put_standard(p, i);
	for (i = 3; i < top && p->n < room - n; i++)
		put_other(p, i);
	for (i = 0; i < n; i++)
		put(p, &a[i]);
	return 0;
}

static void
settle(struct plan *p, int rv, pid_t pid)
{
	int i;

	for (i = 0; i < p->nraw; i++) {
		struct conn *c = p->raw[i].c;

		if (rv == 0)
			slot_meet(c->slot, p->raw[i].expected, pid);
		else
			slot_cancel(c->slot, p->raw[i].expected);
		conn_put(c);
	}
	if (rv != 0)
		handover_undo(&p->h);
	else
		handover_go(&p->h);
	free(p->todo);
}

typedef int spawn_call(pid_t *, const char *,
    const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
    char *const[], char *const[]);

static int
spawn(spawn_call *call, pid_t *pid, const char *path,
    const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
    char *const argv[], char *const envp[])
{
	posix_spawn_file_actions_t changed = {0};
	char **env;
	struct plan p;
	pid_t child = -1;
	int rv;

	if (process_is_vfork_child() || !form_is_known())
		return call(pid, path, actions, attr, argv, envp);
	if (make(&p, path, actions) < 0)
		return ENOMEM;
	env = handover_environ(envp);
	changed.__allocated = changed.__used = p.n;
	changed.__actions = (struct __spawn_action *)p.todo;
	rv = call(&child, path, &changed, attr, argv,
	    env != NULL ? env : (char **)envp);
	if (rv == 0 && pid != NULL)
		*pid = child;
	settle(&p, rv, child);
	free(env);
	return rv;
}

static int
do_posix_spawn(pid_t *pid, const char *path,
    const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
    char *const argv[], char *const envp[])
{
	return spawn(host->libc->posix_spawn, pid, path, actions, attr, argv,
	    envp);
}

static int
do_posix_spawnp(pid_t *pid, const char *name,
    const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
    char *const argv[], char *const envp[])
{
	return spawn(host->libc->posix_spawnp, pid, name, actions, attr, argv,
	    envp);
}

void
calls_spawn(struct shim_calls *c)
{
	c->posix_spawn = do_posix_spawn;
	c->posix_spawnp = do_posix_spawnp;
}
