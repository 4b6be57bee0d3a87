#!/bin/bash
# server_test.sh - an unmodified server speaks TLS

ORACLE=yes
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

# server ARGUMENT...	tcp_server under the policy; sets port
server() {
	start_shimmed server tls "$B/tests/tcp_server" "$@"
	port=$(port_of server)
	[ -n "$port" ] || cat "$TMP/server.err"
}

# visits COUNT [bye]	so many TLS connections, one after the other; sets out
visits() {
	out=$(timeout 100 "$B/tests/tls_peer" client "$TMP/ca.pem" localhost "$port" \
	    "$@" 2>&1)
}

test_iterative_server_answers_over_tls() {
	server
	visits 20 bye
	assertEquals 'close_notify 20 ragged 0 other 0' "$out"
}

test_server_that_closes_first_sends_close_notify() {
	server -1
	visits 100
	assertEquals 'close_notify 100 ragged 0 other 0' "$out"
}

test_server_with_a_thread_for_each_connection_sends_close_notify() {
	server -t -1
	visits 200
	assertEquals 'close_notify 200 ragged 0 other 0' "$out"
}

# The child has ended before the parent closes: the last closer is a process
# that never had the session.
test_forking_server_sends_close_notify_2000_times_of_2000() {
	server -f -1
	visits 2000
	assertEquals 'close_notify 2000 ragged 0 other 0' "$out"
}

test_both_ends_under_the_shim_talk() {
	server -n 1
	out=$(shimmed tls "$B/tests/tcp_client" localhost "$port")
	assertContains "$out" 'read 16 marker-of-client'
	finish server
	assertContains "$(cat "$TMP/server.out")" 'echoed 16 end 0'
}

test_both_ends_under_the_shim_move_twenty_megabytes() {
	server -n 1
	out=$(shimmed tls "$B/tests/tcp_client" -b 20000000 localhost "$port")
	assertContains "$out" 'bulk 20000000'
	assertContains "$out" 'differ 0'
	finish server
	assertContains "$(cat "$TMP/server.out")" 'echoed 20000016 end 0'
}

test_server_may_speak_first() {
	server -n 1 -g HELLO
	out=$(shimmed tls "$B/tests/tcp_client" -r localhost "$port")
	assertContains "$out" 'greeting 5 HELLO'
	assertContains "$out" 'read 16 marker-of-client'
}

test_plain_client_is_not_answered_in_clear() {
	in_clear client
	server -n 1
	out=$(plain_client localhost "$port")
	assertNotContains "$out" 'read 16 marker'
	finish server
	assertContains "$(cat "$TMP/server.out")" 'echoed 0 end ECONNABORTED'
	assertContains "$(cat "$TMP/server.err")" 'cause=handshake'
}

test_silent_client_does_not_stop_accept() {
	server -t -1
	exec 9<>"/dev/tcp/127.0.0.1/$port"
	visits 1
	exec 9>&-
	assertEquals 'close_notify 1 ragged 0 other 0' "$out"
}

# The program sits in accept() while its client still shakes hands.
test_connection_that_is_closed_unused_ends_while_the_next_is_awaited() {
	cat >"$TMP/closer.py" <<-END
	import socket
	s = socket.create_server(("127.0.0.1", 0))
	print("port", s.getsockname()[1], flush=True)
	while True:
	    s.accept()[0].close()
	END
	start_shimmed server tls python3 "$TMP/closer.py"
	port=$(port_of server)
	visits 20
	assertContains 'each has ended' "$out" 'other 20'
}

test_handshake_timeout_ends_a_silent_client() {
	policy short <<-END
	unmatched = "reject";
	server = ( { address = "127.0.0.1"; handshake_timeout = 1;
	    certfile = "good.pem"; keyfile = "good.key"; } );
	END
	start_shimmed server short "$B/tests/tcp_server" -n 1
	port=$(port_of server)
	exec 9<>"/dev/tcp/127.0.0.1/$port"
	finish server
	exec 9>&-
	assertContains "$(cat "$TMP/server.out")" 'echoed 0 end ETIMEDOUT'
}

test_credentials_are_read_before_privileges_go() {
	[ "$(id -u)" = 0 ] || { skip 'needs root'; return; }
	assertEquals 600 "$(stat -c %a "$TMP/good.key")"
	server -1 -u 65534
	visits 2
	assertEquals 'close_notify 2 ragged 0 other 0' "$out"
}

test_listener_of_an_unshimmed_parent_is_judged() {
	under tls
	start server "$B/tests/spawner" listener "${UNDER[@]}" \
	    "$B/tests/tcp_server" -1 -i 3
	port=$(port_of server)
	visits 5
	assertEquals 'close_notify 5 ragged 0 other 0' "$out"
}

# activated OPTIONS COMMAND	a socket unit, by systemd's own tool; sets port.
# It takes no port 0: one that the kernel has just had free, tried anew if lost
activated() {
	local i
	for ((i = 0; i < 10; i++)); do
		port=$(python3 -c 'import socket
print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
		start server systemd-socket-activate -l "127.0.0.1:$port" \
		    -E LD_PRELOAD="$B/tlsshim.so" \
		    -E TLSSHIM_POLICY="$TMP/tls.cfg" "$@"
		wait_line "$TMP/server.err" '^Listening on' "$pid_server" \
		    >/dev/null && return
	done
}

test_socket_activation_by_systemd() {
	activated "$B/tests/tcp_server" -1 -i 3
	visits 3
	assertEquals 'a listener' 'close_notify 3 ragged 0 other 0' "$out"
	stop server
	activated --accept --inetd cat
	visits 1 bye
	assertEquals 'a connection' 'close_notify 1 ragged 0 other 0' "$out"
}

test_connection_of_an_unshimmed_parent_is_judged() {
	under tls
	start server "$B/tests/spawner" connection "${UNDER[@]}" cat
	port=$(port_of server)
	visits 1 bye
	assertEquals 'close_notify 1 ragged 0 other 0' "$out"
	finish server
	assertContains "$(cat "$TMP/server.out")" 'status 0'
}

# stdio writes through no hook: it is TLS or it is refused.
test_stdio_on_an_inherited_connection_writes_nothing_in_clear() {
	under tls
	start server "$B/tests/spawner" connection "${UNDER[@]}" head -c 1
	rm -f "$TMP/wire"
	start wire "$B/tests/recorder" -r "$(port_of server)" "$TMP/wire"
	port=$(port_of wire)
	visits 1
	finish server
	case $out in
	'close_notify 1 '*) ;;
	*) assertNotEquals 'the last byte on the wire' x \
	    "$(tail -c 1 "$TMP/wire")" ;;
	esac
}

test_connection_of_an_unshimmed_parent_is_not_answered_in_clear() {
	in_clear client
	under tls
	start server "$B/tests/spawner" connection "${UNDER[@]}" cat
	out=$(plain_client localhost "$(port_of server)")
	assertNotContains "$out" 'read 16 marker'
	finish server
}

# To the program it never came: the next one is its first.
test_a_peer_that_a_rule_refuses_is_not_accepted() {
	policy choosy <<-END
	unmatched = "reject";
	server = ( { peer = "127.0.0.2"; action = "reject"; },
	    { port = "1-65535"; certfile = "good.pem"; keyfile = "good.key"; } );
	END
	start_shimmed server choosy "$B/tests/tcp_server" -n 1 -1
	port=$(port_of server)
	out=$(python3 -c '
import socket, sys
try:
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10,
                                 ("127.0.0.2", 0))
    print("read", s.recv(16))
except OSError as e:
    print(type(e).__name__)' "$port")
	assertEquals 'ConnectionResetError' "$out"
	visits 1
	assertEquals 'close_notify 1 ragged 0 other 0' "$out"
	finish server
}

test_unmatched_listener_is_refused() {
	policy nothing <<-END
	unmatched = "reject";
	END
	start_shimmed server nothing "$B/tests/tcp_server" -n 1
	finish server
	assertContains "$(cat "$TMP/server.err" "$TMP/server.out")" EACCES
}

test_two_certificates_for_two_ports_are_kept_apart() {
	server -1
	policy other <<-END
	unmatched = "reject";
	server = (
	    { port = 1; certfile = "none.pem"; keyfile = "none.key"; },
	    { port = "1024-65535"; peer = "127.0.0.0/8";
	      certfile = "good.pem"; keyfile = "good.key"; }
	);
	END
	pki_cert none other_ca 'dns_name = none.example'
	start_shimmed second other "$B/tests/tcp_server" -1
	port=$(port_of second)
	visits 1
	assertEquals 'close_notify 1 ragged 0 other 0' "$out"
}

. shunit2
