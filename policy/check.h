/*
 * check.h - is a value one that its key can take
 *
 * A check sees one value and returns what is wrong with it, worded to follow
 * the key's name, or NULL.  What several keys must be together is judged by
 * rule_check in rule_check.c.
 */
#ifndef POLICY_CHECK_H
#define POLICY_CHECK_H

const char *check_depth(int v);
const char *check_seconds(int v);
const char *check_tickets(int v);

const char *check_address(const char *v);
const char *check_host(const char *v);
const char *check_mail(const char *v);
const char *check_path(const char *v);
const char *check_path_or_url(const char *v);
const char *check_identity(const char *v);
const char *check_pins(const char *v);
const char *check_priority(const char *v);
const char *check_profile(const char *v);
const char *check_protocols(const char *v);
const char *check_sni_host(const char *v);
const char *check_text(const char *v);
const char *check_uri(const char *v);
const char *check_words(const char *v);

#endif
