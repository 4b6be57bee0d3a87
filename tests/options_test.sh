#!/bin/bash
# options_test.sh - socket options, ioctls, SO_RCVLOWAT, timeouts, call by call

ORACLE=yes
. "${0%/*}/lib.sh"
. "$TESTS/tcpdiff/differ.sh" options

. shunit2
