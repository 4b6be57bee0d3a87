/* cert.c - tlsshim cert: a certificate in another form */
#include <stdlib.h>
#include <string.h>

#include "certfile.h"
#include "exhibit.h"
#include "tools.h"

/* The certificate of a file in PEM (its first) or DER; the caller's. */
static int
der_read(const char *path, gnutls_datum_t *out)
{
	size_t len;
	char *text = input_read(path, INPUT_MAX, &len);
	gnutls_datum_t d = {(unsigned char *)text, (unsigned)len};
	gnutls_x509_crt_t crt;
	int rv;

	if (text == NULL)
		return -1;
	rv = gnutls_x509_crt_init(&crt);
	if (rv >= 0) {
		rv = gnutls_x509_crt_import(crt, &d,
		    strstr(text, "-----BEGIN ") != NULL ? GNUTLS_X509_FMT_PEM
							: GNUTLS_X509_FMT_DER);
		if (rv >= 0)
			rv = gnutls_x509_crt_export2(
			    crt, GNUTLS_X509_FMT_DER, out);
		gnutls_x509_crt_deinit(crt);
	}
	free(text);
	if (rv >= 0)
		return 0;
	complain("%s: no certificate: %s", path, gnutls_strerror(rv));
	return -1;
}

/* As Python's cert_time_to_seconds. */
static int
seconds_print(const gnutls_datum_t *der)
{
	gnutls_x509_crt_t crt;

	if (gnutls_x509_crt_init(&crt) < 0)
		return EXIT_BAD;
	if (gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) >= 0)
		printf("%lld\n",
		    (long long)gnutls_x509_crt_get_expiration_time(crt));
	gnutls_x509_crt_deinit(crt);
	return EXIT_GOOD;
}

int
cert_main(const struct subcommand *self, int argc, char **argv)
{
	const char *word = "text";
	bool json = false, seconds = false;
	const struct option_row rows[] = {
	    {0, "form", OPTION_TEXT, &word, "FORM", "pem, der or text (default)."},
	    {0, "json", OPTION_FLAG, &json, NULL,
		"Print the fields of Python's getpeercert()."},
	    {0, "not-after", OPTION_FLAG, &seconds, NULL,
		"Print the end of its validity, in seconds since the epoch."},
	    {0},
	};
	enum cert_form form = CERT_JSON;
	gnutls_datum_t der;
	int status, first = options_read(self, rows, true, argc, argv);

	if (first == -1)
		return EXIT_USAGE;
	if (argc - first != 1)
		return options_wrong(self, "one FILE is wanted, - for stdin");
	if (!json && certfile_form(word, &form) == -1)
		return EXIT_USAGE;
	if (der_read(argv[first], &der) == -1)
		return EXIT_BAD;
	status = seconds ? seconds_print(&der) : certfile_print(&der, form);
	gnutls_free(der.data);
	return status;
}
