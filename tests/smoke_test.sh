#!/bin/bash
# smoke_test.sh - pairs of programs nobody here wrote talk as they do without

ORACLE=yes
. "${0%/*}/lib.sh"

SMOKE=$TESTS/conformance/smoke.sh

# The pairs have ports of their own: the network that the oracle looks at keeps
# two runs of this apart.
oneTimeSetUp() {
	testbed || fail "testbed: $(cat "$TMP/bed.out")"
	echo "log = { to = \"$TMP/log\"; level = \"info\"; };" \
	    >>"$TMP/bed/policy.cfg"
	oracle_start
	ERR=$TMP/said OUT=$TMP/results GROUP=blocking "$SMOKE" \
	    "$TLSSHIM" run -p "$TMP/bed/policy.cfg" -- >"$TMP/smoke.out" 2>&1
	return 0	# each test looks at its own result
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

# They would pass without the shim as well.
test_both_ends_of_the_pairs_spoke_tls() {
	local n
	n=$(pairs | wc -l)
	assertTrue 'clients' "[ $(grep -c ': tls client ' "$TMP/log") -ge $n ]"
	assertTrue 'servers' "[ $(grep -c ': tls server ' "$TMP/log") -ge $n ]"
}

suite() {
	local id
	suite_addTest test_both_ends_of_the_pairs_spoke_tls
	for id in $(pairs); do
		eval "test_${id//-/_}_talk_under_the_testbed_policy() {
			pair_passes $id
		}"
		suite_addTest "test_${id//-/_}_talk_under_the_testbed_policy"
	done
}

. shunit2
