#!/bin/bash
# interop_test.sh - OpenSSL, GnuTLS, Python and curl at the other end, TLS 1.2
# and 1.3, with every way of asking for certificates (nginx, Java and curl
# with GnuTLS: make check-interop)

ORACLE=yes
. "${0%/*}/lib.sh"
. "$TESTS/interop/peers.sh"

# One port, never used before by these tests, for programs that take no 0.
free_port() {
	port=$(python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
}

serve_openssl() {
	local ask=()
	[ "$2" = none ] || ask=(-verify 3 -CAfile "$TMP/person_ca.pem")
	[ "$2" != required ] || ask=(-Verify 3 -verify_return_error
	    -CAfile "$TMP/person_ca.pem")
	start peer openssl s_server -accept 127.0.0.1:0 -www \
	    -cert "$TMP/good.pem" -key "$TMP/good.key" \
	    -"tls${1/./_}" "${ask[@]}"
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
}

visit_openssl() {
	local show=()
	[ -z "$2" ] || show=(-cert "$TMP/$2.pem" -key "$TMP/$2.key")
	out=$(ask_line openssl s_client -quiet -connect "127.0.0.1:$port" \
	    -servername localhost -CAfile "$TMP/ca.pem" \
	    -verify_return_error -"tls${1/./_}" "${show[@]}")
}

# ask_line COMMAND	sends it a line, keeps its input open until it answered
# or ended
ask_line() {
	rm -f "$TMP/ask" "$TMP/answer"
	mkfifo "$TMP/ask"
	timeout 60 "$@" <"$TMP/ask" >"$TMP/answer" 2>"$TMP/answer.err" &
	exec 8>"$TMP/ask"
	echo marker-of-client 2>/dev/null >&8
	wait_line "$TMP/answer" '^marker-of-client' $!
	exec 8>&-
	kill $! 2>/dev/null
	wait $! 2>/dev/null
}

serve_gnutls() {
	local ask=(--disable-client-cert)
	[ "$2" = none ] || ask=(--x509cafile "$TMP/person_ca.pem")
	[ "$2" != required ] || ask+=(--require-client-cert
	    --verify-client-cert)
	free_port
	start peer gnutls-serv --http --port "$port" \
	    --x509certfile "$TMP/good.pem" --x509keyfile "$TMP/good.key" \
	    --priority "NORMAL:-VERS-ALL:+VERS-TLS$1" "${ask[@]}"
	wait_listen "$port"
}

visit_gnutls() {
	local show=()
	[ -z "$2" ] || show=(--x509certfile "$TMP/$2.pem"
	    --x509keyfile "$TMP/$2.key")
	out=$(ask_line gnutls-cli --port "$port" --sni-hostname localhost \
	    --verify-hostname localhost --x509cafile "$TMP/ca.pem" \
	    --priority "NORMAL:-VERS-ALL:+VERS-TLS$1" "${show[@]}" 127.0.0.1)
}

serve_python() {
	start peer python3 "$TESTS/fixtures/tls_end.py" server \
	    "$TMP/good.pem" "$TMP/good.key" "$TMP/person_ca.pem" "$2" "$1"
	port=$(port_of peer)
}

visit_python() {
	local show=()
	[ -z "$2" ] || show=("$TMP/$2.pem" "$TMP/$2.key")
	out=$(timeout 60 python3 "$TESTS/fixtures/tls_end.py" client \
	    "$TMP/ca.pem" localhost "$port" "$1" "${show[@]}" 2>&1)
}

test_our_client_meets_openssl() {
	our_client_meets openssl 'HTTP/1.0 200 ok'
}

test_our_client_meets_gnutls() {
	our_client_meets gnutls 'HTTP/1.0 200 OK'
}

test_our_client_meets_python() {
	our_client_meets python 'hello '
}

test_our_server_meets_openssl() {
	our_server_meets openssl
}

test_our_server_meets_gnutls() {
	our_server_meets gnutls
}

test_our_server_meets_python() {
	our_server_meets python
}

# The server's answer names who came: the certificate is the one we showed.
test_python_knows_our_client_by_its_certificate() {
	serve_python 1.3 required
	client "cafile = \"ca.pem\"; $person"
	assertContains "$out" 'hello person'
}

test_curl_meets_our_server() {
	local version
	mkdir "$TMP/www"
	echo marker-of-server >"$TMP/www/index.html"
	free_port
	policy web <<-END
	unmatched = "reject";
	server = ( { address = "127.0.0.1"; certfile = "good.pem";
	    keyfile = "good.key"; alpn_protocols = "http/1.1"; } );
	END
	start_shimmed web web python3 -m http.server --bind 127.0.0.1 \
	    --directory "$TMP/www" "$port"
	wait_listen "$port"
	for version in 1.2 1.3; do
		out=$(curl -sS --cacert "$TMP/ca.pem" --tlsv$version \
		    --tls-max $version "https://localhost:$port/" 2>&1)
		assertEquals "$version" marker-of-server "$out"
	done
}

. shunit2
