/* fault.c - why something in the policy layer was refused */
#include <stdarg.h>
#include <stdio.h>

#include "policy.h"

int
fault_set(struct fault *f, const char *file, int line, const char *fmt, ...)
{
	va_list ap;
	char *p;

	if (f == NULL)
		return -1;
	snprintf(f->file, sizeof f->file, "%s", file != NULL ? file : "");
	f->line = line;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof f->text, fmt, ap);
	va_end(ap);
	/* A log line and a terminal get what a file may have put in a name. */
	for (p = f->text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return -1;
}

void
fault_text(const struct fault *f, char *buf, size_t len)
{
	if (f->file[0] == '\0')
		snprintf(buf, len, "%s", f->text);
	else if (f->line <= 0)
		snprintf(buf, len, "%s: %s", f->file, f->text);
	else
		snprintf(buf, len, "%s:%d: %s", f->file, f->line, f->text);
}
