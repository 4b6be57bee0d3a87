#!/bin/bash
# fork_test.sh - connections that several processes hold

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tlsshim.so"
	pki_usual
	policy tls <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; cafile = "ca.pem"; } );
	server = ( { address = "127.0.0.1";
	    certfile = "good.pem"; keyfile = "good.key"; } );
	END
}

# plan HOW TEXT STEP...	forker does the steps while a TLS client sends TEXT;
# sets got, what the client got, and did, what the processes saw
plan() {
	local how=$1 text=$2
	shift 2
	start_shimmed forker tls "$B/tests/forker" "$how" "$@"
	got=$(timeout 20 "$B/tests/tls_peer" talk "$TMP/ca.pem" localhost \
	    "$(port_of forker)" "$text" | tr -d '\0')
	finish forker
	did=$(sed 1d "$TMP/forker.out" | tr '\n' ' ')
}

ALL='fork _Fork clone syscall-fork syscall-clone syscall-clone3'

test_child_serves_and_parent_closes_first() {
	local how
	for how in $ALL; do
		plan $how ab Cf Pc Cr Cw Cr Cw C_
		assertEquals "$how" 'CC end=close_notify' "$got"
		assertEquals "$how" 'P close 0 C read a C write 1 C read b C write 1 ' "$did"
	done
}

test_child_serves_and_parent_closes_last() {
	local how
	for how in $ALL; do
		plan $how ab Cf Cr Cw Cr Cw Cc Pc
		assertEquals "$how" 'CC end=close_notify' "$got"
	done
}

test_handshake_before_the_fork_and_use_by_the_child() {
	local how
	for how in $ALL; do
		plan $how ab Pr Pw Cf Pc Cr Cw Cx
		assertEquals "$how" 'PC end=close_notify' "$got"
	done
}

test_handshake_before_the_fork_and_use_by_the_parent() {
	local how
	for how in $ALL; do
		plan $how ab Pr Pw Cf Cc Pr Pw C_ Pc
		assertEquals "$how" 'PP end=close_notify' "$got"
	done
}

test_handshake_begun_before_the_fork_is_ended_by_the_child() {
	plan fork ab Ph Cf Pc Cr Cw Cr Cc
	assertEquals 'C end=close_notify' "$got"
	assertContains "$did" 'C read a C write 1 C read b'
}

test_handshake_begun_before_the_fork_is_ended_by_the_parent() {
	plan fork ab Ph Cf Cc Pr Pw Pr Pc
	assertEquals 'P end=close_notify' "$got"
}

test_session_that_nobody_used_since_the_fork_is_ended_by_the_last() {
	plan fork a Pr Pw Cf Df Cc Pc Dc
	assertEquals 'P end=close_notify' "$got"
	plan fork a Pr Pw Cf Df Cx Dx Px
	assertEquals 'P end=close_notify' "$got"
}

test_use_by_a_second_process_is_refused_with_a_line() {
	local how
	for how in $ALL; do
		plan $how abc Pr Pw Cf Cr Cw Pw Pr Pp Cr Cc Pc
		assertEquals "$how" 'PC end=close_notify' "$got"
		assertContains "$how" "$did" 'P write ECONNABORTED'
		assertContains "$how" "$did" 'P read ECONNABORTED P poll error'
		assertContains "$how" "$(cat "$TMP/forker.err")" \
		    'cause=process'
		assertEquals "$how" 1 "$(grep -c process "$TMP/forker.err")"
	done
}

# TLS has keys for each direction: rsync's generator and receiver.
test_one_process_reads_what_another_answers() {
	plan fork abc Pr Cf Cr Pw Cr Pw Cc Pw Pc
	assertEquals 'PPP end=close_notify' "$got"
	assertEquals 'P read a C read b P write 1 C read c P write 1 C close 0 P write 1 P close 0 ' "$did"
	plan fork abc Pr Cf Cr Pw Cr Pw Pc Cc
	assertEquals 'PP end=close_notify' "$got"
}

# Its copy of the session is from before the parent went on with it: another
# record under the same key and number would follow (RFC 8446, 5.3).
test_child_that_an_earlier_fork_left_behind_gets_nothing() {
	plan fork abc Pr Pw Cf Pw Pr Df Cw Cr Dw Dr Dc Cc Pc
	assertEquals 'PPD end=close_notify' "$got"
	assertContains "$did" 'C write ECONNABORTED C read ECONNABORTED'
}

test_grandchild_goes_on_where_the_child_stopped() {
	plan fork abc Pr Cf Cr Cw Cc Pp Pc
	assertEquals 'C end=close_notify' "$got"
}

test_shutdown_belongs_to_the_writer() {
	plan fork ab Pr Cf Cs Pr Pw Cc Pc
	assertEquals ' end=close_notify' "$got"
	assertContains "$did" 'C shutdown 0 P read b P write ECONNABORTED'
}

# The output that the kernel had no room for is not in both processes.
test_output_that_waits_is_sent_once() {
	local how
	for how in fork _Fork; do
		plan $how a Pr Pe Cf Cw Cc Px
		assertEquals "$how" 'end=close_notify' "${got##* }"
		assertContains "$how" "$did" 'P filled EAGAIN'
	done
}

test_holder_that_was_killed_does_not_count() {
	plan fork a Pr Pw Cf Ck Pc
	assertEquals 'P end=close_notify' "$got"
	plan fork a Pr Pw Cf Cz Pc
	assertEquals 'P end=close_notify' "$got"
	plan fork a Pr Pw Cf Df Cz Df Pc D_
	assertEquals 'P end=close_notify' "$got"
}

# Over TCP the peer sees the end; here it sees that it was no proper one.
test_user_that_was_killed_leaves_a_ragged_end() {
	plan fork a Cf Cr Cw Ck Pw Pc
	assertEquals 'C end=ragged' "$got"
	assertContains "$did" 'P write ECONNABORTED'
}

. shunit2
