#!/bin/bash
# connect_test.sh - a connect that is in progress, and what ends badly

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tests/connecting"
	pki_usual
	pki_cert stranger other_ca 'dns_name = localhost'
	policy tls <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
	             cafile = "ca.pem"; } );
	server = ( { address = "127.0.0.0/8"; certfile = "good.pem";
	             keyfile = "good.key"; } );
	END
	sed 's/cafile = \|certfile = /suppress_ragged_eofs = true; &/' \
	    "$TMP/tls.cfg" >"$TMP/ragged.cfg"
}

# connecting SCENARIO...	sets out; $policy: tls
connecting() {
	under "${policy:-tls}"
	with_puppet start it "${UNDER[@]}" "$B/tests/connecting" "$@"
	finish it
	out=$(cat "$TMP/it.out")
}

goes_on='getpeername ENOTCONN
in progress: none none none | 0 0 | none none
connect EALREADY
SO_ERROR 0
getpeername 0
connect 0
connect EISCONN
read 1
write 1'

test_pending_handshake_is_a_connect_in_progress() {
	connecting pending
	assertEquals "connect EINPROGRESS
SO_ERROR 0
connect EALREADY
write EAGAIN
read EAGAIN
$goes_on" "$out"
}

test_interrupted_connect_goes_on() {
	connecting interrupted
	assertEquals "connect EINTR
$goes_on" "$out"
}

test_connect_past_its_time_goes_on() {
	connecting timed
	assertEquals "connect EINPROGRESS
$goes_on" "$out"
}

test_refused_certificate_is_an_error_once() {
	PUPPET="$TMP/stranger.pem $TMP/stranger.key" connecting refused
	assertContains "$out" 'refused: IN|OUT|RDHUP|HUP|ERR'
	assertContains "$out" 'SO_ERROR ECONNABORTED
SO_ERROR 0
getpeername ENOTCONN'
}

test_fin_without_close_notify_is_a_reset() {
	local version side
	for version in TLSv1_3 TLSv1_2; do
		for side in '' server; do
			PUPPET="$TMP/good.pem $TMP/good.key $version" \
			    connecting ragged $side
			assertEquals "$version $side" 'read 5
read ECONNRESET' "$out"
		done
	done
}

test_suppress_ragged_eofs_makes_it_an_end() {
	local version side
	for version in TLSv1_3 TLSv1_2; do
		for side in '' server; do
			PUPPET="$TMP/good.pem $TMP/good.key $version" \
			    policy=ragged connecting ragged $side
			assertEquals "$version $side" 'read 5
read 0' "$out"
		done
	done
}

# fast HOW	past a recorder; sets out
fast() {
	start peer "$B/tests/tls_peer" server "$TMP/good.pem" "$TMP/good.key"
	rm -f "$TMP/wire"
	start wire "$B/tests/recorder" -r "$(port_of peer)" "$TMP/wire"
	connecting "$1" "$(port_of wire)"
	grep -aq marker-of-client "$TMP/wire" &&
	    fail "$1 sent the text in clear"
	stop_all
}

test_fast_open_carries_no_plaintext() {
	fast fastopen
	assertEquals 'option 0
connect 0
write 16
read marker-of-client' "$out"
	fast sendto
	assertEquals 'sendto EOPNOTSUPP' "$out"
	fast sendmsg
	assertEquals 'sendmsg EOPNOTSUPP' "$out"
}

# As over TCP, whatever becomes of the connect() in between.
test_closed_number_is_in_no_epoll_set() {
	policy none <<-END
	unmatched = "reject";
	END
	for code in 's.connect_ex(("127.0.0.1", 9))' 's.bind(("127.0.0.1", 0))' \
	    'os.dup2(0, s.fileno())' 'os.closerange(s.fileno(), s.fileno() + 1)'; do
		assertEquals "$code" '0 0 0' "$(shimmed none python3 -c "
import os, select, socket
e = select.epoll()
got = []
for i in range(3):
    s = socket.socket()
    s.setblocking(False)
    try:
        got.append(e.register(s.fileno(), select.EPOLLIN) or 0)
    except OSError as x:
        got.append(x.strerror)
    $code
    try:
        s.close()
    except OSError:
        pass
print(*got)" 2>/dev/null)"
	done
}

test_one_thread_connects_to_itself() {
	connecting self
	assertEquals 'connect 0
write 16
server read 16
server write 16
read marker-of-client
read 0' "$out"
}

test_thread_that_connects_is_joined_before_the_accept() {
	connecting threads
	assertEquals 'connect 0
write 16
server read 16
server write 16
read marker-of-client
read 0' "$out"
}

. shunit2
