/* json.h - strings as JSON (RFC 8259) */
#ifndef POLICY_JSON_H
#define POLICY_JSON_H

#include <stdio.h>

/* Writes s quoted and escaped, or null for NULL. */
void json_string_print(const char *s, FILE *out);

#endif
