/* certfile.h - one certificate in the forms that tools print */
#ifndef CERTFILE_H
#define CERTFILE_H

#include <gnutls/x509.h>

enum cert_form { CERT_PEM, CERT_DER, CERT_TEXT, CERT_JSON };

/* pem, der or text; -1 after saying that it is none of them. */
int certfile_form(const char *word, enum cert_form *out);

/* Prints a certificate given in DER; returns the exit status. */
int certfile_print(const gnutls_datum_t *der, enum cert_form form);

#endif
