#!/bin/bash
# layers_test.sh - who may include whom; how long files and functions get

. "${0%/*}/lib.sh"
cd "$TESTS/.." || exit 2

# included FOLDER	lines of FILE WHAT: the includes of a folder's files, but
# not those of its own files
included() {
	local file what
	for file in "$1"/*.[chS]; do
		sed -n 's/^#[ \t]*include[ \t]*\([<"][^>"]*\)[>"].*/\1/p' \
		    "$file" | while read -r what; do
			[ -e "$1/${what#\"}" ] && [[ $what == \"* ]] ||
			    echo "$file ${what#\"}"
		done
	done
}

# none_but FOLDER REGEX...	no include of ours, of GnuTLS or of libconfig but
# these, written `file what`
none_but() {
	local folder=$1 pattern
	shift
	pattern=$(printf '%s|' "$@")
	bad=$(included "$folder" | grep -E '\.\./|gnutls|libconfig' |
	    grep -Ev "^($folder/)?(${pattern%|})\$")
	assertEquals "$folder includes" '' "$bad"
	assertNotEquals "$folder is read" '' "$(included "$folder")"
}

test_preload_includes_the_contract_alone() {
	none_but shim/preload \
	    '[^ ]* \.\./(calls\.h|calls\.def|abi\.h|api\.def|tlsshim\.h)' \
	    '[^ ]* \.\./(target\.h|page\.h)'
}

test_engine_includes_contract_policy_and_gnutls() {
	none_but shim/engine '[^ ]* \.\./(abi|calls|tlsshim)\.(h|def)' \
	    '[^ ]* \.\./\.\./policy/(policy|credentials|trust|der|crl|keys|psk|stamp|json|file|ticket_keys|secret|utc)\.h' \
	    '[^ ]* <gnutls/.*'
}

test_policy_includes_libraries_where_they_belong() {
	none_but policy '(file|rule|parse|scan)\.[ch] <libconfig\.h' \
	    '(credentials|digest|identity|name|priority|algorithms|trust|pem)\.[ch] <gnutls/.*'
}

test_tools_include_what_the_table_allows() {
	none_but tools '[^ ]* \.\./policy/[a-z_]*\.h' '[^ ]* <gnutls/.*' \
	    '[^ ]* \.\./shim/engine/(probe|verify|session|errors|peercert|suite|cache)\.h' \
	    '[^ ]* \.\./shim/(target|page|abi|calls|tlsshim)\.h'
}

# They would come back to the preload, and from there to the engine.
test_engine_calls_no_socket_function_of_libc_by_name() {
	assertEquals '' "$(nm -D -u "$B/tlsshim-engine.so" |
	    awk '{ sub(/@.*/, "", $2); print $2 }' | grep -xE \
	    'socket|connect|accept4?|bind|listen|shutdown|[gs]etsockopt|'`
	    `'get(peer|sock)name|(send|recv)(to|from|m?msg)?|'`
	    `'p?poll|p?select|epoll_.*|readv|writev')"
}

sources() {
	git ls-files 2>/dev/null '*.[ch]' | grep -v ^tests/conformance ||
	    find shim policy tools tests/unit tests/fixtures -name '*.[ch]'
}

# conn.h, conn_lock: else what quick.c has found of a connection would be kept.
test_a_connection_is_locked_by_its_function() {
	bad=$(grep -nE 'pthread_mutex_(try)?lock\(&([a-z>.-]*->)?c->lock' \
	    shim/engine/*.[ch])
	assertEquals 3 "$(grep -c '^shim/engine/conn.h:' <<<"$bad")"
	assertEquals "$bad" 3 "$(wc -l <<<"$bad")"
}

test_no_file_is_longer_than_600_lines() {
	assertEquals '' "$(sources | xargs wc -l |
	    awk '$2 != "total" && $1 > 600')"
}

# A body opens and closes in the first column.
test_no_function_is_longer_than_80_lines() {
	assertEquals '' "$(sources | grep '\.c$' | xargs awk '
	    /^{/ { start = FNR }
	    /^}/ && start && FNR - start > 80 {
		print FILENAME ":" start ": " FNR - start " lines"
	    }
	    /^}/ { start = 0 }')"
}

# A defect whose text is gone would be planted nowhere, until make mutations.
test_defects_to_plant_still_fit_their_files() {
	assertEquals '' "$(tests/mutations/all --check)"
}

test_every_file_says_in_its_first_lines_what_it_is() {
	local file bad=''
	for file in $(sources); do
		head -n 2 "$file" | grep -q "$(basename "$file") - " ||
		    bad="$bad $file"
	done
	assertEquals '' "$bad"
}

. shunit2
