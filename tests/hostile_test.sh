#!/bin/bash
# hostile_test.sh - a sample of make hostile: peers that attack a server and a
# client, each a few percent of its size; and that their judge is not blind

. "${0%/*}/lib.sh"
. "$TESTS/hostile/lib.sh"

oneTimeSetUp() {
	hostile_set_up
}

# They end, send nothing in clear, keep their memory, and serve another
# connection meanwhile.
test_a_server_survives_its_clients() {
	out=$(hostile -s 2 -r server 2>&1) || fail "$out"
	assertContains "$out" 'renegotiation'
}

test_a_client_survives_its_servers() {
	out=$(hostile -s 2 -r client 2>&1) || fail "$out"
	assertContains "$out" '1 MB of certificates'
}

# By rules of their own, while others of the same port speak TLS.
test_a_server_that_detects_tls_survives_its_clients() {
	out=$(hostile -s 2 -r detect 2>&1) || fail "$out"
	assertContains "$out" 'sends and never reads'
}

test_a_server_of_action_native_survives_its_clients() {
	out=$(hostile -s 2 -r native 2>&1) || fail "$out"
	assertContains "$out" 'plain hello requests'
}

# A byte at a time is slow and not wrong: the first byte comes alone too.
test_handshakes_may_come_byte_by_byte() {
	rm -f "$TMP/log"	# of others, that do not
	out=$(hostile -a 'one byte at a time' 2>&1) || fail "$out"
	assertEquals '' "$(grep 'does not speak TLS' "$TMP/log")"
}

test_a_victim_without_the_shim_does_not_pass() {
	out=$("$B/tests/hostile/hostile" -a plaintext "$TMP" \
	    "$B/tests/hostile/victim" '' 2>&1)
	assertEquals 1 $?
}

. shunit2
