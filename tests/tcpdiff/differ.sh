# differ.sh - each scenario of $1 twice, over plain TCP and with both ends under
# the testbed policy: the transcripts must be the same to the letter
#
#	. "${0%/*}/lib.sh" && . "$TESTS/tcpdiff/differ.sh" bytes

SCENARIOS=$B/tests/tcpdiff/$1
set --	# shunit2 reads the arguments too

oneTimeSetUp() {
	testbed || fail "testbed: $(cat "$TMP/bed.out")"
}

same() {
	timeout 20 "$SCENARIOS" run "$1" >"$TMP/plain" 2>"$TMP/plain.err"
	timeout 20 "$TLSSHIM" run -p "$TMP/bed/policy.cfg" -- \
	    "$SCENARIOS" run "$1" >"$TMP/tls" 2>"$TMP/tls.err"
	if [ ! -s "$TMP/plain" ]; then
		fail "$1 says nothing: $(cat "$TMP/plain.err")"
	elif grep -qE '^(HANG|.*killed by|.*exit status)' "$TMP/plain"; then
		fail "$1 fails over plain TCP: $(cat "$TMP/plain")"
	elif ! diff -u "$TMP/plain" "$TMP/tls"; then
		cat "$TMP/tls.err"
		fail "$1 differs"
	fi
}

suite() {
	local name
	for name in $("$SCENARIOS" list | cut -f 1); do
		eval "test_${name//-/_}_is_as_over_tcp() { same $name; }"
		suite_addTest "test_${name//-/_}_is_as_over_tcp"
	done
}
