/* report.c - what is wrong or weak in a policy, each thing once */
#include <stdlib.h>
#include <string.h>

#include "../policy/json.h"
#include "report.h"
#include "tools.h"

void
report_add(struct report *r, const struct fault *f)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->v[i].line == f->line &&
		    strcmp(r->v[i].file, f->file) == 0 &&
		    strcmp(r->v[i].text, f->text) == 0)
			return;
	r->v = reallocarray(r->v, r->n + 1, sizeof(*r->v));
	if (r->v == NULL) {
		complain("out of memory");
		exit(EXIT_BAD);
	}
	r->v[r->n++] = *f;
}

void
report_free(struct report *r)
{
	free(r->v);
	memset(r, 0, sizeof(*r));
}

static void
side_add_files(struct report *r, const struct rule *rules, size_t n)
{
	struct credentials *c;
	struct fault f;
	size_t i;

	for (i = 0; i < n; i++) {
		if (rules[i].action != ACTION_TLS)
			continue;
		memset(&f, 0, sizeof(f));
		c = NULL;
		if (credentials_read(&rules[i], &c, &f) == -1)
			report_add(r, &f);
		else
			credentials_free(c);
	}
}

void
report_add_files(struct report *r, const struct policy *p)
{
	side_add_files(r, p->client, p->nclient);
	side_add_files(r, p->server, p->nserver);
}

void
report_print(const struct report *r, FILE *out)
{
	char text[sizeof(r->v->file) + sizeof(r->v->text) + 32];
	size_t i;

	for (i = 0; i < r->n; i++) {
		fault_text(&r->v[i], text, sizeof(text));
		fprintf(out, "%s\n", text);
	}
}

void
report_print_json(const struct report *r, FILE *out)
{
	const char *file;
	size_t i;

	fputc('[', out);
	for (i = 0; i < r->n; i++) {
		file = r->v[i].file[0] != '\0' ? r->v[i].file : NULL;
		fputs(i > 0 ? ", { \"file\": " : "{ \"file\": ", out);
		json_string_print(file, out);
		fprintf(out, ", \"line\": %d, \"text\": ", r->v[i].line);
		json_string_print(r->v[i].text, out);
		fputs(" }", out);
	}
	fputc(']', out);
}

static void
text_rename(char *text, size_t size, const char *from, const char *to)
{
	char old[sizeof(((struct fault *)0)->text)];
	char *at = strstr(text, from);

	if (at == NULL)
		return;
	snprintf(old, sizeof(old), "%s", text);
	snprintf(at, size - (size_t)(at - text), "%s%s", to,
	    old + (at - text) + strlen(from));
}

void
report_rename(struct report *r, const char *from, const char *to)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		text_rename(r->v[i].file, sizeof(r->v[i].file), from, to);
		text_rename(r->v[i].text, sizeof(r->v[i].text), from, to);
	}
}
