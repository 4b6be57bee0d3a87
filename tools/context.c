/* context.c - the values of a policy's context, or the built-in ones */
#include <string.h>

#include "../policy/keys.h"
#include "context.h"

static const struct rule *
nth(const struct context_choice *c)
{
	const struct rule *r;
	size_t i;

	for (i = 0; i < c->read->ncontexts; i++) {
		r = &c->read->context[c->side][i];
		if (c->context == NULL
			? r->context == NULL
			: r->context != NULL &&
			      strcmp(r->context, c->context) == 0)
			return r;
	}
	return NULL;
}

static int
policy_find(struct context_choice *c)
{
	struct policy_source src = {.site = path_absolute(c->policy, c->path)};
	const struct rule *r;
	struct fault f = {0};

	if (src.site == NULL) {
		complain("the policy's name is too long");
		return -1;
	}
	if (policy_read(&src, &c->read, &f) == -1) {
		complain_fault(&f);
		return -1;
	}
	r = nth(c);
	if (r != NULL) {
		c->rule = *r;
		return 0;
	}
	complain("%s has no context \"%s\"", c->policy,
	    c->context != NULL ? c->context : "defaults");
	return -1;
}

int
context_find(const struct subcommand *self, struct context_choice *c)
{
	if (c->context != NULL && c->policy == NULL) {
		c->wrong = true;
		options_wrong(self, "--context needs -p");
		return -1;
	}
	if (c->policy != NULL)
		return policy_find(c);
	c->rule = (struct rule){.side = c->side,
	    .file = "defaults",
	    .line = 1,
	    .action = ACTION_TLS,
	    .enforce = true,
	    .values = key_defaults[c->side]};
	return 0;
}

struct credentials *
context_load(const struct subcommand *self, struct context_choice *c)
{
	struct rule_values *v = &c->rule.values;
	struct credentials *cred = NULL;
	struct fault f = {0};

	if (context_find(self, c) == -1)
		return NULL;
	v->certfile = v->keyfile = v->password_file = NULL;
	v->ocsp_response_file = v->psk_file = NULL;
	v->certificates.n = v->sni.n = 0;
	c->rule.side = SIDE_CLIENT; /* which needs no identity */
	if (c->ca != NULL) {
		v->cafile = path_absolute(c->ca, c->path);
		v->capath = v->cadata = NULL;
		v->system_trust = false;
	}
	v->verify_mode = VERIFY_REQUIRED;
	if (credentials_read(&c->rule, &cred, &f) == 0)
		return cred;
	complain_fault(&f);
	policy_free(c->read);
	c->read = NULL;
	return NULL;
}

void
context_unload(struct context_choice *c, struct credentials *cred)
{
	credentials_free(cred);
	policy_free(c->read);
	c->read = NULL;
}
