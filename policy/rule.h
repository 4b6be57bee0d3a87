/* rule.h - one group of the policy file as a rule or a context */
#ifndef POLICY_RULE_H
#define POLICY_RULE_H

#include "parse.h"

/* A named group of values; its settings are read anew for each rule. */
struct context {
	const char *name;
	const char *file;
	int line;
	config_setting_t *group; /* borrowed from its file's tree */
};

/* What rules inherit from. */
struct bases {
	struct context defaults; /* group NULL: none */
	struct context *contexts;
	size_t n;
};

/*
 * Reads group as a context, and its values once so that each is checked even
 * where no rule uses the context.  0, or -1 and a fault.
 */
int context_read(
    const struct reader *r, config_setting_t *group, struct context *out);

/* The same for defaults = { }, a context without a name. */
int defaults_read(
    const struct reader *r, config_setting_t *group, struct context *out);

/* Reads group as a rule with all it inherits.  0, or -1 and a fault. */
int rule_read(const struct reader *r, config_setting_t *group, enum side side,
    const struct bases *b, struct rule *out);

/* The values of c (NULL: of the defaults alone) for side; no sense of them is
 * made beyond defaults that follow from others.  0, or -1 and a fault. */
int rule_of_context(const struct reader *r, const struct bases *b,
    const struct context *c, enum side side, struct rule *out);

/* value.c: the value of key k.  0, or -1 and a fault. */
struct key;
int key_read(const struct reader *r, config_setting_t *s, const struct key *k,
    struct rule *out);

/* sni.c: the table as it is written; its rules are made by rule_read. */
int sni_read(
    const struct reader *r, config_setting_t *s, struct sni_table *out);

/*
 * of holds what a context says that entry e chooses: gives it all that the
 * name does not replace, from base.  0, or -1 and a fault.
 */
int sni_rule_join(const struct reader *r, const struct sni_entry *e,
    const struct rule *base, struct rule *of);

/* matchers.c: a name or *.name; the fault calls it host. */
struct host;
int host_parse(const struct reader *r, const config_setting_t *s,
    const char *text, struct host *out);

/* matchers.c: what a rule is for.  0, or -1 and a fault. */
int matcher_read_program(
    const struct reader *r, config_setting_t *s, struct rule *out);
int matcher_read_host(
    const struct reader *r, config_setting_t *s, struct rule *out);
int matcher_read_address(
    const struct reader *r, config_setting_t *s, struct rule *out);
int matcher_read_peer(
    const struct reader *r, config_setting_t *s, struct rule *out);
int matcher_read_port(
    const struct reader *r, config_setting_t *s, struct rule *out);

/*
 * rule_check.c: what keys must be together, once everything is inherited, and
 * the defaults that depend on other keys.  inherited is the rule as it
 * came from defaults = { }: those stand for both sides, so that what concerns
 * only clients there is no fault of a server.
 */
void rule_settle(struct rule *rule, const struct rule *inherited);
int rule_check(
    struct rule *rule, const struct rule *inherited, struct fault *f);

#endif
