/* word.c - the text of a policy, token by token */
#include <string.h>

#include "word.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

int
text_refuse(struct text *t, int line, const char *why)
{
	return fault_set(t->f, t->file, line, "%s", why);
}

int
word_shown(const struct word *w)
{
	return w->n < 200 ? (int)w->n : 200;
}

/* Skips to just after what; false when it does not come. */
static bool
skip_past(struct text *t, const char *what)
{
	size_t n = strlen(what);

	while (t->p < t->end) {
		if (strncmp(t->p, what, n) == 0) {
			t->line += *t->p == '\n';
			t->p += n;
			return true;
		}
		t->line += *t->p == '\n';
		t->p++;
	}
	return false;
}

static int
skip_blanks(struct text *t)
{
	int from;

	while (t->p < t->end) {
		from = t->line;
		if (strncmp(t->p, "/*", 2) == 0) {
			t->p += 2;
			if (!skip_past(t, "*/"))
				return text_refuse(
				    t, from, "this comment has no end");
		} else if (*t->p == '#' || strncmp(t->p, "//", 2) == 0) {
			skip_past(t, "\n");
		} else if (strchr(" \t\r\n\f", *t->p) != NULL) {
			t->line += *t->p == '\n';
			t->p++;
		} else {
			break;
		}
	}
	return 0;
}

static int
string_read(struct text *t, struct word *w)
{
	for (t->p++; t->p < t->end; t->p++) {
		if (*t->p == '"') {
			t->p++;
			w->n = (size_t)(t->p - w->s);
			return 0;
		}
		t->line += *t->p == '\n';
		if (*t->p != '\\')
			continue;
		if (strncmp(t->p, "\\x00", 4) == 0)
			return text_refuse(
			    t, t->line, "a string cannot hold a zero byte");
		t->p++;
		t->line += t->p < t->end && *t->p == '\n';
	}
	return text_refuse(t, w->line, "this string has no end");
}

/* What is left of the longest run of characters of set. */
static void
run_read(struct text *t, const char *set, struct word *w)
{
	t->p += strspn(t->p, set);
	w->n = (size_t)(t->p - w->s);
}

/* What libconfig takes for a number: 12, -3, 1.5. */
static int
number_read(struct text *t, struct word *w)
{
	const char *p = w->s + (*w->s == '+' || *w->s == '-');
	size_t n = strspn(p, DIGITS);

	run_read(t, DIGITS LETTERS "+-./", w);
	if (n > 0 && (p[n] == 'x' || p[n] == 'X'))
		return text_refuse(t, w->line, "write numbers in decimal");
	p += n;
	if (*p == '.')
		p += 1 + strspn(p + 1, DIGITS);
	if (n == 0 || p < w->s + w->n)
		return fault_set(t->f, t->file, w->line,
		    "write \"%.*s\" in quotes", word_shown(w), w->s);
	if (w->n > 10)
		return text_refuse(t, w->line, "this number is too large");
	return 0;
}

int
word_read(struct text *t, struct word *w)
{
	static const struct {
		char c;
		enum token token;
	} single[] = {{'=', T_EQUALS}, {':', T_EQUALS}, {',', T_COMMA},
	    {';', T_SEMICOLON}, {'(', T_OPEN}, {'[', T_OPEN}, {'{', T_OPEN},
	    {')', T_CLOSE}, {']', T_CLOSE}, {'}', T_CLOSE}};
	size_t i;

	if (skip_blanks(t) == -1)
		return -1;
	*w = (struct word){.token = T_END, .s = t->p, .line = t->line};
	if (t->p == t->end)
		return 0;
	w->n = 1;
	if (*t->p == '"') {
		w->token = T_STRING;
		return string_read(t, w);
	}
	if (strchr(DIGITS "+-", *t->p) != NULL) {
		w->token = T_NUMBER;
		return number_read(t, w);
	}
	if (strchr(LETTERS "*", *t->p) != NULL) {
		w->token = T_NAME;
		run_read(t, LETTERS DIGITS "*-_", w);
		return 0;
	}
	w->token = T_BAD;
	for (i = 0; i < sizeof single / sizeof single[0]; i++)
		if (single[i].c == *t->p)
			w->token = single[i].token;
	t->p++;
	return 0;
}
