/* json.c - strings as JSON (RFC 8259) */
#include "json.h"

void
json_string_print(const char *s, FILE *out)
{
	unsigned char c;

	if (s == NULL) {
		fputs("null", out);
		return;
	}
	putc('"', out);
	for (; *s != '\0'; s++) {
		c = (unsigned char)*s;
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", out);
		else if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			putc(c, out);
	}
	putc('"', out);
}
