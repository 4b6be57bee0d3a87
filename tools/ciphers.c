/* ciphers.c - tlsshim ciphers: what a context offers, as get_ciphers() of
 * Python's ssl gives it */
#include <string.h>

#include "../policy/json.h"
#include "context.h"
#include "openssl.h"
#include "../shim/engine/suite.h"

/* "AESGCM(128)", as OpenSSL describes a cipher. */
static void
encryption_text(const struct suite *s, char *buf, size_t len)
{
	const char *name = gnutls_cipher_get_name(s->cipher);
	const char *kind = strstr(name, "GCM") != NULL	? "GCM"
			   : strstr(name, "CCM") != NULL ? "CCM"
							  : "";

	if (strncmp(name, "AES", 3) == 0)
		snprintf(buf, len, "AES%s(%u)", kind, suite_bits(s));
	else if (strncmp(name, "CHACHA", 6) == 0)
		snprintf(buf, len, "CHACHA20/POLY1305(256)");
	else if (strncmp(name, "3DES", 4) == 0)
		snprintf(buf, len, "3DES(168)");
	else
		snprintf(buf, len, "Camellia%s(%u)", kind, suite_bits(s));
}

static const char *
mac_text(const struct suite *s)
{
	return s->mac == GNUTLS_MAC_AEAD      ? "AEAD"
	       : s->mac == GNUTLS_MAC_SHA1   ? "SHA1"
	       : s->mac == GNUTLS_MAC_SHA256 ? "SHA256"
					       : "SHA384";
}

static void
description_text(const struct suite *s, char *buf, size_t len)
{
	char enc[40];

	encryption_text(s, enc, sizeof enc);
	snprintf(buf, len, "%-30s %-7s Kx=%-8s Au=%-5s Enc=%-22s Mac=%-4s",
	    s->name, suite_protocol(s), suite_exchange(s),
	    suite_authentication(s), enc, mac_text(s));
}

static void
member_print(const char *name, const char *value)
{
	printf(", \"%s\": ", name);
	json_string_print(value, stdout);
}

static void
words_print(const struct suite *s)
{
	char symmetric[40], low[16];
	const char *name = gnutls_cipher_get_name(s->cipher);
	const char *mac = mac_text(s);
	size_t i;

	for (i = 0; name[i] != '\0' && i < sizeof symmetric - 1; i++)
		symmetric[i] = name[i] >= 'A' && name[i] <= 'Z'
				   ? (char)(name[i] + 32)
				   : name[i];
	symmetric[i] = '\0';
	for (i = 0; mac[i] != '\0'; i++)
		low[i] = mac[i] >= 'A' && mac[i] <= 'Z' ? (char)(mac[i] + 32)
							: mac[i];
	low[i] = '\0';
	member_print("symmetric", symmetric);
	member_print("digest", s->mac == GNUTLS_MAC_AEAD ? NULL : low);
	member_print("kea", suite_kea(s));
	member_print("auth", suite_auth(s));
}

static void
json_print(const struct suite *s, bool first)
{
	char text[160];

	description_text(s, text, sizeof text);
	printf("%s{ \"id\": %u", first ? "" : ",\n  ", 0x03000000 | s->id);
	member_print("name", s->name);
	member_print("iana", s->iana);
	member_print("protocol", suite_protocol(s));
	member_print("description", text);
	printf(", \"strength_bits\": %u, \"alg_bits\": %u, \"aead\": %s",
	    suite_bits(s),
	    s->cipher == GNUTLS_CIPHER_3DES_CBC ? 168 : suite_bits(s),
	    s->mac == GNUTLS_MAC_AEAD ? "true" : "false");
	words_print(s);
	fputs(" }", stdout);
}

static void
list_print(gnutls_priority_t priority, bool json)
{
	struct suite all[SUITES_MOST];
	size_t n = suites_read(all, SUITES_MOST), k;
	bool first = true;
	char text[160];
	unsigned i, index;
	int rv;

	if (json)
		fputs("[ ", stdout);
	for (i = 0; (rv = gnutls_priority_get_cipher_suite_index(
			 priority, i, &index)) !=
		    GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
	     i++) {
		for (k = 0; rv >= 0 && k < n; k++) {
			if (all[k].index != index)
				continue;
			description_text(&all[k], text, sizeof text);
			if (json)
				json_print(&all[k], first);
			else
				printf("%s\n", text);
			first = false;
		}
	}
	if (json)
		fputs(" ]\n", stdout);
}

int
ciphers_main(const struct subcommand *self, int argc, char **argv)
{
	struct context_choice from = {.side = SIDE_CLIENT};
	const char *string = NULL;
	bool json = false, server = false;
	const struct option_row rows[] = {
	    {'p', "policy", OPTION_TEXT, &from.policy, "FILE",
		"What a context of this policy offers, not the defaults."},
	    {0, "context", OPTION_TEXT, &from.context, "NAME",
		"With -p, this context; without it, the policy's defaults."},
	    {0, "server", OPTION_FLAG, &server, NULL, "As a server takes them."},
	    {0, "from-openssl", OPTION_TEXT, &string, "STRING",
		"Say STRING, a cipher list of OpenSSL's, in a policy's words."},
	    {0, "json", OPTION_FLAG, &json, NULL,
		"Print JSON, as Python's get_ciphers()."},
	    {0},
	};
	gnutls_priority_t priority;
	struct fault f = {0};
	int first = options_read(self, rows, true, argc, argv);

	if (first != argc)
		return first == -1 ? EXIT_USAGE
				   : options_wrong(self, "too many arguments");
	if (string != NULL)
		return openssl_translate(string, json);
	from.side = server ? SIDE_SERVER : SIDE_CLIENT;
	if (context_find(self, &from) == -1)
		return from.wrong ? EXIT_USAGE : EXIT_BAD;
	if (priority_new(&from.rule, &priority, &f) == -1) {
		complain_fault(&f);
		context_unload(&from, NULL);
		return EXIT_BAD;
	}
	list_print(priority, json);
	gnutls_priority_deinit(priority);
	context_unload(&from, NULL);
	return EXIT_GOOD;
}
