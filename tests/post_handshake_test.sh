#!/bin/bash
# post_handshake_test.sh - certificates that are asked for after the handshake
# of TLS 1.3, with Python, OpenSSL and GnuTLS at the other end

ORACLE=yes
. "${0%/*}/lib.sh"

PHA=$TESTS/fixtures/post_handshake.py

oneTimeSetUp() {
	exists "$B/tlsshim.so"
	pki_usual
	pki_ca person_ca
	for name in person stranger; do
		ca=person_ca
		[ $name = person ] || ca=other_ca
		pki_cert $name $ca "dns_name = $name.example"
		sed -i 's/tls_www_server/tls_www_client/' "$TMP/$name.tmpl"
		certtool --generate-certificate --load-privkey \
		    "$TMP/$name.key" --load-ca-certificate "$TMP/$ca.pem" \
		    --load-ca-privkey "$TMP/$ca.key" --template \
		    "$TMP/$name.tmpl" --outfile "$TMP/$name.pem" 2>/dev/null
	done
}

# client KEYS	our client by that rule to $port; sets out and err
client() {
	policy client <<-END
	unmatched = "reject"; log = { level = "info"; };
	client = ( { address = "127.0.0.1"; cafile = "ca.pem"; $1 } );
	END
	out=$(shimmed client "$B/tests/tcp_client" -m "hello from a client" localhost \
	    "$port" 2>"$TMP/err" | tr -d '\0')
	err=$(cat "$TMP/err")
}
person='certfile = "person.pem"; keyfile = "person.key";'
stranger='certfile = "stranger.pem"; keyfile = "stranger.key";'
later='post_handshake_auth = true;'

# server HOW KEYS [COUNT]	our program by that rule; sets port
server() {
	policy server <<-END
	unmatched = "reject"; log = { level = "info"; };
	server = ( { address = "127.0.0.1"; certfile = "good.pem";
	    keyfile = "good.key"; cafile = "person_ca.pem"; $2 } );
	END
	start_shimmed server server python3 "$PHA" plain $1 $3
	port=$(port_of server)
	[ -n "$port" ] || fail "no server: $(cat "$TMP/server.err")"
}

# python_server [COUNT]	sets port
python_server() {
	start peer python3 "$PHA" tls "$TMP/good.pem" "$TMP/good.key" \
	    "$TMP/person_ca.pem" $1
	port=$(port_of peer)
}

# with: post_handshake_auth
test_our_client_answers_python() {
	python_server
	client "post_handshake_auth = true; $person"
	assertContains "$err" "$out" 'nobody then person'
	assertContains "$err" 'has asked for a certificate after the handshake'
	client "$later $stranger"
	assertNotContains "$out" 'then'
	client "$later"
	assertNotContains "$out" 'then'
	wait_line "$TMP/peer.out" 'error PEER_DID_NOT_RETURN' >/dev/null ||
	    fail "$(cat "$TMP/peer.out")"
}

test_our_client_answers_again() {
	python_server 3
	client "$later $person"
	assertContains "$err" "$out" 'nobody then person'
	assertEquals 3 "$(grep -c 'was answered' <<<"$err")"
}

# without: post_handshake_auth
test_a_client_without_the_key_is_not_asked() {
	python_server
	client "$person"
	assertNotContains "$out" 'then'
	wait_line "$TMP/peer.out" 'error EXTENSION_NOT_RECEIVED' >/dev/null ||
	    fail "$(cat "$TMP/peer.out")"
}

test_our_client_answers_gnutls() {
	port=$(python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
	start peer gnutls-serv --echo --port "$port" --x509certfile \
	    "$TMP/good.pem" --x509keyfile "$TMP/good.key" --x509cafile \
	    "$TMP/person_ca.pem" --disable-client-cert
	wait_listen "$port"
	policy client <<-END
	unmatched = "reject"; log = { level = "info"; };
	client = ( { address = "127.0.0.1"; cafile = "ca.pem"; $later $person } );
	END
	under client
	out=$("${UNDER[@]}" python3 -c '
import socket, sys
s = socket.create_connection(("localhost", int(sys.argv[1])))
s.settimeout(10)
s.sendall(b"**REAUTH**\n")
print(s.recv(99))' "$port" 2>&1)
	assertContains "$out" 'was answered'
	stop peer
}

test_our_server_asks_python() {
	local how
	for how in block poll; do
		server $how "verify_mode = \"required\"; $later" 2
		out=$(timeout 60 python3 "$PHA" client "$TMP/ca.pem" "$port" \
		    "$TMP/person.pem" "$TMP/person.key" 2>&1)
		assertEquals "$how: $(cat "$TMP/server.err")" \
		    'nobody then person' "$out"
		out=$(timeout 60 python3 "$PHA" client "$TMP/ca.pem" "$port" \
		    "$TMP/stranger.pem" "$TMP/stranger.key" 2>&1)
		assertNotContains "$how" "$out" 'then'
		assertSays "$how" server.err 'cause=unknown_issuer'
		assertSays "$how" server.out 'error ECONNABORTED'
		stop server
	done
}

test_who_cannot_be_asked_later_is_asked_in_the_handshake() {
	server block "verify_mode = \"required\"; $later"
	out=$(timeout 60 python3 "$PHA" client "$TMP/ca.pem" "$port" \
	    "$TMP/person.pem" "$TMP/person.key" no 2>&1)
	wait_line "$TMP/server.out" 'error ENOTSUP' >/dev/null ||
	    fail "known and not askable: $(cat "$TMP/server.out")"
	out=$(timeout 60 python3 "$PHA" client "$TMP/ca.pem" "$port" \
	    "$TMP/stranger.pem" "$TMP/stranger.key" no 2>&1)
	assertSays server.err 'cause=unknown_issuer'
	for version in 1_2 1_3; do
		out=$(echo hello | timeout 60 openssl s_client -tls$version \
		    -connect "127.0.0.1:$port" 2>&1)
		assertNotContains $version "$out" 'then'
	done
	assertSays server.err 'cause=peer_not_allowed'
}

test_our_server_asks_openssl() {
	server block "verify_mode = \"required\"; $later"
	out=$( (echo hello; wait_line "$TMP/s_client" then >/dev/null) |
	    timeout 60 openssl s_client -quiet -enable_pha \
		-connect "127.0.0.1:$port" -cert "$TMP/person.pem" \
		-key "$TMP/person.key" 2>/dev/null | tee "$TMP/s_client")
	assertEquals "$(cat "$TMP/server.err")" 'nobody then person' "$out"
}

test_our_server_asks_gnutls() {
	server block "verify_mode = \"required\"; $later"
	out=$( (echo hello; wait_line "$TMP/cli" then >/dev/null) |
	    timeout 60 gnutls-cli --post-handshake-auth --port "$port" \
		--x509cafile "$TMP/ca.pem" --x509certfile "$TMP/person.pem" \
		--x509keyfile "$TMP/person.key" localhost 2>&1 |
	    tee "$TMP/cli")
	assertContains "$(cat "$TMP/server.err" "$TMP/server.out")" "$out" \
	    'nobody then person'
}

test_both_ends_are_ours() {
	server poll "verify_mode = \"required\"; $later" 3
	client "$later $person"
	assertContains "$err $(cat "$TMP/server.err")" "$out" \
	    'nobody then person'
	client "$later $stranger"
	assertNotContains "$out" then
	client "$later"
	assertNotContains "$out" then
	assertSays server.err \
	    'post-handshake authentication: the peer sent no certificate'
}

test_optional_takes_who_has_none() {
	server block "verify_mode = \"optional\"; $later"
	client "$later"
	assertContains "$(cat "$TMP/server.err")" "$out" 'nobody then nobody'
	client "$later $person"
	assertContains "$out" 'nobody then person'
	client "$later $stranger"
	assertNotContains "$out" then
}

test_a_server_without_the_key_asks_in_the_handshake() {
	server block 'verify_mode = "required";'
	client "$later $person"
	assertNotContains "$out" then
	wait_line "$TMP/server.out" 'error ENOTSUP' >/dev/null ||
	    fail "$(cat "$TMP/server.out")"
}

# refused WORDS SIDE KEYS	by tlsshim check
refused() {
	policy bad <<-END
	unmatched = "reject";
	$2 = ( { port = 1; cafile = "ca.pem"; certfile = "good.pem";
	    keyfile = "good.key"; $later $3 } );
	END
	out=$("$TLSSHIM" check -p "$TMP/bad.cfg" 2>&1)
	assertEquals "$3" 1 $?
	assertContains "$3" "$out" "$1"
}

test_what_makes_no_sense() {
	refused 'would let anybody ask' client 'verify_mode = "none";'
	refused 'no effect before TLS 1.3' client \
	    'maximum_version = "TLSv1.2";'
	sed -i 's/cafile = "ca.pem";//' "$TMP/bad.cfg"
	policy bad <<-END
	unmatched = "reject";
	server = ( { port = 1; certfile = "good.pem"; keyfile = "good.key";
	    $later } );
	END
	out=$("$TLSSHIM" check -p "$TMP/bad.cfg" 2>&1)
	assertContains "$out" 'must be "required" or "optional"'
	policy weak <<-END
	unmatched = "reject";
	server = ( { port = 1; certfile = "good.pem"; keyfile = "good.key";
	    cafile = "ca.pem"; verify_mode = "required"; $later } );
	END
	out=$("$TLSSHIM" check --strict -p "$TMP/weak.cfg" 2>&1)
	assertContains "$out" 'that nobody has asked for a certificate yet'
}

# The answer may be met by a thread that reads: whoever asked is told, and what
# was refused once is not judged again.
test_another_thread_may_read_the_answer() {
	server threads "$later verify_mode = \"required\";"
	client "$later $person"
	assertContains "$err" "$out" 'nobody then person'
	client "$later $stranger"
	assertNotContains "$out" 'then'
	wait_line "$TMP/server.out" 'error ECONNABORTED' >/dev/null ||
	    fail "$(cat "$TMP/server.out")"
	assertSays server.err 'cause=unknown_issuer'
	assertEquals "$(cat "$TMP/server.err")" 1 \
	    "$(grep -c refused "$TMP/server.err")"
}

. shunit2
