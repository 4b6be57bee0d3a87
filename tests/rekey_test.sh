#!/bin/bash
# rekey_test.sh - new keys (RFC 8446, 4.6.3), certificates and handshakes in a
# session that is open, as the commands of OpenSSL and GnuTLS ask for them

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	pki_ca person_ca
	pki_cert person person_ca 'dns_name = person.example' tls_www_client
	policy server <<-END
	unmatched = "reject"; log = { level = "info"; };
	server = ( { address = "127.0.0.1"; certfile = "good.pem";
	    keyfile = "good.key"; } );
	END
	policy client <<-END
	unmatched = "reject"; log = { level = "info"; };
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    post_handshake_auth = true; certfile = "person.pem";
	    keyfile = "person.key"; } );
	END
}

# peer COMMAND...	started with its input from 8, which is our typing
peer() {
	rm -f "$TMP/typed"
	mkfifo "$TMP/typed"
	: >"$TMP/peer.out"
	timeout 60 stdbuf -oL "$@" <"$TMP/typed" >"$TMP/peer.out" 2>&1 8>&- &
	pid_peer=$!
	started+=($!)
	exec 8>"$TMP/typed"
}

# type_line TEXT
type_line() {
	(echo "$1" >&8) 2>/dev/null
}

# seen FILE REGEX	assertion: a line of it comes
seen() {
	wait_line "$TMP/$1" "$2" >/dev/null ||
	    fail "no '$2' in $1: $(cat "$TMP/$1")"
}

# told LETTER REGEX COUNT	types a command and waits until COUNT lines say that
# it is done: what is typed sooner may be read with it, and is lost then
told() {
	local i
	type_line "$1"
	for ((i = 0; i < 1000; i++)); do
		[ "$(grep -c "$2" "$TMP/peer.out")" -lt "$3" ] || return 0
		sleep 0.01
	done
	fail "$3 times '$2': $(cat "$TMP/peer.out")"
}

# our_server	echoes; sets port
our_server() {
	start_shimmed server server "$B/tests/tcp_server"
	port=$(port_of server)
}

# openssl_client VERSION	at our server
openssl_client() {
	peer openssl s_client -connect "127.0.0.1:$port" -tls$1 \
	    -CAfile "$TMP/ca.pem"
	type_line first-line
	seen peer.out '^first-line'
}

# gnutls_client VERSION	at our server
gnutls_client() {
	peer gnutls-cli --inline-commands --port "$port" --x509cafile \
	    "$TMP/ca.pem" --priority "NORMAL:-VERS-ALL:+VERS-TLS$1" localhost
	type_line first-line
	seen peer.out '^first-line'
}

# openssl_server VERSION	with our client at it, that says what it is told
# and tells it back
openssl_server() {
	peer openssl s_server -accept 127.0.0.1:0 -tls$1 \
	    -cert "$TMP/good.pem" -key "$TMP/good.key" \
	    -CAfile "$TMP/person_ca.pem"
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
	start_shimmed client client python3 -c 'import errno, socket, sys
s = socket.create_connection(("localhost", int(sys.argv[1])))
try:
    while data := s.recv(1000):
        print(data.decode(), end="", flush=True)
        s.sendall(b"back:" + data)
except OSError as e:
    print("error", errno.errorcode[e.errno], flush=True)
print("end", flush=True)' "$port"
	type_line first-line
	seen client.out '^first-line'
	seen peer.out '^back:first-line'
}

# K: the other end is to change its keys, too
test_our_server_follows_openssl() {
	local i n=0
	our_server
	openssl_client 1_3
	for i in K k K K k; do
		told $i '^KEYUPDATE' $((++n))
		type_line "after-$n"
		seen peer.out "^after-$n"
	done
	exec 8>&-
	stop peer
	stop server
}

test_our_client_follows_openssl() {
	local i n=0
	openssl_server 1_3
	for i in K k K K k; do
		told $i 'SSL_do_handshake -> 1' $((++n))
		type_line "after-$n"
		seen client.out "^after-$n"
		seen peer.out "^back:after-$n"
	done
	exec 8>&-
	stop peer
	stop client
}

# c: a certificate, which s_server asks for whenever its user says so
test_our_client_shows_openssl_its_certificate() {
	local i
	openssl_server 1_3
	for i in 1 2; do
		told c 'SSL_do_handshake -> 1' $i
		type_line "after-$i"
		seen client.out "^after-$i"
		seen peer.out "^back:after-$i"
	done
	assertEquals 2 "$(grep -c '^depth=0 CN = person' "$TMP/peer.out")"
	assertEquals 2 "$(grep -c 'was answered' "$TMP/client.err")"
	assertNotContains "$(cat "$TMP/peer.out")" 'verify error'
	exec 8>&-
	stop peer
	stop client
}

test_our_server_follows_gnutls() {
	our_server
	gnutls_client 1.3
	type_line ^rekey^
	seen peer.out '^- Rekey was completed'
	type_line after-rekey
	seen peer.out '^after-rekey'
	exec 8>&-
	stop peer
	stop server
}

test_a_client_that_renegotiates_is_refused() {
	local client command version
	for client in openssl_client=R=1_2 gnutls_client=^renegotiate^=1.2; do
		IFS== read -r client command version <<<"$client"
		our_server
		$client $version
		type_line $command
		seen server.err 'the peer renegotiates, which is refused'
		seen server.out 'echoed 11 end ECONNABORTED'
		exec 8>&-
		stop peer
		stop server
	done
}

# The client answers with the warning no_renegotiation (RFC 5246, 7.4.1.1) and
# would go on; OpenSSL ends the session over it.
test_a_server_that_renegotiates_gets_a_warning() {
	local command
	for command in r R; do
		openssl_server 1_2
		type_line $command
		seen peer.out 'ssl3_read_bytes:no renegotiation'
		seen client.out '^error ECONNABORTED'
		seen client.err 'refused with an alert'
		exec 8>&-
		stop peer
		stop client
	done
}

. shunit2
