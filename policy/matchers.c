/* matchers.c - the matchers of a rule, read */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matchers.h"
#include "rule.h"

static int
string_add(const struct reader *r, config_setting_t *s, struct list *out)
{
	const char *v;

	if (setting_string(r, s, &v) == -1)
		return -1;
	out->v[out->n++] = (char *)(uintptr_t)v;
	return 0;
}

int
matcher_read_program(
    const struct reader *r, config_setting_t *s, struct rule *out)
{
	struct list *l = &out->match->program;
	config_setting_t *e;
	size_t i;

	l->v = setting_room(r, s, sizeof *l->v);
	if (l->v == NULL)
		return -1;
	for (i = 0; i < setting_count(s); i++) {
		e = setting_nth(s, i);
		if (string_add(r, e, l) == -1)
			return -1;
		if (l->v[i][0] != '/')
			return setting_refuse(r, e,
			    "program \"%.200s\" must begin with '/': it is "
			    "matched against the whole path",
			    l->v[i]);
	}
	return 0;
}

int
host_parse(const struct reader *r, const config_setting_t *s, const char *text,
    struct host *out)
{
	char canon[256];
	const char *name = text;

	if (strcmp(text, "*") == 0 || strcmp(text, "*.") == 0)
		return setting_refuse(r, s,
		    "host \"%s\" would be any host: leave host out for that",
		    text);
	out->suffix = strncmp(text, "*.", 2) == 0;
	if (out->suffix)
		name += 2;
	if (strchr(name, '*') != NULL)
		return setting_refuse(r, s,
		    "host \"%.200s\": '*' may only be the whole first label, "
		    "as in \"*.example\"",
		    text);
	if (name_is_address(name) || strchr(name, '/') != NULL)
		return setting_refuse(r, s,
		    "host \"%.200s\" is an address: write address = \"%.200s\"",
		    text, name);
	if (strchr(name, ':') != NULL)
		return setting_refuse(r, s,
		    "host \"%.200s\" must be a name alone: a port is written "
		    "port = 443",
		    text);
	if (name_canon(name, canon, sizeof canon) == -1)
		return setting_refuse(
		    r, s, "host \"%.200s\" is not a host name", text);
	out->name = arena_strdup(r->arena, canon);
	return out->name != NULL ? 0 : setting_refuse(r, s, "out of memory");
}

/* The hosts in quotes, as many as fit, for messages. */
static int
host_text_set(const struct reader *r, config_setting_t *s, struct matchers *m)
{
	char text[256];
	size_t i, used = 0;

	for (i = 0; i < setting_count(s) && used < sizeof text; i++)
		used += (size_t)snprintf(text + used, sizeof text - used,
		    "%s\"%s\"", i == 0 ? "" : ", ",
		    config_setting_get_string(setting_nth(s, i)));
	if (used >= sizeof text)
		strcpy(text + sizeof text - 4, "...");
	m->host_text = arena_strdup(r->arena, text);
	return m->host_text != NULL ? 0 : setting_refuse(r, s, "out of memory");
}

int
matcher_read_host(const struct reader *r, config_setting_t *s, struct rule *out)
{
	struct matchers *m = out->match;
	config_setting_t *e;
	const char *text;
	size_t i;

	m->hosts = setting_room(r, s, sizeof *m->hosts);
	if (m->hosts == NULL)
		return -1;
	for (i = 0; i < setting_count(s); i++) {
		e = setting_nth(s, i);
		if (setting_string(r, e, &text) == -1 ||
		    host_parse(r, e, text, &m->hosts[i]) == -1)
			return -1;
		m->nhosts++;
	}
	return host_text_set(r, s, m);
}

static int
networks_read(const struct reader *r, config_setting_t *s, struct network **out,
    size_t *n)
{
	config_setting_t *e;
	const char *text, *wrong;
	size_t i;

	*out = setting_room(r, s, sizeof **out);
	if (*out == NULL)
		return -1;
	for (i = 0; i < setting_count(s); i++) {
		e = setting_nth(s, i);
		if (setting_string(r, e, &text) == -1)
			return -1;
		wrong = network_parse(text, &(*out)[i]);
		if (wrong != NULL)
			return setting_refuse(r, e, "%s \"%.200s\" %s",
			    setting_name(s), text, wrong);
		++*n;
	}
	return 0;
}

int
matcher_read_address(
    const struct reader *r, config_setting_t *s, struct rule *out)
{
	return networks_read(
	    r, s, &out->match->addresses, &out->match->naddresses);
}

int
matcher_read_peer(const struct reader *r, config_setting_t *s, struct rule *out)
{
	return networks_read(r, s, &out->match->peers, &out->match->npeers);
}

/* "8000-8100" */
static bool
range_parse(const char *text, struct ports *out)
{
	size_t n = strspn(text, "0123456789");
	size_t m = text[n] == '-' ? strspn(text + n + 1, "0123456789") : 0;

	if (n == 0 || n > 5 || m == 0 || m > 5 || text[n + 1 + m] != '\0')
		return false;
	out->low = atoi(text);
	out->high = atoi(text + n + 1);
	return true;
}

static int
port_read_one(const struct reader *r, config_setting_t *s, struct ports *out)
{
	const char *text;

	if (s->type == CONFIG_TYPE_STRING) {
		if (setting_string(r, s, &text) == -1)
			return -1;
		if (!range_parse(text, out))
			return setting_refuse(r, s,
			    "port \"%.100s\" is no range: write 443 without "
			    "quotes, or \"8000-8100\"",
			    text);
	} else {
		if (setting_int(r, s, &out->low) == -1)
			return -1;
		out->high = out->low;
	}
	if (out->low < 1 || out->high > 65535)
		return setting_refuse(
		    r, s, "a port must be between 1 and 65535");
	if (out->low > out->high)
		return setting_refuse(r, s,
		    "port \"%d-%d\" holds no port: the first is larger than "
		    "the last",
		    out->low, out->high);
	return 0;
}

int
matcher_read_port(const struct reader *r, config_setting_t *s, struct rule *out)
{
	struct matchers *m = out->match;
	size_t i;

	m->ports = setting_room(r, s, sizeof *m->ports);
	if (m->ports == NULL)
		return -1;
	for (i = 0; i < setting_count(s); i++) {
		if (port_read_one(r, setting_nth(s, i), &m->ports[i]) == -1)
			return -1;
		m->nports++;
	}
	return 0;
}
