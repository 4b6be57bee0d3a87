/* errors.c - the one table from GnuTLS codes to errno */

#include <errno.h>
#include <gnutls/gnutls.h>

#include "errors.h"

static const struct tls_error errors[] = {
#define TLS_ERROR(code, connecting, open, cause, text) \
	{code, connecting, open, cause, text},
#include "errors.def"
#undef TLS_ERROR
};

static const struct tls_error unlisted = {
    0, ECONNABORTED, ECONNABORTED, "handshake", NULL};

#define NERRORS (sizeof errors / sizeof errors[0])

const struct tls_error *
errors_find(int code)
{
	size_t i;

	for (i = 0; i < NERRORS; i++)
		if (errors[i].code == code)
			return &errors[i];
	return &unlisted;
}

const struct tls_error *
errors_row(size_t i)
{
	return i < NERRORS ? &errors[i] : NULL;
}
