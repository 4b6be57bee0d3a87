/*
 * peercert.h - a certificate as getpeercert() of Python's ssl gives it, and as
 * text
 */
#ifndef PEERCERT_H
#define PEERCERT_H

#include <gnutls/x509.h>
#include <stdio.h>

/* The fields of getpeercert(), in its order and shape (tuples are lists). */
void peercert_print_json(gnutls_x509_crt_t crt, FILE *out);

/* What certtool would say of it. */
void peercert_print_text(gnutls_x509_crt_t crt, FILE *out);

/* "CN=...,O=..." quoted as JSON. */
void peercert_print_subject(gnutls_x509_crt_t crt, FILE *out);

/* The names of subjectAltName as JSON: [ "localhost", "127.0.0.1" ] */
void peercert_print_names(gnutls_x509_crt_t crt, FILE *out);

#endif
