#!/bin/bash
# probe_test.sh - tlsshim probe and fetch-cert against servers that are not
# ours

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
}

# openssl_server ARGUMENT...	sets port
openssl_server() {
	start peer openssl s_server -accept 127.0.0.1:0 -cert "$TMP/good.pem" \
	    -key "$TMP/good.key" -www "$@"
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
}

# probe KEYS [ARGUMENT]...	sets out, code
probe() {
	policy probe <<-END
	unmatched = "reject";
	client = ( { host = "localhost"; $1 } );
	END
	shift
	out=$(timeout 60 "$TLSSHIM" probe -p "$TMP/probe.cfg" "$@" \
	    "localhost:$port" 2>&1)
	code=$?
}

# field NAME	of the JSON in out
field() {
	python3 -c 'import json, sys
v = json.load(sys.stdin)[sys.argv[1]]
print(" ".join(v) if isinstance(v, list) else v)' "$1" <<<"$out"
}

test_probe_tells_what_was_agreed_on() {
	openssl_server -alpn h2
	probe 'cafile = "ca.pem"; alpn_protocols = "h2";'
	assertEquals "$out" 0 "$code"
	assertContains "$out" 'verdict: accept'
	probe 'cafile = "ca.pem"; alpn_protocols = "h2"; groups = ( "SECP384R1", "SECP256R1" );
	    maximum_version = "TLSv1.2";' --json
	assertEquals "$out" 0 "$code"
	assertEquals accept "$(field verdict)"
	assertEquals None "$(field cause)"
	assertEquals TLSv1.2 "$(field version)"
	assertEquals TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 "$(field cipher)"
	assertEquals SECP384R1 "$(field group)"
	assertEquals h2 "$(field alpn)"
	assertEquals 'localhost 127.0.0.1 ::1' "$(field peer_names)"
	assertEquals 'CN=good' "$(field chain)"
	assertEquals localhost "$(field name)"
	assertEquals "$TMP/probe.cfg:3" "$(field rule)"
}

test_probe_gives_the_cause_of_a_refusal() {
	openssl_server -tls1_2
	probe 'cafile = "other_ca.pem";' --json
	assertEquals 1 "$code"
	assertEquals reject "$(field verdict)"
	assertEquals unknown_issuer "$(field cause)"
	assertEquals 'CN=good' "$(field chain)"
	assertEquals None "$(field version)"
	probe 'cafile = "ca.pem"; server_hostname = "other.example";' --json
	assertEquals name_mismatch "$(field cause)"
	probe 'cafile = "ca.pem"; minimum_version = "TLSv1.3";' --json
	assertEquals version_too_old "$(field cause)"
	probe 'cafile = "other_ca.pem"; enforce = false;' --json
	assertEquals 1 "$code"
	assertEquals tolerated "$(field verdict)"
	assertEquals unknown_issuer "$(field cause)"
	probe 'action = "reject";' --json
	assertEquals policy "$(field cause)"
	probe 'cafile = "absent.pem";' --json
	assertEquals policy "$(field cause)"
	assertContains "$out" absent.pem
}

test_probe_of_what_is_not_there_or_plain() {
	start wire "$B/tests/recorder" "$TMP/wire"
	port=$(port_of wire)
	probe 'cafile = "ca.pem";' --timeout 1 --json
	assertEquals 1 "$code"
	assertEquals handshake "$(field cause)"
	probe 'action = "plain";' --json
	assertEquals 0 "$code"
	assertEquals plain "$(field verdict)"
	stop wire
	probe 'cafile = "ca.pem";' --json
	assertEquals 1 "$code"
	assertEquals error "$(field verdict)"
	assertContains "$out" 'Connection refused'
}

test_probe_wants_a_port() {
	local wrong
	for wrong in localhost localhost: localhost:x ::1:443 :443 \
	    localhost:70000; do
		timeout 60 "$TLSSHIM" probe "$wrong" >"$TMP/out" 2>&1
		assertEquals "$wrong" 2 $?
	done
	"$TLSSHIM" probe --help >"$TMP/out"
	assertEquals 0 $?
	assertContains "$(cat "$TMP/out")" '--json'
}

test_probe_asks_as_a_program() {
	openssl_server
	policy program <<-END
	unmatched = "reject";
	client = ( { program = "/usr/bin/openssl"; cafile = "ca.pem";
	    server_hostname = "localhost"; } );
	END
	out=$(timeout 60 "$TLSSHIM" probe -p "$TMP/program.cfg" \
	    "127.0.0.1:$port" 2>&1)
	assertEquals "$out" 1 $?
	out=$(timeout 60 "$TLSSHIM" probe -p "$TMP/program.cfg" \
	    --program /usr/bin/openssl "127.0.0.1:$port" 2>&1)
	assertEquals "$out" 0 $?
}

# fetch ARGUMENT...	sets out, code
fetch() {
	out=$(timeout 60 "$TLSSHIM" fetch-cert "$@" 2>&1)
	code=$?
}

test_fetch_gets_what_python_gets() {
	openssl_server
	fetch "localhost:$port"
	assertEquals 0 "$code"
	assertEquals "$(python3 -c 'import ssl, sys
print(ssl.get_server_certificate(("127.0.0.1", int(sys.argv[1]))).strip())' \
	    "$port")" "$out"
	"$TLSSHIM" fetch-cert --form der "localhost:$port" >"$TMP/out.der"
	openssl x509 -in "$TMP/good.pem" -outform der -out "$TMP/good.der"
	assertTrue 'the DER is the same' "cmp '$TMP/out.der' '$TMP/good.der'"
	fetch --form text "localhost:$port"
	assertContains "$out" 'Subject: CN=good'
	fetch --json "localhost:$port"
	assertContains "$out" '["DNS", "localhost"]'
}

test_fetch_verifies_with_an_authority_alone() {
	openssl_server
	fetch --ca "$TMP/ca.pem" "localhost:$port"
	assertEquals "$out" 0 "$code"
	fetch --ca "$TMP/other_ca.pem" "localhost:$port"
	assertEquals 1 "$code"
	assertContains "$out" unknown_issuer
	fetch --ca "$TMP/ca.pem" --check-hostname "localhost:$port"
	assertEquals "$out" 0 "$code"
	stop peer
	pki_cert named ca 'dns_name = db.example'
	start peer openssl s_server -accept 127.0.0.1:0 \
	    -cert "$TMP/named.pem" -key "$TMP/named.key" -www
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
	fetch --ca "$TMP/ca.pem" "localhost:$port"
	assertEquals "$out" 0 "$code"
	fetch --ca "$TMP/ca.pem" --check-hostname "localhost:$port"
	assertEquals 1 "$code"
	assertContains "$out" name_mismatch
}

test_fetch_obeys_version_and_timeout() {
	openssl_server -tls1_2
	fetch --min-version TLSv1.3 "localhost:$port"
	assertEquals 1 "$code"
	assertContains "$out" version_too_old
	stop peer
	openssl_server -tls1 -cipher ALL:@SECLEVEL=0
	fetch "localhost:$port"
	assertEquals 1 "$code"
	fetch --min-version TLSv1 "localhost:$port"
	assertEquals "$out" 0 "$code"
	start wire "$B/tests/recorder" "$TMP/wire"
	fetch --timeout 1 "localhost:$(port_of wire)"
	assertEquals 1 "$code"
	fetch --timeout 0 "localhost:$port"
	assertEquals 2 "$code"
}

. shunit2
