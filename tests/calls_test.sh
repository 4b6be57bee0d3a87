#!/bin/bash
# calls_test.sh - the system calls that a connection takes: what is known is not
# asked, and what cannot be there is not looked for

. "${0%/*}/lib.sh"

testbed

# A blocking server, which echoes once, and a blocking client; their system
# calls in server.calls and client.calls.
oneTimeSetUp() {
	local trace='trace=network,poll,fcntl,dup3,close,read,write'
	start server /usr/bin/strace -qq -o "$TMP/server.calls" -e "$trace" \
	    "$TLSSHIM" run -p "$TMP/bed/policy.cfg" -- \
	    "$B/tests/tcp_server" -n 1
	timeout 60 /usr/bin/strace -qq -o "$TMP/client.calls" -e "$trace" \
	    "$TLSSHIM" run -p "$TMP/bed/policy.cfg" -- \
	    "$B/tests/tcp_client" 127.0.0.1 "$(port_of server)" \
	    >"$TMP/client.out" 2>&1
	wait_line "$TMP/server.out" echoed >/dev/null
	# from the socket on; its number is N
	connection client '^connect(\([0-9]*\), .*sin_port.* = 0$'
	connection server '^accept4*(.*= \([0-9]*\)$'
}

# connection END PATTERN	keeps the calls on the socket that PATTERN names
connection() {
	local fd
	fd=$(sed -n "s/$2/\1/p" "$TMP/$1.calls" | head -n 1)
	sed -n "/$2/,\$p" "$TMP/$1.calls" |
	    grep -E "^[a-z0-9]+\((\[\{fd=)?$fd[,)}]|^accept|^dup3\([0-9]+, $fd," |
	    sed "s/($fd\([,)]\)/(N\1/" >"$TMP/$1"
}

# count END PATTERN
count() {
	grep -Ec "$2" "$TMP/$1"
}

test_the_text_goes_there_and_back() {
	assertContains "$(cat "$TMP/client.out")" 'read 16 marker-of-client'
}

test_an_answer_is_not_looked_for_before_it_can_be_there() {
	local after
	after=$(grep -A1 -m 1 '^sendto' "$TMP/client" | tail -n 1)
	assertContains "$after" 'poll('
	after=$(sed -n '1,/^poll/p' "$TMP/server" | grep -A1 '^sendto' |
	    tail -n 1)
	assertNotContains "$after" recvfrom
}

test_a_blocking_connect_asks_once_whether_it_may_wait() {
	assertEquals 0 "$(count client 'F_GETFL')"
}

test_the_peer_of_an_accepted_connection_is_not_asked_again() {
	assertEquals 0 "$(count server '^getpeername')"
}

test_one_thread_closes_by_one_call() {
	assertEquals '0 1' "$(count server ^dup3) $(count server ^close)"
	assertEquals '0 1' "$(count client ^dup3) $(count client ^close)"
}

. shunit2
