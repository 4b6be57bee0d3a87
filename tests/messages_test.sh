#!/bin/bash
# messages_test.sh - sendmsg, recvmsg and their arrays, header by header

. "${0%/*}/lib.sh"
. "$TESTS/tcpdiff/differ.sh" messages

. shunit2
