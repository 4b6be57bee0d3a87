/* keys.c - tlsshim keys: what a context or a rule can set */
#include "../policy/keys.h"
#include "tools.h"

int
keys_main(const struct subcommand *self, int argc, char **argv)
{
	bool json = false, man = false;
	const struct option_row rows[] = {
	    {0, "json", OPTION_FLAG, &json, NULL, "Print JSON."},
	    {0, "man", OPTION_FLAG, &man, NULL,
		"Print the KEYS section of tlsshim-policy(5)."},
	    {0},
	};
	int first = options_read(self, rows, true, argc, argv);

	if (first == -1)
		return EXIT_USAGE;
	if (first != argc || (json && man))
		return options_wrong(self, "too many arguments");
	if (json)
		keys_print_json(stdout);
	else if (man)
		keys_print_man(stdout);
	else
		keys_print_text(stdout);
	return EXIT_GOOD;
}
