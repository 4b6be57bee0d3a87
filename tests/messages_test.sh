#!/bin/bash
# messages_test.sh - sendmsg, recvmsg and their arrays, header by header

ORACLE=yes
. "${0%/*}/lib.sh"
. "$TESTS/tcpdiff/differ.sh" messages

. shunit2
