#!/bin/bash
# keys_test.sh - each key of the policy is documented, checked and exercised

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	"$TLSSHIM" keys --json >"$TMP/keys.json"
	sed -n 's/.*"name": "\([^"]*\)", "type": ".*/\1/p' \
	    "$TMP/keys.json" >"$TMP/keys"
}

test_json_lists_the_rows_of_keys_def() {
	assertEquals "$(grep -c '^KEY(' "$TESTS/../policy/keys.def")" \
	    "$(wc -l <"$TMP/keys")"
}

test_each_key_is_in_the_manual() {
	local name page
	page=$(find "$B" "$TESTS/../policy" -name 'tlsshim-policy.5' |
	    head -n 1)
	assertNotEquals 'the generated manual' '' "$page"
	[ -n "$page" ] || return 0
	while read -r name; do
		grep -Fq "$name" <(sed 's/\\-/-/g; s/\\_/_/g' "$page") ||
		    fail "$name is not in the manual"
	done <"$TMP/keys"
}

# A boolean is checked by its type alone, the groups by their own reader.
test_each_key_has_a_check() {
	assertEquals '' "$(printf '%s\n' '#define BOTH(...) default' \
	    '#define SIDES(...) default' \
	    '#define KEY(f, type, name, d, check, ...) name type check' \
	    '#include "policy/keys.def"' |
	    (cd "$TESTS/.." && cc -E -P -I. -x c -) |
	    awk 'NF == 3 && $3 == "none" &&
		$2 !~ /^(BOOL|IDENTITIES|SNI)$/')"
}

# What holds where nothing is said is a promise: a line of defaults.tsv for each
# key, on clients and on servers.
test_defaults_are_those_promised() {
	python3 - "$TMP/keys.json" >"$TMP/defaults" <<-'END'
	import json, sys
	for key in json.load(open(sys.argv[1])):
	    default = key["default"]
	    print(key["name"], json.dumps(default["client"]),
	          json.dumps(default["server"]), sep="\t")
	END
	assertEquals "$(cat "$TESTS/defaults.tsv")" "$(cat "$TMP/defaults")"
}

# marked with|without	KEY FILE:TEST of what stands in a comment directly above
# a test as `# with: KEY...`, `# without: KEY...` or `# with and without: KEY...`
# and sets each KEY in its body (`# without:` alone must not set it)
marked() {
	awk -v which="$1" '
	FNR == 1 { n = 0 }
	/^# (with|without|with and without): / {
		split($0, part, ": ")
		if (part[1] == "# " which || part[1] == "# with and without")
			n = split(part[2], key, " ")
		alone = part[1] == "# without"
		next
	}
	n > 0 && /^test_[a-z0-9_]*\(\) \{/ { name = $1; body = ""; inside = 1 }
	inside { body = body "\n" $0 }
	inside && /^}/ {
		for (i = 1; i <= n; i++) {
			word = key[i]
			sub(/.*\./, "", word)
			sets = body ~ "[^a-z_]" word " *="
			if (alone ? !sets : sets)
				print key[i], FILENAME ":" name
		}
		n = inside = 0
	}
	!inside && !/^#/ { n = 0 }' "$TESTS"/*_test.sh
}

# Tests that show from outside what a key does, and that it is not so without.
test_each_key_has_a_test_with_and_one_without_it() {
	local name with without
	assertTrue "[ $(wc -l <"$TMP/keys") -ge 50 ]"
	with=$(marked with) without=$(marked without)
	while read -r name; do
		grep -q "^$name " <<<"$with" &&
		    grep -q "^$name " <<<"$without" ||
		    fail "no test is marked with and without: $name"
	done <"$TMP/keys"
}

test_marks_name_keys_that_there_are() {
	local name
	for name in $( (marked with; marked without) | cut -d' ' -f1); do
		grep -qx "$name" "$TMP/keys" || fail "$name is no key"
	done
}

. shunit2
