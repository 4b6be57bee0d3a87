#!/bin/bash
# bytes_test.sh - flags, vectors, bad arguments and messages, call by call

. "${0%/*}/lib.sh"
. "$TESTS/tcpdiff/differ.sh" bytes

. shunit2
