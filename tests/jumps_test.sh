#!/bin/bash
# jumps_test.sh - signal handlers jump out of calls as they do over TCP
#
# Each scenario of fixtures/jumps.c runs twice, over plain TCP and with both
# ends governed, and must print the same.

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

as_over_tcp() {
	local want
	want=$(timeout 30 "$B/tests/jumps" "$1" 2>&1) || fail "plain: $want"
	assertContains "$want" 'jumped 5'
	out=$(shimmed both timeout 30 "$B/tests/jumps" "$1" 2>&1)
	assertEquals "$1" "$want" "$out"
}

suite() {
	local name
	for name in waits waits-restart threads other-stack writes accepts; do
		eval "test_jumps_${name//-/_}_are_as_over_tcp() {
			as_over_tcp $name; }"
		suite_addTest "test_jumps_${name//-/_}_are_as_over_tcp"
	done
	suite_addTest test_a_handshake_may_be_left
}

# A connect() that waits for the server's answer, not for TCP.
test_a_handshake_may_be_left() {
	start silent python3 -c 'import signal, socket
s = socket.create_server(("127.0.0.1", 0))
print("port", s.getsockname()[1], flush=True)
signal.pause()'
	out=$(shimmed both timeout 30 "$B/tests/jumps" connect \
	    "$(port_of silent)" 2>&1)
	assertEquals 'jumped 5' "$out"
}

. shunit2
