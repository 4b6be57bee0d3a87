/* peercert.c - a certificate as getpeercert() of Python's ssl gives it */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../policy/der.h"
#include "../../policy/json.h"
#include "../../policy/utc.h"
#include "peercert.h"

/* As OpenSSL, and so Python, names them: objects.txt's long names. */
static const struct {
	const char *oid, *name;
} attributes[] = {
    {"2.5.4.3", "commonName"},
    {"2.5.4.4", "surname"},
    {"2.5.4.5", "serialNumber"},
    {"2.5.4.6", "countryName"},
    {"2.5.4.7", "localityName"},
    {"2.5.4.8", "stateOrProvinceName"},
    {"2.5.4.9", "streetAddress"},
    {"2.5.4.10", "organizationName"},
    {"2.5.4.11", "organizationalUnitName"},
    {"2.5.4.12", "title"},
    {"2.5.4.13", "description"},
    {"2.5.4.15", "businessCategory"},
    {"2.5.4.17", "postalCode"},
    {"2.5.4.20", "telephoneNumber"},
    {"2.5.4.41", "name"},
    {"2.5.4.42", "givenName"},
    {"2.5.4.43", "initials"},
    {"2.5.4.44", "generationQualifier"},
    {"2.5.4.45", "x500UniqueIdentifier"},
    {"2.5.4.46", "dnQualifier"},
    {"2.5.4.65", "pseudonym"},
    {"2.5.4.97", "organizationIdentifier"},
    {"0.9.2342.19200300.100.1.1", "userId"},
    {"0.9.2342.19200300.100.1.25", "domainComponent"},
    {"1.2.840.113549.1.9.1", "emailAddress"},
    {"1.2.840.113549.1.9.2", "unstructuredName"},
    {"1.3.6.1.4.1.311.60.2.1.1", "jurisdictionLocalityName"},
    {"1.3.6.1.4.1.311.60.2.1.2", "jurisdictionStateOrProvinceName"},
    {"1.3.6.1.4.1.311.60.2.1.3", "jurisdictionCountryName"},
};

static const char *
attribute_name(const char *oid)
{
	size_t i;

	for (i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
		if (strcmp(attributes[i].oid, oid) == 0)
			return attributes[i].name;
	return oid;
}

static size_t
utf8_put(char *out, unsigned long ch)
{
	if (ch < 0x80) {
		out[0] = (char)ch;
		return 1;
	}
	if (ch < 0x800) {
		out[0] = (char)(0xc0 | ch >> 6);
		out[1] = (char)(0x80 | (ch & 0x3f));
		return 2;
	}
	if (ch < 0x10000) {
		out[0] = (char)(0xe0 | ch >> 12);
		out[1] = (char)(0x80 | (ch >> 6 & 0x3f));
		out[2] = (char)(0x80 | (ch & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | (ch >> 18 & 7));
	out[1] = (char)(0x80 | (ch >> 12 & 0x3f));
	out[2] = (char)(0x80 | (ch >> 6 & 0x3f));
	out[3] = (char)(0x80 | (ch & 0x3f));
	return 4;
}

/* JSON of text that may hold a NUL. */
static void
text_print(const char *text, size_t n, FILE *out)
{
	size_t i;

	fputc('"', out);
	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\u%04x", c);
		else if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

/* How many bytes a character of a string type has (X.680); 0: it is UTF-8. */
static unsigned
character_size(unsigned long tag)
{
	return tag == 30 ? 2 : tag == 28 ? 4 : tag == 12 ? 0 : 1;
}

static void
string_print(const unsigned char *p, size_t n, unsigned long tag, FILE *out)
{
	unsigned size = character_size(tag), k;
	char *text = malloc(4 * n + 4);
	size_t i, at = 0;
	unsigned long ch;

	if (text == NULL)
		return;
	for (i = 0; size > 0 && i + size <= n; i += size) {
		for (ch = 0, k = 0; k < size; k++)
			ch = ch << 8 | p[i + k];
		at += utf8_put(text + at, ch);
	}
	if (size == 0) {
		memcpy(text, p, n);
		at = n;
	}
	text_print(text, at, out);
	free(text);
}

static void
dn_print(gnutls_x509_dn_t dn, FILE *out)
{
	gnutls_x509_ava_st ava;
	char oid[128];
	int rdn, i;

	fputc('[', out);
	for (rdn = 0; gnutls_x509_dn_get_rdn_ava(dn, rdn, 0, &ava) >= 0;
	     rdn++) {
		fputs(rdn > 0 ? ", [" : "[", out);
		for (i = 0; gnutls_x509_dn_get_rdn_ava(dn, rdn, i, &ava) >= 0;
		     i++) {
			snprintf(oid, sizeof oid, "%.*s", (int)ava.oid.size,
			    (const char *)ava.oid.data);
			fputs(i > 0 ? ", [" : "[", out);
			json_string_print(attribute_name(oid), out);
			fputs(", ", out);
			string_print(ava.value.data, ava.value.size,
			    ava.value_tag, out);
			fputc(']', out);
		}
		fputc(']', out);
	}
	fputc(']', out);
}

/* i2a_ASN1_INTEGER: no byte that is only a sign. */
static void
serial_print(gnutls_x509_crt_t crt, FILE *out)
{
	unsigned char raw[64];
	size_t n = sizeof raw, i = 0;

	if (gnutls_x509_crt_get_serial(crt, raw, &n) < 0)
		n = 0;
	while (i + 1 < n && raw[i] == 0)
		i++;
	fputc('"', out);
	for (; i < n; i++)
		fprintf(out, "%02X", raw[i]);
	fputc('"', out);
}

static void
time_print(time_t when, FILE *out)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct utc at = utc_of(when);
	char text[64];

	snprintf(text, sizeof text, "%.3s %2d %02d:%02d:%02d %ld GMT",
	    months + 3 * (at.month - 1), at.day, at.hour, at.minute, at.second,
	    at.year);
	json_string_print(text, out);
}

static void
ip_text(const unsigned char *p, size_t n, char *out, size_t len)
{
	size_t i, at = 0;

	if (n == 4) {
		snprintf(out, len, "%d.%d.%d.%d", p[0], p[1], p[2], p[3]);
		return;
	}
	if (n != 16) {
		snprintf(out, len, "<invalid>");
		return;
	}
	for (i = 0; i < 16; i += 2)
		at += (size_t)snprintf(out + at, len - at, "%s%X",
		    i > 0 ? ":" : "", p[i] << 8 | p[i + 1]);
}

/* RFC 5280, 4.2.1.6: the kinds of GeneralName that Python tells apart */
enum {
	NAME_EMAIL = DER_CONTEXT | 1,
	NAME_DNS = DER_CONTEXT | 2,
	NAME_DIRECTORY = DER_CONTEXT | DER_CONSTRUCTED | 4,
	NAME_URI = DER_CONTEXT | 6,
	NAME_IP = DER_CONTEXT | 7,
	NAME_ID = DER_CONTEXT | 8,
};

static void
directory_print(const struct der *name, FILE *out)
{
	const gnutls_datum_t d = {
	    (unsigned char *)(uintptr_t)name->p, (unsigned)name->len};
	gnutls_x509_dn_t dn;

	if (gnutls_x509_dn_init(&dn) < 0)
		return;
	if (gnutls_x509_dn_import(dn, &d) >= 0)
		dn_print(dn, out);
	else
		fputs("[]", out);
	gnutls_x509_dn_deinit(dn);
}

static void
id_print(const struct der *id, FILE *out)
{
	unsigned long n = 0;
	bool first = true;
	size_t i;

	fputc('"', out);
	for (i = 0; i < id->len; i++) {
		n = n << 7 | (id->p[i] & 0x7f);
		if (id->p[i] & 0x80)
			continue;
		if (first && n >= 80)
			fprintf(out, "2.%lu", n - 80);
		else if (first)
			fprintf(out, "%lu.%lu", n / 40, n % 40);
		else
			fprintf(out, ".%lu", n);
		first = false;
		n = 0;
	}
	fputc('"', out);
}

static void
name_print(const struct der_item *n, FILE *out)
{
	const struct der *v = &n->value;
	char text[64];

	switch (n->tag) {
	case NAME_DNS:
	case NAME_EMAIL:
	case NAME_URI:
		fprintf(out, "[\"%s\", ",
		    n->tag == NAME_DNS     ? "DNS"
			: n->tag == NAME_URI ? "URI"
					     : "email");
		text_print((const char *)v->p, v->len, out);
		fputc(']', out);
		break;
	case NAME_IP:
		ip_text(v->p, v->len, text, sizeof text);
		fprintf(out, "[\"IP Address\", \"%s\"]", text);
		break;
	case NAME_DIRECTORY:
		fputs("[\"DirName\", ", out);
		directory_print(v, out);
		fputc(']', out);
		break;
	case NAME_ID:
		fputs("[\"Registered ID\", ", out);
		id_print(v, out);
		fputc(']', out);
		break;
	default:
		fputs("[\"othername\", \"<unsupported>\"]", out);
	}
}

/* The names of the extension; block is the caller's to gnutls_free. */
static struct der
names_read(gnutls_x509_crt_t crt, gnutls_datum_t *block)
{
	struct der in = {NULL, 0};
	struct der_item all;

	*block = (gnutls_datum_t){NULL, 0};
	if (gnutls_x509_crt_get_extension_by_oid2(
		crt, "2.5.29.17", 0, block, NULL) < 0)
		return in;
	in = (struct der){block->data, block->size};
	return der_take(&in, DER_SEQUENCE, &all) ? all.value
						 : (struct der){NULL, 0};
}

static void
sans_print(gnutls_x509_crt_t crt, FILE *out)
{
	const char *before = ",\n  \"subjectAltName\": [";
	gnutls_datum_t block;
	struct der in = names_read(crt, &block);
	bool any = in.len > 0;
	struct der_item n;

	while (der_next(&in, &n)) {
		fputs(before, out);
		name_print(&n, out);
		before = ", ";
	}
	if (any && before[1] == ' ')
		fputc(']', out);
	gnutls_free(block.data);
}

void
peercert_print_names(gnutls_x509_crt_t crt, FILE *out)
{
	const char *before = "";
	gnutls_datum_t block;
	struct der in = names_read(crt, &block);
	struct der_item n;
	char text[64];

	fputc('[', out);
	while (der_next(&in, &n)) {
		if (n.tag != NAME_IP && n.tag != NAME_DNS)
			continue;
		fputs(before, out);
		before = ", ";
		if (n.tag == NAME_DNS) {
			text_print((const char *)n.value.p, n.value.len, out);
			continue;
		}
		if (inet_ntop(n.value.len == 16 ? AF_INET6 : AF_INET, n.value.p,
			text, sizeof text) == NULL || n.value.len % 12 != 4)
			strcpy(text, "<invalid>");
		fprintf(out, "\"%s\"", text);
	}
	fputc(']', out);
	gnutls_free(block.data);
}

/* authorityInfoAccess, RFC 5280 4.2.2.1: the addresses of one method. */
static void
access_print(gnutls_x509_crt_t crt, int what, const char *name, FILE *out)
{
	gnutls_datum_t uri;
	unsigned i;
	int rv, n = 0;

	for (i = 0;; i++) {
		rv = gnutls_x509_crt_get_authority_info_access(
		    crt, i, what, &uri, NULL);
		if (rv == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (rv < 0)
			continue;
		if (n++ == 0)
			fprintf(out, ",\n  \"%s\": [", name);
		else
			fputs(", ", out);
		string_print(uri.data, uri.size, 22, out);
		gnutls_free(uri.data);
	}
	if (n > 0)
		fputc(']', out);
}

static void
points_print(gnutls_x509_crt_t crt, FILE *out)
{
	unsigned char text[2048];
	size_t len;
	unsigned i;
	int type, n = 0;

	for (i = 0;; i++) {
		len = sizeof text;
		type = gnutls_x509_crt_get_crl_dist_points(
		    crt, i, text, &len, NULL, NULL);
		if (type < 0)
			break;
		if (type != GNUTLS_SAN_URI)
			continue;
		fputs(n++ == 0 ? ",\n  \"crlDistributionPoints\": [" : ", ",
		    out);
		string_print(text, len, 22, out);
	}
	if (n > 0)
		fputc(']', out);
}

void
peercert_print_json(gnutls_x509_crt_t crt, FILE *out)
{
	gnutls_x509_dn_t dn;

	fputs("{ \"subject\": ", out);
	if (gnutls_x509_crt_get_subject(crt, &dn) >= 0)
		dn_print(dn, out);
	else
		fputs("[]", out);
	fputs(",\n  \"issuer\": ", out);
	if (gnutls_x509_crt_get_issuer(crt, &dn) >= 0)
		dn_print(dn, out);
	else
		fputs("[]", out);
	fprintf(out, ",\n  \"version\": %d,\n  \"serialNumber\": ",
	    gnutls_x509_crt_get_version(crt));
	serial_print(crt, out);
	fputs(",\n  \"notBefore\": ", out);
	time_print(gnutls_x509_crt_get_activation_time(crt), out);
	fputs(",\n  \"notAfter\": ", out);
	time_print(gnutls_x509_crt_get_expiration_time(crt), out);
	sans_print(crt, out);
	access_print(crt, GNUTLS_IA_OCSP_URI, "OCSP", out);
	access_print(crt, GNUTLS_IA_CAISSUERS_URI, "caIssuers", out);
	points_print(crt, out);
	fputs(" }", out);
}

void
peercert_print_text(gnutls_x509_crt_t crt, FILE *out)
{
	gnutls_datum_t text;

	if (gnutls_x509_crt_print(crt, GNUTLS_CRT_PRINT_FULL, &text) < 0)
		return;
	fwrite(text.data, 1, text.size, out);
	gnutls_free(text.data);
}

void
peercert_print_subject(gnutls_x509_crt_t crt, FILE *out)
{
	gnutls_datum_t dn;

	if (gnutls_x509_crt_get_dn3(crt, &dn, 0) < 0) {
		fputs("\"\"", out);
		return;
	}
	json_string_print((const char *)dn.data, out);
	gnutls_free(dn.data);
}
