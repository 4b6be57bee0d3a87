/* check.c - is a value one that its key can take */
#include <string.h>

#include "check.h"
#include "policy.h"

#define BASE64 \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

const char *
check_depth(int v)
{
	return v >= 0 && v <= 100 ? NULL : "must be between 0 and 100";
}

const char *
check_seconds(int v)
{
	return v >= 1 && v <= 86400 * 7
		   ? NULL
		   : "is in seconds and must be between 1 and 604800";
}

const char *
check_tickets(int v)
{
	return v >= 0 && v <= 16 ? NULL : "must be between 0 and 16";
}

const char *
check_text(const char *v)
{
	return v[0] != '\0' ? NULL : "must not be empty";
}

const char *
check_identity(const char *v)
{
	size_t n = strlen(v);

	return n >= 1 && n <= 513
		   ? NULL
		   : "must be 1 to 256 bytes, or # and their hexadecimal";
}

const char *
check_words(const char *v)
{
	if (v[0] == '\0')
		return "must not hold an empty string";
	return strpbrk(v, " \t\n,:") == NULL
		   ? NULL
		   : "takes one name an entry: write ( \"a\", \"b\" )";
}

/* GnuTLS has room for 32 bytes of a name. */
const char *
check_protocols(const char *v)
{
	if (strlen(v) > 32)
		return "must not hold a name of more than 32 bytes";
	return check_words(v);
}

/* What else it must be is for priority.c, which knows GnuTLS's words. */
const char *
check_priority(const char *v)
{
	if (v[0] == '\0')
		return "must not be empty";
	return strpbrk(v, " \t\n") == NULL ? NULL : "must not hold blanks";
}

const char *
check_profile(const char *v)
{
	static const char *const known[] = {
	    "low", "legacy", "medium", "high", "ultra", "future"};
	size_t i;

	for (i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strcmp(v, known[i]) == 0)
			return NULL;
	return "must be low, legacy, medium, high, ultra or future";
}

const char *
check_host(const char *v)
{
	char canon[256];

	if (strchr(v, '*') != NULL)
		return "must be one name, without '*'";
	return name_canon(v, canon, sizeof canon) == 0 ? NULL
						       : "is not a host name";
}

const char *
check_address(const char *v)
{
	return name_is_address(v) ? NULL : "takes IP addresses";
}

const char *
check_mail(const char *v)
{
	const char *at = strchr(v, '@');

	return at != NULL && at != v && at[1] != '\0' &&
			   strchr(at + 1, '@') == NULL &&
			   strpbrk(v, " \t\n,") == NULL
		   ? NULL
		   : "takes one mail address an entry, user@host";
}

const char *
check_uri(const char *v)
{
	const char *colon = strchr(v, ':');

	return colon != NULL && colon != v && strpbrk(v, " \t\n") == NULL
		   ? NULL
		   : "takes URIs, scheme:rest";
}

const char *
check_sni_host(const char *v)
{
	if (v[0] == '\0')
		return NULL;
	if (name_is_address(v))
		return "must be a name: SNI cannot carry an address (RFC 6066)";
	return check_host(v);
}

const char *
check_path(const char *v)
{
	if (v[0] == '\0')
		return "must not be empty";
	return strncmp(v, "pkcs11:", 7) == 0
		   ? "cannot be a pkcs11: address, as certfile and keyfile can"
		   : NULL;
}

const char *
check_path_or_url(const char *v)
{
	return v[0] != '\0' ? NULL : "must not be empty";
}

const char *
check_pins(const char *v)
{
	static const char form[] =
	    "must be \"sha256//\" and the 44 characters of base64";

	if (strncmp(v, "sha256//", 8) != 0)
		return form;
	v += 8;
	/* 256 bits leave two of the last letter's, which are zero */
	return strlen(v) == 44 && strspn(v, BASE64) == 43 && v[43] == '=' &&
			   strchr("AEIMQUYcgkosw048", v[42]) != NULL
		   ? NULL
		   : form;
}
