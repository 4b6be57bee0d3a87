#!/bin/bash
# install_test.sh - make install and uninstall, and what is installed works

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	to=$TMP/to
	PREFIX=/opt/shim make -s -C "$TESTS/.." install B="$B" \
	    DESTDIR="$to" >"$TMP/install.out" 2>&1 ||
	    cat "$TMP/install.out"
	policy open <<-END
	unmatched = "plain";
	END
}

test_files_are_where_they_belong() {
	assertEquals 'bin/tlsshim 755
include/tlsshim.h 644
lib/tlsshim/tlsshim-engine.so 755
lib/tlsshim/tlsshim-linger 755
lib/tlsshim/tlsshim.so 755
share/man/man1/tlsshim.1 644
share/man/man3/tlsshim.3 644
share/man/man5/tlsshim-policy.5 644
share/man/man7/tlsshim-ssl.7 644' "$(cd "$to/opt/shim" &&
	    find . -type f -printf '%P %m\n' | LC_ALL=C sort)"
}

# The installed command must not depend on the build folder, nor on PREFIX.
test_installed_command_runs_a_program() {
	out=$("$to/opt/shim/bin/tlsshim" run -p "$TMP/open.cfg" \
	    sh -c 'echo "$LD_PRELOAD"; grep -c "/tlsshim[.]so" /proc/self/maps')
	assertEquals "$(realpath "$to")/opt/shim/lib/tlsshim/tlsshim.so" \
	    "$(echo "$out" | head -n 1)"
	assertTrue "[ $(echo "$out" | tail -n 1) -gt 0 ]"
}

# Two formatters, and man itself: not a warning, and every page says something.
test_manual_pages_are_well_formed() {
	local page
	for page in "$to"/opt/shim/share/man/man?/*; do
		assertEquals "groff: $page" '' \
		    "$(groff -man -ww -z "$page" 2>&1 | head -n 5)"
		assertEquals "mandoc: $page" '' \
		    "$(mandoc -Tlint "$page" 2>&1 | head -n 5)"
		assertEquals "man: $page" '' "$(MANWIDTH=80 man --warnings \
		    -l "$page" 2>&1 >"$TMP/page" | head -n 5)"
		assertTrue "$page" "[ $(wc -l <"$TMP/page") -gt 100 ]"
	done
}

test_uninstall_leaves_nothing() {
	PREFIX=/opt/shim make -s -C "$TESTS/.." uninstall B="$B" \
	    DESTDIR="$to" >/dev/null 2>&1
	assertEquals '' "$(find "$to" -type f)"
	assertFalse "[ -e $to/opt/shim/lib/tlsshim ]"
}

. shunit2
