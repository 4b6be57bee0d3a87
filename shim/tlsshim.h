/*
 * tlsshim.h - what a program may ask, and do, about its own connections
 *
 * The functions are there under tlsshim alone, and no library is linked for
 * them.  Either look them up,
 *
 *	int (*active)(void) =
 *	    (int (*)(void))dlsym(RTLD_DEFAULT, "tlsshim_active");
 *
 * or define TLSSHIM_WEAK before this header is included and compare them with
 * NULL: an absent symbol means "not preloaded".
 *
 * Answers.  Texts and bytes are written to the caller's buffer; nothing that
 * is returned was allocated.  A function of type ssize_t returns the length of
 * the whole answer, without the NUL that ends a text; 0: there is none.  With
 * len 0 nothing is written and buf may be NULL, so that the length can be
 * asked for.  A buffer that is too small (a text wants one byte more than its
 * length) is ERANGE and is left as it was: nothing is ever cut.  A struct is
 * filled as far as its size, which the caller sets to its sizeof before the
 * call; size then says how far it was filled, and the rest is 0.
 *
 * Failures are -1 and errno, which is untouched otherwise.
 *	EBADF		fd is not open
 *	EOPNOTSUPP	fd is open and has no TLS of tlsshim's: a file, UDP, a
 *			connection that the policy leaves plain or native, one
 *			that was unwrapped
 *	ENOTCONN	not connected, the handshake has not ended, or it failed
 *	ECONNABORTED	another process uses the session
 *	EREMOTE		a relay process has the session
 *	EACCES		nobody is there to ask: the engine could not be loaded
 *	EFAULT		a NULL that may be none
 *	EINVAL		a size or an argument without sense
 *	ERANGE		the buffer is too small
 *	ENOMEM		out of memory
 *	EAGAIN		called by a signal handler that has interrupted tlsshim
 *
 * Any thread may call any of them on any descriptor at any time; calls on one
 * connection come one after the other.  After a fork both processes may ask;
 * what changes a session is for the process that uses it first.  fd may be any
 * copy (dup) of the connection.  In a signal handler only tlsshim_active is
 * safe.  Cancellation points are tlsshim_do_handshake, tlsshim_unwrap and
 * tlsshim_verify_client_post_handshake.
 * Manual page: tlsshim(3).
 */
#ifndef TLSSHIM_H
#define TLSSHIM_H

#include <stddef.h>
#include <sys/types.h>

#define TLSSHIM_API 1 /* grows with what this header declares */

#ifdef __cplusplus
extern "C" {
#endif

#if defined(TLSSHIM_WEAK) && defined(__GNUC__)
#define TLSSHIM_FUNCTION __attribute__((__weak__))
#else
#define TLSSHIM_FUNCTION
#endif

/*
 * 1 if the engine is loaded and a policy is in force, 0 if not (no TCP call
 * has been made yet, or none could be judged).  Signal-safe.
 */
int tlsshim_active(void) TLSSHIM_FUNCTION;

enum {
	TLSSHIM_LISTENING = 1, /* its connections may be governed */
	TLSSHIM_CONNECTING,    /* TCP itself still is */
	TLSSHIM_ACCEPTED,      /* the handshake has not begun */
	TLSSHIM_HANDSHAKE,
	TLSSHIM_OPEN,
	TLSSHIM_FAILED,   /* tlsshim_error says why */
	TLSSHIM_FOREIGN,  /* another process has the session */
	TLSSHIM_RELAYED,  /* a relay process has it */
	TLSSHIM_UNTOUCHED, /* native, or detected plaintext: no TLS of ours */
	TLSSHIM_UNWRAPPED  /* TLS has ended, and plaintext goes on */
};

enum { TLSSHIM_CERT_NONE, TLSSHIM_CERT_OPTIONAL, TLSSHIM_CERT_REQUIRED };

struct tlsshim_info {
	size_t size; /* sizeof(struct tlsshim_info), by the caller */
	int state;
	int server_side;    /* 1 or 0 */
	int verify_mode;    /* as the rule has it */
	int check_hostname; /* 1 or 0, likewise */
	int verified;   /* 1: the peer's certificate was verified, and is good */
	int tolerated;  /* 1: it is not, and enforce = false let it pass */
	int sent_close; /* 1: our close_notify is on its way */
	int got_close;  /* 1: the peer's close_notify has come */
	int rule_line;  /* the policy's rule begins there; 0: none is known */
	char rule_file[1024];      /* of this file; cut to fit */
	char context[256];         /* cut to fit; "": the defaults */
	char server_hostname[256]; /* the name to verify; "": none */
	char sni[256];             /* that the client has asked for; "": none */
	char peer[64];             /* "192.0.2.1:443", "[2001:db8::1]:443" */
};

/* What is known of fd, in any state of the connection.  0 or -1. */
int tlsshim_info(int fd, struct tlsshim_info *out) TLSSHIM_FUNCTION;

/* "TLSv1.3" */
ssize_t tlsshim_version(int fd, char *buf, size_t len) TLSSHIM_FUNCTION;

struct tlsshim_cipher {
	size_t size;
	int secret_bits;
	unsigned id;       /* its two bytes on the wire, 0x1301 */
	char name[64];     /* by OpenSSL: "ECDHE-RSA-AES128-GCM-SHA256" */
	char protocol[16]; /* the version that has brought it: "TLSv1.2" */
};

/* The cipher suite in use.  0 or -1. */
int tlsshim_cipher(int fd, struct tlsshim_cipher *out) TLSSHIM_FUNCTION;

/*
 * Suite n, from 0, of those that the client has offered and the rule has too,
 * in the client's order.  1, 0 when there are no more, or -1.  A client does
 * not learn what its server has: 0.
 */
int tlsshim_shared_ciphers(int fd, unsigned n, struct tlsshim_cipher *out)
    TLSSHIM_FUNCTION;

/* The compression in use: there is none, 0. */
ssize_t tlsshim_compression(int fd, char *buf, size_t len) TLSSHIM_FUNCTION;

enum {
	TLSSHIM_DER, /* bytes, whether the certificate was verified or not */
	TLSSHIM_JSON /* text, the fields of Python's getpeercert(); {} where it
		      * was not verified */
};

/* The peer's certificate.  0: it has shown none. */
ssize_t tlsshim_getpeercert(int fd, int form, void *buf, size_t len)
    TLSSHIM_FUNCTION;

/*
 * Certificate n of a chain in DER, the peer's own first (n = 0); 0 when there
 * are no more.  Verified: the path that was found, its trusted end included;
 * the unverified one where the rule verifies nothing; none where enforce =
 * false let a bad one pass.  Unverified: as the peer has sent it.
 */
ssize_t tlsshim_verified_chain(int fd, unsigned n, void *buf, size_t len)
    TLSSHIM_FUNCTION;
ssize_t tlsshim_unverified_chain(int fd, unsigned n, void *buf, size_t len)
    TLSSHIM_FUNCTION;

/* The application protocol that was agreed on.  0: none. */
ssize_t tlsshim_selected_alpn_protocol(int fd, char *buf, size_t len)
    TLSSHIM_FUNCTION;

/*
 * Bytes that are the same at both ends of this very connection (RFC 5056).
 * type: "tls-unique" (RFC 5929; TLS 1.2 and older), "tls-server-end-point"
 * (RFC 5929) or "tls-exporter" (RFC 9266).  0: this connection has none of
 * that type.  Any other type is EINVAL.
 */
ssize_t tlsshim_channel_binding(int fd, const char *type, void *buf,
    size_t len) TLSSHIM_FUNCTION;

struct tlsshim_session {
	size_t size;
	long long time; /* of its full handshake, since the epoch, in s */
	long timeout;   /* s it may be resumed for, by the rule */
	long ticket_lifetime_hint; /* s, of the server's ticket; 0: not known */
	int has_ticket; /* 1: this connection was given one, or has given one
			 * (which a server of TLS 1.3 does with its first data) */
	int reused;     /* 1: it is an earlier connection's */
	unsigned id_len;
	unsigned char id[32];
};

/* 0 or -1. */
int tlsshim_session(int fd, struct tlsshim_session *out) TLSSHIM_FUNCTION;

struct tlsshim_session_stats {
	size_t size;
	unsigned long long number; /* of sessions kept in memory */
	unsigned long long connect, connect_good, connect_renegotiate;
	unsigned long long accept, accept_good, accept_renegotiate;
	unsigned long long hits;     /* resumed, on either side */
	unsigned long long misses;   /* offered by a client, not resumed here */
	unsigned long long timeouts; /* too old when they were wanted */
	unsigned long long cache_full; /* given up to make room */
};

/*
 * Counts of this process, as SSLContext.session_stats() of Python; those of
 * renegotiation stay 0.  0, or -1; EOPNOTSUPP before the first TCP call.
 */
int tlsshim_session_stats(struct tlsshim_session_stats *out) TLSSHIM_FUNCTION;

/*
 * Bytes that a read would give at once.  Decrypts what has come; no waiting.
 * Of more than 32 KB not all, perhaps, unless it is asked again without a read.
 */
ssize_t tlsshim_pending(int fd) TLSSHIM_FUNCTION;

/*
 * What is wrong with a certificate, by the numbers of OpenSSL (x509_vfy.h),
 * which are Python's verify_code.
 */
enum {
	TLSSHIM_X509_OK = 0,
	TLSSHIM_X509_UNABLE_TO_GET_CRL = 3,
	TLSSHIM_X509_CERT_NOT_YET_VALID = 9,
	TLSSHIM_X509_CERT_HAS_EXPIRED = 10,
	TLSSHIM_X509_UNABLE_TO_GET_ISSUER_CERT_LOCALLY = 20,
	TLSSHIM_X509_CERT_CHAIN_TOO_LONG = 22,
	TLSSHIM_X509_CERT_REVOKED = 23,
	TLSSHIM_X509_PATH_LENGTH_EXCEEDED = 25,
	TLSSHIM_X509_INVALID_PURPOSE = 26,
	TLSSHIM_X509_CERT_REJECTED = 28,
	TLSSHIM_X509_UNHANDLED_CRITICAL_EXTENSION = 34,
	TLSSHIM_X509_INVALID_EXTENSION = 41,
	TLSSHIM_X509_PERMITTED_VIOLATION = 47,
	TLSSHIM_X509_APPLICATION_VERIFICATION = 50,
	TLSSHIM_X509_HOSTNAME_MISMATCH = 62,
	TLSSHIM_X509_EE_KEY_TOO_SMALL = 66,
	TLSSHIM_X509_CA_MD_TOO_WEAK = 68,
	TLSSHIM_X509_OCSP_VERIFY_FAILED = 74,
	TLSSHIM_X509_INVALID_CA = 79
};

struct tlsshim_error {
	size_t size;
	int error;       /* errno of the call that failed; 0: it was let pass */
	int code;        /* of GnuTLS, negative; 0: none */
	unsigned status; /* GNUTLS_CERT_* bits */
	int verify_code; /* TLSSHIM_X509_*; 0: it is not about a certificate */
	int alert;       /* that the peer has sent (RFC 8446, 6); -1: none */
	char cause[32];  /* the word of the log line; tlsshim(1) */
	char text[1280]; /* its sentence */
};

/*
 * The last failure of the connection fd, or what enforce = false let pass.
 * fd -1: the last one that a call of this thread has met, for where there is
 * no connection: the policy has refused it, or fd was closed.  1, 0 when
 * nothing has failed, or -1.
 */
int tlsshim_error(int fd, struct tlsshim_error *out) TLSSHIM_FUNCTION;

/* OpenSSL's words for one of TLSSHIM_X509_*; EINVAL for another number. */
ssize_t tlsshim_verify_text(int verify_code, char *buf, size_t len)
    TLSSHIM_FUNCTION;

/*
 * Shakes hands now, where accept() and deferred clients leave that to the
 * first read or write; waits as a read would (O_NONBLOCK: EAGAIN, to be called
 * again when fd is ready; SO_RCVTIMEO; EINTR).  0, also where it has ended
 * before, or -1 and the errno of its failure.
 */
int tlsshim_do_handshake(int fd) TLSSHIM_FUNCTION;

/*
 * Ends TLS on fd, to go on in plaintext: sends close_notify and waits for the
 * peer's, as a read would (see tlsshim_do_handshake; after EAGAIN and EINTR it
 * goes on where it was).  Only under allow_unwrap = true of the rule, EACCES
 * else.  From the call on writes are EPIPE until it has answered 0; then they
 * are plaintext.  What the peer sent before its close_notify, and behind it,
 * is read first, in that order.  It stays the program's to know when it asks
 * for facts before: afterwards there are none (EOPNOTSUPP), and no way back.
 *	EPIPE		shutdown() has ended the writing side
 *	ECONNRESET	the peer has ended the connection, and not TLS
 *	ENOBUFS		more than 4 MB came before its close_notify: read them,
 *			call again
 */
int tlsshim_unwrap(int fd) TLSSHIM_FUNCTION;

/*
 * Asks the client of fd, a TLS 1.3 connection of a server whose rule has
 * post_handshake_auth, for a certificate, and waits until it has answered and
 * what it shows is verified, as a read would (see tlsshim_do_handshake) and
 * at most handshake_timeout.  After EAGAIN, EINTR and ETIMEDOUT call again: the
 * client is not asked twice, and its answer may come with the program's own
 * reads.  What it has sent before it is kept for these.  0: it has shown one
 * that verifies, or under verify_mode "optional" none (tlsshim_getpeercert
 * tells); else the connection has failed.
 *	EOPNOTSUPP	this one cannot be asked: a client has not offered it,
 *			an older version, or the rule does not say so
 *	EPIPE		one of the ends has been shut
 *	ENOBUFS		more than 4 MB came before its answer: read them first
 */
int tlsshim_verify_client_post_handshake(int fd) TLSSHIM_FUNCTION;

#ifdef __cplusplus
}
#endif
#endif
