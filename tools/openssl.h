/* openssl.h - a cipher list of OpenSSL's in the words of a policy */
#ifndef OPENSSL_H
#define OPENSSL_H

#include <stdbool.h>

/*
 * Prints the keys that a rule needs for string (ciphers(1ssl)), or as JSON,
 * and on stderr what cannot be said.  Returns the exit status: EXIT_BAD where
 * something cannot.
 */
int openssl_translate(const char *string, bool json);

#endif
