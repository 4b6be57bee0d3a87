/*
 * policy.h - what the policy file says, and the decision it gives
 *
 * Convention of this layer: 0 or -1 and a struct fault (file, line, one
 * sentence).  Nothing here is safe in a signal handler.  A struct policy is
 * immutable once read and may be shared by threads without a lock.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* fault.c */

struct fault {
	char file[1024]; /* "" when no file is to blame */
	int line;        /* 0 when no line is */
	char text[1024]; /* one sentence, no newline, no full stop */
};

/* Fills *f (NULL is accepted) and returns -1, so that a refusal is one line. */
int fault_set(struct fault *f, const char *file, int line, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));

/* Writes "file:line: text", or without what is not known, to buf. */
void fault_text(const struct fault *f, char *buf, size_t len);

/* values */

enum side { SIDE_CLIENT, SIDE_SERVER };

enum action {
	ACTION_TLS,
	ACTION_PLAIN,
	ACTION_REJECT,
	ACTION_NATIVE,
	ACTION_DETECT,
};

enum tls_version {
	TLS_V1_0,
	TLS_V1_1,
	TLS_V1_2,
	TLS_V1_3,
	/* as written; rule_check makes one of the above of them */
	TLS_MINIMUM_SUPPORTED,
	TLS_MAXIMUM_SUPPORTED,
};

enum verify_mode { VERIFY_NONE, VERIFY_OPTIONAL, VERIFY_REQUIRED };

enum ocsp_stapling { OCSP_REQUEST, OCSP_OFF, OCSP_REQUIRE };

/* bits of verify_flags */
enum {
	VF_X509_STRICT = 1 << 0,
	VF_PARTIAL_CHAIN = 1 << 1,
	VF_CRL_CHECK_LEAF = 1 << 2,
	VF_CRL_CHECK_CHAIN = 1 << 3,
	VF_WEBPKI = 1 << 4,
	VF_TRUSTED_FIRST = 1 << 5,
};

/* bits of options */
enum {
	OPT_CIPHER_SERVER_PREFERENCE = 1 << 0,
	OPT_LEGACY_SERVER_CONNECT = 1 << 1,
	OPT_LEGACY_CIPHERS = 1 << 2,
	OPT_NO_MIDDLEBOX_COMPAT = 1 << 3,
	OPT_NO_TICKET = 1 << 4,
	OPT_COMPAT = 1 << 5,
};

#define ALPN_MOST 8 /* what GnuTLS has room for */

/* A list of strings; v is NULL when n is 0. */
struct list {
	size_t n;
	char **v; /* owned by the policy */
};

/* One entry of certificates = ( { certfile; keyfile; password_file; } ) */
struct identity {
	const char *certfile, *keyfile, *password_file;
	int line;
};
struct identities {
	size_t n;
	struct identity *v;
};

/* One entry of sni = ( { server_name; context; } ) */
struct rule;
struct sni_entry {
	const char *server_name; /* as written */
	const char *context;
	const char *name; /* canonical; of "*.example": example */
	bool suffix;
	int line;
	/* the rule with what that context replaces; owned by the policy */
	struct rule *rule;
};
struct sni_table {
	size_t n;
	struct sni_entry *v;
};

/*
 * C types by key type of keys.def: BOOL -> bool, INT and ENUM -> int, FLAGS
 * -> unsigned, STRING and PATH -> const char * (NULL = not set; a PATH is
 * already absolute), LIST -> struct list, IDENTITIES, SNI.
 */
struct rule_values {
#define KEY_BOOL bool
#define KEY_INT int
#define KEY_ENUM int
#define KEY_FLAGS unsigned
#define KEY_STRING const char *
#define KEY_PATH const char *
#define KEY_LIST struct list
#define KEY_IDENTITIES struct identities
#define KEY_SNI struct sni_table
#define KEY(field, type, ...) KEY_##type field;
#include "keys.def"
#undef KEY
};

/* The order of keys.def, for origin[] below and keys[] in keys.h. */
enum key_index {
#define KEY(field, ...) K_##field,
#include "keys.def"
#undef KEY
	KEY_COUNT
};

/* Where an effective value was written; file NULL: the built-in default. */
struct origin {
	const char *file; /* borrowed from the policy */
	int line;
};

struct matchers; /* matchers.h: matchers.c and match.c only */

struct rule {
	const char *file; /* where the rule begins */
	int line;
	size_t index; /* number of this rule in the whole policy, from 0 */
	enum side side;
	enum action action;
	bool enforce;        /* false: what verification finds is logged */
	const char *context; /* name of its context, NULL: the defaults */
	struct matchers *match;
	struct rule_values values; /* effective, all inheritance done */
	struct origin origin[KEY_COUNT];
};

enum unmatched { UNMATCHED_PLAIN, UNMATCHED_REJECT };
/* What a program that cannot be preloaded is up against at its start. */
enum unprotected { UNPROTECTED_BY_RULES, UNPROTECTED_REJECT, UNPROTECTED_ALLOW };
enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG_ };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_values {
	const char *to; /* "stderr", "syslog" or a path with %p %u */
	enum log_level level;
	enum log_format format;
};

struct policy {
	const char *file;
	enum unmatched unmatched;
	bool unnamed_skip;     /* unnamed = "skip" */
	bool ambiguous_latest; /* ambiguous_name = "latest" */
	enum unprotected on_unprotected;
	bool allow_user_policy;
	bool allow_keylog_env;
	int reload_interval; /* s, 0 = never */
	struct log_values log;
	size_t nclient, nserver, nrules; /* nrules = both together */
	struct rule *client; /* in order: the first match wins */
	struct rule *server;
	/*
	 * By side, what the contexts hold with all they inherit, as rules
	 * that match nothing: first the defaults alone (context NULL).  Only
	 * what defaults = { } and contexts say is in them, unchecked together.
	 */
	struct rule *context[2];
	size_t ncontexts;
	struct arena *arena; /* owned: all of the above lives in it */
};

/*
 * Where the policy comes from.  site: /etc/tlsshim/policy.cfg (or what it
 * was built with); user: what run --policy or $TLSSHIM_POLICY names, NULL if
 * nothing; secure: AT_SECURE, only the site policy counts.
 */
struct policy_source {
	const char *site; /* NULL: POLICY_SITE */
	const char *user;
	bool secure;
};

#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc/tlsshim"
#endif
#define POLICY_SITE SYSCONFDIR "/policy.cfg"

/*
 * Reads, checks and merges the policy.  On success *out is the caller's, to
 * release with policy_free.  No policy file at all is a fault as well.
 */
int policy_read(const struct policy_source *src, struct policy **out,
    struct fault *f);
void policy_free(struct policy *p); /* accepts NULL */

/* match.c: pure; policy and endpoint in, decision and its reasons out. */

struct endpoint {
	enum side side;
	const char *program; /* resolved executable */
	const char *script;  /* script an interpreter runs, or NULL */
	/* client: where it connects to; server: the peer, NULL at listen() */
	const struct sockaddr *peer;
	/* server: the local address; client: not used */
	const struct sockaddr *local;
	/*
	 * client: names this process may mean by peer, as the program gave
	 * them, already narrowed by tag and latest look-up; none = not known.
	 */
	const char *const *names;
	size_t nnames;
	/* resolv.conf's search domains, for names without a dot */
	const char *const *search;
	size_t nsearch;
};

enum verdict_why {
	WHY_RULE,      /* rule says so */
	WHY_UNMATCHED, /* no rule matched; unmatched says so */
	WHY_UNDECIDED, /* rule's host cannot be decided: no name is known */
	WHY_AMBIGUOUS, /* several names that lead to different ends */
};

struct decision {
	enum action action;
	enum verdict_why why;
	const struct rule *rule; /* NULL for WHY_UNMATCHED; borrowed */
	/*
	 * The name to verify and to send as SNI: server_hostname of the rule
	 * or the name as the program gave it, in canonical form; "" = none
	 * (verify the address).
	 */
	char name[256];
	char text[512]; /* one sentence: why, and what would help */
};

/*
 * What e leaves out that a rule asks for (names, program, a server's peer) is
 * not known, and a rule that hangs on it is WHY_UNDECIDED where its verdict
 * differs from what follows.  At listen() ask rule_could_match.
 */
void policy_match(const struct policy *p, const struct endpoint *e,
    struct decision *out);

/* The same without out->text, for a server that judges each connection. */
void policy_decide(const struct policy *p, const struct endpoint *e,
    struct decision *out);

/*
 * Could some connection that e describes in part be decided by rule r?  What
 * e leaves out (peer, names, local with a wildcard address or port 0) counts
 * as anything.  Used to load credentials before files go out of reach.
 */
bool rule_could_match(const struct rule *r, const struct endpoint *e);

/* unprotected.c: pure */

enum start {
	START_FREE,    /* nothing that it connects would be governed */
	START_WARNED,  /* it would be, but on_unprotected allows it */
	START_REFUSED,
};

/*
 * May program, which cannot be preloaded, be started (script: what it
 * interprets, or NULL)?  Unless START_FREE, out->text says what stands against
 * it, and out->rule is the rule concerned or NULL.
 */
enum start policy_start(const struct policy *p, const char *program,
    const char *script, struct decision *out);

/* sni.c: the first entry for the name that a client asks for, or NULL. */
const struct sni_entry *sni_find(const struct sni_table *t, const char *name);

/* Words for the log and explain: "tls", "plain", ... */
const char *action_word(enum action a);

/* name.c: canonical form of host names (DESIGN 8) */

/*
 * Writes the canonical form of host (lower case, no trailing dot, A-labels,
 * no scope id; an address in its shortest text, v4-mapped as v4) to out.
 * 0, or -1 if host is no name.
 */
int name_canon(const char *host, char *out, size_t len);
bool name_is_address(const char *host);

/*
 * Search domains of resolv.conf (path NULL: /etc/resolv.conf), or of
 * $LOCALDOMAIN where that is given.  Caller frees with name_search_free.
 */
size_t name_search_read(const char *path, const char *localdomain,
    char ***out);
void name_search_free(char **v, size_t n);

/* credentials.c (GnuTLS): what a rule needs to shake hands */

struct credentials; /* credentials.h */

/*
 * Reads every file that r's values name and builds what a session needs.  On
 * success *out is the caller's, to release with credentials_free.
 */
int credentials_read(const struct rule *r, struct credentials **out,
    struct fault *f);
void credentials_free(struct credentials *c); /* NULL accepted, wipes keys */

/* parse.c: the libconfig that this was built with, "1.5". */
const char *policy_libconfig(void);

#endif
