#!/bin/bash
# bytes_test.sh - flags, vectors, bad arguments and messages, call by call

ORACLE=yes
. "${0%/*}/lib.sh"
. "$TESTS/tcpdiff/differ.sh" bytes

. shunit2
