/*
 * engine_errors_test.c - every row of errors.def is reached, and means to a
 * program what the design promises
 */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../../shim/engine/errors.h"

static int failures;

static void
result(bool good, const char *what, const char *why)
{
	failures += !good;
	printf("%s %s: %s\n", good ? "ok" : "not ok", what, why);
}

/* Any errno that TCP gives too, so that programs know it. */
static bool
known_errno(int err)
{
	return err == ECONNRESET || err == ECONNABORTED || err == ETIMEDOUT ||
	       err == ENOMEM;
}

static bool
known_cause(const char *word)
{
	static const char *const words[] = {"handshake", "version_too_old",
	    "peer_not_allowed", "malformed", "purpose"};
	size_t i;

	for (i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

static void
test_rows(void)
{
	const struct tls_error *e;
	size_t i;

	for (i = 0; (e = errors_row(i)) != NULL; i++) {
		const char *name = gnutls_strerror_name(e->code);
		size_t n = strlen(e->text);

		if (name == NULL)
			name = "a code that GnuTLS does not have";
		result(e->code < 0 && gnutls_strerror_name(e->code) != NULL,
		    name, "is a code of GnuTLS");
		result(errors_find(e->code) == e, name, "has one row");
		result(known_errno(e->connecting) && known_errno(e->open), name,
		    "gives errnos of TCP");
		result(known_cause(e->cause), name, e->cause);
		result(n > 0 && e->text[n - 1] != '.' &&
			   strchr(e->text, '\n') == NULL,
		    name, e->text);
	}
	result(i > 10 && errors_row(i + 1) == NULL, "errors_row",
	    "ends with NULL");
}

/* DESIGN 3: what each kind of end gives. */
static void
test_promises(void)
{
	static const struct {
		int code, connecting, open;
		const char *what;
	} rows[] = {
	    {GNUTLS_E_PREMATURE_TERMINATION, ECONNRESET, ECONNRESET,
		"a FIN without close_notify"},
	    {GNUTLS_E_PULL_ERROR, ECONNRESET, ECONNRESET, "the peer is gone"},
	    {GNUTLS_E_PUSH_ERROR, ECONNRESET, ECONNRESET, "the peer is gone"},
	    {GNUTLS_E_TIMEDOUT, ETIMEDOUT, ETIMEDOUT, "the deadline"},
	    {GNUTLS_E_MEMORY_ERROR, ENOMEM, ENOMEM, "no memory"},
	    {GNUTLS_E_FATAL_ALERT_RECEIVED, ECONNABORTED, ECONNABORTED,
		"an alert"},
	    {GNUTLS_E_CERTIFICATE_ERROR, ECONNABORTED, ECONNABORTED,
		"verification"},
	    {GNUTLS_E_UNEXPECTED_PACKET_LENGTH, ECONNABORTED, ECONNABORTED,
		"no TLS"},
	    {GNUTLS_E_DECRYPTION_FAILED, ECONNABORTED, ECONNABORTED,
		"a changed record"},
	};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct tls_error *e = errors_find(rows[i].code);

		result(e->connecting == rows[i].connecting &&
			   e->open == rows[i].open,
		    rows[i].what, strerror(e->open));
	}
}

static void
test_unlisted(void)
{
	const struct tls_error *none = errors_find(-100000), *e;
	int code, listed = 0, wrong = 0;

	result(none != NULL && none->connecting == ECONNABORTED &&
		   none->open == ECONNABORTED && none->text == NULL &&
		   strcmp(none->cause, "handshake") == 0,
	    "an unlisted code", "ECONNABORTED");
	for (code = -1; code > -2000; code--) {
		if (gnutls_strerror_name(code) == NULL)
			continue;
		e = errors_find(code);
		listed += e != none;
		wrong += e == NULL || (e != none && e->code != code);
	}
	result(wrong == 0 && listed > 10 && errors_row((size_t)listed) == NULL,
	    "every code of GnuTLS", "its row or the unlisted one");
}

int
main(void)
{
	test_rows();
	test_promises();
	test_unlisted();
	return failures > 0;
}
