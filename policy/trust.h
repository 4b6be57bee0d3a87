/*
 * trust.h - the certificates that a rule trusts, found by their subject
 *
 * Kept as DER and imported by who needs one: the system's bundle costs 6 ms
 * and 4.3 MB as GnuTLS objects, 0.2 ms as an index.  Immutable once
 * trust_sort has run: any thread, no lock.
 */
#ifndef POLICY_TRUST_H
#define POLICY_TRUST_H

#include "der.h"
#include "policy.h"

#define TRUST_SYSTEM "/etc/ssl/certs/ca-certificates.crt"

struct trust_cert {
	struct der der;
	struct der subject; /* in der */
	const char *file;   /* borrowed from the trust: where it was read */
};

struct trust {
	struct trust_cert *cert; /* owned; sorted by subject, no two alike */
	size_t n, cap;
	unsigned char **block; /* owned: what the slices point into */
	size_t nblock;
	char **file; /* owned */
	size_t nfile;
	char text[256]; /* where it came from, for messages */
};

struct trust *trust_new(void);    /* NULL when out of memory */
void trust_free(struct trust *t); /* NULL accepted */

/*
 * Adds every certificate of a PEM file, or of each *.pem, *.crt and hashed
 * name (xxxxxxxx.N) of a folder.  at blames what names the file.  A file, or
 * a folder as a whole, without any certificate is a fault.
 */
int trust_add_file(struct trust *t, const char *path, const struct origin *at,
    struct fault *f);
int trust_add_dir(struct trust *t, const char *path, const struct origin *at,
    struct fault *f);

/* The same for PEM text of the policy itself, which messages call what. */
int trust_add_text(struct trust *t, const char *text, const char *what,
    const struct origin *at, struct fault *f);

/* To be called once, after the last trust_add_*. */
void trust_sort(struct trust *t);

/*
 * What r's cafile, capath, cadata and system_trust name; *out is the caller's,
 * NULL where r verifies nothing.  Empty under pins_only.
 */
int trust_read(const struct rule *r, struct trust **out, struct fault *f);

/* The certificates of that subject: *first of them, and how many. */
size_t trust_find(const struct trust *t, const struct der *subject,
    const struct trust_cert **first);

/* The very certificate, or NULL. */
const struct trust_cert *trust_has(
    const struct trust *t, const struct der *der, const struct der *subject);

#endif
