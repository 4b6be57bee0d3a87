#!/bin/bash
# oracle_test.sh - what must not be on the wire is seen there, by the oracle
# that ORACLE=yes brings and by a recorder that relays

ORACLE=yes
. "${0%/*}/lib.sh"

# says BYTES...	a client sends each in a segment of its own, the server all of
# them back; sets told
says() {
	start echo "$B/tests/tcp_server" -n 1
	start wire "$B/tests/recorder" -r "$(port_of echo)" "$TMP/wire"
	python3 - "$(port_of wire)" "$@" <<-'END'
	import socket, sys
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
	total = 0
	for text in sys.argv[2:]:
	    data = text.encode().decode("unicode_escape").encode("latin-1")
	    s.sendall(data)
	    while data:
	        data = data[len(s.recv(len(data))):]
	s.shutdown(socket.SHUT_WR)
	assert s.recv(1) == b""
	END
	finish echo
	told=$(oracle_told | sort)
}

# seen WHY	once by the recorder, and by the oracle before it and behind it
seen() {
	local who
	[ -n "$oracle" ] || { skip 'needs a network of its own'; return; }
	for who in client server; do
		assertEquals "$who: $told" 3 "$(grep -c "^clear $who.*$1" <<<"$told")"
	done
}

test_a_first_byte_that_begins_no_record_is_seen() {
	says 'GET / HTTP/1.0\r\n'
	seen ' 16: no TLS record'
}

test_one_byte_is_enough() {
	says ' '
	seen ' 1: no TLS record'
}

test_plaintext_behind_whole_records_is_seen() {
	says '\x17\x03\x03\x00\x02ab' '\x17\x03\x03\x00' '\x01c' 'x'
	seen ' 14: no TLS record'
}

test_a_record_of_more_than_18432_bytes_is_seen() {
	says '\x16\x03\x01\x48\x01'
	seen ' 5: no TLS record'
}

test_a_text_inside_a_record_is_seen_over_any_border() {
	says '\x17\x03\x03\x00\x20...mark' 'er' '-o' 'f-something...'
	seen ' .*: the text of a test'
}

test_records_alone_are_nothing_to_tell() {
	says '\x16\x03\x01\x00\x03abc' '\x17\x03\x03' '\x00\x02ab'
	assertEquals '' "$told"
}

test_in_clear_fails_where_nothing_was_in_clear() {
	[ -n "$oracle" ] || { skip 'needs a network of its own'; return; }
	assertEquals 'ASSERT:the oracle sees no plaintext of this client' "$(
		in_clear client
		oracle_check)"
}

# Its pipes would be broken, and its silence no proof.
test_an_oracle_that_has_ended_is_told() {
	[ -n "$oracle" ] || { skip 'needs a network of its own'; return; }
	assertContains "$(
		kill "$oracle"
		wait "$oracle" 2>/dev/null
		oracle_told 2>/dev/null)" 'the oracle has ended'
	oracle=''
	oracle_start
}

. shunit2
