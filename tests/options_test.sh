#!/bin/bash
# options_test.sh - socket options, ioctls, SO_RCVLOWAT, timeouts, call by call;
# and what waits for an amount, by FIONREAD

ORACLE=yes
. "${0%/*}/lib.sh"
. "$TESTS/tcpdiff/differ.sh" options amounts

. shunit2
