#!/bin/bash
# behaviour_keys_test.sh - what the keys about behaviour do, seen from outside,
# and that it is not so without them

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tlsshim.so"
	pki_usual
	start_for_all silent "$B/tests/recorder" "$TMP/silent.bytes"
	silent=$(port_of silent)
}

# start_for_all NAME COMMAND	like start, but for all tests of this file
start_for_all() {
	start "$@"
	kept=("${started[@]}")
	started=()
}

oneTimeTearDown() {
	started=("${kept[@]}")
	stop_all
	rm -rf "$TMP"
}

# visit PORT LINE	a client under a rule of that line, for $patience (60)
# seconds; sets out and ms
visit() {
	local port=$1 start=${EPOCHREALTIME/./}
	policy visit <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.0/8"; cafile = "ca.pem"; $2 } );
	END
	under visit
	out=$(timeout ${patience:-60} "${UNDER[@]}" "$B/tests/tcp_client" localhost "$port" \
	    2>/dev/null)
	ms=$(((${EPOCHREALTIME/./} - start) / 1000))
}

# rude HOW	sets port
rude() {
	start rude python3 "$TESTS/fixtures/rude_server.py" "$TMP/good.pem" \
	    "$TMP/good.key" "$1"
	port=$(port_of rude)
}

# with and without: handshake_timeout
test_handshake_timeout_ends_the_wait_for_a_silent_peer() {
	visit "$silent" 'handshake_timeout = 1;'
	assertContains "$out" 'connect ETIMEDOUT'
	assertTrue "$ms ms" "[ $ms -ge 1000 ]"
	patience=3 visit "$silent" ''
	assertNotContains 'still waiting after 3 s' "$out" connect
}

# Nobody wakes who waits without an end for a peer that says nothing.
test_handshake_timeout_ends_every_wait_for_a_silent_peer() {
	policy visit <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.0/8"; cafile = "ca.pem";
	    handshake_timeout = 1; } );
	END
	out=$(shimmed visit python3 -c '
import errno, select, socket, sys

def by_poll(s):
    p = select.poll()
    p.register(s, select.POLLIN | select.POLLOUT)
    p.poll()

def by_select(s):
    select.select([s], [s], [])

def by_epoll(s, how=0):
    p = select.epoll()
    p.register(s, select.EPOLLIN | select.EPOLLOUT | how)
    p.poll()

def by_edge(s):
    by_epoll(s, select.EPOLLET)

for wait in by_poll, by_select, by_epoll, by_edge:
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(("localhost", int(sys.argv[1])))
    wait(s)
    error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    print(wait.__name__, errno.errorcode[error])
' "$silent" 2>/dev/null)
	assertEquals 'by_poll ETIMEDOUT
by_select ETIMEDOUT
by_epoll ETIMEDOUT
by_edge ETIMEDOUT' "$out"
}

# with and without: do_handshake_on_connect
test_connect_returns_before_the_handshake_on_request() {
	visit "$silent" 'do_handshake_on_connect = false;
	    handshake_timeout = 1;'
	assertContains "$out" 'connect 0'
	assertContains "$out" ETIMEDOUT
	visit "$silent" 'handshake_timeout = 1;'
	assertContains "$out" 'connect ETIMEDOUT'
}

# with and without: suppress_ragged_eofs
test_end_without_close_notify_is_one_only_on_request() {
	rude ragged
	visit "$port" 'suppress_ragged_eofs = true;'
	assertContains "$out" 'read 16 marker-of-client'
	assertContains "$out" 'end 0'
	visit "$port" ''
	assertContains "$out" 'read 16 marker-of-client'
	assertContains "$out" "end ECONNRESET"
}

# gone LINE	how many ms a peer that does not end is listened to after close
gone() {
	policy close <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; cafile = "ca.pem"; $1 } );
	END
	under close
	"${UNDER[@]}" python3 -c 'import socket, sys
s = socket.create_connection(("localhost", int(sys.argv[1])))
s.send(b"marker")
s.close()' "$port" 2>/dev/null
	wait_line "$TMP/rude.out" "^gone" "$pid_rude" | sed 's/gone //'
}

# with and without: close_timeout
test_close_timeout_bounds_the_wait_for_the_peers_end() {
	rude chatty
	ms=$(gone 'close_timeout = 1;')
	assertTrue "1 s: $ms ms" "[ $ms -ge 500 -a $ms -lt 4500 ]"
	stop rude
	rude chatty
	ms=$(gone '')
	assertTrue "5 s: $ms ms" "[ $ms -ge 4500 ]"
}

. shunit2
