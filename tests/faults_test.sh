#!/bin/bash
# faults_test.sh - a sample of make faults: calls of libc and allocations that
# fail inside the shim, and system calls that strace makes fail

ORACLE=yes
. "${0%/*}/lib.sh"
. "$TESTS/faults/lib.sh"

oneTimeSetUp() {
	faults_set_up
}

# passes ARGUMENT...	the driver's runs end right or clean
passes() {
	local out
	out=$(faults "$@" 2>&1) || fail "$out"
	assertContains "$out" ' right'
}

# The same part each time: what fails has come with the code.
test_calls_that_fail_leave_right_results_or_an_errno() {
	passes -C -n 199
}

test_allocations_that_fail_leave_right_results_or_an_errno() {
	passes -M -n 1201
}

test_system_calls_that_strace_fails_do_too() {
	STEP=7 faults_strace sendto:error=ENOBUFS recvfrom:error=ECONNRESET
}

# The layer is not blind, and the driver not deaf.
test_a_fault_is_counted_as_one() {
	local out call
	for ((call = 8; call < 24; call++)); do
		out=$(faults -r client -h block -f 1 -k ECONNRESET \
		    -a $call -v)
		[[ $out != *'at connect:'* ]] || break
	done
	assertContains "$out" 'clean: client block'
	assertContains "$out" 'at connect: ok, connect ECONNRESET, ok'
	assertContains "$out" '1 runs: 0 right 1 clean'
}

# What plaintext and wrong bytes would look like: the program without the shim.
test_the_judge_sees_plaintext() {
	local out
	in_clear client
	out=$(PRELOAD=$B/tests/faults/layer.so faults -r client -h block -f 1 \
	    -k ECONNRESET -a 12 2>&1)
	assertContains "$out" 'without a fault client block'
}

. shunit2
