#!/bin/bash
# enforce_test.sh - what enforce = false lets pass, and what it does not

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
	pki_cert old ca 'dns_name = localhost' \
	    'activation_date = "2020-01-01"' 'expiration_date = "2021-01-01"'
}

# openssl_server CERT ARGUMENT...	sets port
openssl_server() {
	local name=$1
	shift
	[ -z "${pid_peer:-}" ] || stop peer
	start peer openssl s_server -accept 127.0.0.1:0 -cert "$TMP/$name.pem" \
	    -key "$TMP/$name.key" -www "$@"
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
}

# client KEYS	one connection by that rule; sets out
client() {
	policy client <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; $1 } );
	END
	out=$(shimmed client "$B/tests/tcp_client" -m $'GET / HTTP/1.0\r\n\r\n' \
	    localhost "$port" 2>&1 | tr -d '\0')
}

setUp() {
	begin
	pid_peer=''
}

# passes CAUSE KEYS	refused for CAUSE by KEYS, unless enforce = false
passes() {
	client "$2"
	assertContains "$2: $out" "$out" 'connect ECONNABORTED'
	assertContains "$2" "$out" "refused client 127.0.0.1:$port cause=$1"
	client "$2 enforce = false;"
	assertContains "$2: $out" "$out" 'connect 0'
	assertContains "$2" "$out" 'HTTP/1.0 200 ok'
	assertContains "$2" "$out" "tolerated client 127.0.0.1:$port cause=$1"
	assertEquals "$2: $out" 1 "$(grep -c '^tlsshim' <<<"$out")"
}

test_verification_is_logged_and_passes() {
	local version
	for version in -tls1_2 -tls1_3; do
		openssl_server good $version
		passes unknown_issuer 'cafile = "other_ca.pem";'
		passes name_mismatch 'cafile = "ca.pem";
		    server_hostname = "other.example";'
	done
	openssl_server old
	passes expired 'cafile = "ca.pem";'
}

test_pins_and_further_names_pass_too() {
	openssl_server good
	passes pin_mismatch 'cafile = "ca.pem"; pins =
	    "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";'
	passes peer_not_allowed 'cafile = "ca.pem"; check_ip = "192.0.2.1";'
}

test_what_verifies_is_not_mentioned() {
	openssl_server good
	client 'cafile = "ca.pem"; enforce = false;'
	assertContains "$out" 'HTTP/1.0 200 ok'
	assertEquals '' "$(grep '^tlsshim\[' <<<"$out")"
}

test_all_else_fails_as_ever() {
	openssl_server good -tls1_2
	client 'cafile = "other_ca.pem"; enforce = false;
	    minimum_version = "TLSv1.3";'
	assertContains "$out" 'connect ECONNABORTED'
	assertContains "$out" 'cause=version_too_old'
	client 'cafile = "other_ca.pem"; enforce = false;
	    alpn_protocols = "h2"; alpn_mandatory = true;'
	assertContains "$out" 'connect ECONNABORTED'
	assertContains "$out" 'alpn_mandatory'
	client 'cafile = "other_ca.pem"; enforce = false;
	    signature_algorithms = "RSA-SHA256";'
	assertContains "$out" 'connect ECONNABORTED'
	stop peer
	start wire "$B/tests/recorder" "$TMP/wire"
	port=$(port_of wire)
	client 'cafile = "other_ca.pem"; enforce = false;
	    handshake_timeout = 1;'
	assertContains "$out" 'connect ETIMEDOUT'
	if grep -aq 'GET /' "$TMP/wire"; then
		fail 'the text crossed the wire in clear'
	fi
}

test_server_that_asks_for_certificates_enforces() {
	policy server <<-END
	unmatched = "reject";
	server = (
	  { address = "127.0.0.1"; certfile = "good.pem"; keyfile = "good.key";
	    verify_mode = "optional"; cafile = "ca.pem"; enforce = false; } );
	END
	out=$("$TLSSHIM" check -p "$TMP/server.cfg" 2>&1)
	assertEquals 1 $?
	assertContains "$out" 'server.cfg:4'
	assertContains "$out" 'would let anybody in'
}

test_enforce_without_tls_has_no_effect() {
	policy plain <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; action = "plain"; enforce = false; } );
	END
	out=$("$TLSSHIM" check -p "$TMP/plain.cfg" 2>&1)
	assertContains "$out" 'plain.cfg:3'
}

test_strict_and_explain_name_it() {
	policy loose <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; cafile = "ca.pem";
	    enforce = false; } );
	END
	out=$("$TLSSHIM" check --strict -p "$TMP/loose.cfg" 2>&1)
	assertEquals 1 $?
	assertContains "$out" 'enforce = false lets unverified peers pass'
	out=$("$TLSSHIM" explain -p "$TMP/loose.cfg" client 127.0.0.1 1)
	assertContains "$out" 'enforce: false'
	out=$("$TLSSHIM" explain --json -p "$TMP/loose.cfg" client 127.0.0.1 1 |
	    python3 -c 'import json,sys; print(json.load(sys.stdin)[0]["enforce"])')
	assertEquals False "$out"
}

. shunit2
