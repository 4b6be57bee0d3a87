#!/bin/bash
# hello_test.sh - what a hello says: SNI, application protocols, versions;
# seen by OpenSSL at the other end

. "${0%/*}/lib.sh"

oneTimeSetUp() {
	pki_usual
}

# openssl_server ARGUMENT...	says what it sees; sets port
openssl_server() {
	start peer openssl s_server -accept 127.0.0.1:0 -cert "$TMP/good.pem" \
	    -key "$TMP/good.key" -www -trace "$@"
	port=$(wait_line "$TMP/peer.out" '^ACCEPT' | sed 's/.*://')
}

# client KEYS	one connection by that rule; sets out
client() {
	policy client <<-END
	unmatched = "reject";
	client = ( { address = "127.0.0.1"; cafile = "ca.pem"; $1 } );
	END
	out=$(shimmed client "$B/tests/tcp_client" -m $'GET / HTTP/1.0\r\n\r\n' \
	    localhost "$port" 2>&1 | tr -d '\0')
}

# server KEYS	tcp_server by that rule; sets port
server() {
	policy server <<-END
	unmatched = "reject"; log = { level = "info"; };
	server = ( { address = "127.0.0.1"; certfile = "good.pem";
	    keyfile = "good.key"; $1 } );
	END
	start_shimmed server server "$B/tests/tcp_server"
	port=$(port_of server)
}

# visit ARGUMENT...	one connection of OpenSSL's; sets out
visit() {
	out=$(echo | timeout 60 openssl s_client -connect "127.0.0.1:$port" \
	    -CAfile "$TMP/ca.pem" -servername localhost "$@" 2>&1 |
	    tr -d '\0')
}

# with: alpn_protocols
test_client_offers_its_protocols_in_order() {
	openssl_server -alpn h2,http/1.1
	client 'alpn_protocols = ( "x/1", "http/1.1", "h2" );'
	assertContains "$out" 'connect 0'
	seen=$(wait_line "$TMP/peer.out" 'ALPN protocols advertised')
	assertContains "$seen" 'x/1, http/1.1, h2'
}

# without: alpn_protocols
test_client_without_the_key_offers_none() {
	openssl_server -alpn h2
	client 'alpn_mandatory = false;'
	assertContains "$out" 'connect 0'
	wait_line "$TMP/peer.out" supported_versions >/dev/null
	assertNotContains "$(tr -d '\0' <"$TMP/peer.out")" \
	    application_layer_protocol_negotiation
}

# with and without: alpn_mandatory
test_alpn_mandatory_refuses_a_server_that_chooses_none() {
	local version
	for version in TLSv1.2 TLSv1.3; do
		openssl_server
		client 'alpn_protocols = "h2"; alpn_mandatory = true;
		    maximum_version = "'$version'";'
		assertContains "$version" "$out" 'connect ECONNABORTED'
		assertContains "$out" 'cause=handshake'
		assertContains "$out" 'alpn_mandatory'
		wait_line "$TMP/peer.err" "alert no application protocol" \
		    >/dev/null || fail "no alert in $version"
		client 'alpn_protocols = "h2"; maximum_version = "'$version'";'
		assertContains "$version" "$out" 'connect 0'
		stop peer
	done
}

# with: alpn_protocols
test_server_takes_its_own_first_protocol() {
	server 'alpn_protocols = ( "two", "one" );'
	visit -alpn one,two
	assertContains "$out" 'ALPN protocol: two'
	visit -alpn three
	assertContains "$out" 'No ALPN negotiated'
	assertContains "$out" 'Verify return code: 0'
}

test_server_without_the_key_takes_none() {
	server ''
	visit -alpn one,two
	assertContains "$out" 'No ALPN negotiated'
}

test_alpn_mandatory_refuses_other_clients() {
	local arguments
	server 'alpn_protocols = ( "two", "one" ); alpn_mandatory = true;'
	for arguments in '-alpn three' '-alpn three -tls1_2' '' -tls1_2; do
		visit $arguments
		assertContains "$arguments: $out" "$out" \
		    'alert no application protocol'
	done
	visit -alpn one
	assertContains "$out" 'ALPN protocol: one'
}

# with: sni_hostname
test_sni_hostname_is_sent_and_another_name_verified() {
	openssl_server
	client 'sni_hostname = "f.example";'
	assertContains "$out" 'connect 0'
	wait_line "$TMP/peer.out" 'f\.example' >/dev/null ||
	    fail 'the name was not sent'
}

# without: sni_hostname
test_without_sni_hostname_the_verified_name_is_sent() {
	openssl_server
	client ''
	assertContains "$out" 'connect 0'
	wait_line "$TMP/peer.out" 'localhost' >/dev/null || fail 'no SNI'
}

test_empty_sni_hostname_sends_none() {
	openssl_server
	client 'sni_hostname = "";'
	assertContains "$out" 'connect 0'
	wait_line "$TMP/peer.out" supported_versions >/dev/null
	assertNotContains "$(tr -d '\0' <"$TMP/peer.out")" server_name
}

test_version_that_the_client_is_too_old_for_is_named() {
	server 'minimum_version = "TLSv1.3";'
	visit -tls1_2
	assertContains "$out" 'alert protocol version'
	log=$(wait_line "$TMP/server.err" refused)
	assertContains "$log" 'cause=version_too_old'
	assertContains "$log" 'at most TLSv1.2'
	assertContains "$log" 'minimum_version at'
	visit -tls1_3
	assertContains "$out" 'Verify return code: 0'
}

test_common_version_without_a_common_suite_is_no_matter_of_versions() {
	server 'priority = "NONE:+ECDHE-ECDSA:+AES-256-GCM";'
	visit -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256
	log=$(wait_line "$TMP/server.err" refused)
	assertContains "$log" 'cause=handshake'
	assertContains "$log" 'no cipher suite'
}

# with and without: minimum_version
test_old_server_is_named_by_its_version() {
	openssl_server -tls1_2
	client 'minimum_version = "TLSv1.3";'
	assertContains "$out" 'cause=version_too_old'
	client ''
	assertContains "$out" 'connect 0'
}

. shunit2
