#!/bin/bash
# pipe_test.sh - tlsshim pipe: standard input and output over the policy's TLS

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	head -c 5000000 /dev/urandom >"$TMP/five"
}

# piped KEYS	a policy for localhost; PIPE: the command but for its address
piped() {
	policy pipe <<-END
	unmatched = "reject";
	client = ( { host = "localhost"; $1 } );
	END
	# in the foreground: a terminal stops whoever reads it from elsewhere
	PIPE=(timeout --foreground 30 "$TLSSHIM" pipe -p "$TMP/pipe.cfg")
}

# echo_server [PRIORITY]	GnuTLS's; sets port
echo_server() {
	start peer "$B/tests/tls_peer" server "$TMP/good.pem" "$TMP/good.key" \
	    "$@"
	port=$(port_of peer)
}

# puppet_server [VERSION]	OpenSSL's, that does what `tell` says; sets port
puppet_server() {
	[ -z "$PUPPET_PID" ] || { kill "$PUPPET_PID" && wait "$PUPPET_PID"; } \
	    2>/dev/null
	coproc PUPPET { exec python3 "$TESTS/fixtures/puppet.py" \
	    "$TMP/good.pem" "$TMP/good.key" "$@" 2>"$TMP/puppet.err"; }
	started+=("$PUPPET_PID")
	tell listen
	port=${said#port }
}

# tell WORDS...	one after the other; said: the last answer
tell() {
	local word
	for word; do
		echo "$word" >&"${PUPPET[1]}" && read -r said <&"${PUPPET[0]}"
	done
}

# serve COMMAND...	in the background, told by fd 5, read into $TMP/out
serve() {
	rm -f "$TMP/to" && mkfifo "$TMP/to"
	"${PIPE[@]}" "localhost:$port" <"$TMP/to" >"$TMP/out" 2>"$TMP/err" &
	pid=$!
	started+=($pid)
	exec 5>"$TMP/to"
}

# ended	the status of what serve started
ended() {
	exec 5>&-
	wait "$pid"
}

five_megabytes_come_back() {
	local want=$1
	"${PIPE[@]}" "localhost:$port" <"$TMP/five" >"$TMP/back" 2>"$TMP/err"
	code=$?
	assertEquals "$(cat "$TMP/err")" 0 $code
	assertTrue 'the same bytes' "cmp '$TMP/five' '$TMP/back'"
	assertContains "$(wait_line "$TMP/peer.out" read=)" \
	    'read=5000000 end=close_notify'
	assertContains "$(cat "$TMP/peer.out")" "$want"
}

test_pipe_carries_5_MB_each_way() {
	piped 'cafile = "ca.pem";'
	echo_server
	five_megabytes_come_back TLS1.3
}

test_pipe_carries_5_MB_each_way_over_tls_1_2() {
	piped 'cafile = "ca.pem"; maximum_version = "TLSv1.2";'
	echo_server
	five_megabytes_come_back TLS1.2
}

# Our own server has its end first, and goes on reading.
test_pipe_and_a_governed_program_end_each_direction_apart() {
	piped 'cafile = "ca.pem";'
	policy serve <<-END
	unmatched = "reject";
	server = ( { certfile = "good.pem"; keyfile = "good.key"; } );
	END
	start_shimmed peer serve python3 -c '
import socket, sys
s = socket.create_server(("127.0.0.1", 0))
print("port", s.getsockname()[1], flush=True)
c = s.accept()[0]
c.sendall(b"first")
c.shutdown(socket.SHUT_WR)
n = 0
while (d := c.recv(65536)): n += len(d)
print("read", n, flush=True)'
	port=$(port_of peer)
	serve
	wait_line "$TMP/out" first >/dev/null
	cat "$TMP/five" >&5
	ended
	code=$?
	assertEquals "$(cat "$TMP/err")" 0 $code
	assertEquals 'read 5000000' "$(wait_line "$TMP/peer.out" read)"
}

# A reader that is in no hurry stops what is read, and not what is sent.
test_pipe_sends_while_nobody_reads_its_output() {
	piped 'cafile = "ca.pem";'
	puppet_server
	mkfifo "$TMP/slow"
	"${PIPE[@]}" "localhost:$port" <"$TMP/five" >"$TMP/slow" \
	    2>"$TMP/err" &
	pid=$!
	started+=($pid)
	exec 6<"$TMP/slow"
	tell accept tls 'write 300000' 'read 5000000'
	assertEquals 'read 5000000' "$said"
	tell notify
	assertEquals 300000 "$(wc -c <&6)"
	exec 6<&-
	wait "$pid"
	code=$?
	assertEquals "$(cat "$TMP/err")" 0 $code
}

test_end_of_input_is_close_notify_and_the_answer_is_waited_for() {
	piped 'cafile = "ca.pem";'
	puppet_server
	serve
	tell accept tls
	printf 12345 >&5
	exec 5>&-
	tell end
	assertEquals '5 end' "$said"
	assertTrue 'it waits' "kill -0 $pid"
	tell 'write 7' notify
	ended
	code=$?
	assertEquals "$(cat "$TMP/err")" 0 $code
	assertEquals 7 "$(wc -c <"$TMP/out")"
}

# The end of the peer is an end for who reads standard output at once.
test_peers_end_is_passed_on_before_inputs() {
	piped 'cafile = "ca.pem";'
	puppet_server
	rm -f "$TMP/to" "$TMP/from"
	mkfifo "$TMP/to" "$TMP/from"
	# not below timeout, which has its output too
	"${PIPE[@]:3}" "localhost:$port" <"$TMP/to" >"$TMP/from" &
	pid=$!
	started+=($pid)
	exec 5>"$TMP/to"
	exec 6<"$TMP/from"
	tell accept tls 'write 9' notify
	assertEquals 9 "$(wc -c <&6)"
	exec 6<&-
	ended
	assertEquals 0 $?
}

test_peer_that_is_cut_off_is_an_error() {
	local how
	for how in fin rst; do
		piped 'cafile = "ca.pem";'
		puppet_server
		serve
		tell accept tls 'write 9'
		wait_line "$TMP/out" . >/dev/null
		tell $how
		wait "$pid"
		assertEquals $how 1 $?
		assertContains "$(cat "$TMP/err")" 'tlsshim: broken: '
		exec 5>&-
		tell close
	done
	assertEquals 9 "$(wc -c <"$TMP/out")"
	piped 'cafile = "ca.pem"; suppress_ragged_eofs = true;'
	serve
	tell accept tls fin
	ended
	assertEquals 0 $?
}

# What we could not finish is no clean end for the peer either.
test_input_that_fails_resets_the_connection() {
	piped 'cafile = "ca.pem";'
	puppet_server
	"${PIPE[@]}" "localhost:$port" <"$TMP" >"$TMP/out" 2>"$TMP/err" &
	pid=$!
	started+=($pid)
	# a ticket sent behind the reset would be what hears of it
	tell silent accept tls end
	assertEquals '0 ConnectionResetError' "$said"
	wait "$pid"
	assertEquals 1 $?
	assertContains "$(cat "$TMP/err")" 'standard input: Is a directory'
}

test_output_that_nobody_reads_ends_it_by_sigpipe() {
	piped 'cafile = "ca.pem";'
	echo_server
	# an input without an end: nobody may be quick enough to meet it
	"${PIPE[@]}" "localhost:$port" </dev/zero 2>"$TMP/err" |
	    head -c 10 >/dev/null
	assertEquals 141 "${PIPESTATUS[0]}"
	assertEquals '' "$(cat "$TMP/err")"
	assertNotContains "$(wait_line "$TMP/peer.out" read=)" close_notify
	(trap '' PIPE
	    "${PIPE[@]}" "localhost:$port" </dev/zero 2>"$TMP/err"
	    echo $? >"$TMP/code") | head -c 10 >/dev/null
	assertEquals 1 "$(cat "$TMP/code")"
	assertContains "$(cat "$TMP/err")" 'standard output: Broken pipe'
	if [ -c /dev/full ]; then
		"${PIPE[@]}" "localhost:$port" <"$TMP/five" >/dev/full \
		    2>"$TMP/err"
		assertEquals 1 $?
		assertContains "$(cat "$TMP/err")" 'No space left'
	fi
}

test_a_terminal_is_let_go_when_the_peer_ends() {
	piped 'cafile = "ca.pem";'
	puppet_server
	mkfifo "$TMP/typed"
	exec 6<>"$TMP/typed"	# somebody sits there and types nothing
	start pipe sh -c "exec script -qec '${PIPE[*]} localhost:$port' \
	    /dev/null <'$TMP/typed'"
	tell accept tls 'write 9' notify
	finish pipe
	assertEquals 0 $?
	exec 6<&-
}

# refused KEYS WORDS	status 1, WORDS on stderr, nothing of the input sent
refused() {
	piped "$1"
	echo secret | "${PIPE[@]}" "localhost:$port" >"$TMP/out" 2>"$TMP/err"
	assertEquals "$2" 1 $?
	assertEquals '' "$(cat "$TMP/out")"
	assertContains "$(cat "$TMP/err")" "$2"
}

test_what_the_policy_refuses_gets_nothing_and_is_told() {
	echo_server
	refused 'cafile = "other_ca.pem";' 'cause=unknown_issuer name=localhost'
	refused 'cafile = "ca.pem"; server_hostname = "x.example";' \
	    cause=name_mismatch
	refused 'action = "reject";' cause=policy
	refused 'action = "plain";' 'the verdict is plain'
	refused 'action = "native";' 'the verdict is native'
	refused 'cafile = "absent.pem";' absent.pem
	assertFalse 'nothing arrived' "grep -q 'read=[1-9]' '$TMP/peer.out'"
	stop peer
	refused 'cafile = "ca.pem";' 'Connection refused'
	start wire "$B/tests/recorder" "$TMP/wire"
	port=$(port_of wire)
	piped 'cafile = "ca.pem";'
	PIPE+=(--timeout 1)
	echo secret | "${PIPE[@]}" "localhost:$port" 2>"$TMP/err"
	assertEquals 1 $?
	assertContains "$(cat "$TMP/err")" cause=handshake
	assertFalse 'nothing in clear' "grep -q secret '$TMP/wire'"
}

test_what_is_tolerated_is_told_and_passes() {
	echo_server
	piped 'cafile = "other_ca.pem"; enforce = false;'
	assertEquals some "$(echo some |
	    "${PIPE[@]}" "localhost:$port" 2>"$TMP/err")"
	assertContains "$(cat "$TMP/err")" 'tolerated 127.0.0.1:'
	assertContains "$(cat "$TMP/err")" 'cause=unknown_issuer'
}

# served N	whether our server says so of N connections
served() {
	[ "$(grep -c ': tls server' "$TMP/peer.err")" = "$1" ]
}

# As a program of that rule would; probe looks at a whole handshake.
test_sessions_are_resumed_and_shared_with_programs() {
	local i
	policy serve <<-END
	unmatched = "reject"; log = { level = "info"; };
	server = ( { certfile = "good.pem"; keyfile = "good.key";
	    session = { num_tickets = 2; }; } );
	END
	start_shimmed peer serve "$B/tests/tcp_server"
	port=$(port_of peer)
	piped 'cafile = "ca.pem"; session = { cache_file = "cache"; };'
	shimmed pipe "$B/tests/tcp_client" localhost "$port" >"$TMP/out" 2>&1
	for i in 1 2; do
		assertEquals hello \
		    "$(echo hello | "${PIPE[@]}" "localhost:$port")"
	done
	"$TLSSHIM" probe -p "$TMP/pipe.cfg" "localhost:$port" >"$TMP/out"
	wait_until served 4
	assertEquals 'full resumed resumed full ' "$(sed -n \
	    's/.*: tls server .*, resumed$/resumed/p
	    s/.*: tls server .*/full/p' "$TMP/peer.err" | tr '\n' ' ')"
}

test_no_preload_is_in_it() {
	piped 'cafile = "ca.pem";'
	puppet_server
	serve
	tell accept tls
	assertFalse 'no tlsshim.so' "grep -q tlsshim[.]so /proc/$pid/maps"
	tell notify
	ended
	assertEquals 0 $?
}

test_wrong_usage() {
	piped ''
	"${PIPE[@]}" >"$TMP/out" 2>&1
	assertEquals 2 $?
	"${PIPE[@]}" localhost >"$TMP/out" 2>&1
	assertEquals 2 $?
	"${PIPE[@]}" localhost:1 <&- >"$TMP/out" 2>&1
	assertEquals 1 $?
	assertContains "$(cat "$TMP/out")" 'must be open'
}

. shunit2
