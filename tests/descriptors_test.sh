#!/bin/bash
# descriptors_test.sh - numbers of connections are copied, replaced, closed and
# reused as over TCP, by every road that leads there

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	policy both <<-END
	unmatched = "plain";
	client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
	             cafile = "ca.pem"; } );
	server = ( { address = "127.0.0.0/8"; certfile = "good.pem";
	             keyfile = "good.key"; } );
	END
}

# as_over_tcp SCENARIO	of fixtures/numbers.c, whose stderr is figures
as_over_tcp() {
	local want
	want=$(timeout 60 "$B/tests/numbers" "$1" 2>/dev/null) ||
	    fail "plain: $want"
	assertNotNull "$1 says something" "$want"
	assertEquals "$1" "$want" \
	    "$(shimmed both "$B/tests/numbers" "$1" 2>"$TMP/err")"
}

suite() {
	local name
	for name in chain replaced replaced-by-another ranges daemon reuse set-copies \
	    many; do
		eval "test_${name//-/_}_is_as_over_tcp() {
			as_over_tcp $name; }"
		suite_addTest "test_${name//-/_}_is_as_over_tcp"
	done
}

. shunit2
