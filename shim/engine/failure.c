/* failure.c - what has failed, kept for a program that asks */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"

/* Cause words of verify.c by OpenSSL's numbers; the others are no faults of
 * a certificate. */
static const struct {
	const char *word;
	int number;
} causes[] = {
    {"unknown_issuer", TLSSHIM_X509_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
    {"expired", TLSSHIM_X509_CERT_HAS_EXPIRED},
    {"not_yet_valid", TLSSHIM_X509_CERT_NOT_YET_VALID},
    {"name_mismatch", TLSSHIM_X509_HOSTNAME_MISMATCH},
    {"revoked", TLSSHIM_X509_CERT_REVOKED},
    {"crl_unusable", TLSSHIM_X509_UNABLE_TO_GET_CRL},
    {"ocsp_unusable", TLSSHIM_X509_OCSP_VERIFY_FAILED},
    {"purpose", TLSSHIM_X509_INVALID_PURPOSE},
    {"not_a_ca", TLSSHIM_X509_INVALID_CA},
    {"path_length", TLSSHIM_X509_PATH_LENGTH_EXCEEDED},
    {"chain_limit", TLSSHIM_X509_CERT_CHAIN_TOO_LONG},
    {"weak_key", TLSSHIM_X509_EE_KEY_TOO_SMALL},
    {"weak_signature", TLSSHIM_X509_CA_MD_TOO_WEAK},
    {"malformed", TLSSHIM_X509_INVALID_EXTENSION},
    {"critical_extension", TLSSHIM_X509_UNHANDLED_CRITICAL_EXTENSION},
    {"name_constraint", TLSSHIM_X509_PERMITTED_VIOLATION},
    {"pin_mismatch", TLSSHIM_X509_APPLICATION_VERIFICATION},
    {"peer_not_allowed", TLSSHIM_X509_CERT_REJECTED},
};

/* X509_verify_cert_error_string */
static const struct {
	int number;
	const char *words;
} words[] = {
    {TLSSHIM_X509_OK, "ok"},
    {TLSSHIM_X509_UNABLE_TO_GET_CRL, "unable to get certificate CRL"},
    {TLSSHIM_X509_CERT_NOT_YET_VALID, "certificate is not yet valid"},
    {TLSSHIM_X509_CERT_HAS_EXPIRED, "certificate has expired"},
    {TLSSHIM_X509_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
	"unable to get local issuer certificate"},
    {TLSSHIM_X509_CERT_CHAIN_TOO_LONG, "certificate chain too long"},
    {TLSSHIM_X509_CERT_REVOKED, "certificate revoked"},
    {TLSSHIM_X509_PATH_LENGTH_EXCEEDED, "path length constraint exceeded"},
    {TLSSHIM_X509_INVALID_PURPOSE, "unsuitable certificate purpose"},
    {TLSSHIM_X509_CERT_REJECTED, "certificate rejected"},
    {TLSSHIM_X509_UNHANDLED_CRITICAL_EXTENSION, "unhandled critical extension"},
    {TLSSHIM_X509_INVALID_EXTENSION,
	"invalid or inconsistent certificate extension"},
    {TLSSHIM_X509_PERMITTED_VIOLATION, "permitted subtree violation"},
    {TLSSHIM_X509_APPLICATION_VERIFICATION, "application verification failure"},
    {TLSSHIM_X509_HOSTNAME_MISMATCH, "hostname mismatch"},
    {TLSSHIM_X509_EE_KEY_TOO_SMALL, "EE certificate key too weak"},
    {TLSSHIM_X509_CA_MD_TOO_WEAK, "CA signature digest algorithm too weak"},
    {TLSSHIM_X509_OCSP_VERIFY_FAILED, "OCSP verification failed"},
    {TLSSHIM_X509_INVALID_CA, "invalid CA certificate"},
};

#define COUNT(v) (sizeof(v) / sizeof(v)[0])

const char *
failure_words(int verify_code)
{
	size_t i;

	for (i = 0; i < COUNT(words); i++)
		if (words[i].number == verify_code)
			return words[i].words;
	return NULL;
}

static int
number_of(const char *cause)
{
	size_t i;

	for (i = 0; i < COUNT(causes); i++)
		if (strcmp(causes[i].word, cause) == 0)
			return causes[i].number;
	return 0;
}

static void
fill(struct tlsshim_error *e, const struct conn *c, const struct failure *f)
{
	memset(e, 0, sizeof *e);
	e->size = sizeof *e;
	e->error = -f->err;
	e->code = f->code;
	e->status = f->status;
	e->verify_code = number_of(f->cause);
	e->alert = c != NULL && f->code == GNUTLS_E_FATAL_ALERT_RECEIVED
		       ? (int)gnutls_alert_get(c->session)
		       : -1;
	snprintf(e->cause, sizeof e->cause, "%s", f->cause);
	snprintf(e->text, sizeof e->text, "%s", f->text);
}

void
failure_note(struct conn *c, const struct failure *f)
{
	struct tlsshim_error *mine = thread_failure();

	if (mine != NULL)
		fill(mine, c, f);
	if (c == NULL)
		return;
	if (c->failed == NULL)
		c->failed = malloc(sizeof *c->failed);
	if (c->failed != NULL)
		fill(c->failed, c, f);
}

const struct tlsshim_error *
failure_of(const struct conn *c)
{
	return c->failed;
}

void
failure_free(struct conn *c)
{
	free(c->failed);
	c->failed = NULL;
}
