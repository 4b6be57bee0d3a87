#!/bin/bash
# streams_test.sh - stdio and C++ streams over connections, call by call

ORACLE=yes
. "${0%/*}/lib.sh"
. "$TESTS/tcpdiff/differ.sh" streams standard cxx

# fopencookie's streams are for bytes: an error, and neither a crash nor
# anything on the wire in clear (which the server would take for an attack)
own() {
	timeout 60 "$TLSSHIM" run -p "$TMP/bed/policy.cfg" -- \
	    "$B/tests/tcpdiff/standard" run "$1" >"$TMP/tls" 2>"$TMP/tls.err"
	grep -qF "$2" "$TMP/tls" || fail "$1: $(cat "$TMP/tls")"
	grep -E 'killed|HANG|ECONNABORTED' "$TMP/tls" && fail "$1 broke"
	return 0
}

test_a_wide_stream_is_an_error_and_no_crash() {
	own wide 'fwprintf(f, L"wide %d\n", 12) = -1'
}

. shunit2
