/* certfile.c - one certificate in the forms that tools print */
#include <string.h>

#include "certfile.h"
#include "../shim/engine/peercert.h"
#include "tools.h"

int
certfile_form(const char *word, enum cert_form *out)
{
	static const char *const words[] = {"pem", "der", "text"};
	int i;

	for (i = 0; i < 3; i++)
		if (strcmp(words[i], word) == 0) {
			*out = (enum cert_form)i;
			return 0;
		}
	complain("the form is pem, der or text, not \"%s\"", word);
	return -1;
}

static int
pem_print(const gnutls_datum_t *der)
{
	gnutls_datum_t pem;

	if (gnutls_pem_base64_encode2("CERTIFICATE", der, &pem) < 0) {
		complain("out of memory");
		return EXIT_BAD;
	}
	fwrite(pem.data, 1, pem.size, stdout);
	gnutls_free(pem.data);
	return EXIT_GOOD;
}

int
certfile_print(const gnutls_datum_t *der, enum cert_form form)
{
	gnutls_x509_crt_t crt;
	int rv;

	if (form == CERT_PEM)
		return pem_print(der);
	if (form == CERT_DER) {
		fwrite(der->data, 1, der->size, stdout);
		return EXIT_GOOD;
	}
	rv = gnutls_x509_crt_init(&crt);
	if (rv < 0) {
		complain("out of memory");
		return EXIT_BAD;
	}
	rv = gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER);
	if (rv < 0) {
		complain("no certificate: %s", gnutls_strerror(rv));
	} else if (form == CERT_TEXT) {
		peercert_print_text(crt, stdout);
	} else {
		peercert_print_json(crt, stdout);
		putchar('\n');
	}
	gnutls_x509_crt_deinit(crt);
	return rv < 0 ? EXIT_BAD : EXIT_GOOD;
}
