/* options.c - a subcommand's options, read from its table */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tools.h"

#define OPTIONS_MAX 15

void
complain(const char *fmt, ...)
{
	va_list ap;

	fputs("tlsshim: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void
complain_fault(const struct fault *f)
{
	char text[sizeof(f->file) + sizeof(f->text) + 32];

	fault_text(f, text, sizeof(text));
	fprintf(stderr, "%s%s\n", f->file[0] == '\0' ? "tlsshim: " : "", text);
}

int
options_wrong(const struct subcommand *self, const char *what)
{
	if (what != NULL)
		complain("%s: %s", self->name, what);
	fprintf(stderr, "usage: tlsshim %s %s\n", self->name, self->arguments);
	return EXIT_USAGE;
}

static void
help_print(const struct subcommand *self, const struct option_row *rows)
{
	char left[64];

	printf("usage: tlsshim %s %s\n%s\n\n", self->name, self->arguments,
	    self->summary);
	for (; rows->name != NULL; rows++) {
		snprintf(left, sizeof(left), "%c%c%c --%s%s%s",
		    rows->letter ? '-' : ' ', rows->letter ? rows->letter : ' ',
		    rows->letter ? ',' : ' ', rows->name,
		    rows->argument != NULL ? " " : "",
		    rows->argument != NULL ? rows->argument : "");
		printf("  %-24s  %s\n", left, rows->summary);
	}
	printf("  %-24s  %s\n", "    --help", "Print this.");
}

static int
value_set(const struct option_row *row, const char *text)
{
	struct option_list *list = row->value;

	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)row->value = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)row->value = text;
		return 0;
	case OPTION_LIST:
		if (list->n == sizeof(list->v) / sizeof(list->v[0]))
			return -1;
		list->v[list->n++] = text;
		return 0;
	}
	return -1;
}

int
options_read(const struct subcommand *self, const struct option_row *rows,
    bool anywhere, int argc, char **argv)
{
	struct option longs[OPTIONS_MAX + 2] = {0};
	char letters[2 * OPTIONS_MAX + 2] = "+";
	int c, n, help, i;

	if (anywhere)
		letters[0] = '\0';
	for (n = 0; n < OPTIONS_MAX && rows[n].name != NULL; n++) {
		bool text = rows[n].kind != OPTION_FLAG;
		char one[] = {rows[n].letter, text ? ':' : '\0', '\0'};

		strcat(letters, one);
		longs[n].name = rows[n].name;
		longs[n].has_arg = text ? required_argument : no_argument;
		longs[n].val = 256 + n;
	}
	help = 256 + n;
	longs[n].name = "help";
	longs[n].val = help;
	optind = 1;
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (c == '?')
			return options_wrong(self, NULL), -1;
		if (c == help) {
			help_print(self, rows);
			exit(EXIT_GOOD);
		}
		for (i = 0; i < n; i++)
			if (c == 256 + i || c == rows[i].letter)
				break;
		if (value_set(&rows[i], optarg) == -1)
			return options_wrong(self, "too many of one option"),
			       -1;
	}
	return optind;
}
