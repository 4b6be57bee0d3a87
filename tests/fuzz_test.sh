#!/bin/bash
# fuzz_test.sh - what the fuzzers have found, and what reaches most of the
# code, is taken as before: tests/fuzz/corpus, without libFuzzer (make fuzz)

. "${0%/*}/lib.sh"

# replayed NAME	every input of corpus/NAME ends as it must
replayed() {
	local said status
	exists "$B/tests/fuzz/$1_fuzz"
	said=$("$B/tests/fuzz/$1_fuzz" "$TESTS/fuzz/corpus/$1" 2>"$TMP/err")
	status=$?
	assertEquals "$1: $(tail -n 30 "$TMP/err")" 0 $status
	assertEquals "$1" "$(find "$TESTS/fuzz/corpus/$1" -type f | wc -l) inputs" \
	    "$said"
}

test_policies() {
	replayed policy
}

test_rules_and_connections() {
	replayed match
}

test_certificate_chains() {
	replayed verify
}

test_files_of_certificates() {
	replayed pem
}

test_what_a_relay_hands_on() {
	replayed handover
}

test_pre_shared_keys() {
	replayed psk
}

test_keys_of_tickets() {
	replayed tickets
}

test_files_of_sessions() {
	replayed cache
}

test_first_messages() {
	replayed hello
}

test_a_client_and_any_bytes() {
	replayed client
}

test_a_server_and_any_bytes() {
	replayed server
}

test_two_ends_and_an_attacker() {
	replayed wire
}

# A fuzzer whose corpus nobody replays finds things once.
test_no_fuzzer_is_left_out() {
	local f
	for f in "$TESTS"/fuzz/*_fuzz.c; do
		f=$(basename "$f" _fuzz.c)
		grep -q "replayed $f\$" "$0" || fail "$f is not replayed here"
	done
}

. shunit2
