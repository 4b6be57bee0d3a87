/* scan.c - a first reading of a policy's text, before libconfig's */
#include <stdlib.h>
#include <string.h>

#include "scan.h"
#include "word.h"

#define DEPTH_MAX 16

/* An open group, list or array. */
struct frame {
	char open;
	int line;
	enum token kind; /* of an array's elements */
	size_t names;    /* where its names begin in struct scan */
};

struct scan {
	struct text text;
	struct word last;
	struct frame frames[DEPTH_MAX];
	size_t depth;
	struct word *names; /* owned: of the groups that are open */
	size_t nnames, names_size;
	struct scan_lines lines;
};

static bool
word_is(const struct word *w, const char *text)
{
	return w->n == strlen(text) && strncasecmp(w->s, text, w->n) == 0;
}

static bool
is_value(enum token t)
{
	return t == T_STRING || t == T_NUMBER || t == T_BOOL;
}

static bool
ends_value(enum token t)
{
	return is_value(t) || t == T_CLOSE;
}

static struct frame *
top(struct scan *s)
{
	return &s->frames[s->depth];
}

/* A bare word where a value belongs: true, false, or a slip. */
static int
bare_check(struct scan *s, struct word *w)
{
	if (word_is(w, "true") || word_is(w, "false")) {
		w->token = T_BOOL;
		return 0;
	}
	if (word_is(w, "yes") || word_is(w, "on") || word_is(w, "no") ||
	    word_is(w, "off"))
		return fault_set(s->text.f, s->text.file, w->line,
		    "write true or false instead of %.*s", (int)w->n, w->s);
	return fault_set(s->text.f, s->text.file, w->line,
	    "write \"%.*s\" in quotes", word_shown(w), w->s);
}

static int
name_add(struct scan *s, const struct word *w)
{
	struct word *more;
	size_t i, size;

	for (i = top(s)->names; i < s->nnames; i++)
		if (s->names[i].n == w->n &&
		    memcmp(s->names[i].s, w->s, w->n) == 0)
			return fault_set(s->text.f, s->text.file, w->line,
			    "'%.*s' is set twice, first on line %d",
			    word_shown(w), w->s, s->names[i].line);
	if (s->nnames == s->names_size) {
		size = s->names_size * 2 + 16;
		more = reallocarray(s->names, size, sizeof *more);
		if (more == NULL)
			return text_refuse(&s->text, w->line, "out of memory");
		s->names = more;
		s->names_size = size;
	}
	s->names[s->nnames++] = *w;
	return 0;
}

static int
line_add(struct scan *s, int line)
{
	int *more;

	/* Grows at each power of two. */
	if ((s->lines.n & (s->lines.n - 1)) == 0) {
		more =
		    reallocarray(s->lines.v, s->lines.n * 2 + 1, sizeof *more);
		if (more == NULL)
			return text_refuse(&s->text, line, "out of memory");
		s->lines.v = more;
	}
	s->lines.v[s->lines.n++] = line;
	return 0;
}

static int
no_equals(struct scan *s)
{
	return fault_set(s->text.f, s->text.file, s->last.line,
	    "'=' is missing after '%.*s'", word_shown(&s->last), s->last.s);
}

/* A value, a list or a group follows what it may follow. */
static int
place_check(struct scan *s, const struct word *w)
{
	const struct word *l = &s->last;

	if (w->token == T_STRING && l->token == T_STRING)
		return fault_set(s->text.f, s->text.file, l->line,
		    "a comma is missing after %.*s: two strings side by side "
		    "would be joined to one",
		    word_shown(l), l->s);
	if (l->token == T_NAME)
		return no_equals(s);
	if (top(s)->open == '{' && l->token != T_EQUALS)
		return text_refuse(&s->text, w->line,
		    "a value without a name; is there a '}' too many, or no "
		    "'=' before?");
	if (ends_value(l->token))
		return text_refuse(
		    &s->text, w->line, "a comma is missing before this value");
	return 0;
}

static int
value_check(struct scan *s, struct word *w)
{
	struct frame *t = top(s);

	if (place_check(s, w) == -1)
		return -1;
	if (t->open == '[') {
		if (w->token == T_OPEN ||
		    (t->kind != T_START && t->kind != w->token))
			return text_refuse(&s->text, w->line,
			    "[ ] holds values of one type only: write ( ) "
			    "instead of [ ]");
		t->kind = w->token;
	}
	return is_value(w->token) ? line_add(s, w->line) : 0;
}

static int
open_check(struct scan *s, struct word *w)
{
	if (value_check(s, w) == -1)
		return -1;
	if (s->depth + 1 == DEPTH_MAX)
		return text_refuse(&s->text, w->line, "nested too deeply");
	s->depth++;
	*top(s) = (struct frame){.open = *w->s,
	    .line = w->line,
	    .kind = T_START,
	    .names = s->nnames};
	return 0;
}

static int
close_check(struct scan *s, struct word *w)
{
	static const char pairs[] = "()[]{}";
	struct frame *t = top(s);
	char wanted = strchr(pairs, t->open)[1];

	if (s->depth == 0)
		return fault_set(s->text.f, s->text.file, w->line,
		    "this '%c' closes nothing", *w->s);
	if (*w->s != wanted)
		return fault_set(s->text.f, s->text.file, w->line,
		    "'%c' where the '%c' of line %d wants '%c'", *w->s, t->open,
		    t->line, wanted);
	if (s->last.token == T_COMMA && wanted != '}')
		return fault_set(s->text.f, s->text.file, s->last.line,
		    "no comma may stand before '%c'", wanted);
	s->nnames = t->names;
	s->depth--;
	return 0;
}

static int
name_check(struct scan *s, struct word *w)
{
	if (s->last.token == T_EQUALS || top(s)->open != '{') {
		if (bare_check(s, w) == -1)
			return -1;
		return value_check(s, w);
	}
	if (s->last.token == T_NAME)
		return no_equals(s);
	return name_add(s, w);
}

static int
bad_check(struct scan *s, struct word *w)
{
	if (*w->s == '@')
		return text_refuse(&s->text, w->line,
		    "@include reads files unchecked: use include_dir");
	if (*w->s == '.' && s->last.token == T_NAME)
		return text_refuse(&s->text, w->line,
		    "a name cannot hold a '.': write session = { resume = ...; "
		    "} for session.resume, and host names in quotes");
	if (*w->s == '\'')
		return text_refuse(
		    &s->text, w->line, "strings stand in \" quotes");
	if (*w->s == '\0')
		return text_refuse(
		    &s->text, w->line, "a zero byte: this is not text");
	if ((unsigned char)*w->s < 0x20 || (unsigned char)*w->s >= 0x7f)
		return text_refuse(&s->text, w->line,
		    "a byte that is not ASCII outside of a string or comment");
	return fault_set(s->text.f, s->text.file, w->line,
	    "'%c' has no meaning here", *w->s);
}

static int
end_check(struct scan *s)
{
	if (s->depth > 0)
		return fault_set(s->text.f, s->text.file, top(s)->line,
		    "this '%c' is never closed", top(s)->open);
	if (s->last.token == T_NAME || s->last.token == T_EQUALS)
		return text_refuse(
		    &s->text, s->last.line, "a value is missing");
	return 0;
}

/* '=', ',' and ';' each follow what they belong to. */
static int
sign_check(struct scan *s, const struct word *w)
{
	if (w->token == T_EQUALS
		? s->last.token == T_NAME
		: ends_value(s->last.token) &&
		      (w->token == T_COMMA || top(s)->open == '{'))
		return 0;
	if (s->last.token == T_NAME)
		return no_equals(s);
	return fault_set(s->text.f, s->text.file, w->line,
	    "'%c' has no meaning here", *w->s);
}

static int
word_check(struct scan *s, struct word *w)
{
	if (s->last.token == T_EQUALS &&
	    (w->token == T_SEMICOLON || w->token == T_COMMA ||
		w->token == T_CLOSE))
		return text_refuse(
		    &s->text, s->last.line, "a value is missing after '='");
	switch (w->token) {
	case T_STRING:
	case T_NUMBER:
		return value_check(s, w);
	case T_NAME:
		return name_check(s, w);
	case T_OPEN:
		return open_check(s, w);
	case T_CLOSE:
		return s->last.token == T_NAME ? no_equals(s)
					       : close_check(s, w);
	case T_EQUALS:
	case T_COMMA:
	case T_SEMICOLON:
		return sign_check(s, w);
	case T_END:
		return end_check(s);
	default:
		return bad_check(s, w);
	}
}

int
scan_text(const char *text, size_t len, const char *file,
    struct scan_lines *out, struct fault *f)
{
	struct scan s = {
	    .text = {file, text, text + len, 1, f}, .frames = {{.open = '{'}}};
	struct word w = {.token = T_START};
	int rv;

	do {
		s.last = w;
		rv = word_read(&s.text, &w);
		if (rv == 0)
			rv = word_check(&s, &w);
	} while (rv == 0 && w.token != T_END);
	free(s.names);
	if (rv == -1) {
		free(s.lines.v);
		return -1;
	}
	*out = s.lines;
	return 0;
}
