/* scan.c - a first reading of a policy's text, before libconfig's */
#include <stdlib.h>
#include <string.h>

#include "scan.h"

#define DEPTH_MAX 16
#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

enum token {
	T_START,
	T_END,
	T_STRING,
	T_NUMBER,
	T_BOOL,
	T_NAME,   /* of a setting */
	T_EQUALS, /* = or : */
	T_COMMA,
	T_SEMICOLON,
	T_OPEN,
	T_CLOSE,
	T_BAD,
};

/* A token as it stands in the text. */
struct word {
	enum token token;
	const char *s;
	size_t n;
	int line;
};

/* An open group, list or array. */
struct frame {
	char open;
	int line;
	enum token kind; /* of an array's elements */
	size_t names;    /* where its names begin in struct scan */
};

struct scan {
	const char *file, *p, *end;
	int line;
	struct fault *f;
	struct word last;
	struct frame frames[DEPTH_MAX];
	size_t depth;
	struct word *names; /* owned: of the groups that are open */
	size_t nnames, names_size;
	struct scan_lines lines;
};

static int
refuse(struct scan *s, int line, const char *text)
{
	return fault_set(s->f, s->file, line, "%s", text);
}

/* How much of w a message shows. */
static int
shown(const struct word *w)
{
	return w->n < 200 ? (int)w->n : 200;
}

/* Skips to just after what; false when it does not come. */
static bool
skip_past(struct scan *s, const char *what)
{
	size_t n = strlen(what);

	while (s->p < s->end) {
		if (strncmp(s->p, what, n) == 0) {
			s->line += *s->p == '\n';
			s->p += n;
			return true;
		}
		s->line += *s->p == '\n';
		s->p++;
	}
	return false;
}

static int
skip_blanks(struct scan *s)
{
	int from;

	while (s->p < s->end) {
		from = s->line;
		if (strncmp(s->p, "/*", 2) == 0) {
			s->p += 2;
			if (!skip_past(s, "*/"))
				return refuse(
				    s, from, "this comment has no end");
		} else if (*s->p == '#' || strncmp(s->p, "//", 2) == 0) {
			skip_past(s, "\n");
		} else if (strchr(" \t\r\n\f", *s->p) != NULL) {
			s->line += *s->p == '\n';
			s->p++;
		} else {
			break;
		}
	}
	return 0;
}

static int
string_read(struct scan *s, struct word *w)
{
	for (s->p++; s->p < s->end; s->p++) {
		if (*s->p == '"') {
			s->p++;
			w->n = (size_t)(s->p - w->s);
			return 0;
		}
		s->line += *s->p == '\n';
		if (*s->p != '\\')
			continue;
		if (strncmp(s->p, "\\x00", 4) == 0)
			return refuse(
			    s, s->line, "a string cannot hold a zero byte");
		s->p++;
		s->line += s->p < s->end && *s->p == '\n';
	}
	return refuse(s, w->line, "this string has no end");
}

/* What is left of the longest run of characters of set. */
static void
run_read(struct scan *s, const char *set, struct word *w)
{
	s->p += strspn(s->p, set);
	w->n = (size_t)(s->p - w->s);
}

/* What libconfig takes for a number: 12, -3, 1.5. */
static int
number_read(struct scan *s, struct word *w)
{
	const char *p = w->s + (*w->s == '+' || *w->s == '-');
	size_t n = strspn(p, DIGITS);

	run_read(s, DIGITS LETTERS "+-./", w);
	if (n > 0 && (p[n] == 'x' || p[n] == 'X'))
		return refuse(s, w->line, "write numbers in decimal");
	p += n;
	if (*p == '.')
		p += 1 + strspn(p + 1, DIGITS);
	if (n == 0 || p < w->s + w->n)
		return fault_set(s->f, s->file, w->line,
		    "write \"%.*s\" in quotes", shown(w), w->s);
	if (w->n > 10)
		return refuse(s, w->line, "this number is too large");
	return 0;
}

/* The next token as it stands; what it means is for the caller. */
static int
word_read(struct scan *s, struct word *w)
{
	static const struct {
		char c;
		enum token token;
	} single[] = {{'=', T_EQUALS}, {':', T_EQUALS}, {',', T_COMMA},
	    {';', T_SEMICOLON}, {'(', T_OPEN}, {'[', T_OPEN}, {'{', T_OPEN},
	    {')', T_CLOSE}, {']', T_CLOSE}, {'}', T_CLOSE}};
	size_t i;

	if (skip_blanks(s) == -1)
		return -1;
	*w = (struct word){.token = T_END, .s = s->p, .line = s->line};
	if (s->p == s->end)
		return 0;
	w->n = 1;
	if (*s->p == '"') {
		w->token = T_STRING;
		return string_read(s, w);
	}
	if (strchr(DIGITS "+-", *s->p) != NULL) {
		w->token = T_NUMBER;
		return number_read(s, w);
	}
	if (strchr(LETTERS "*", *s->p) != NULL) {
		w->token = T_NAME;
		run_read(s, LETTERS DIGITS "*-_", w);
		return 0;
	}
	w->token = T_BAD;
	for (i = 0; i < sizeof single / sizeof single[0]; i++)
		if (single[i].c == *s->p)
			w->token = single[i].token;
	s->p++;
	return 0;
}

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
		return fault_set(s->f, s->file, w->line,
		    "write true or false instead of %.*s", (int)w->n, w->s);
	return fault_set(
	    s->f, s->file, w->line, "write \"%.*s\" in quotes", shown(w), w->s);
}

static int
name_add(struct scan *s, const struct word *w)
{
	struct word *more;
	size_t i, size;

	for (i = top(s)->names; i < s->nnames; i++)
		if (s->names[i].n == w->n &&
		    memcmp(s->names[i].s, w->s, w->n) == 0)
			return fault_set(s->f, s->file, w->line,
			    "'%.*s' is set twice, first on line %d", shown(w),
			    w->s, s->names[i].line);
	if (s->nnames == s->names_size) {
		size = s->names_size * 2 + 16;
		more = reallocarray(s->names, size, sizeof *more);
		if (more == NULL)
			return refuse(s, w->line, "out of memory");
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
			return refuse(s, line, "out of memory");
		s->lines.v = more;
	}
	s->lines.v[s->lines.n++] = line;
	return 0;
}

static int
no_equals(struct scan *s)
{
	return fault_set(s->f, s->file, s->last.line,
	    "'=' is missing after '%.*s'", shown(&s->last), s->last.s);
}

/* A value, a list or a group follows what it may follow. */
static int
place_check(struct scan *s, const struct word *w)
{
	const struct word *l = &s->last;

	if (w->token == T_STRING && l->token == T_STRING)
		return fault_set(s->f, s->file, l->line,
		    "a comma is missing after %.*s: two strings side by side "
		    "would be joined to one",
		    shown(l), l->s);
	if (l->token == T_NAME)
		return no_equals(s);
	if (top(s)->open == '{' && l->token != T_EQUALS)
		return refuse(s, w->line,
		    "a value without a name; is there a '}' too many, or no "
		    "'=' before?");
	if (ends_value(l->token))
		return refuse(
		    s, w->line, "a comma is missing before this value");
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
			return refuse(s, w->line,
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
		return refuse(s, w->line, "nested too deeply");
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
		return fault_set(
		    s->f, s->file, w->line, "this '%c' closes nothing", *w->s);
	if (*w->s != wanted)
		return fault_set(s->f, s->file, w->line,
		    "'%c' where the '%c' of line %d wants '%c'", *w->s, t->open,
		    t->line, wanted);
	if (s->last.token == T_COMMA && wanted != '}')
		return fault_set(s->f, s->file, s->last.line,
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
		return refuse(s, w->line,
		    "@include reads files unchecked: use include_dir");
	if (*w->s == '.' && s->last.token == T_NAME)
		return refuse(s, w->line,
		    "a name cannot hold a '.': write session = { resume = ...; "
		    "} for session.resume, and host names in quotes");
	if (*w->s == '\'')
		return refuse(s, w->line, "strings stand in \" quotes");
	if (*w->s == '\0')
		return refuse(s, w->line, "a zero byte: this is not text");
	if ((unsigned char)*w->s < 0x20 || (unsigned char)*w->s >= 0x7f)
		return refuse(s, w->line,
		    "a byte that is not ASCII outside of a string or comment");
	return fault_set(
	    s->f, s->file, w->line, "'%c' has no meaning here", *w->s);
}

static int
end_check(struct scan *s)
{
	if (s->depth > 0)
		return fault_set(s->f, s->file, top(s)->line,
		    "this '%c' is never closed", top(s)->open);
	if (s->last.token == T_NAME || s->last.token == T_EQUALS)
		return refuse(s, s->last.line, "a value is missing");
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
	return fault_set(
	    s->f, s->file, w->line, "'%c' has no meaning here", *w->s);
}

static int
word_check(struct scan *s, struct word *w)
{
	if (s->last.token == T_EQUALS &&
	    (w->token == T_SEMICOLON || w->token == T_COMMA ||
		w->token == T_CLOSE))
		return refuse(s, s->last.line, "a value is missing after '='");
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
	struct scan s = {.file = file,
	    .p = text,
	    .end = text + len,
	    .line = 1,
	    .f = f,
	    .frames = {{.open = '{'}}};
	struct word w = {.token = T_START};
	int rv;

	do {
		s.last = w;
		rv = word_read(&s, &w);
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
