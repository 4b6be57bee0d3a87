/*
 * credentials_test.c - the files that a rule names: good, and broken
 */
#include <gnutls/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../policy/credentials.h"
#include "../../policy/file.h"
#include "../../policy/trust.h"
#include "chain_file.h"
#include "made.h"

#define CASES "tests/badcerts/"

static char folder[256];

static const char *
in_folder(const char *name)
{
	static char path[8][512];
	static unsigned i;

	snprintf(path[++i % 8], sizeof path[0], "%s/%s", folder, name);
	return path[i % 8];
}

static void
write_file(const char *name, const char *text, size_t len, mode_t mode)
{
	FILE *f = fopen(in_folder(name), "w");

	if (f == NULL || fwrite(text, 1, len, f) != len || fclose(f) != 0 ||
	    chmod(in_folder(name), mode) == -1)
		die(name);
}

/* Writes one or two files of the cases into a file of the folder. */
static void
copy(const char *name, const char *from, const char *more, mode_t mode)
{
	char *a, *b = NULL, both[65536];
	size_t alen, blen = 0;
	struct fault f;

	if (file_read(from, FILE_PUBLIC, FILE_MAX, &a, &alen, &f, NULL, 0) ==
		-1 ||
	    (more != NULL && file_read(more, FILE_PUBLIC, FILE_MAX, &b, &blen,
				 &f, NULL, 0) == -1))
		die(f.text);
	if (alen + blen > sizeof both)
		die(from);
	memcpy(both, a, alen);
	if (blen > 0)
		memcpy(both + alen, b, blen);
	write_file(name, both, alen + blen, mode);
	free(a);
	free(b);
}

static void
encrypted_key(const char *name)
{
	gnutls_x509_privkey_t key;
	gnutls_datum_t out;

	gnutls_x509_privkey_init(&key);
	if (gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
		GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) < 0 ||
	    gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, "pw",
		GNUTLS_PKCS_PBES2_AES_256, &out) < 0)
		die("no key");
	write_file(name, (char *)out.data, out.size, 0600);
	gnutls_free(out.data);
	gnutls_x509_privkey_deinit(key);
}

static void
files_make(void)
{
	copy("cert.pem", CASES "ok-ec/chain.pem", NULL, 0644);
	copy("key.pem", CASES "ok-ec/key.pem", NULL, 0600);
	copy("both.pem", CASES "ok-ec/chain.pem", CASES "ok-ec/key.pem", 0600);
	copy("reversed.pem", CASES "ok-ec/key.pem", CASES "ok-ec/chain.pem",
	    0600);
	copy("shown.pem", CASES "ok-ec/chain.pem", CASES "ok-ec/key.pem", 0644);
	copy("open.pem", CASES "ok-ec/key.pem", NULL, 0644);
	copy("other.pem", CASES "ok-p521/key.pem", NULL, 0600);
	copy("ca.pem", CASES "ok-ec/trust.pem", NULL, 0644);
	encrypted_key("locked.pem");
	write_file("legacy.pem",
	    "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", 54,
	    0600);
	write_file("empty.pem", "", 0, 0600);
	write_file("words.pem", "no certificate here\n", 20, 0600);
	write_file("broken.pem",
	    "comment\n-----BEGIN CERTIFICATE-----\nMIIB!!\n"
	    "-----END CERTIFICATE-----\n",
	    68, 0644);
	write_file("cut.pem",
	    "\n\n-----BEGIN CERTIFICATE-----\nMIIBAAAA\n"
	    "-----END CERTIFICATE-----\n",
	    64, 0644);
	mkdir(in_folder("hashed"), 0755);
	mkdir(in_folder("none"), 0755);
	copy("hashed/a.pem", CASES "ok-ec/trust.pem", NULL, 0644);
	copy("hashed/b.crt", CASES "sha1-leaf/trust.pem", NULL, 0644);
	copy("hashed/0a1b2c3d.0", CASES "ok-ec/trust.pem", NULL, 0644);
	copy("hashed/0a1b2c3d.x", CASES "wrong-host/chain.pem", NULL, 0644);
	copy("hashed/notes.txt", CASES "wrong-host/chain.pem", NULL, 0644);
	copy("none/notes.txt", CASES "ok-ec/trust.pem", NULL, 0644);
}

/* cert and key as a server's; NULL = not set, else a file of the folder. */
static const struct {
	const char *name, *cert, *key;
	const char *fault; /* part of it, or NULL */
	int line;
} identities[] = {
    {"two files", "cert.pem", "key.pem", NULL, 0},
    {"one file", "both.pem", NULL, NULL, 0},
    {"one file, key first", "reversed.pem", NULL, NULL, 0},
    {"the same file twice", "both.pem", "both.pem", NULL, 0},
    {"another's key", "cert.pem", "other.pem", "does not belong to", K_keyfile},
    {"a key for all to read", "cert.pem", "open.pem", "readable", K_keyfile},
    {"an encrypted key", "cert.pem", "locked.pem", "set password_file",
	K_keyfile},
    {"an old encrypted key", "cert.pem", "legacy.pem", "set password_file",
	K_keyfile},
    {"no certificate in the file", "words.pem", NULL, "holds no certificate",
	K_certfile},
    {"an empty key", "cert.pem", "empty.pem", "holds no private key",
	K_keyfile},
    {"no key at all", "cert.pem", NULL, "set keyfile", K_certfile},
    {"one file for all to read", "shown.pem", NULL, "readable", K_certfile},
    {"a missing certfile", "missing.pem", "key.pem", "missing.pem", K_certfile},
    {"a missing keyfile", "cert.pem", "missing.pem", "missing.pem", K_keyfile},
    {"a broken certificate", "cut.pem", "key.pem", "cannot be used",
	K_certfile},
    {"a keyfile alone", NULL, "key.pem", "keyfile without certfile", K_keyfile},
    {"nothing", NULL, NULL, "a server needs", -1},
};

static void
identities_check(void)
{
	struct credentials *c;
	struct rule r;
	struct fault f;
	size_t i;
	int rv;

	for (i = 0; i < sizeof identities / sizeof identities[0]; i++) {
		made_rule(&r, SIDE_SERVER);
		c = NULL;
		if (identities[i].cert != NULL)
			r.values.certfile = in_folder(identities[i].cert);
		else
			r.origin[K_certfile].file = NULL;
		if (identities[i].key != NULL)
			r.values.keyfile = in_folder(identities[i].key);
		else
			r.origin[K_keyfile].file = NULL;
		f = (struct fault){"", 0, ""};
		rv = credentials_read(&r, &c, &f);
		if (identities[i].fault == NULL)
			report(rv == 0 && c->nidentities == 1 && c->trust == NULL,
			    "identity: %s %s", identities[i].name, f.text);
		else
			report(
			    rv == -1 && c == NULL &&
				strstr(f.text, identities[i].fault) != NULL &&
				strcmp(f.file, "policy.cfg") == 0 &&
				f.line == (identities[i].line < 0
						  ? 1
						  : 100 + identities[i].line),
			    "identity: %s: %d: %s", identities[i].name, f.line,
			    f.text);
		credentials_free(c);
	}
}

static const struct {
	const char *name, *cafile, *capath;
	bool system;
	size_t least, most; /* certificates */
	const char *fault, *in;
	int line;
} trusts[] = {
    {"a file", "ca.pem", NULL, false, 1, 3, NULL, NULL, 0},
    {"a folder, each certificate once", NULL, "hashed", false, 2, 2, NULL, NULL,
	0},
    {"the system's", NULL, NULL, true, 50, 500, NULL, NULL, 0},
    {"file, folder and system", "ca.pem", "hashed", true, 52, 503, NULL, NULL,
	0},
    {"a file without any", "words.pem", NULL, false, 0, 0,
	"holds no certificate", "policy.cfg", 100 + K_cafile},
    {"a folder without any", NULL, "none", false, 0, 0, "holds no certificate",
	"policy.cfg", 100 + K_capath},
    {"a missing file", "missing.pem", NULL, false, 0, 0, "missing.pem",
	"policy.cfg", 100 + K_cafile},
    {"a missing folder", NULL, "missing", false, 0, 0, "missing", "policy.cfg",
	100 + K_capath},
    {"broken base64", "broken.pem", NULL, false, 0, 0, "cannot be read",
	"broken.pem", 2},
    {"a cut certificate", "cut.pem", NULL, false, 0, 0, "cannot be read",
	"cut.pem", 3},
    {"nothing", NULL, NULL, false, 0, 0, "nothing is trusted", "policy.cfg", 1},
};

static void
trusts_check(void)
{
	struct credentials *c;
	struct rule r;
	struct fault f;
	size_t i;
	int rv;

	for (i = 0; i < sizeof trusts / sizeof trusts[0]; i++) {
		made_rule(&r, SIDE_CLIENT);
		c = NULL;
		if (trusts[i].cafile != NULL)
			r.values.cafile = in_folder(trusts[i].cafile);
		if (trusts[i].capath != NULL)
			r.values.capath = in_folder(trusts[i].capath);
		r.values.system_trust = trusts[i].system;
		f = (struct fault){"", 0, ""};
		rv = credentials_read(&r, &c, &f);
		if (rv == 0)
			report(trusts[i].fault == NULL &&
				   c->trust->n >= trusts[i].least &&
				   c->trust->n <= trusts[i].most &&
				   c->nidentities == 0,
			    "trust: %s: %zu", trusts[i].name, c->trust->n);
		else
			report(trusts[i].fault != NULL &&
				   strstr(f.text, trusts[i].fault) != NULL &&
				   strstr(f.file, trusts[i].in) != NULL &&
				   f.line == trusts[i].line,
			    "trust: %s: %d: %s", trusts[i].name, f.line,
			    f.text);
		credentials_free(c);
	}
}

/* Every anchor is found by its subject, and by nothing else. */
static void
find_check(void)
{
	struct trust *t = trust_new();
	const struct trust_cert *c;
	const struct der none = {(const unsigned char *)"\x30\x00", 2};
	bool all = true;
	size_t i, n;

	if (trust_add_dir(t, in_folder("hashed"), &(struct origin){0}, NULL) ==
	    -1)
		die("hashed");
	trust_sort(t);
	for (i = 0; i < t->n; i++) {
		n = trust_find(t, &t->cert[i].subject, &c);
		all &= n >= 1 && &t->cert[i] >= c && &t->cert[i] < c + n;
		all &= trust_has(t, &t->cert[i].der, &t->cert[i].subject) ==
		       &t->cert[i];
	}
	report(all && trust_find(t, &none, &c) == 0,
	    "trust: found by subject alone");
	trust_free(t);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");
	char command[300];

	snprintf(folder, sizeof folder, "%s/credentials.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(folder) == NULL)
		die("no temporary folder");
	files_make();
	identities_check();
	trusts_check();
	find_check();
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command) != 0 || failures > 0;
}
