#!/bin/bash
# symbols_test.sh - what the built objects export and need, how they are
# linked, and whether a host's own names come between

. "${0%/*}/lib.sh"
cd "$TESTS/.." || exit 2

# exports OBJECT	names, sorted
exports() {
	nm -D --defined-only "$1" | awk '{ print $3 }' | sort
}

# needed OBJECT	the libraries it names, sorted
needed() {
	readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' | sort
}

# rows FILE...	the names in .def files, as the compiler reads them
rows() {
	local file
	{
		echo '#define CALL(gate, ret, name, ...) ROW name'
		echo '#define CALL_BY_HAND(ret, name, ...) ROW name'
		echo '#define API(gate, ret, name, ...) ROW name'
		echo '#define ALIAS(name, of) ROW name'
		echo '#define IMPORT(name) ROW name'
		for file; do
			echo "#include \"$file\""
		done
	} | ${CC:-cc} -E -P -I. -x c - | grep -o 'ROW [A-Za-z0-9_]*' |
	    sed 's/ROW //' | sort
}

test_preload_exports_its_def_files_and_nothing_else() {
	assertEquals "$(rows shim/calls.def shim/aliases.def shim/api.def)" \
	    "$(exports "$B/tlsshim.so")"
	assertContains "$(exports "$B/tlsshim.so")" __recvfrom_chk
}

# libc exports write as __write too: who was linked against that name would
# meet no hook.
test_no_other_name_of_libc_for_a_hook_is_left_out() {
	local libc
	libc=$(ldd "$B/tlsshim.so" | awk '$1 == "libc.so.6" { print $3 }')
	assertEquals '' "$(nm -D "$libc" | sed 's/@.*//' | awk '
	    NR == FNR { ours[$1]; next }
	    $2 !~ /[TWi]/ { next }
	    $3 in ours { hooked[$1] }
	    { name[++n] = $3; at[n] = $1 }
	    END { while (n > 0) {
		if (at[n] in hooked && !(name[n] in ours)) print name[n]
		n-- } }' <(exports "$B/tlsshim.so") - | sort -u)"
}

# shim/preload/place.h: each page more is a fault more for every start.
test_what_a_start_writes_is_on_one_page() {
	local name pages
	for name in late_imports libc libc_object start_env process_wiped \
	    first_owner owner symbol_own owned_top owned_table parted; do
		nm "$B/tlsshim.so" | awk -v n="$name" '$3 == n { print $1 }'
	done >"$TMP/places"
	pages=$(sed 's/...$//' "$TMP/places" | sort | uniq -c | tr -s ' ')
	assertEquals "$(cat "$TMP/places")" 1 "$(wc -l <<<"$pages")"
	assertContains "$pages" ' 11 '
}

# Each name costs every start a search by ld.so; imports.def's cost nothing.
test_preload_leaves_few_names_to_ld_so() {
	local names
	names=$(nm -D -u "$B/tlsshim.so" | awk '{ sub(/@.*/, ""); print $2 }')
	assertTrue "$names" "[ $(wc -w <<<"$names") -le 10 ]"
	assertContains "$names" malloc
}

# shim/preload/libc.c: what is found late is found without dlsym, which may
# wait for a lock that the thread has that a handler has interrupted.
test_what_is_found_late_is_a_plain_function_of_libc() {
	local libc
	libc=$(ldd "$B/tlsshim.so" | awk '$1 == "libc.so.6" { print $3 }')
	assertEquals '' "$(readelf --dyn-syms -W "$libc" | awk '
	    NR == FNR { want[$1]; next }
	    $4 ~ /^(FUNC|IFUNC)$/ && $7 != "UND" && split($8, part, "@@") == 2 {
		delete want[part[1]] }
	    END { for (name in want) print name }' <(
	    rows shim/calls.def shim/preload/imports.def) -)"
	assertContains "$(rows shim/preload/imports.def)" strrchr
}

test_no_row_is_there_twice() {
	assertEquals '' "$(rows shim/calls.def shim/aliases.def shim/api.def | uniq -d)"
}

test_public_header_declares_api_def() {
	local name
	for name in $(rows shim/api.def); do
		grep -q "[ *]$name(" shim/tlsshim.h ||
		    fail "$name is not in tlsshim.h"
	done
}

# Functions, fields and numbers, as the compiler reads them.
test_manual_page_tells_of_all_that_the_header_declares() {
	local name names page
	page=$(sed 's/\\-/-/g' shim/tlsshim.3)
	names=$(${CC:-cc} -E -P shim/tlsshim.h |
	    sed -n '/tlsshim_active/,$p' | tr '\n' ' ' |
	    grep -oE 'tlsshim_[a-z0-9_]+ *\(|TLSSHIM_[A-Z0-9_]+|'`
		`'[a-z_]+(\[[0-9]+\])?;' | sed 's/[^A-Za-z0-9_].*//')
	assertTrue "$names" '[ "$(wc -w <<<"$names")" -ge 80 ]'
	for name in $names; do
		grep -qw -- "$name" <<<"$page" ||
		    fail "$name is not in tlsshim.3"
	done
}

test_preload_needs_libc_alone() {
	assertEquals libc.so.6 "$(needed "$B/tlsshim.so")"
}

# The linker adds _end and the like by itself.
test_engine_exports_its_entry_and_an_allocator() {
	assertEquals shim_engine_start "$(exports "$B/tlsshim-engine.so" |
	    grep -Ev '^(__bss_start|_edata|_end)$' | grep -Ev \
	    '^(malloc|calloc|realloc(array)?|free|posix_memalign|aligned_alloc|(__)?strdup)$')"
}

test_engine_needs_gnutls_and_libc() {
	exists "$B/tlsshim-engine.so" || return
	assertEquals '' "$(needed "$B/tlsshim-engine.so" |
	    grep -Ev '^lib(c|gnutls|idn2)\.so\.[0-9]+$')"
}

# engine.h, RARE and APART: the first variables and the first eight rows.
test_what_a_fork_writes_lies_on_one_page() {
	local first rows
	exists "$B/tlsshim-engine.so" || return
	read -r first rows < <(nm "$B/tlsshim-engine.so" | awk '
	    $3 == "world_held" { first = $1 }
	    $3 == "fd_rows" { rows = $1 }
	    END { print first, rows }')
	assertEquals "from $first to $rows" $((16#$first >> 12)) \
	    $((16#$rows + 8 * 32 - 1 >> 12))
}

# ld.so warns on stderr where a program that is not PIE refers to one.
test_preload_has_no_protected_symbol() {
	assertEquals '' "$(readelf --dyn-syms -W "$B/tlsshim.so" |
	    grep -w PROTECTED)"
}

test_preload_is_initialised_first() {
	assertContains "$(readelf -dW "$B/tlsshim.so")" INITFIRST
}

test_objects_are_hardened() {
	local object dynamic header
	for object in "$B/tlsshim.so" "$B/tlsshim-engine.so" "$B/tlsshim"; do
		exists "$object" || continue
		dynamic=$(readelf -dW "$object")
		header=$(readelf -lW "$object")
		assertContains "$object" "$header" GNU_RELRO
		assertContains "$object" "$dynamic" NOW
		assertNotContains "$object" "$dynamic" TEXTREL
		assertNotContains "$object" "$dynamic" RUNPATH
		assertContains "$object" "$(echo "$header" |
		    grep GNU_STACK)" ' RW '
		assertEquals "$object: executable and writable" '' \
		    "$(echo "$header" | grep LOAD | grep RWE)"
		assertContains "$object" "$(nm -D "$object")" __stack_chk_fail
		assertContains "$object" "$(nm "$object")" printf_chk
	done
	assertContains 'PIE' "$(readelf -hW "$B/tlsshim")" 'DYN ('
}

test_a_hosts_own_names_do_not_come_between() {
	policy plain <<-END
	unmatched = "plain";
	log = { level = "error"; };
	END
	start host shimmed plain "$B/tests/host_exports"
	finish host
	assertEquals 'its end' 0 $?
	assertEquals "$(printf '%s\n' 'connect 0' 'close 0' 'read 0' \
	    'config_init 0' 'foreign 0' 'malloc 1')" \
	    "$(grep -v '^port' "$TMP/host.out")"
	assertEquals '' "$(cat "$TMP/host.err")"
}

. shunit2
