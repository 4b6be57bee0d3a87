/* tickets_fuzz.c - any text as a file of ticket keys */
#include "../../policy/ticket_keys.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + (size == 0)); /* no NUL ends it */
	struct ticket_keys *k = malloc(sizeof *k);
	const char *why = NULL;
	int line = 0;

	MUST(text != NULL && k != NULL);
	if (size > 0)
		memcpy(text, data, size);
	if (ticket_keys_parse(text, size, k, &line, &why) == 0)
		MUST(k->n > 0 && k->n <= TICKET_KEYS_MOST);
	else
		MUST(why != NULL && line > 0);
	free(text);
	free(k);
	return 0;
}
