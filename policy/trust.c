/* trust.c - the certificates that a rule trusts, found by their subject */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "credentials.h"
#include "file.h"
#include "folder.h"
#include "pem.h"
#include "trust.h"

struct trust *
trust_new(void)
{
	return calloc(1, sizeof(struct trust));
}

void
trust_free(struct trust *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->nblock; i++)
		free(t->block[i]);
	for (i = 0; i < t->nfile; i++)
		free(t->file[i]);
	free(t->block);
	free(t->file);
	free(t->cert);
	free(t);
}

/* Room for one more in an array that grows by doubling from its count. */
static bool
grow(void **array, size_t n, size_t size)
{
	void *p;

	if ((n & (n - 1)) != 0)
		return true; /* the last power of two still has room */
	p = realloc(*array, (n == 0 ? 1 : 2 * n) * size);
	if (p == NULL)
		return false;
	*array = p;
	return true;
}

static int
no_memory(struct fault *f)
{
	return fault_set(f, NULL, 0, "out of memory");
}

static bool
cert_add(
    struct trust *t, const unsigned char *der, size_t len, const char *file)
{
	struct der_cert c;

	if (!der_cert(der, len, &c) ||
	    !grow((void **)&t->cert, t->n, sizeof *t->cert))
		return false;
	t->cert[t->n++] = (struct trust_cert){{der, len}, c.subject, file};
	return true;
}

/* Every certificate of text; the DER of all goes to one block. */
static int
text_add(struct trust *t, const char *text, size_t len, const char *file,
    struct fault *f)
{
	struct pem in = {text, 1, 1};
	size_t cap = len / 4 * 3 + 3, used = 0;
	unsigned char *block;
	long n;

	if (!grow((void **)&t->block, t->nblock, sizeof *t->block) ||
	    (block = malloc(cap)) == NULL)
		return no_memory(f);
	t->block[t->nblock++] = block;
	while ((n = pem_next(&in, block + used, cap - used)) > 0) {
		if (!cert_add(t, block + used, (size_t)n, file))
			break;
		used += (size_t)n;
	}
	if (n != 0)
		return fault_set(
		    f, file, in.block, "this certificate cannot be read");
	return 0;
}

static int
file_add(
    struct trust *t, const char *path, const struct origin *at, struct fault *f)
{
	char *text = NULL;
	size_t len;
	int rv;

	if (file_read(path, FILE_PUBLIC, FILE_MAX, &text, &len, f, at->file,
		at->line) == -1)
		return -1;
	if (!grow((void **)&t->file, t->nfile, sizeof *t->file) ||
	    (t->file[t->nfile] = strdup(path)) == NULL) {
		free(text);
		return no_memory(f);
	}
	rv = text_add(t, text, len, t->file[t->nfile++], f);
	free(text);
	return rv;
}

static void
text_note(struct trust *t, const char *path)
{
	size_t n = strlen(t->text);

	snprintf(
	    t->text + n, sizeof t->text - n, "%s%s", n > 0 ? ", " : "", path);
}

int
trust_add_file(
    struct trust *t, const char *path, const struct origin *at, struct fault *f)
{
	size_t before = t->n;

	if (file_add(t, path, at, f) == -1)
		return -1;
	if (t->n == before)
		return fault_set(
		    f, at->file, at->line, "%s holds no certificate", path);
	text_note(t, path);
	return 0;
}

int
trust_add_text(struct trust *t, const char *text, const char *what,
    const struct origin *at, struct fault *f)
{
	size_t before = t->n;

	if (text_add(t, text, strlen(text), what, f) == -1) {
		/* escapes hide which line of the policy it is */
		f->line = at->line;
		snprintf(f->file, sizeof f->file, "%s", at->file);
		return -1;
	}
	if (t->n == before)
		return fault_set(
		    f, at->file, at->line, "%s holds no certificate", what);
	text_note(t, what);
	return 0;
}

static int
entry_add(
    void *to, const char *path, const struct origin *at, struct fault *f)
{
	return file_add(to, path, at, f);
}

int
trust_add_dir(
    struct trust *t, const char *path, const struct origin *at, struct fault *f)
{
	static const char *const ends[] = {".pem", ".crt", NULL};
	size_t before = t->n;

	if (folder_each(path, ends, 0, entry_add, t, at, f) == -1)
		return -1;
	if (t->n == before)
		return fault_set(
		    f, at->file, at->line, "%s holds no certificate", path);
	text_note(t, path);
	return 0;
}

static int
cert_compare(const void *a, const void *b)
{
	const struct trust_cert *x = a, *y = b;
	int rv = der_compare(&x->subject, &y->subject);

	return rv != 0 ? rv : der_compare(&x->der, &y->der);
}

/*
 * A hashed folder holds each certificate two or three times.  No order may
 * depend on readdir: equal ones are truly equal, so any of them will do.
 */
void
trust_sort(struct trust *t)
{
	size_t i, n = 0;

	if (t->n == 0)
		return;
	qsort(t->cert, t->n, sizeof *t->cert, cert_compare);
	for (i = 1; i < t->n; i++)
		if (!der_same(&t->cert[i].der, &t->cert[n].der))
			t->cert[++n] = t->cert[i];
	t->n = n + 1;
}

size_t
trust_find(const struct trust *t, const struct der *subject,
    const struct trust_cert **first)
{
	size_t low = 0, high = t->n, mid, n = 0;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (der_compare(&t->cert[mid].subject, subject) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*first = t->cert + low;
	while (low + n < t->n && der_same(&t->cert[low + n].subject, subject))
		n++;
	return n;
}

const struct trust_cert *
trust_has(
    const struct trust *t, const struct der *der, const struct der *subject)
{
	const struct trust_cert *c;
	size_t n;

	for (n = trust_find(t, subject, &c); n > 0; n--, c++)
		if (der_same(&c->der, der))
			return c;
	return NULL;
}

static int
sources_add(struct trust *t, const struct rule *r, struct fault *f)
{
	const struct rule_values *v = &r->values;
	const struct origin file = origin_of(r, K_cafile);
	const struct origin dir = origin_of(r, K_capath);
	const struct origin data = origin_of(r, K_cadata);
	const struct origin of_system = origin_of(r, K_system_trust);

	if (v->cafile != NULL && trust_add_file(t, v->cafile, &file, f) == -1)
		return -1;
	if (v->capath != NULL && trust_add_dir(t, v->capath, &dir, f) == -1)
		return -1;
	if (v->cadata != NULL &&
	    trust_add_text(t, v->cadata, "cadata", &data, f) == -1)
		return -1;
	if (v->system_trust &&
	    trust_add_file(t, TRUST_SYSTEM, &of_system, f) == -1)
		return -1;
	/* By pins alone: there is nobody to trust. */
	if (t->n == 0 && !v->pins_only)
		return fault_set(f, r->file, r->line,
		    "nothing is trusted: set cafile, capath, cadata or "
		    "system_trust, or verify_mode = \"none\"");
	trust_sort(t);
	return 0;
}

int
trust_read(const struct rule *r, struct trust **out, struct fault *f)
{
	struct trust *t;

	*out = NULL;
	if (r->values.verify_mode == VERIFY_NONE)
		return 0;
	t = trust_new();
	if (t == NULL)
		return no_memory(f);
	if (sources_add(t, r, f) == -1) {
		trust_free(t);
		return -1;
	}
	*out = t;
	return 0;
}
