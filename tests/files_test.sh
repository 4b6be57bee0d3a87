#!/bin/bash
# files_test.sh - sendfile and splice, call by call; more than 2 GB

ORACLE=yes
. "${0%/*}/lib.sh"
. "$TESTS/tcpdiff/differ.sh" files

# What any call moves at most is 0x7ffff000 bytes (linux/fs.h).
test_one_write_of_3_GB_moves_what_the_kernel_would() {
	timeout 60 "$TLSSHIM" run -p "$TMP/bed/policy.cfg" -- \
	    "$B/tests/huge" >"$TMP/huge.out" 2>"$TMP/huge.err" ||
	    fail "$(cat "$TMP/huge.err")"
	assertEquals 'read 2165305344, 0 wrong
send of 17 MB 17825792
write of 3 GB 2147479552' "$(grep -v '^port' "$TMP/huge.out" | sort)"
}

. shunit2
