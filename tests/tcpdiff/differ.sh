# differ.sh - each scenario of the programs $@ twice, over plain TCP and with
# both ends under the testbed policy: the transcripts must be the same to the
# letter (but for those tagged "own", which the test file itself looks at)
#
#	. "${0%/*}/lib.sh" && . "$TESTS/tcpdiff/differ.sh" bytes

programs=("$@")
set --	# shunit2 reads the arguments too

oneTimeSetUp() {
	testbed || fail "testbed: $(cat "$TMP/bed.out")"
}

same() {
	local run=("$B/tests/tcpdiff/$1" run "$2")
	timeout 100 "${run[@]}" >"$TMP/plain" 2>"$TMP/plain.err"
	oracle_told >"$TMP/plain.clear"	# of that one no more
	timeout 100 "$TLSSHIM" run -p "$TMP/bed/policy.cfg" -- "${run[@]}" \
	    >"$TMP/tls" 2>"$TMP/tls.err"
	if [ ! -s "$TMP/plain" ]; then
		fail "$2 says nothing: $(cat "$TMP/plain.err")"
	elif grep -qE '^(HANG|.*killed by|.*exit status)' "$TMP/plain"; then
		fail "$2 fails over plain TCP: $(cat "$TMP/plain")"
	elif ! diff -u "$TMP/plain" "$TMP/tls"; then
		cat "$TMP/tls.err"
		fail "$2 differs"
	fi
}

suite() {
	local program name
	for program in "${programs[@]}"; do
		for name in $("$B/tests/tcpdiff/$program" list |
		    awk -F '\t' '$3 != "own" { print $1 }'); do
			eval "test_${program}_${name//-/_}_as_over_tcp() {
				same $program $name
			}"
			suite_addTest "test_${program}_${name//-/_}_as_over_tcp"
		done
	done
	for name in $(compgen -A function test_); do
		[[ $name == *_as_over_tcp ]] || suite_addTest "$name"
	done
}
