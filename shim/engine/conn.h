/*
 * conn.h - a governed socket: its state, its session, its descriptors
 *
 * Who owns what
 *	A conn lives as long as somebody refers to it: one reference for each
 *	descriptor of this process in the table, one for each call under way
 *	(conn_get .. conn_put).  Its memory is never returned to malloc, so
 *	that a look-up may read a conn that was freed meanwhile and notice it.
 *	conn->lock guards every field below it; only ahead.h reads addresses
 *	for prefetches without.  It is held while GnuTLS works and never while
 *	waiting: a thread that must wait takes the right to receive (rx) or to
 *	send (tx), unlocks, waits, locks.
 *	rx: only its holder calls recv on the socket, and puts what came into
 *	conn->in.  tx: only its holder takes from conn->out and sends; it is
 *	held over a whole write so that writes of two threads do not mix.
 *	Both name the thread that has them: a signal handler that finds its
 *	own thread's turn taken does not wait for it.
 *	A send that does not wait may be made with the lock (quick.c): up to
 *	1 KB where there are threads, whom it keeps as long as that takes.
 *	The only thread of a process, in quick.c, has a turn and a reference and
 *	does without the lock: its handlers find it at work and touch no conn.
 *	still_rx and still_tx keep what quick.c has found: this direction is
 *	open, has nothing queued and is ours to use.  Whoever changes a conn
 *	unsets them: conn_lock, conn_trylock and conn_touched do, conn_lock_same
 *	does not; a fork does as well.  Where a handler forks beneath quick.c,
 *	the turn tells the child that its thread was at work; so quick.c sets
 *	them before it looks, takes the turn, and looks at them once more, for
 *	a fork that came before the turn.
 *	Counts are changed without locking the bus while the process has one
 *	thread (engine.h, single_threaded): whoever else runs is a handler,
 *	which leaves them as they were, or a vfork child, for which that thread
 *	waits.  Turns always are: by the lock, or there is one thread.
 * Closing while others are in a call
 *	The kernel keeps a socket as long as a call is under way on it, and
 *	so do we: where the last number goes and references say that calls are
 *	under way, the socket stays open under a number of ours (left) and the
 *	last of these calls ends the session.  A call that goes on after a
 *	wait asks table_number which number is c's now.  A recv or send that
 *	does not wait is counted in `using` before it looks at the number; who
 *	closes a number first takes it out of the table and then waits until
 *	`using` is 0, so that no byte goes to who gets the number next; or, in
 *	quick.c, it is made with the lock, which who closes waits for then.  A
 *	wait itself (poll, or a look at one byte) moves no bytes.
 * Lock order
 *	An epoll set's lock, conn->lock, then the list of deferred handshakes,
 *	making (epoll_set.c) and links (reg.c), world (table.c) and the bells
 *	(turn.c, bell.c).  Only a fork holds links and world together.  Who holds the
 *	list or world only tries a conn->lock; never two conns' locks at once.
 *	libc's list of streams comes before libc_stream.c's notes, and neither
 *	is held where another lock is taken.  rx and tx are taken and given
 *	under conn->lock, tx before rx or only tried.  A cache's locks (cache.h)
 *	are wanted with conn->lock held, and nothing while they are held.  make
 *	check-tsan sees most inversions of this.
 * Fork
 *	making, links and world are held over a fork.  The child gets every lock anew;
 *	a conn whose lock was held by another thread at the fork is FOREIGN in
 *	the child, which never looks into it (its session is torn).  Reading
 *	and writing (slot.h's uses) are offered to whoever comes first where
 *	nobody was at it, and stay the parent's where a thread was.
 */
#ifndef ENGINE_CONN_H
#define ENGINE_CONN_H

#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdatomic.h>

#include "../../policy/policy.h"
#include "bytes.h"
#include "engine.h"
#include "record.h"
#include "slot.h"
#include "snapshot.h"
#include "turn.h"
#include "verify.h"

enum conn_state {
	CONN_FREE,      /* on the free list */
	CONN_LISTEN,    /* a governed listener */
	CONN_PRE,       /* accepted, handshake not begun */
	CONN_TCP,       /* TCP itself is still connecting */
	CONN_HANDSHAKE, /* TLS handshake begun */
	CONN_OPEN,
	CONN_WATCHED, /* no session of ours, or no more: bytes pass as they are */
	CONN_FAILED,  /* err says why; sticky */
	CONN_FOREIGN, /* another process owns the session */
	CONN_RELAYED, /* a relay of ours does, for what was this conn */
	CONN_STATES
};

#define CONN_LINE 64 /* of a cache: conns begin with one */

struct conn {
	_Alignas(CONN_LINE) _Atomic uint32_t refs;
	_Atomic uint32_t fds; /* descriptors of this process */
	struct conn *next;    /* list of all conns ever made; world */
	struct conn *next_free; /* world */

	_Atomic bool ending;  /* conn_end is at work on its last descriptor */
	_Atomic int left;     /* see above; -1: none */
	_Atomic uint32_t using; /* calls that are in the kernel by a number */
	uint64_t cookie;      /* SO_COOKIE: the same for every descriptor */
	_Atomic int fd_hint;  /* a descriptor it had lately */
	struct conn *next_deferred; /* deferred.c's list */
	_Atomic(struct reg *) regs; /* epoll registrations; epoll_set.c's links */
	_Atomic int polled; /* sleeping threads, none with a reference; bell.h */

	pthread_mutex_t lock;
	enum conn_state state; /* first of what conn_new clears */
	enum conn_state noted_state; /* what epoll was told of last */

	/* what quick.c has to do with, on few lines of the caches */
	bool still_rx, still_tx; /* nothing but a record is to be done; see above */
	bool got_data;   /* an application record has been read */
	bool dry;     /* pull had nothing to give */
	bool drained; /* the last recv was given less than it had room for */
	bool out_again; /* the kernel had no memory, and tells nobody of some */
	_Atomic bool nonblock; /* a hint: hooks keep it, the kernel decides */
	size_t room;   /* the kernel has at least that much left for output */
	struct turn rx, tx;
	struct slot *slot;
	uint32_t stamp[SLOT_USES]; /* of the uses of the session; slot.h */
	struct record record; /* beside session, and of no other life */

	enum side side;
	bool listens;    /* LISTEN from its birth on: may be read unlocked */
	int err;         /* FAILED: negative errno of later I/O */
	bool err_told;   /* SO_ERROR has given it */
	bool broken;     /* FAILED behind OPEN: later writes are EPIPE */
	bool lost_told;  /* a kernel's error, by a write or SO_ERROR */
	bool connected_told; /* connect() or SO_ERROR has said "connected" */
	bool connect_told; /* connect() has: it says EISCONN from now on */
	unsigned announced; /* by which table_before_fork; world */
	int expected;       /* and what slot_expect said then; world */
	bool outside; /* this process has stepped out of slot, for an exec */
	bool named;   /* slot_names() of a process that execs */
	bool foreign_told; /* the log has said that another process uses it */
	struct snapshot *snapshot; /* a reference: rule and cred are its */
	const struct rule *rule;
	const struct credentials *cred;
	char name[256]; /* to verify and to send as SNI; "" = none */
	char peer[64];  /* "127.0.0.1:443", for the log */
	struct verdict *verdict; /* owned; set when verification refuses */

	_Atomic bool dialing; /* connect(2) is at work: its end is its to say */
	bool tolerated; /* enforce = false has let something pass */
	bool chosen; /* a client's hello has chosen rule and cred */
	bool asks_later; /* this client was not asked in the handshake */
	int code;       /* GnuTLS's, that ended the handshake */
	struct tlsshim_error *failed; /* owned; failure.h */
	struct der *path; /* owned: what verification found, peer first; the
			   * bytes are session's and snapshot's */
	size_t npath;
	time_t opened; /* when the full handshake ended, as far as we know */
	unsigned char *offered; /* owned; suites of the client's hello */
	size_t noffered;        /* bytes of it */
	struct watch *watch; /* owned; WATCHED: what is still to be seen */

	bool full_only; /* no session of before, and none is kept */
	/* what the handshake has shown: hello.c */
	bool full_seen;  /* the server's certificate was sent */
	bool peer_shown; /* the peer's was, in this very handshake */
	bool peer_share; /* its half of a fresh secret, TLS 1.3 */
	bool ticket_shown; /* a client has offered a session */
	bool tickets;    /* servers: may give out some */
	bool ticket_old; /* servers: made with a key that makes no more */
	bool ticket_owed; /* servers: ticket.h says when it goes */
	bool has_ticket; /* one was given (it is out, or in c->out) or got */
	unsigned ticket_lifetime; /* s, as it says; 0: nothing */
	unsigned peer_version; /* newest of the peer's hello; 0 = not seen */
	struct resume *resume; /* owned: resume.c's; NULL: nothing to resume */

	gnutls_session_t session; /* owned; NULL before the handshake */
	enum { REAUTH_NONE, REAUTH_ASKED, REAUTH_ANSWERED } reauth; /* reauth.c */
	unsigned renegotiations; /* that the peer has wanted */
	struct psk_use *psk; /* owned by psk.c; NULL: no pre-shared keys */
	struct bytes in;  /* ciphertext that GnuTLS has not seen */
	struct bytes out; /* ciphertext that the kernel has not taken */
	struct bytes now; /* what of it the holder of tx is sending */
	struct bytes plain; /* decrypted for a peek or a poll, not read yet */
	size_t lowat; /* SO_RCVLOWAT, of plaintext; 0 is 1 too */
	size_t counted; /* FIONREAD has said so much of plain, since a read */
	bool held_back; /* plain is at its limit; there may be more to come */
	bool fresh;   /* ciphertext came since epoll last looked */
	bool flight_over; /* the next push is the last before we wait */
	size_t record_left; /* of the record GnuTLS reads; handshake_input */
	unsigned ccs; /* of them, how many were dropped; handshake.c */
	bool ccs_held; /* ours waits for what follows it; session.c */
	bool spoke;   /* the peer's first bytes looked like TLS */
	unsigned char began; /* the first one, where it came alone */
	bool flight_begun; /* the next push may go out at once */
	size_t shaken; /* bytes of the peer's in this handshake */
	size_t ahead;     /* bytes of out that GnuTLS will push again */
	struct bytes early; /* written before the handshake ended */
	bool deferred;   /* connected for the program before the handshake */
	bool listed;     /* on deferred.c's list */
	bool shut_later; /* close_notify and FIN still have to go */
	_Atomic int orphan; /* ours (ours.h), once the program has closed its */
	bool moving;  /* locked for a relay that is about to be born with it */
	bool in_eof;  /* recv gave 0 */
	int in_err;   /* recv's negative errno, sticky */
	bool out_lost; /* output could not be kept: the session is dead */
	bool out_dead; /* send has failed: nothing goes out any more */
	bool wrote;   /* the program's first write has been looked at */
	bool rd_eof;  /* close_notify came, or what counts as an end */
	bool notified; /* close_notify came */
	bool unwrapping; /* our close_notify was said for unwrap.h */
	bool unwrapped; /* WATCHED: plaintext, and plain comes first; unwrap.h */
	bool rd_shut; /* shutdown(SHUT_RD) */
	bool wr_shut; /* our close_notify is queued or sent */
	bool hurried;  /* the first data waits for no acknowledgement */
	bool nodelay;  /* TCP_NODELAY is on meanwhile, and not by the program */
	signed char undelayed; /* the program's: 1 on, -1 off, 0 not asked yet */
	unsigned out_shorts; /* writes that have met the end of the room */
	bool timeouts; /* SO_RCVTIMEO or SO_SNDTIMEO may be set */
	bool tcp_failed; /* FAILED before TLS: a new connect() may try again */
	bool linger_set; /* SO_LINGER {1, 0}: abort at close */
	int linger_s;    /* SO_LINGER {1, n}: close waits so long */
	int64_t deadline; /* of the handshake, now_ms() based; 0 = none yet */
};

/* What quick.c has found of c may be true no more. */
static inline void
conn_touched(struct conn *c)
{
	c->still_rx = c->still_tx = false;
}

/* c's lock, for whoever may change what is behind it. */
static inline void
conn_lock(struct conn *c)
{
	pthread_mutex_lock(&c->lock);
	conn_touched(c);
}

/* The same for who changes nothing that quick.c asks about. */
static inline void
conn_lock_same(struct conn *c)
{
	pthread_mutex_lock(&c->lock);
}

static inline bool
conn_trylock(struct conn *c)
{
	if (pthread_mutex_trylock(&c->lock) != 0)
		return false;
	conn_touched(c);
	return true;
}

/* conn.c */

/*
 * A conn with one reference and no descriptor, held by this process in a new
 * slot; NULL when out of memory.  Give it descriptors by table_set.
 */
struct conn *conn_new(enum side side, enum conn_state state);

/* Drops one reference; the last frees session, buffers and slot. */
static inline void conn_put(struct conn *c);
void conn_unused(struct conn *c); /* that was the last one */

/*
 * Locked.  Does c hold plaintext, an end or an error that the kernel does not
 * know of, or output that it has not taken?
 */
bool conn_buffered(const struct conn *c);

/* Locked.  Has what epoll was told of last become something else? */
static inline bool
conn_changed(const struct conn *c)
{
	return c->state != c->noted_state || (c->fresh && conn_buffered(c));
}

/* Locked.  Is there as much plaintext as SO_RCVLOWAT wants? */
static inline bool
conn_enough(const struct conn *c)
{
	size_t n = bytes_left(&c->plain);

	return n > 0 && n >= c->lowat;
}

/* The state's name, as the log and explain print it. */
const char *conn_state_name(enum conn_state s);

/* Unlocked.  Has TCP's connect() failed; told: and a call has said so? */
bool conn_tcp_failed(struct conn *c, bool told);

/*
 * Locked.  May this process use the session, to read or to write?  0, or
 * -ECONNABORTED where another process does.  conn_claim wants both uses, or
 * neither; without them a handshake is over for this process (FOREIGN).
 */
int conn_claim(struct conn *c);
void conn_unclaim(struct conn *c); /* claimed, not used: as it was before */
int conn_claim_use(struct conn *c, enum slot_use use);

/* Locked.  FAILED with negative errno err; later I/O gives err too. */
void conn_fail(struct conn *c, int err);

/* Locked: is c connected as far as the program may know? */
bool conn_connected(const struct conn *c);

/*
 * The kernel counts ciphertext: what it was told of SO_RCVLOWAT (and has
 * judged) is c's from now on, and it wakes us for each byte.
 */
void conn_learn_lowat(struct conn *c, int fd);

/* Locked.  Is TCP_NODELAY on, by whomever?  The kernel is asked once. */
bool conn_nodelay(struct conn *c, int fd);
void conn_undelayed(struct conn *c, bool on); /* the program has set it */

/*
 * Locked.  Nobody answers a client's Finished, nor tickets that go alone:
 * Nagle's algorithm would hold the first data back until the delayed
 * acknowledgement (40 ms).  So TCP_NODELAY is on for the first data (hurried), unless the
 * program has said meanwhile what it is to be.
 */
void conn_first_sends(struct conn *c, int fd);
void conn_first_sent(struct conn *c, int fd);

/* Governed listeners of this process, by count. */
extern _Atomic int conn_listeners;

/* conn_end.c */

/*
 * The last descriptor of this process goes (fd, still open): ends the session
 * if it is ours to end, hands the end over if others hold it too.
 */
void conn_end(struct conn *c, int fd);

/*
 * What conn_end is made of, for ends that no close makes.  Locked.
 * conn_finish: the session is ours to end, so that close_notify and FIN go out,
 * or it is left in the slot where others hold c too.  conn_let_go: this process
 * holds c no longer; if it was the last, what was left in the slot goes out.
 */
void conn_finish(struct conn *c, int fd);
void conn_let_go(struct conn *c, int fd);

/* The process ends, and all calls under way: conn_end waits for none of them. */
void conn_end_all(void);

/*
 * Locked.  May the peer's tickets still be on their way?  They can be while a
 * TLS 1.3 client has read nothing.
 */
bool conn_expects_tickets(const struct conn *c);

/* table.c: descriptor -> conn */

/* A reference to fd's conn, or NULL.  Lock-free; release by conn_put. */
static inline struct conn *table_get(int fd);
static inline const struct conn *table_peek(int fd); /* no reference; ahead.h */

/* True if fd stands for a conn.  Lock-free. */
bool table_has(int fd);

/* True while fd still stands for c.  Lock-free. */
bool table_is(int fd, const struct conn *c);

int table_number_left(int fd, const struct conn *c); /* where it is not fd */

/*
 * The number by which c's socket is to be had: fd, unless that has been
 * closed while a call was under way.  -1: there is none.  Lock-free.
 */
static inline int table_number(int fd, const struct conn *c);

/*
 * The same, and that number stays c's until table_used: for calls that do
 * not wait.  table_used follows in any case.
 */
static inline int table_use(int fd, struct conn *c);
static inline void table_used(struct conn *c);

/* As table_is, but also while c is ending. */
bool table_is_at(int fd, const struct conn *c);

/* fd stands for c from now on (class FD_GOVERNED). */
void table_set(int fd, struct conn *c);

/*
 * Closing, first half: fd answers EBADF from now on, and the caller gets its
 * reference (NULL: somebody else closes it already).  Ends the conn when this
 * was its last descriptor here.
 */
struct conn *table_close_begin(int fd);

/*
 * Second half, when the kernel's descriptor is replaced or about to go: fd
 * stands for nothing (class FD_UNKNOWN).  Drops the reference.
 */
void table_close_end(int fd, struct conn *c);

/*
 * fd stands for c no longer, which goes on elsewhere: nothing is ended.  It
 * is something else already, of that class.
 */
void table_drop(int fd, struct conn *c, enum fd_class class);

/*
 * The kernel says that fd, which somebody closed past every hook, is not what
 * the table has: that is dropped (class FD_UNKNOWN), and a conn that has no
 * other number has failed.  No conn is locked by the caller.
 */
void table_lost(int fd);

/* The same for all numbers of c but fd: copies of what is connected no more. */
void table_lose_others(int fd, struct conn *c);

/*
 * Asks the kernel whether fd still is the socket that the table has; false:
 * it was not, and table_lost has been done.  One system call; none, and true,
 * under seccomp.  table_sweep does it for all.
 */
bool table_verify(int fd);
void table_sweep(void);

/* In a process of ours: nothing stands for anything, but fd for c. */
void table_keep(int fd, struct conn *c);

/* A reference to the conn of a socket (SO_COOKIE), or NULL. */
struct conn *table_find(uint64_t cookie);

/* Calls f for each conn with a descriptor; world is held: f takes no lock
 * but conn->lock. */
void table_each(void (*f)(struct conn *c, void *arg), void *arg);

/* One more than the highest descriptor that ever stood for a conn. */
int table_top(void);

/* Any descriptor of c, or -1. */
int table_fd(const struct conn *c);

/* Memory for conns (conn.c's). */
struct conn *table_alloc(void);
void table_release(struct conn *c);

/*
 * Fork handlers, called by process.c.  table_before_fork is true if it has
 * announced a child.  One that was not announced holds no slot: sessions that
 * had begun are not its own.  table_forked tells the parent of its child's
 * pid, or -1: there is none after all; which is what table_announcement said
 * before the fork.
 */
bool table_before_fork(void);
void table_after_fork(bool child, bool announced);
unsigned table_announcement(void);
void table_forked(unsigned which, long pid);

/*
 * inherit.c: what the parent's handler, which has locked c, offers before a fork
 * on a slot of c's; and what a child's makes of c, where nothing else runs yet:
 * calls of other threads are gone, and so are their turns.
 */
void fork_offer(struct conn *c);
void fork_inherit(struct conn *c, bool announced);

#include "number.h" /* what of the above is inline */
#include "wait.h" /* how a call may wait, and for what */

#include "handshake.h" /* the session and its beginning */

/* stream.c, stream_in.c, stream_out.c: bytes in, bytes out */

/*
 * Reads at most the iovec's room.  Returns a count, 0 at end of file, or a
 * negative errno.  flags as recv(2): MSG_PEEK MSG_WAITALL MSG_DONTWAIT
 * MSG_TRUNC.
 */
ssize_t stream_read(struct conn *c, int fd, const struct iovec *iov, int n,
    int flags);

/*
 * Reads as stream_read would, at most len, and hands the bytes to put, with
 * the lock held: put does not wait, and answers how many it has taken (the
 * rest stays unread) or a negative errno, which is the answer then.
 */
ssize_t stream_hand_on(struct conn *c, int fd, size_t len,
    ssize_t (*put)(void *arg, const void *data, size_t n), void *arg);

/* Writes; a count or a negative errno.  Raises SIGPIPE as send(2) does. */
ssize_t stream_write(struct conn *c, int fd, const struct iovec *iov, int n,
    int flags);

int stream_shutdown(struct conn *c, int fd, int how);

/*
 * Bytes that a read would give at once; decrypts what has arrived, but of more
 * than STREAM_FEW perhaps not all, if c has been read since it was asked last.
 * more: the kernel may have some; else that costs no system call.
 */
ssize_t stream_pending(struct conn *c, int fd, bool more);

/* Locked: puts close_notify behind what is queued.  0 or a negative errno. */
int stream_finish(struct conn *c);

/*
 * Locked: decrypts until plaintext, end or error is there, without waiting.
 * True if a read would not block.
 */
bool stream_readable(struct conn *c, int fd);

/*
 * Locked.  TLS 1.3 tickets come unasked, and while they lie unread a SIGKILL
 * makes the kernel's close a reset, which destroys all that is on its way.
 * So a client that has not read yet takes them in while it writes.  Not when
 * `others` threads of this process sit in poll or select: one of them may
 * wait for the very bytes.
 */
bool stream_expects(const struct conn *c, int others);
void stream_take_in(struct conn *c, int fd);

/*
 * Locked.  recv's error, which the kernel has forgotten, told to whoever
 * comes first: a read, a write or SO_ERROR.  0 or a negative errno.
 */
int stream_lost(struct conn *c);

/* judge.c */

enum judgement { JUDGED_PASS, JUDGED_TLS, JUDGED_REFUSED };

/* Loads the policy; its fault is logged.  Called once by start.c. */
void judge_init(void);

/* Asks the policy about a client connection; fills c's rule, cred, name. */
enum judgement judge_connect(struct conn *c, int fd,
    const struct sockaddr *addr, socklen_t len);

/* A listener: may some connection to it be governed? */
enum judgement judge_listen(int fd);

/* An accepted (or inherited) connection.  peer NULL: it is asked. */
enum judgement judge_accept(struct conn *c, int fd, const struct sockaddr *peer);

/*
 * A connection of unknown origin: as accepted; but one that a client rule
 * would govern is refused, since its session is in no process that we know.
 */
enum judgement judge_inherited(struct conn *c, int fd);

/* Reads credentials of every rule that could ever be this program's. */
void judge_leave(void);

/* abi.h's unprotected. */
int judge_unprotected(const char *path, const char *script, const char *why);

/* Is a policy in force?  Never changes after judge_init. */
bool judge_ready(void);

/*
 * connection.c: the calls that begin a connection, as libc's but for the
 * answer, 0 (connection_accept: a descriptor) or a negative errno.  The policy
 * is asked, and what it governs gets its conn.  connection_adopt: abi.h's.
 */
int connection_connect(int fd, const struct sockaddr *addr, socklen_t len);
int connection_accept(int fd, struct sockaddr *addr, socklen_t *alen,
    int flags);
int connection_listen(int fd, int backlog); /* -1: it listens already */
int connection_adopt(int fd);

/* calls_descriptor.c */

/* close(2) of a number that stands for a conn; 0 or a negative errno. */
int descriptor_close(int fd);

/* struct shim_engine's. */
void descriptor_vacate(int fd);
void descriptor_lost(int fd);
void descriptor_sweep(void);

/*
 * A connection's descriptor is closed at exec in the kernel, whatever the
 * program said: a session does not pass to a new image, and what children
 * that no hook sees (posix_spawn, system) would write is plaintext.  keep:
 * what the program said, for F_GETFD.  descriptor_hidden: the kernel has been
 * told.
 */
void descriptor_hide(int fd, bool keep);
void descriptor_hide_as_is(int fd); /* keep: what the kernel has now */
void descriptor_hidden(int fd, bool keep);
void descriptor_show(int fd); /* no connection any more: as it said */
bool descriptor_kept(int fd); /* what it said */

#endif
