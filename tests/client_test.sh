#!/bin/bash
# client_test.sh - an unmodified client speaks verified TLS

ORACLE=yes
. "${0%/*}/lib.sh"

oneTimeSetUp() {
	exists "$B/tlsshim.so"
	pki_usual
	policy tls <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.0/8"; cafile = "ca.pem"; } );
	END
}

# server [PRIORITY]	a TLS echo server behind the recorder; sets port
server() {
	start peer "$B/tests/tls_peer" server "$TMP/good.pem" \
	    "$TMP/good.key" "$@"
	rm -f "$TMP/wire"
	start wire "$B/tests/recorder" -r "$(port_of peer)" "$TMP/wire"
	port=$(port_of wire)
}

# client POLICY ARGUMENT...	sets out
client() {
	local name=$1
	shift
	out=$(shimmed "$name" "$B/tests/tcp_client" "$@" 2>"$TMP/client.err")
	[ ! -s "$TMP/client.err" ] || cat "$TMP/client.err"
}

assert_out() {
	local line
	for line; do
		grep -Fqx -- "$line" <<<"$out" || fail "no '$line' in: $out"
	done
}

assert_encrypted() {
	assertTrue 'the wire was recorded' "[ -s '$TMP/wire' ]"
	if grep -aq marker-of-client "$TMP/wire"; then
		fail 'the text crossed the wire in clear'
	fi
}

speaks_tls() {
	server
	client tls "$@" localhost "$port"
	assert_out 'write 16' 'read 16 marker-of-client' 'shutdown 0' \
	    'end 0 ' 'close 0'
	assert_encrypted
	peer=$(wait_line "$TMP/peer.out" ' end=')
	assertContains "$peer" 'TLS1.3'
	assertContains "$peer" 'sni=localhost read=16 end=close_notify'
}

# ours.c keeps four numbers for bad days, by copies of one.
test_a_first_connection_opens_no_file_twice() {
	server
	under tls
	strace -f -e trace=openat -o "$TMP/opens" "${UNDER[@]}" \
	    "$B/tests/tcp_client" localhost "$port" >"$TMP/traced.out"
	assertContains "$(cat "$TMP/traced.out")" 'read 16 marker-of-client'
	assertEquals 1 "$(grep -c '"/dev/null"' "$TMP/opens")"
	assertEquals 1 "$(grep -c '"ca.pem", .* = [0-9]' "$TMP/opens")"
}

# without: maximum_version
test_blocking_client_speaks_verified_tls() {
	speaks_tls
	assert_out 'connect 0'
}

test_client_that_polls_sees_the_end_of_the_handshake() {
	speaks_tls -w poll
	assert_out 'connect EINPROGRESS' 'poll 1' 'getpeername 0' 'so_error 0'
}

test_client_that_selects_sees_the_end_of_the_handshake() {
	speaks_tls -w select
	assert_out 'connect EINPROGRESS' 'select 1' 'getpeername 0' \
	    'so_error 0'
}

test_recorder_sees_the_text_of_a_plain_client() {
	in_clear both
	start plain "$B/tests/tcp_server"
	rm -f "$TMP/wire"
	start wire "$B/tests/recorder" -r "$(port_of plain)" "$TMP/wire"
	out=$(plain_client localhost "$(port_of wire)")
	assert_out 'read 16 marker-of-client' 'end 0 '
	assertTrue "grep -aq marker-of-client '$TMP/wire'"
}

test_address_is_verified_as_an_ip_san_and_sends_no_sni() {
	server
	client tls 127.0.0.1 "$port"
	assert_out 'connect 0' 'read 16 marker-of-client'
	assertContains "$(wait_line "$TMP/peer.out" ' end=')" 'sni= read'
}

test_server_hostname_replaces_the_name() {
	pki_cert named ca 'dns_name = db.example'
	start peer "$B/tests/tls_peer" server "$TMP/named.pem" \
	    "$TMP/named.key"
	policy named <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    server_hostname = "db.example"; } );
	END
	client named 127.0.0.1 "$(port_of peer)"
	assert_out 'connect 0' 'read 16 marker-of-client'
	assertContains "$(wait_line "$TMP/peer.out" ' end=')" \
	    'sni=db.example read'
}

# with: maximum_version
test_maximum_version_is_obeyed() {
	policy v12 <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    maximum_version = "TLSv1.2"; } );
	END
	server
	client v12 localhost "$port"
	assert_out 'connect 0' 'read 16 marker-of-client'
	assertContains "$(wait_line "$TMP/peer.out" ' end=')" 'TLS1.2'
	assert_encrypted
}

test_twenty_megabytes_come_back_unchanged() {
	server
	client tls -b 20000000 localhost "$port"
	assert_out 'bulk 20000000' 'differ 0' 'read 16 marker-of-client' \
	    'end 0 '
}

test_twenty_megabytes_come_back_unchanged_over_tls_1_2() {
	server NORMAL:-VERS-TLS1.3
	client tls -b 20000000 localhost "$port"
	assert_out 'bulk 20000000' 'differ 0' 'end 0 '
}

test_fixture_uses_the_fortified_names() {
	names=$(nm -D "$B/tests/tcp_client")
	assertContains "$names" __read_chk
	assertContains "$names" __recv_chk
}

test_rule_with_action_plain_leaves_the_connection_alone() {
	in_clear both
	policy plain <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; action = "plain"; } );
	END
	start plain "$B/tests/tcp_server"
	client plain localhost "$(port_of plain)"
	assert_out 'connect 0' 'read 16 marker-of-client' 'end 0 '
}

test_unmatched_plain_leaves_the_connection_alone() {
	in_clear both
	policy none <<-END
	unmatched = "plain";
	END
	start plain "$B/tests/tcp_server"
	client none localhost "$(port_of plain)"
	assert_out 'connect 0' 'read 16 marker-of-client' 'end 0 '
}

test_unmatched_reject_refuses_before_the_first_packet() {
	policy reject <<-END
	unmatched = "reject";
	END
	start wire "$B/tests/recorder" "$TMP/refused"
	client reject localhost "$(port_of wire)"
	assert_out 'connect EACCES'
	assertEquals '' "$(grep connection "$TMP/wire.out")"
}

test_rule_with_action_reject_refuses() {
	policy reject <<-END
	unmatched = "plain";
	client = ( { port = "1-65535"; action = "reject"; } );
	END
	start wire "$B/tests/recorder" "$TMP/refused"
	client reject localhost "$(port_of wire)"
	assert_out 'connect EACCES'
	assertContains "$(cat "$TMP/client.err")" "reject.cfg:3"
}

test_first_rule_that_matches_wins() {
	server
	policy order <<-END
	unmatched = "reject";
	client = (
	    { program = "/nowhere/*"; action = "reject"; },
	    { port = $port; cafile = "ca.pem"; },
	    { action = "reject"; }
	);
	END
	client order localhost "$port"
	assert_out 'connect 0' 'read 16 marker-of-client'
}

test_log_at_info_records_the_accepted_connection() {
	server
	policy info <<-END
	unmatched = "reject";
	log = { level = "info"; };
	client = ( { address = "127.0.0.1"; cafile = "ca.pem"; } );
	END
	client info localhost "$port"
	assertContains "$(cat "$TMP/client.err")" "client 127.0.0.1:$port"
	assertContains "$(cat "$TMP/client.err")" "name=localhost"
	assertContains "$(cat "$TMP/client.err")" "info.cfg:4"
}

test_log_says_nothing_at_its_default_level_when_all_is_well() {
	server
	client tls localhost "$port"
	assert_out 'read 16 marker-of-client'
	assertEquals '' "$(cat "$TMP/client.err")"
}

test_engine_takes_no_name_that_the_program_exports() {
	assertContains "$(nm -D --defined-only "$B/tests/exporter")" \
	    gnutls_init
	server
	out=$(shimmed tls "$B/tests/exporter" localhost "$port")
	assert_out 'connect 0' 'read 16 marker-of-client'
}

test_program_without_tcp_does_not_load_the_engine() {
	maps=$(shimmed tls cat /proc/self/maps)
	assertContains "$maps" 'tlsshim.so'
	assertNotContains "$maps" 'tlsshim-engine'
	assertNotContains "$maps" 'libgnutls'
}

test_run_puts_the_policy_under_the_program() {
	server
	out=$(timeout 60 "$TLSSHIM" run -p "$TMP/tls.cfg" -- \
	    "$B/tests/tcp_client" localhost "$port")
	assert_out 'connect 0' 'read 16 marker-of-client'
	assert_encrypted
}

test_active_says_whether_a_policy_is_in_force() {
	assertEquals absent "$("$B/tests/active")"
	assertEquals 'before 0
after 1' "$(shimmed tls "$B/tests/active" 2>/dev/null)"
	echo 'unmatched = nonsense;' >"$TMP/bad.cfg"
	assertEquals 'before 0
after 0' "$(shimmed bad "$B/tests/active" 2>/dev/null)"
}

test_asynchronous_io_is_refused() {
	policy aio <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.0/8"; server_hostname = "localhost";
	             cafile = "ca.pem"; } );
	END
	server
	out=$(shimmed aio "$B/tests/aio" "$port" 2>&1)
	assert_out 'lio_listio EACCES' 'aio_write EACCES'
	assert_encrypted
}

test_asynchronous_io_of_a_plain_client_is_seen() {
	in_clear client
	server
	out=$(timeout 60 "$B/tests/aio" "$port" 2>&1)
	assert_out 'lio_listio 0' 'aio_write 0'
	assertTrue 'the marker is on the wire' \
	    "wait_until grep -aq marker-of-client '$TMP/wire'"
}

. shunit2
