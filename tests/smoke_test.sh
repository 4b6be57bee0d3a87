#!/bin/bash
# smoke_test.sh - pairs of programs nobody here wrote talk as they do without
# deadline: 240 s

. "${0%/*}/lib.sh"

SMOKE=$TESTS/conformance/smoke.sh

# The pairs have ports of their own: a network of their own keeps two runs of
# this apart.
oneTimeSetUp() {
	testbed || fail "testbed: $(cat "$TMP/bed.out")"
	local alone=()
	unshare -n true 2>/dev/null &&
	    alone=(unshare -n bash -c 'ip link set lo up && exec "$@"' alone)
	ERR=$TMP/said OUT=$TMP/results GROUP=blocking "${alone[@]}" "$SMOKE" \
	    "$TLSSHIM" run -p "$TMP/bed/policy.cfg" -- >"$TMP/smoke.out" 2>&1
}

pairs() {
	awk -F '\t' '$4 == "blocking" { print $1 }' \
	    "$TESTS/conformance/smoke.txt"
}

pair_passes() {
	local result
	result=$(awk -F '\t' -v id="$1" '$1 == id { print $2 }' \
	    "$TMP/results")
	[ "$result" = pass ] || sed -n "/^== $1 /,/^== /p" "$TMP/said"
	assertEquals "$1" pass "$result"
}

suite() {
	local id
	for id in $(pairs); do
		eval "test_${id//-/_}_talk_under_the_testbed_policy() {
			pair_passes $id
		}"
		suite_addTest "test_${id//-/_}_talk_under_the_testbed_policy"
	done
}

. shunit2
