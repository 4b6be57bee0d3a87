#!/bin/bash
# idle_test.sh - who waits uses no CPU, whatever is waited for and however

. "${0%/*}/lib.sh"

test_waiting_uses_no_cpu() {
	out=$("$TESTS/bench/idle.sh" 1 2>&1) || fail "$out"
	assertEquals "$out" 10 "$(grep -cE '^(ms of CPU|client|server) ' <<<"$out")"
}

. shunit2
