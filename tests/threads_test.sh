#!/bin/bash
# threads_test.sh - threads that share a connection see what they see over TCP
#
# Each scenario of fixtures/threads.c and fixtures/cancel.c runs twice, over
# plain TCP and with both ends governed, and must print the same.
# TIMES=20 repeats each; TSAN=yes (make check-tsan) leaves out what the
# sanitizer's runtime answers differently.

. "${0%/*}/lib.sh"

times=${TIMES:-1}

oneTimeSetUp() {
	pki_usual
	policy both <<-END
	unmatched = "plain";
	client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
	             cafile = "ca.pem"; } );
	server = ( { address = "127.0.0.0/8"; certfile = "good.pem";
	             keyfile = "good.key"; } );
	END
	policy out <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
	             cafile = "ca.pem"; } );
	END
}

# as_over_tcp FIXTURE SCENARIO
as_over_tcp() {
	local i want
	want=$(timeout 60 "${PLAIN:-$B}/tests/$1" "$2" 2>&1) ||
	    fail "plain: $want"
	assertNotNull "$2 says something" "$want"
	for ((i = 0; i < times; i++)); do
		# of a handshake that is broken off the log may tell
		out=$(shimmed both "$B/tests/$1" "$2" 2>&1 |
		    grep -v '^tlsshim\[')
		assertEquals "$1 $2" "$want" "$out" || return
	done
}

suite() {
	local name
	for name in duplex readers close-under-reader close-under-two \
	    shutdown-under-readers shutdown-under-writer close-under-writer \
	    join set closed-sets; do
		eval "test_${name//-/_}_is_as_over_tcp() {
			as_over_tcp threads $name; }"
		suite_addTest "test_${name//-/_}_is_as_over_tcp"
	done
	if [ -z "$TSAN" ]; then	# it holds signals back, and cancellation too
		for name in readers arriving arriving-async writing-async second-reader \
		    write accept connect \
		    interrupted-reads interrupted-second-reader \
		    interrupted-writes interrupted-connects handler-pipe; do
			eval "test_cancel_${name//-/_}_is_as_over_tcp() {
				as_over_tcp cancel $name; }"
			suite_addTest "test_cancel_${name//-/_}_is_as_over_tcp"
		done
		# to it the program's use of the number is a race, and is meant
		for name in recvmmsg sendmmsg sendfile splice; do
			eval "test_a_number_reused_in_${name}_is_as_over_tcp() {
				as_over_tcp reused $name; }"
			suite_addTest "test_a_number_reused_in_${name}_is_as_over_tcp"
		done
		suite_addTest test_a_signal_ends_a_waitall_that_has_a_part
		suite_addTest test_cancellation_points_are_those_of_tcp
		suite_addTest test_a_handshake_is_cancelled_and_restarted
	fi
	suite_addTest test_handshakes_that_a_third_thread_polls_are_as_over_tcp
	suite_addTest test_a_server_that_speaks_first_is_told_that_it_may
	suite_addTest test_who_waits_wakes_for_what_others_leave
	suite_addTest test_writes_of_threads_do_not_mix
	suite_addTest test_key_updates_in_both_directions_lose_nothing
}

test_handshakes_that_a_third_thread_polls_are_as_over_tcp() {
	as_over_tcp crowd
}

test_a_signal_ends_a_waitall_that_has_a_part() {
	as_over_tcp waitall
}

test_cancellation_points_are_those_of_tcp() {
	as_over_tcp points ''
}

test_a_server_that_speaks_first_is_told_that_it_may() {
	as_over_tcp greeter ''
}

test_who_waits_wakes_for_what_others_leave() {
	as_over_tcp watchers ''
}

# Over TCP they may: a blocked write gives the socket's lock away.
test_writes_of_threads_do_not_mix() {
	out=$(shimmed both "$B/tests/threads" writers 2>&1)
	assertEquals 'whole messages 1200' "$out"
}

# The peer updates its keys and asks for ours while both ways are full.
test_key_updates_in_both_directions_lose_nothing() {
	start peer "$B/tests/tls_peer" rekey "$TMP/good.pem" "$TMP/good.key"
	out=$(shimmed out "$B/tests/threads" rekeyed "$(port_of peer)" 2>&1)
	assertEquals 'end 0
came back 419430400
wrong 0' "$out"
	line=$(wait_line "$TMP/peer.out" '^updates=')
	assertContains "$line" 'end=close_notify'
	updates=${line#updates=}
	assertTrue "updates: $line" "[ ${updates%% *} -ge 3 ]"
}

# A connect() that waits for the server's answer, not for TCP.
test_a_handshake_is_cancelled_and_restarted() {
	start silent python3 -c 'import signal, socket
s = socket.create_server(("127.0.0.1", 0))
print("port", s.getsockname()[1], flush=True)
signal.pause()'
	out=$(shimmed out "$B/tests/cancel" handshake "$(port_of silent)" 2>&1)
	assertEquals 'handshake cancelled 1
again EALREADY
close 0
no restart EINTR
restart goes on 1' "$out"
}

. shunit2
