/* keys_print.c - keys and their values as text, JSON and manual */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "keys.h"

const char *
key_type_text(const struct key *k)
{
	static const char *const words[] = {
	    [TYPE_BOOL] = "boolean",
	    [TYPE_INT] = "integer",
	    [TYPE_ENUM] = "word",
	    [TYPE_FLAGS] = "list of flags",
	    [TYPE_STRING] = "string",
	    [TYPE_PATH] = "file name",
	    [TYPE_LIST] = "list of strings",
	    [TYPE_IDENTITIES] = "list of groups",
	    [TYPE_SNI] = "list of groups",
	};

	return words[k->type];
}

/* What value_print puts around the parts of a value, as text or as JSON. */
struct style {
	const char *open, *close, *empty, *unset, *equals, *then, *quote;
};

static const struct style as_text = {
    "( ", " )", "()", "not set", " = ", "; ", ""};
static const struct style as_json = {"[", "]", "[]", "null", ": ", ", ", "\""};

static void
flags_print(
    const struct key *k, unsigned flags, const struct style *s, FILE *out)
{
	const char *before = s->open;
	unsigned i;

	if (flags == 0)
		fputs(s->empty, out);
	for (i = 0; k->words[i] != NULL; i++)
		if ((flags & 1u << i) != 0) {
			fputs(before, out);
			json_string_print(k->words[i], out);
			before = ", ";
		}
	if (flags != 0)
		fputs(s->close, out);
}

static void
list_print(const struct list *l, const struct style *s, FILE *out)
{
	size_t i;

	if (l->n == 0)
		fputs(s->empty, out);
	for (i = 0; i < l->n; i++) {
		fputs(i == 0 ? s->open : ", ", out);
		json_string_print(l->v[i], out);
	}
	if (l->n != 0)
		fputs(s->close, out);
}

static void
member_print(const char *name, const char *value, bool more,
    const struct style *s, FILE *out)
{
	fprintf(out, "%s%s%s%s", s->quote, name, s->quote, s->equals);
	json_string_print(value, out);
	if (more)
		fputs(s->then, out);
}

static void
identities_print(const struct identities *l, const struct style *s, FILE *out)
{
	size_t i;

	if (l->n == 0)
		fputs(s->empty, out);
	for (i = 0; i < l->n; i++) {
		fprintf(out, "%s{ ", i == 0 ? s->open : ", ");
		member_print("certfile", l->v[i].certfile,
		    l->v[i].keyfile != NULL || l->v[i].password_file != NULL,
		    s, out);
		if (l->v[i].keyfile != NULL)
			member_print("keyfile", l->v[i].keyfile,
			    l->v[i].password_file != NULL, s, out);
		if (l->v[i].password_file != NULL)
			member_print("password_file", l->v[i].password_file,
			    false, s, out);
		fputs(" }", out);
	}
	if (l->n != 0)
		fputs(s->close, out);
}

static void
sni_print(const struct sni_table *l, const struct style *s, FILE *out)
{
	size_t i;

	if (l->n == 0)
		fputs(s->empty, out);
	for (i = 0; i < l->n; i++) {
		fprintf(out, "%s{ ", i == 0 ? s->open : ", ");
		member_print("server_name", l->v[i].server_name, true, s, out);
		member_print("context", l->v[i].context, false, s, out);
		fputs(" }", out);
	}
	if (l->n != 0)
		fputs(s->close, out);
}

static void
value_print(const struct key *k, const struct rule_values *v,
    const struct style *s, FILE *out)
{
	const void *p = key_value_const(k, v);
	const char *text;

	switch (k->type) {
	case TYPE_BOOL:
		fputs(*(const bool *)p ? "true" : "false", out);
		break;
	case TYPE_INT:
		fprintf(out, "%d", *(const int *)p);
		break;
	case TYPE_ENUM:
		json_string_print(k->words[*(const int *)p], out);
		break;
	case TYPE_FLAGS:
		flags_print(k, *(const unsigned *)p, s, out);
		break;
	case TYPE_STRING:
	case TYPE_PATH:
		text = *(const char *const *)p;
		if (text == NULL)
			fputs(s->unset, out);
		else
			json_string_print(text, out);
		break;
	case TYPE_LIST:
		list_print(p, s, out);
		break;
	case TYPE_IDENTITIES:
		identities_print(p, s, out);
		break;
	case TYPE_SNI:
		sni_print(p, s, out);
		break;
	}
}

void
key_value_print(const struct key *k, const struct rule_values *v, FILE *out)
{
	value_print(k, v, &as_text, out);
}

void
key_value_print_json(
    const struct key *k, const struct rule_values *v, FILE *out)
{
	value_print(k, v, &as_json, out);
}

static bool
same_default(const struct key *k)
{
	return key_equal(
	    k, &key_defaults[SIDE_CLIENT], &key_defaults[SIDE_SERVER]);
}

/* Prints text in lines of at most width, each after indent blanks. */
static void
wrapped_print(const char *text, int indent, int width, FILE *out)
{
	int column = 0, n;

	while (*text != '\0') {
		n = (int)strcspn(text, " ");
		if (column > 0 && column + 1 + n > width) {
			putc('\n', out);
			column = 0;
		}
		if (column == 0)
			column = fprintf(out, "%*s%.*s", indent, "", n, text);
		else
			column += fprintf(out, " %.*s", n, text);
		text += n;
		text += strspn(text, " ");
	}
	putc('\n', out);
}

static void
default_print(const struct key *k, FILE *out)
{
	key_value_print(k, &key_defaults[SIDE_CLIENT], out);
	if (same_default(k))
		return;
	fputs(" on clients, ", out);
	key_value_print(k, &key_defaults[SIDE_SERVER], out);
	fputs(" on servers", out);
}

static void
choices_print(const struct key *k, const char *between, FILE *out)
{
	int i;

	for (i = 0; k->words != NULL && k->words[i] != NULL; i++)
		fprintf(out, "%s%s", i == 0 ? "" : between, k->words[i]);
}

void
keys_print_text(FILE *out)
{
	const struct key *k;

	for (k = keys; k < keys + KEY_COUNT; k++) {
		fprintf(out, "%s (%s, default ", k->name, key_type_text(k));
		default_print(k, out);
		fputs(")\n", out);
		if (k->words != NULL) {
			fputs("    one of: ", out);
			choices_print(k, " ", out);
			putc('\n', out);
		}
		wrapped_print(k->text, 4, 76, out);
	}
}

static void
words_print_json(const struct key *k, FILE *out)
{
	int i;

	fputs(", \"words\": [", out);
	for (i = 0; k->words[i] != NULL; i++) {
		fputs(i == 0 ? "" : ", ", out);
		json_string_print(k->words[i], out);
	}
	putc(']', out);
}

void
keys_print_json(FILE *out)
{
	const struct key *k;

	fputs("[\n", out);
	for (k = keys; k < keys + KEY_COUNT; k++) {
		fputs("  {\"name\": ", out);
		json_string_print(k->name, out);
		fputs(", \"type\": ", out);
		json_string_print(key_type_text(k), out);
		if (k->words != NULL)
			words_print_json(k, out);
		fputs(", \"default\": {\"client\": ", out);
		key_value_print_json(k, &key_defaults[SIDE_CLIENT], out);
		fputs(", \"server\": ", out);
		key_value_print_json(k, &key_defaults[SIDE_SERVER], out);
		fputs("}, \"text\": ", out);
		json_string_print(k->text, out);
		fputs(k < keys + KEY_COUNT - 1 ? "},\n" : "}\n", out);
	}
	fputs("]\n", out);
}

/*
 * man(7) text in lines of at most 78: a backslash starts an escape, a '-' is a
 * hyphen, and a line that begins with '.' or '\'' is no text.
 */
static void
roff_print(const char *text, FILE *out)
{
	int column = 0;

	for (; *text != '\0'; text++) {
		if (*text == ' ' &&
		    column + 1 + (int)strcspn(text + 1, " ") > 78) {
			putc('\n', out);
			column = 0;
			continue;
		}
		if (column == 0 && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		if (*text == '\\')
			column += fprintf(out, "\\e");
		else if (*text == '-')
			column += fprintf(out, "\\-");
		else
			column += fprintf(out, "%c", *text);
	}
}

/* "(boolean; default true on clients, false on servers)" */
static void
nature_print_man(const struct key *k, FILE *out)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return;
	fprintf(f, "(%s; default ", key_type_text(k));
	default_print(k, f);
	fputs(")", f);
	fclose(f);
	roff_print(text, out);
	free(text);
	putc('\n', out);
}

void
keys_print_man(FILE *out)
{
	const struct key *k;

	for (k = keys; k < keys + KEY_COUNT; k++) {
		fputs(".TP\n.B ", out);
		roff_print(k->name, out);
		putc('\n', out);
		nature_print_man(k, out);
		roff_print(k->text, out);
		putc('\n', out);
		if (k->type == TYPE_FLAGS || k->type == TYPE_ENUM) {
			fputs(
			    k->type == TYPE_FLAGS ? "Flags: " : "One of ", out);
			choices_print(k, ",\n", out);
			fputs(".\n", out);
		}
	}
}
