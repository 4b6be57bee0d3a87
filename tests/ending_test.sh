#!/bin/bash
# ending_test.sh - nothing is lost at the end, and nobody sees how it is done

. "${0%/*}/lib.sh"

times=${TIMES:-3}	# bench/endings.sh has figures

oneTimeSetUp() {
	exists "$B/tlsshim-linger"
	pki_usual
	policy tls <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
	             cafile = "ca.pem"; } );
	END
	policy tls12 <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
	             cafile = "ca.pem"; maximum_version = "TLSv1.2"; } );
	END
	policy both <<-END
	unmatched = "plain";
	client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
	             cafile = "ca.pem"; } );
	server = ( { address = "127.0.0.0/8"; certfile = "good.pem";
	             keyfile = "good.key"; } );
	END
}

# ends HOW BYTES [nonblock]	all bytes and close_notify arrive each time
ends() {
	local how=$1 bytes=$2 i
	shift 2
	start slow python3 "$TESTS/fixtures/slow_server.py" \
	    "$TMP/good.pem" "$TMP/good.key"
	port=$(port_of slow)
	for ((i = 0; i < times; i++)); do
		out=$(shimmed tls "$B/tests/hurry" "$port" "$how" "$@" 2>&1)
		wait_count "$TMP/slow.out" ' ' $((i + 2))
	done
	assertEquals "$times" "$(grep -c "^$bytes close_notify" "$TMP/slow.out")"
}

counts() {
	[ "$(grep -c -- "$2" "$1")" -ge "$3" ]
}

# wait_count FILE REGEX N	until N lines of FILE match
wait_count() {
	wait_until counts "$@" ||
	    fail "not $3 lines in $1: $(cat "$1")"
}

test_close_loses_nothing_and_shows_no_child() {
	ends close 4000000
	assertEquals 'wait ECHILD
wait __WALL ECHILD
SIGCHLD 0' "$(sed 1d <<<"$out")"
}

# It would be five seconds if it did (close_timeout).
test_close_waits_for_no_peer() {
	rm -f "$TMP/go"
	start slow python3 "$TESTS/fixtures/slow_server.py" \
	    "$TMP/good.pem" "$TMP/good.key" "$TMP/go"
	port=$(port_of slow)
	out=$(shimmed tls "$B/tests/hurry" "$port" full nonblock 2>&1)
	assertTrue "$out" "[ $(sed -n 's/close us //p' <<<"$out") -lt 4000000 ]"
	touch "$TMP/go"
	wait_line "$TMP/slow.out" '^[1-9][0-9]* close_notify' >/dev/null ||
	    fail "$(cat "$TMP/slow.out")"
}

test_close_of_a_nonblocking_socket_loses_nothing() {
	ends close 4000000 nonblock
}

# It would be handed the helper as a child, and drains by itself.
# One that does not wait has ended long before the half second is over.
test_close_that_lingers_waits_for_a_peer_that_does_not_read() {
	local i
	start slow python3 "$TESTS/fixtures/slow_server.py" \
	    "$TMP/good.pem" "$TMP/good.key" "$TMP/lingers"
	port=$(port_of slow)
	start_shimmed hurry tls "$B/tests/hurry" "$port" linger
	wait_line "$TMP/hurry.out" '^closes' >/dev/null
	for ((i = 0; i < 50; i++)); do
		kill -0 "$pid_hurry" 2>/dev/null || break
		sleep 0.01
	done
	assertEquals 'it waits' 50 "$i"
	touch "$TMP/lingers"
	finish hurry
	assertContains "$(cat "$TMP/hurry.out")" 'close us'
	assertContains "$(wait_line "$TMP/slow.out" notify)" '10 close_notify'
}

test_subreaper_loses_nothing_and_gets_no_child() {
	ends close 4000000 nonblock subreaper
	assertEquals 'wait ECHILD
wait __WALL ECHILD
SIGCHLD 0' "$(sed 1d <<<"$out")"
}

test_exit_loses_nothing() {
	ends exit 4000000
}

test__exit_loses_nothing() {
	ends _exit 4000000 nonblock
}

test_end_of_main_loses_nothing() {
	ends main 4000000 nonblock
}

test_exec_loses_nothing() {
	ends exec 4000000
}

test_exec_of_a_nonblocking_program_loses_nothing() {
	ends exec 4000000 nonblock
}

# What the kernel has is sent; tickets that nobody read would make it a reset.
test_sigkill_loses_no_record_that_was_written() {
	local mode
	start slow python3 "$TESTS/fixtures/slow_server.py" \
	    "$TMP/good.pem" "$TMP/good.key"
	port=$(port_of slow)
	under tls
	for mode in block nonblock; do
		("${UNDER[@]}" "$B/tests/hurry" "$port" kill $mode; :) \
		    >"$TMP/kill.out" 2>&1
	done
	wait_count "$TMP/slow.out" ' ' 3
	assertEquals "$(cat "$TMP/slow.out")" 2 \
	    "$(grep -c '^4000000 SSLEOFError' "$TMP/slow.out")"
}

test_failed_exec_leaves_the_session_as_it_was() {
	ends noexec 8000000
}

test_command_substitution_does_not_wait_for_the_peer() {
	rm -f "$TMP/go"
	start slow python3 "$TESTS/fixtures/slow_server.py" \
	    "$TMP/good.pem" "$TMP/good.key" "$TMP/go"
	port=$(port_of slow)
	# writes what fits, then ends with the rest on its way
	out=$(shimmed tls "$B/tests/hurry" "$port" some nonblock; echo done)
	assertEquals done "$out"
	touch "$TMP/go"
	wait_line "$TMP/slow.out" '^[1-9][0-9]* close_notify' >/dev/null ||
	    fail "$(cat "$TMP/slow.out")"
}

# brimful POLICY "HOW [N]"...	every byte that was taken arrives, then
# close_notify, though the kernel took nothing more before the end
brimful() {
	local policy=$1 how out n=0
	shift
	start slow python3 "$TESTS/fixtures/slow_server.py" \
	    "$TMP/good.pem" "$TMP/good.key"
	port=$(port_of slow)
	for how; do
		out=$(shimmed "$policy" "$B/tests/brimful" "$port" $how 2>&1)
		wait_count "$TMP/slow.out" ' ' $((++n + 1))
		assertEquals "$how: $out" \
		    "$(sed -n 's/taken //p' <<<"$out") close_notify" \
		    "$(tail -n 1 "$TMP/slow.out")"
	done
}

test_what_is_still_queued_at_the_end_arrives() {
	brimful tls close exit _exit main exec shutdown copies child
}

test_what_is_still_queued_at_the_end_arrives_in_tls_1_2() {
	brimful tls12 close exit _exit main exec shutdown copies child
}

# The helper's copies of what it needs have no number there, or that of one
# another.
test_what_is_still_queued_arrives_where_numbers_are_short() {
	brimful tls bare 'exit 0' 'exit 1' 'exit 2' 'exit 3' 'close 1' 'close 2'
}

test_exec_where_no_number_is_left_ends_the_session() {
	start slow python3 "$TESTS/fixtures/slow_server.py" \
	    "$TMP/good.pem" "$TMP/good.key"
	port=$(port_of slow)
	out=$(shimmed tls python3 - "$port" 2>&1 <<-'END'
	import os, resource, socket, sys

	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	s.sendall(b"x")
	resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
	try:
	    while True:
	        os.dup(0)
	except OSError:
	    pass
	try:
	    os.execv("/nonexistent", ["x"])
	except FileNotFoundError:
	    pass
	try:
	    os.execv("/dev/null", ["x"])
	except PermissionError:
	    s.sendall(b"y")
	os.execv("/bin/echo", ["echo", "ran"])
	END
	)
	assertEquals ran "$out"
	assertEquals '2 close_notify' \
	    "$(wait_line "$TMP/slow.out" '^[0-9]+ [a-zA-Z_]+$')"
}

# Each of these ends leaves a helper to wait for tickets: what it was given is
# no longer ours.
test_ends_by_a_helper_leave_no_descriptor() {
	start slow python3 "$TESTS/fixtures/slow_server.py" \
	    "$TMP/good.pem" "$TMP/good.key"
	port=$(port_of slow)
	out=$(shimmed tls python3 - "$port" 2>&1 <<-'END'
	import os, socket, sys

	def end():
	    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	    s.sendall(b"x")
	    s.close()

	end()
	before = len(os.listdir("/proc/self/fd"))
	for _ in range(5):
	    end()
	print(len(os.listdir("/proc/self/fd")) - before, "more")
	END
	)
	assertEquals '0 more' "$out"
}

test_cancelled_reader_and_writing_handlers_lose_nothing() {
	start_shimmed echo both python3 "$TESTS/fixtures/late_echo.py"
	out=$(shimmed both "$B/tests/interrupted" "$(port_of echo)" 2>&1)
	assertEquals 'cancelled 1
write 5
read 5
all came back 1' "$out"
}

. shunit2
