/* psk_fuzz.c - any text as a file of pre-shared keys */
#include "../../policy/psk.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct fault f = {{0}, 0, {0}};
	struct psks *p = NULL;
	const struct psk *e;
	size_t i;

	MUST(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (psks_parse(text, size, "fuzz.psk", &p, &f) == 0) {
		MUST(p->n > 0 && p->n <= PSK_MOST);
		for (i = 0; i < p->n; i++) {
			e = &p->v[i];
			MUST(e->key_len >= PSK_KEY_LEAST &&
			     e->key_len <= PSK_KEY_MOST &&
			     e->identity_len > 0 &&
			     e->identity_len <= PSK_IDENTITY_MOST);
			MUST(psks_find(p, e->identity, e->identity_len) == e);
		}
		MUST(psks_find(p, "", 0) == NULL);
		psks_free(p);
	} else {
		MUST(f.text[0] != '\0' && strchr(f.text, '\n') == NULL);
	}
	free(text);
	return 0;
}
